"""The command: its libraries are imported lean, so that the model is asked sooner."""

import os
import signal


def import_lean() -> None:
    from agentloop.imports import built_late, lean  # noqa: PLC0415

    # The SDK's client knows the SDK's servers, to connect to one in the same process. There is none in this one.
    lean("anthropic", "mcp", left_out={"mcp.server": ["Server"], "mcp.server.mcpserver": ["MCPServer"]})
    built_late("mcp_types._wire_base", "WireModel")


def main() -> None:
    # While there is nothing to clean up, Ctrl-C ends the process without a traceback.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from agentloop.collecting import starting  # noqa: PLC0415

    with starting():
        import_lean()
        from orchestrator_client import cli  # noqa: PLC0415
    signal.signal(signal.SIGINT, interrupted)
    cli.main()


if __name__ == "__main__":
    main()
