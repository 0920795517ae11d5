"""The command: its libraries are imported lean, so that the model is asked sooner."""

from agentloop.collecting import starting
from agentloop.imports import built_late, lean


def import_lean() -> None:
    # The SDK's client knows the SDK's servers, to connect to one in the same process. There is none in this one.
    lean("anthropic", "mcp", left_out={"mcp.server": ["Server"], "mcp.server.mcpserver": ["MCPServer"]})
    built_late("mcp_types._wire_base", "WireModel")


def main() -> None:
    with starting():
        import_lean()
        from orchestrator_client import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
