"""Our client as the conformance suite wants it: the URL is the last argument, what to do is in the environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from mcp.types import Tool

from agentloop import ToolError
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection

EXAMPLES: Mapping[str, Any] = {"integer": 1, "number": 2, "boolean": True, "object": {}, "array": []}


async def main(url: str) -> None:
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    async with Connection("suite", ServerEntry(url=url), connect_timeout=20, server_log=sys.stderr) as connection:
        if connection.error:
            sys.exit(connection.error)
        for name, arguments in wanted_calls(scenario, context, connection.tools):
            try:
                await connection.call(name, arguments, receive)
            except ToolError as error:
                print(f"{name}: {error}", file=sys.stderr)  # noqa: T201


def wanted_calls(
    scenario: str, context: Mapping[str, Any], tools: Iterable[Tool]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if context.get("toolCalls"):
        return [(call["name"], call.get("arguments") or {}) for call in context["toolCalls"]]
    if scenario.startswith("json-schema-2020-12"):
        focal, echo = sorted(tools, key=lambda tool: "schema" in (tool.input_schema.get("properties") or {}))
        return [(echo.name, {"schema": focal.input_schema})]
    return [(tool.name, example(tool)) for tool in tools]


def example(tool: Tool) -> dict[str, Any]:
    properties: Mapping[str, Any] = tool.input_schema.get("properties") or {}
    return {name: EXAMPLES.get(schema.get("type"), "x") for name, schema in properties.items()}


async def receive(progress: float, total: float | None, message: str | None) -> None:
    """Nobody listens."""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
