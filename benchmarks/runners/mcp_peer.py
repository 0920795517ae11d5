"""The hand loop published as a tool by an MCP server; the orchestrator is a hand loop whose tool is an MCP call.

The nearest to this project: the sub-agents run in the server's process.
`BENCH_MCP` = mcp (the SDK's MCPServer and Client) or fastmcp; `BENCH_TRANSPORT` = stdio or http, one session.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.measuring import CALC_DESCRIPTION, CALC_SYSTEM, ORCH_SYSTEM, TOOL_PARAMS, Ask, main
from benchmarks.runners.hand_loop import loop, maths
from benchmarks.serving import http_server

KIND = os.environ.get("BENCH_MCP", "mcp")
TRANSPORT = os.environ.get("BENCH_TRANSPORT", "stdio")
SERVER = ("-m", "benchmarks.runners.mcp_peer", "--serve")


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
async def connected() -> AsyncIterator[tuple[Any, Any]]:
    """A client, and the tools its server has."""
    if TRANSPORT == "http":
        async with http_server(*SERVER) as port, client_of(f"http://127.0.0.1:{port}/mcp") as both:
            yield both
    else:
        async with client_of(None) as both:
            yield both


@asynccontextmanager
async def client_of(url: str | None) -> AsyncIterator[tuple[Any, Any]]:
    """Without a URL it starts the server itself, on stdio."""
    environment = dict(os.environ)
    if KIND == "fastmcp":
        from fastmcp import Client
        from fastmcp.client.transports import StdioTransport

        async with Client(url or StdioTransport(sys.executable, list(SERVER), env=environment)) as client:
            yield client, await client.list_tools()
    else:
        from mcp import Client, StdioServerParameters

        own = StdioServerParameters(command=sys.executable, args=list(SERVER), env=environment)
        async with Client(url or own) as client:
            yield client, (await client.list_tools()).tools


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    async with connected() as (mcp, tools), AsyncAnthropic(base_url=base_url) as client:
        params = [
            {"name": tool.name, "description": tool.description or "", "input_schema": tool.input_schema}
            for tool in tools
        ]

        async def call(name: str, arguments: Any) -> str:
            result = await mcp.call_tool(name, arguments)
            return "".join(getattr(content, "text", "") for content in result.content)

        async def ask(prompt: str) -> str:
            return await loop(client, ORCH_SYSTEM, params, call, prompt)

        yield ask


if __name__ == "__main__":
    if "--serve" in sys.argv:
        rest = sys.argv[sys.argv.index("--serve") + 1 :]
        serve(int(rest[0]) if rest else None)
    else:
        main(session, [KIND, "mcp"])
