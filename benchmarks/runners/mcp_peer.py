"""(h) The calculator agent published as a tool by an MCP server; the orchestrator a hand loop whose tool is an MCP call.

The nearest like-for-like to the product: the sub-agent loop runs inside the server's process.
BENCH_MCP = mcp (the SDK's MCPServer + Client) | fastmcp;  BENCH_TRANSPORT = stdio | http (streamable HTTP, one session).
"""

import _path
import asyncio
import logging
import os
import socket
import sys
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, ORCH_SYSTEM, TOOL_PARAMS, main
from hand_loop import loop, maths

KIND = os.environ.get("BENCH_MCP", "mcp")
TRANSPORT = os.environ.get("BENCH_TRANSPORT", "stdio")


def serve(port: int | None) -> None:
    client = AsyncAnthropic()

    async def calculator(problem: str) -> str:
        return await loop(client, CALC_SYSTEM, TOOL_PARAMS, maths, problem)

    logging.disable(logging.INFO)
    if KIND == "fastmcp":
        from fastmcp import FastMCP

        server = FastMCP("calculator")
        server.tool(calculator, name="calculator", description=CALC_DESCRIPTION)
        if port is None:
            server.run(transport="stdio", show_banner=False)
        else:
            server.run(transport="http", host="127.0.0.1", port=port, show_banner=False, log_level="ERROR")
    else:
        from mcp.server import MCPServer

        server = MCPServer("calculator", log_level="ERROR")
        server.tool(name="calculator", description=CALC_DESCRIPTION)(calculator)
        if port is None:
            server.run("stdio")
        else:
            server.run("streamable-http", host="127.0.0.1", port=port)


@asynccontextmanager
async def endpoint():
    """What a client connects to: ("stdio", argv) or ("http", url) of a server started here."""
    argv = [sys.executable, os.path.abspath(__file__), "--serve"]
    if TRANSPORT == "stdio":
        yield argv
        return
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = await asyncio.create_subprocess_exec(*argv, str(port), stdin=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(1500):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()


@asynccontextmanager
async def mcp_client(target):
    if KIND == "fastmcp":
        from fastmcp import Client
        from fastmcp.client.transports import StdioTransport

        transport = target if isinstance(target, str) else StdioTransport(target[0], target[1:], env=dict(os.environ))
        async with Client(transport) as client:
            yield client, await client.list_tools()
    else:
        from mcp import Client, StdioServerParameters

        where = (
            target
            if isinstance(target, str)
            else StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        )
        async with Client(where) as client:
            yield client, (await client.list_tools()).tools


@asynccontextmanager
async def session(base_url: str):
    async with endpoint() as target, mcp_client(target) as (mcp, tools), AsyncAnthropic(base_url=base_url) as client:
        params = [
            {
                "name": t.name,
                "description": t.description or "",
                "input_schema": getattr(t, "input_schema", None) or t.inputSchema,
            }
            for t in tools
        ]

        async def call(name, args):
            result = await mcp.call_tool(name, args)
            return "".join(getattr(c, "text", "") for c in result.content)

        async def ask(prompt: str) -> str:
            return await loop(client, ORCH_SYSTEM, params, call, prompt)

        yield ask


if __name__ == "__main__":
    if "--serve" in sys.argv:
        rest = sys.argv[sys.argv.index("--serve") + 1 :]
        serve(int(rest[0]) if rest else None)
    else:
        main(f"{KIND}_{TRANSPORT}", session, [KIND, "mcp", "httpx2"])
