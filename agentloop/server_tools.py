"""Server tools: tools that the Messages API runs itself, such as web search.

The API answers with `server_tool_use` blocks and their results, which stay in the conversation. Nothing runs here.
Reference: https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from agentloop.errors import ConfigurationError, ToolError
from agentloop.tools import Tool, ToolSpec

ServerToolName = Literal["web_search", "web_fetch", "code_execution"]

_TYPES: dict[ServerToolName, str] = {
    "web_search": "web_search_20250305",
    "web_fetch": "web_fetch_20250910",
    "code_execution": "code_execution_20250825",
}
"""The versions that all models and providers with such tools have."""


def server_tool(
    name: ServerToolName,
    *,
    max_uses: int | None = None,
    allowed_domains: Sequence[str] = (),
    type: str | None = None,  # noqa: A002 - what the API calls it
    **options: Any,
) -> Tool:
    """A tool that the Messages API runs itself: `web_search`, `web_fetch` or `code_execution`.

    `max_uses` limits its uses in one request, `allowed_domains` where it may look. `type` is a version of the tool
    other than the basic one, and `options` are further fields of its definition in the API.

    Example:
        reporter = Agent("reporter", "Answer with sources.", tools=[server_tool("web_search", max_uses=5)])

    Raises:
        ConfigurationError: there is no such tool, or `code_execution` has limits, which it does not take.
    """
    if name not in _TYPES:
        raise ConfigurationError(f"The Messages API has {', '.join(get_args(ServerToolName))}, not {name!r}.")
    if name == "code_execution" and (max_uses is not None or allowed_domains):
        raise ConfigurationError("code_execution takes no max_uses and no allowed_domains.")
    definition: dict[str, Any] = {"type": type or _TYPES[name], "name": name}
    if max_uses is not None:
        definition["max_uses"] = max_uses
    if allowed_domains:
        definition["allowed_domains"] = list(allowed_domains)
    spec = ToolSpec(
        name=name,
        description=f"Runs at the Messages API: {name}.",
        input_schema={"type": "object"},
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=True,
        api_definition=definition | options,
    )

    def run_elsewhere(**_: object) -> str:
        raise ToolError(f"{name} runs at the Messages API: it cannot be called from here.")

    return Tool(spec, run_elsewhere)
