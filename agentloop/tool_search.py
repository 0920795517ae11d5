"""Tools that the model finds by searching, when a list of all would be too long to go with every request."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from agentloop import dispatch, exact_json
from agentloop.context import CallContext
from agentloop.context_editing import BYTES_PER_TOKEN
from agentloop.errors import ToolError
from agentloop.limits import Limits
from agentloop.long_results import whole
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, ToolSpec

SEARCH, CALL = "search_tools", "call_tool"
"""The names of the two tools of the local search."""
FOUND = 5
"""Tools that one search returns, as many as that of the Messages API at most."""
MAX_TOKENS = 5_000
"""Estimated tokens of the definitions that go with every request; above that, tools have to be searched for."""

How = Literal["api", "local", "never"]
"""Who searches: the Messages API (which other servers that speak it need not offer), this process, or nobody."""

_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?<=\w{3})(ing|ed|es|s|e)$")
_NAME_WEIGHT = 3


def tokens_of(tools: Sequence[Tool]) -> int:
    """About how many tokens the definitions of the tools are."""
    return sum(len(exact_json.dumps(tool.spec.for_model()).encode()) for tool in tools) // BYTES_PER_TOKEN


def searchable(tools: Sequence[Tool], how: How, limits: Limits, max_tokens: int = MAX_TOKENS) -> list[Tool]:
    """The tools for an agent: all of them if they have at most `max_tokens` tokens, otherwise some behind a search.

    Trusted tools are listed first, as far as they fit, the others are searched for. Which ones does not depend on the
    conversation, so requests keep their prefix.

    Example:
        >>> agent = Agent("helper", "Help.", tools=searchable(remote.tools, "local", Limits()))
    """
    if how == "never" or tokens_of(tools) <= max_tokens:
        return list(tools)
    listed: list[Tool] = []
    hidden: list[Tool] = []
    left = max_tokens
    for tool in tools:
        tokens = tokens_of([tool])
        (listed if tool.is_trusted and tokens <= left else hidden).append(tool)
        left -= tokens if listed and listed[-1] is tool else 0
    if how == "api":
        return listed + [replace(tool, spec=replace(tool.spec, deferred=True)) for tool in hidden]
    return listed + _local_search(hidden, limits)


def _local_search(tools: Sequence[Tool], limits: Limits) -> list[Tool]:
    by_name = {tool.name: tool for tool in tools}
    index = _Index(tools)

    async def search(query: str) -> str:
        found = [by_name[name].spec.for_model() for name in index.search(query)]
        return exact_json.dumps(found) if found else "No tool fits. Try other words: what it does, or its server."

    async def call(context: CallContext, /, name: str, arguments: Mapping[str, Any] | None = None) -> ToolOutput:
        tool = by_name.get(name)
        if tool is None:
            raise ToolError(f"There is no tool {name!r} to call by {CALL}. Find its name with {SEARCH}.")
        output = await dispatch.call(tool, dict(arguments or {}), context, whole(limits))
        return output if output.served_by else replace(output, served_by=tool.served_by)

    counts = Counter(tool.served_by for tool in tools)
    servers = ", ".join(f"{server} ({count:,})" for server, count in counts.items())
    searching = ToolSpec(
        SEARCH,
        f"Find tools by what they do. There are {len(tools):,} more than are listed here, of: {servers}. "
        f"Returns the names, descriptions and input schemas of the best {FOUND}. Call them with {CALL}.",
        _object(query={"type": "string", "description": "Words for what the tool does."}),
        read_only=True,
        idempotent=True,
    )
    calling = ToolSpec(
        CALL,
        f"Call a tool that {SEARCH} found. `arguments` have to fit its input schema.",
        _object(name={"type": "string"}, arguments={"type": "object"}),
    )
    return [Tool(searching, search), Tool(calling, call, takes_context=True)]


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class _Index:
    """Ranks tools by the words of a query in their names and descriptions; rare words count more."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._words = {tool.name: _weights(tool) for tool in tools}
        self._tools_with = Counter(word for words in self._words.values() for word in words)

    def search(self, query: str) -> list[str]:
        """The names of the best tools, best first; of equals those that were listed first."""
        wanted = set(_split(query))
        scores = {
            name: sum(
                weight * math.log(1 + len(self._words) / self._tools_with[word])
                for word, weight in words.items()
                if word in wanted
            )
            for name, words in self._words.items()
        }
        best = sorted(scores, key=lambda name: -scores[name])[:FOUND]
        return [name for name in best if scores[name] > 0]


def _weights(tool: Tool) -> dict[str, int]:
    parameters = " ".join((tool.spec.input_schema.get("properties") or {}).keys())
    words = dict.fromkeys(_split(f"{tool.spec.description} {parameters}"), 1)
    return words | dict.fromkeys(_split(f"{tool.name} {tool.served_by} {tool.spec.title or ''}"), _NAME_WEIGHT)


def _split(text: str) -> list[str]:
    """The words of a text, in lower case and without common endings, also those of snake_case and camelCase names."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [_ENDING.sub("", word) for word in _WORD.findall(spaced.lower())]
