"""The command: its libraries are imported lean, so that a client waits less for the server."""

from agentloop.collecting import starting
from agentloop.imports import lean


def main() -> None:
    with starting():
        lean("anthropic", "mcp")
        from mcp_calc_server import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
