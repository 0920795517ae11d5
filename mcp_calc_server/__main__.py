"""The command `mcp-calc-server`."""

import os
import signal
from importlib import import_module


def main() -> None:
    run_command("mcp_calc_server.cli")


def run_command(module: str) -> None:
    """Run `main` of a module, without a traceback if Ctrl-C comes while it is imported and nothing is to clean up."""
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from agentloop.gc_pause import gc_paused  # noqa: PLC0415

    with gc_paused():
        cli = import_module(module)
    signal.signal(signal.SIGINT, interrupted)
    cli.main()


if __name__ == "__main__":
    main()
