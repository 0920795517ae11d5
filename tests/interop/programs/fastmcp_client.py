# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
# FastMCP is not installed where types are checked.
"""FastMCP's client: how to reach the server is its argument, as JSON."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport


def transport(server):
    if server["transport"] == "stdio":
        return StdioTransport(server["command"], server["args"])
    return (SSETransport if server["transport"] == "sse" else StreamableHttpTransport)(server["url"])


async def main(server):
    mode = server["revision"] if server["revision"] >= "2026" else "legacy"
    async with Client(transport(server), mode=mode) as client:
        tools = await client.list_tools()
        product = await client.call_tool("multiply_numbers", {"numbers": [4, "9.75"]})
        answer = await client.call_tool("calculator_assistant_agent", {"prompt": server["prompt"]})
        reported = {
            "revision": client.protocol_version,
            "tools": len(tools),
            "product": product.structured_content,
            "answer": answer.structured_content,
        }
    print(json.dumps(reported))  # noqa: T201


asyncio.run(main(json.loads(sys.argv[1])))
