"""F: `one_function.py SERVER TRANSPORT` prints how many calls a second the MCP SDK's client gets out of a server."""

import asyncio
import json
import os
import socket
import sys
import time

CALLS, CALLERS = 1000, 20


def serve(kind: str, transport: str, port: int) -> None:
    if kind == "fastmcp":
        from fastmcp import FastMCP

        server = FastMCP("one")
        server.tool(sum_numbers)
        how = {} if transport == "stdio" else {"host": "127.0.0.1", "port": port, "log_level": "ERROR"}
        server.run(transport, show_banner=False, **how)
    else:
        serve_low_level(transport, port)


def sum_numbers(numbers: list[float]) -> str:
    """Add numbers."""
    return str(sum(numbers))


def serve_low_level(transport: str, port: int) -> None:
    from mcp import types
    from mcp.server.lowlevel import Server

    schema = {"type": "object", "properties": {"numbers": {"type": "array"}}, "required": ["numbers"]}

    async def list_tools(_context, _page):
        return types.ListToolsResult(tools=[types.Tool(name="sum_numbers", input_schema=schema)])

    async def call_tool(_context, params):
        return types.CallToolResult(content=[types.TextContent(text=sum_numbers(params.arguments["numbers"]))])

    server = Server("one", on_list_tools=list_tools, on_call_tool=call_tool)
    if transport == "http":
        import uvicorn

        uvicorn.run(server.streamable_http_app(host="127.0.0.1"), host="127.0.0.1", port=port, log_level="error")
        return
    from mcp.server.stdio import stdio_server

    async def run():
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    asyncio.run(run())


def command(kind: str, transport: str, port: int) -> list[str]:
    if kind != "ours":
        return [os.path.abspath(__file__), "--serve", kind, transport, str(port)]
    how = [] if transport == "stdio" else ["--transport", "streamable-http", "--port", str(port)]
    return ["-m", "mcp_calc_server", "--offline", "--calls-per-minute", "10000000", *how]


async def rate(where) -> float:
    from mcp import Client

    async with Client(where) as client:
        await client.list_tools()
        left = iter(range(CALLS))

        async def caller() -> None:
            for _ in left:
                result = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
                assert "3" in str(result.content[0]), result

        await client.call_tool("sum_numbers", {"numbers": [1, 2]})
        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return CALLS / (time.perf_counter() - began)


async def main(kind: str, transport: str) -> float:
    from mcp import StdioServerParameters

    if transport == "stdio":
        return await rate(
            StdioServerParameters(command=sys.executable, args=command(kind, transport, 0), env=dict(os.environ))
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command(kind, transport, port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        for _ in range(500):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.02)
        return await rate(f"http://127.0.0.1:{port}/mcp")
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        print(json.dumps({"rate": asyncio.run(main(sys.argv[1], sys.argv[2]))}))
