"""The command: its libraries are imported lean, so that a client waits less for the server."""

import gc

from agentloop.imports import lean


def main() -> None:
    gc.disable()  # importing makes a million objects, all to stay
    lean("anthropic", "mcp")
    from mcp_calc_server import cli  # noqa: PLC0415

    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
