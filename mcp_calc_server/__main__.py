"""The command `mcp-calc-server`."""

import os
import signal


def main() -> None:
    # While there is nothing to clean up, Ctrl-C ends the process without a traceback.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from agentloop.gc_pause import gc_paused  # noqa: PLC0415

    with gc_paused():
        from mcp_calc_server import cli  # noqa: PLC0415
    signal.signal(signal.SIGINT, interrupted)
    cli.main()


if __name__ == "__main__":
    main()
