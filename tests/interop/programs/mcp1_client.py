# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
# It runs with another version of `mcp` than the one that is checked here.
"""The client of `mcp` 1.x: how to reach the server is its argument, as JSON."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


@asynccontextmanager
async def connected(server):
    if server["transport"] == "stdio":
        transport = stdio_client(StdioServerParameters(command=server["command"], args=server["args"]))
    elif server["transport"] == "sse":
        transport = sse_client(server["url"])
    else:
        transport = streamablehttp_client(server["url"])
    async with transport as (reading, writing, *_), ClientSession(reading, writing) as session:
        yield session


async def main(server):
    async with connected(server) as session:
        hello = await session.initialize()
        tools = (await session.list_tools()).tools
        product = await session.call_tool("multiply_numbers", {"numbers": [4, "9.75"]})
        answer = await session.call_tool("calculator_assistant_agent", {"prompt": server["prompt"]})
    reported = {
        "revision": hello.protocolVersion,
        "tools": len(tools),
        "product": product.structuredContent,
        "answer": answer.structuredContent,
    }
    print(json.dumps(reported))  # noqa: T201


asyncio.run(main(json.loads(sys.argv[1])))
