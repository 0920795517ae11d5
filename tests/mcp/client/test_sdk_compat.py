"""What `agentloop/mcp/sdk_compat.py` changes in the SDK still has its effect, and is still needed."""

import sys
from collections.abc import AsyncIterator

import mcp
import pytest
import pytest_asyncio
from mcp import StdioServerParameters

from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection

SERVER = """
import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

SLOW = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
TOOLS = [
    types.Tool(name="slow", input_schema={"type": "object"}, output_schema=SLOW),
    types.Tool(name="misfit", input_schema={"type": "object"}, output_schema={"type": "object", "required": ["a"]}),
]

async def list_tools(context, params):
    return types.ListToolsResult(tools=TOOLS)

async def call_tool(context, params):
    structured = {"a": "a" * 40 + "b"} if params.name == "slow" else {}
    return types.CallToolResult(content=[types.TextContent(text="done")], structured_content=structured)

async def main():
    server = Server("promises", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())

anyio.run(main)
"""


@pytest_asyncio.fixture
async def connection() -> AsyncIterator[Connection]:
    entry = ServerEntry(command=sys.executable, args=("-c", SERVER))
    async with Connection("promises", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        assert connection.error is None
        yield connection


async def no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message


@pytest.mark.parametrize("tool", ["slow", "misfit"])
async def test_the_sdk_runs_no_schema_of_a_server_on_its_results(connection: Connection, tool: str) -> None:
    result = await connection.call(tool, {}, no_progress)
    assert result.content[0].type == "text"
    assert result.structured_content is not None


async def test_without_the_change_the_sdk_would_run_it() -> None:
    async with mcp.Client(StdioServerParameters(command=sys.executable, args=["-c", SERVER])) as client:
        with pytest.raises(RuntimeError, match="misfit"):
            await client.call_tool("misfit", {})
