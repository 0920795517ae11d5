"""A foreign server over stdio, run as a script with a file to write to.

`record` is neither read-only nor idempotent and writes down each execution; `recall` is read-only. Both take a while,
so that a kill meets them at work.
"""

import os
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
TOOLS = [
    types.Tool(name="record", input_schema=SCHEMA, description="Writes the key down, once more each time."),
    types.Tool(name="recall", input_schema=SCHEMA, annotations=types.ToolAnnotations(read_only_hint=True)),
]
Context = ServerRequestContext[Any, Any]


async def list_tools(_context: Context, _page: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(_context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    key = (params.arguments or {})["key"]
    if params.name == "record":
        with Path(sys.argv[1]).open("a", encoding="utf-8") as file:  # noqa: ASYNC230 - one line
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
    await anyio.sleep(0.2)
    return types.CallToolResult(content=[types.TextContent(text=f"{params.name}ed {key}")])


async def main() -> None:
    server: Server[Any] = Server("ledger", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
