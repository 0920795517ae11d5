"""Resources of servers as two tools: a list, and one resource."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

from mcp import Client, MCPError
from mcp.types import Resource, ResourceTemplate

from agentloop import CallContext, Tool, ToolError, ToolOutput, tool
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.content import READ_RESOURCE, Content
from agentloop.mcp.client.pages import listed_resources, listed_templates
from agentloop.narration import clip

LIST_RESOURCES = "list_mcp_resources"
MAX_LISTED = 500
"""Resources of one server that are listed."""
MAX_LINE = 500
"""Characters about one resource."""


def resource_tools(connections: Sequence[Connection]) -> list[Tool]:
    """Tools for the resources of these servers; none if no server has any."""
    by_name = {each.name: each for each in connections if each.catalog.has_resources}
    if not by_name:
        return []
    servers = ", ".join(json.dumps(name) for name in by_name)

    def named(server: str) -> Connection:
        if server not in by_name:
            raise ToolError(f"There is no server {clip(server, 64)!r} with resources. There are: {servers}.")
        return by_name[server]

    about = f"Servers with resources: {servers}."

    @tool(
        name=LIST_RESOURCES,
        description=f"List the resources of a server: URI, name, media type, description. {about}",
        read_only=True,
    )
    async def list_resources(server: str) -> str:
        return "\n".join(await named(server).request(_listed)) or "It lists no resources."

    @tool(name=READ_RESOURCE, description=f"Read one resource of a server by its URI. {about}", read_only=True)
    async def read_resource(context: CallContext, server: str, uri: str) -> ToolOutput:
        content = Content(server)
        result = await named(server).request(lambda client: client.read_resource(uri, cache_mode="bypass"))
        for item in result.contents:
            await content.add(item)
        for note in content.notes:
            context.progress(note)
        return ToolOutput(tuple(content.blocks), served_by=server)

    return [list_resources, read_resource]


async def _listed(client: Client) -> list[str]:
    lines = [_line(each.uri, each) for each in await listed_resources(client, MAX_LISTED)]
    with suppress(MCPError):  # many servers do not have the method
        lines += [_line(each.uri_template, each) for each in await listed_templates(client, MAX_LISTED)]
    return lines


def _line(uri: str, each: Resource | ResourceTemplate) -> str:
    parts = [uri, each.title or each.name, each.mime_type, each.description]
    return clip(" | ".join(part for part in parts if part), MAX_LINE)
