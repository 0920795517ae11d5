"""F: `one_function SERVER TRANSPORT` prints how many calls a second the MCP SDK's client gets out of a server.

`cpu_ms` is the CPU time of the server for a call.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from benchmarks.measuring import cpu_seconds
from benchmarks.serving import http_server

CALLS, CALLERS, WARM = 1000, 20, 50


def sum_numbers(numbers: list[float]) -> str:
    """Add numbers."""
    return str(sum(numbers))


def serve(kind: str, transport: str, port: int) -> None:
    if kind == "FastMCP":
        from fastmcp import FastMCP

        server = FastMCP("one")
        server.tool(sum_numbers)
        how = {} if transport == "stdio" else {"host": "127.0.0.1", "port": port, "log_level": "ERROR"}
        server.run(transport, show_banner=False, **how)
    elif transport == "stdio":
        asyncio.run(_serve_stdio())
    else:
        import uvicorn

        # Not uvloop, which is in that environment for the fake server: ours and FastMCP have none.
        how_served: dict[str, Any] = {"log_level": "error", "access_log": False, "loop": "asyncio"}
        uvicorn.run(_web_app(transport), host="127.0.0.1", port=port, **how_served)


def _low_level() -> Any:
    from mcp import types
    from mcp.server.lowlevel import Server

    schema = {"type": "object", "properties": {"numbers": {"type": "array"}}, "required": ["numbers"]}

    async def list_tools(_context: Any, _page: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="sum_numbers", input_schema=schema)])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        assert params.arguments is not None
        return types.CallToolResult(content=[types.TextContent(text=sum_numbers(params.arguments["numbers"]))])

    return Server("one", on_list_tools=list_tools, on_call_tool=call_tool)


async def _serve_stdio() -> None:
    from mcp.server.stdio import stdio_server

    server = _low_level()
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _web_app(transport: str) -> Any:
    server = _low_level()
    if transport == "http":
        return server.streamable_http_app(host="127.0.0.1")
    from mcp.server.sse import SseServerTransport
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    sse = SseServerTransport("/messages/")

    class Events:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async with sse.connect_sse(scope, receive, send) as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())

    return Starlette(routes=[Route("/sse", Events()), Mount("/messages/", sse.handle_post_message)])


def command(kind: str, transport: str) -> list[str]:
    """What starts the server; for HTTP the port is put after it."""
    if kind != "ours":
        return ["-m", "benchmarks.runners.one_function", "--serve", kind, transport]
    ours = ["-m", "mcp_calc_server", "--offline", "--calls-per-minute", "10000000"]
    way = {"http": "streamable-http"}.get(transport, transport)
    return ours if transport == "stdio" else [*ours, "--transport", way, "--port"]


async def measured(where: Any) -> dict[str, float]:
    from mcp import Client

    async with Client(where) as client:
        await client.list_tools()

        async def caller(numbers: Any) -> None:
            for _ in numbers:
                result = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
                if result.is_error or "3" not in str(result.content[0]):
                    raise RuntimeError(f"not the sum: {result}")

        await caller(range(WARM))
        numbers = iter(range(CALLS))
        cpu, own, began = cpu_seconds(), time.process_time(), time.perf_counter()
        await asyncio.gather(*(caller(numbers) for _ in range(CALLERS)))
        seconds = time.perf_counter() - began
        servers = cpu_seconds() - cpu - (time.process_time() - own)
        return {"rate": CALLS / seconds, "cpu_ms": 1000 * servers / CALLS}


async def main(kind: str, transport: str) -> dict[str, float]:
    from mcp import StdioServerParameters

    if transport == "stdio":
        arguments = command(kind, transport)
        return await measured(StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ)))
    async with http_server(*command(kind, transport)) as port:
        url = f"http://127.0.0.1:{port}"
        if transport == "http":
            return await measured(f"{url}/mcp")
        from mcp.client.sse import sse_client

        return await measured(sse_client(f"{url}/sse"))


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    else:
        print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2]))))
