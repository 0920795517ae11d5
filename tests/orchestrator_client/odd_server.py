"""A server that is within the protocol and otherwise as awkward as can be. Run as a script, with names to leave out."""

import json
import os
import sys
from typing import Any

import anyio
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

OBJECT: dict[str, Any] = {"type": "object"}
AGENT = "io.github.mcp-calc-server/agent"
PIXEL = "iVBORw0KGgo="
TOOLS = [
    types.Tool(name="echo", input_schema=OBJECT, description="Answers with its arguments."),
    types.Tool(name="contents", input_schema=OBJECT),
    types.Tool(name="structured_only", input_schema=OBJECT),
    types.Tool(name="costly", input_schema=OBJECT, _meta={AGENT: True}),
    types.Tool(name="silent_failure", input_schema=OBJECT),
    types.Tool(name="noisy", input_schema=OBJECT),
    types.Tool(name="protocol_error", input_schema=OBJECT),
    types.Tool(name="die", input_schema=OBJECT),
    types.Tool(name="\x1b[31mred\x07", input_schema=OBJECT),
    types.Tool(name="x" * 65, input_schema=OBJECT),
    types.Tool(name="twice", input_schema=OBJECT, description="first"),
    types.Tool(name="twice", input_schema=OBJECT, description="second"),
    types.Tool(name="broken_schema", input_schema={"type": "object", "properties": {"a": {"type": "nonsense"}}}),
]
RESULTS = {
    "contents": types.CallToolResult(
        content=[
            types.TextContent(text="words"),
            types.TextContent(text=""),
            types.ImageContent(data=PIXEL, mime_type="image/png"),
            types.ImageContent(data=PIXEL, mime_type="image/svg+xml"),
            types.AudioContent(data=PIXEL, mime_type="audio/wav"),
            types.ResourceLink(name="r", uri="file:///r"),
        ]
    ),
    "structured_only": types.CallToolResult(content=[], structured_content={"sum": "0.3"}),
    "costly": types.CallToolResult(
        content=[],
        structured_content={
            "usage": {
                "agent": "far",
                "models": {"some-model": {"requests": 2, "input_tokens": 5, "output_tokens": None}, "odd": 7},
            },
        },
    ),
    "silent_failure": types.CallToolResult(content=[], is_error=True),
    "noisy": types.CallToolResult(content=[types.TextContent(text="done")]),
}
Context = ServerRequestContext[Any, Any]


async def list_tools(_context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    """Four tools a page."""
    start = int(params.cursor) if params and params.cursor else 0
    tools = [tool for tool in TOOLS if tool.name not in sys.argv[1:]]
    following = str(start + 4) if start + 4 < len(tools) else None
    return types.ListToolsResult(tools=tools[start : start + 4], next_cursor=following)


async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    if params.name == "noisy":
        await context.session.report_progress(1, None, "half\n\x1b[31mway" + "!" * 500)
    if params.name == "protocol_error":
        raise ValueError("inside the server")
    if params.name == "die":
        os._exit(1)
    echo = types.CallToolResult(content=[types.TextContent(text=json.dumps(params.arguments))])
    return RESULTS.get(params.name, echo)


async def main() -> None:
    server: Server[Any] = Server("odd", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
