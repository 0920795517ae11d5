"""Our serving code with the tools that the conformance suite calls by name: `fixture_server.py --port PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import CallContext, Tool, ToolError
from agentloop.tools import ToolSpec
from mcp_calc_server.publication import Context, Publication
from mcp_calc_server.server import build_server
from mcp_calc_server.web import Address, serve_web

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
HEADER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


def test_simple_text() -> str:
    """Answers with a text."""
    return "This is a simple text response for testing."


def test_error_handling() -> str:
    """Fails."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(call: CallContext) -> str:
    """Reports three steps."""
    for step in (0, 50, 100):
        call.report(f"Completed step {step} of 100")
    return "done"


def test_missing_capability() -> str:
    """Needs a client that lends its model."""
    return "ok"


class Fixture(Publication):
    """The publication, refusing one tool to clients that cannot do what it would need."""

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        capabilities = context.session.client_capabilities
        if params.name == "test_missing_capability" and (capabilities is None or capabilities.sampling is None):
            needed = types.ClientCapabilities(sampling=types.SamplingCapability())
            data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
            raise MCPError(
                types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                "sampling is needed",
                data.model_dump(by_alias=True, mode="json", exclude_none=True),
            )
        return await super().call_tool(context, params)


def tools() -> list[Tool]:
    functions = (test_simple_text, test_error_handling, test_tool_with_progress, test_missing_capability)
    return [
        *(Tool.from_function(function) for function in functions),
        Tool(ToolSpec("json_schema_2020_12_tool", "Takes any 2020-12 schema.", SCHEMA), lambda **_arguments: "ok"),
        Tool(ToolSpec("test_header", "Has an argument in a header.", HEADER_SCHEMA), lambda region: region),
    ]


def announce(url: str) -> None:
    print(f"listening at {url}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    address = Address("streamable-http", port=int(sys.argv[sys.argv.index("--port") + 1]))
    asyncio.run(serve_web(build_server(Fixture(tools())), address, announce))
