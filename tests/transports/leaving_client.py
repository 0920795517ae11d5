"""Calls an agent until it is killed. Arguments: transport, mode, URL, tool, prompt."""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

SERVER = [sys.executable, "-m", "mcp_calc_server", "--calculator", "--publish", "tests.transports.published:agents"]


async def main(transport: str, mode: str, url: str, tool: str, prompt: str) -> None:
    match transport:
        case "stdio":
            command = json.loads(url) if url != "-" else SERVER
            server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
            streams = stdio_client(server)
        case "sse":
            streams = sse_client(url)
        case _:
            streams = streamable_http_client(url)
    async with Client(streams, mode=mode) as client:
        await client.call_tool(tool, {"prompt": prompt})


asyncio.run(main(*sys.argv[1:]))
