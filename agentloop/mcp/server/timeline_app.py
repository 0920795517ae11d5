"""The timeline of an agent's call as an MCP App: a page that hosts show in the chat, beside the agent's answer.

The page is a resource, to which the listing of each agent refers. Its data is in `_meta` of the result, which the host
passes to the page and no model reads. Clients that do not declare that they show apps receive neither.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from mcp import types

from agentloop.delegation_context import PREFIX
from agentloop.mcp.server.calls import Context, extensions_of
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import html_page, page_data

URI = f"ui://{PREFIX}/timeline"
TIMELINE = f"{PREFIX}/timeline"
MAX_DATA = 500_000
"""Characters of a timeline as JSON. A larger one is not sent."""
MAX_TEXT = 2_000
"""Characters of one text in it."""

# Not from `mcp.server.apps`, which imports the SDK's other server.
EXTENSION_ID = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
EXTENSIONS: dict[str, dict[str, Any]] = {EXTENSION_ID: {}}
"""The extensions that a server declares."""
_META: dict[str, Any] = {"ui": {"prefersBorder": True}}


def with_app(context: Context, tool: types.Tool) -> types.Tool:
    """The listing of an agent, which refers to the app if the client shows apps."""
    if not _shows_apps(context):
        return tool
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": URI}}})


def timeline_for(context: Context) -> Timeline | None:
    """A timeline to fill for the client, if it shows apps."""
    return Timeline() if _shows_apps(context) else None


def _shows_apps(context: Context) -> bool:
    mime_types = (extensions_of(context).get(EXTENSION_ID) or {}).get("mimeTypes")
    return isinstance(mime_types, list) and MIME_TYPE in mime_types


def add_timeline(result: types.CallToolResult, timeline: Timeline) -> None:
    """Put the timeline into the result, for the app alone."""
    data: Any = page_data(timeline, max_text=MAX_TEXT)
    if len(json.dumps(data)) > MAX_DATA:
        data = {"too_large": True}
    result.meta = {**(result.meta or {}), TIMELINE: data}


def listed_page() -> types.Resource:
    """The page, as the list of resources has it."""
    return types.Resource(
        uri=URI,
        name="timeline",
        title="Timeline",
        description="Who did what when while an agent answered.",
        mime_type=MIME_TYPE,
        _meta=_META,
    )


def read_page() -> types.TextResourceContents:
    return types.TextResourceContents(uri=URI, mime_type=MIME_TYPE, text=_page(), _meta=_META)


@cache
def _page() -> str:
    script = files("agentloop.mcp.server").joinpath("timeline_app.js").read_text(encoding="utf-8")
    return html_page(None, script.replace("{{timeline}}", TIMELINE))
