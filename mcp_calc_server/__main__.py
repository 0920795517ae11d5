"""The command: its libraries are imported lean, so that a client waits less for the server."""

import os
import signal


def import_lean() -> None:
    from importlib import import_module  # noqa: PLC0415

    from agentloop.imports import built_late, lean  # noqa: PLC0415

    # Only calls over HTTP are answered with it, and it brings a web server.
    left_out = {"sse_starlette": ["EventSourceResponse"]}
    lean("anthropic", "mcp", "sse_starlette", left_out=left_out)
    built_late("mcp_types._wire_base", "WireModel")
    import_module("mcp_calc_server.cli")
    left_out.clear()  # published agents may be of modules that want the real one


def main() -> None:
    # While there is nothing to clean up, Ctrl-C ends the process without a traceback.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from agentloop.collecting import starting  # noqa: PLC0415

    with starting():
        import_lean()
        from mcp_calc_server import cli  # noqa: PLC0415
    signal.signal(signal.SIGINT, interrupted)
    cli.main()


if __name__ == "__main__":
    main()
