"""The command: its libraries are imported lean, so that a client waits less for the server."""

from importlib import import_module

from agentloop.collecting import starting
from agentloop.imports import built_late, lean


def import_lean() -> None:
    # Only calls over HTTP are answered with it, and it brings a web server.
    left_out = {"sse_starlette": ["EventSourceResponse"]}
    lean("anthropic", "mcp", "sse_starlette", left_out=left_out)
    built_late("mcp_types._wire_base", "WireModel")
    import_module("mcp_calc_server.cli")
    left_out.clear()  # published agents may be of modules that want the real one


def main() -> None:
    with starting():
        import_lean()
        from mcp_calc_server import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
