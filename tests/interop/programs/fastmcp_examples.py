# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
# FastMCP is not installed where types are checked.
"""FastMCP's client on the published examples: how to reach the server is its argument, as JSON."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport


def transport(server):
    if "url" in server:
        return StreamableHttpTransport(server["url"])
    return StdioTransport(server["command"], server["args"], env=server["env"], cwd=server["cwd"])


async def main(server):
    async with Client(transport(server)) as client:
        tools = await client.list_tools()
        found = await client.call_tool("researcher_agent", {"prompt": "How hot is tea?"})
        reviewed = await client.call_tool("reviewer_agent", {"diff": "+++ a.py"})
        prompts = await client.list_prompts()
        (content,) = await client.read_resource("resource://agents/severities.md")
        reported = {
            "tools": [tool.name for tool in tools],
            "found": found.content[0].text,
            "reviewed": reviewed.structured_content,
            "prompts": [prompt.name for prompt in prompts],
            "resource": content.text.splitlines()[0],
        }
    print(json.dumps(reported))  # noqa: T201


asyncio.run(main(json.loads(sys.argv[1])))
