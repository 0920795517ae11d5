"""The timeline of an agent's call as an MCP App: a page that hosts show in the chat, beside the agent's answer.

The page is a resource, to which the listing of each agent refers. What it draws travels in `_meta` of the result, which
the host hands to the page and no model reads. Clients that do not say that they show apps see neither.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from agentloop.handover import PREFIX
from agentloop.imports import lazy
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import html_page, page_data

if TYPE_CHECKING:
    from mcp.server import apps
else:
    # It brings the SDK's other server along. Only for clients that show apps.
    apps = lazy("mcp.server.apps")

URI = f"ui://{PREFIX}/timeline"
TIMELINE = f"{PREFIX}/timeline"
MAX_DATA = 500_000
"""Characters of a timeline as JSON. A larger one is not sent."""
MAX_TEXT = 2_000
"""Characters of one text in it."""

Context = ServerRequestContext[Any, Any]

EXTENSION_ID = "io.modelcontextprotocol/ui"
EXTENSIONS: dict[str, dict[str, Any]] = {EXTENSION_ID: {}}
"""What the server says of itself."""


def with_app(context: Context, tool: types.Tool) -> types.Tool:
    """The listing of an agent, with the app bound to it if the client shows apps."""
    return (
        tool
        if not _shows_apps(context)
        else tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": URI}}})
    )


def timeline_for(context: Context) -> Timeline | None:
    """A timeline to fill for the client, if it shows apps."""
    return Timeline() if _shows_apps(context) else None


def _shows_apps(context: Context) -> bool:
    capabilities = context.session.client_capabilities
    extensions = capabilities.extensions if capabilities else None
    return EXTENSION_ID in (extensions or {}) and apps.client_supports_apps(context)


def add_timeline(result: types.CallToolResult, timeline: Timeline) -> None:
    """Put the timeline into the result, for the app alone."""
    data: Any = page_data(timeline, max_text=MAX_TEXT)
    if len(json.dumps(data)) > MAX_DATA:
        data = {"too_large": True}
    result.meta = {**(result.meta or {}), TIMELINE: data}


async def list_resources(_context: Context, _page: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    return types.ListResourcesResult(
        resources=[
            types.Resource(
                uri=each.resource.uri,
                name=each.resource.name or each.resource.uri,
                title=each.resource.title,
                description=each.resource.description,
                mime_type=each.resource.mime_type,
                _meta=each.resource.meta,
            )
            for each in _apps().resources()
        ]
    )


async def read_resource(_context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    for each in _apps().resources():
        resource = each.resource
        if resource.uri == str(params.uri):
            text = await resource.read()
            assert isinstance(text, str)
            content = types.TextResourceContents(
                uri=resource.uri, mime_type=resource.mime_type, text=text, _meta=resource.meta
            )
            return types.ReadResourceResult(contents=[content])
    raise MCPError(types.INVALID_PARAMS, f"There is no resource {str(params.uri)[:200]!r}.")


@cache
def _apps() -> apps.Apps:
    made = apps.Apps()
    script = files("agentloop.mcp.server").joinpath("timeline_app.js").read_text(encoding="utf-8")
    made.add_html_resource(
        URI,
        html_page(None, script.replace("{{timeline}}", TIMELINE)),
        name="timeline",
        title="Timeline",
        description="Who did what when while an agent answered.",
        prefers_border=True,
    )
    return made
