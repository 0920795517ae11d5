"""The command `mcp-calc-server`."""

from agentloop.collecting import starting


def main() -> None:
    with starting():
        from mcp_calc_server import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
