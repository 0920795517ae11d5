"""The command: its libraries are imported lean, so that a client waits less for the server."""

from agentloop.collecting import starting
from agentloop.imports import built_late, lean


def import_lean() -> None:
    lean("anthropic", "mcp")
    built_late("mcp_types._wire_base", "WireModel")


def main() -> None:
    with starting():
        import_lean()
        from mcp_calc_server import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
