"""What a server lists, within bounds: a model reads every description with every request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mcp import Client
from mcp.types import Tool as McpTool

from agentloop.far_clocks import FarClocks
from agentloop.handover import CLOCK
from agentloop.mcp.client.config import ServerEntry, matches
from agentloop.narration import clip

MAX_TOOLS = 1_000
"""Tools of one server."""
MAX_PAGES = 1_000
MAX_TOOL = 32_000
"""Characters of one tool as JSON, with its description and schemas."""
MAX_SERVER = 256_000
"""Characters of all tools of one server."""
NAMED = 5
"""Tools that a message names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tools of a server that are used. `left_out` says in a sentence each which are not, and why."""

    tools: tuple[McpTool, ...] = ()
    left_out: tuple[str, ...] = ()


async def read_catalog(client: Client, clocks: FarClocks, name: str, entry: ServerEntry) -> Catalog:
    """List the tools; `clocks` learns how long a round trip takes, and what time it is there."""
    draft = _Draft(name, entry)
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        sent = time.monotonic()
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        received = time.monotonic()
        clocks.travel = (received - sent) / 2
        clocks.asked((page.meta or {}).get(CLOCK), sent=sent, heard=received)
        draft.add(page.tools)
        cursor = page.next_cursor
        if cursor is None:
            return draft.catalog()
        if draft.is_full or not page.tools or cursor in seen:
            break
        seen.add(cursor)
    draft.is_cut = True
    return draft.catalog()


@dataclass
class _Draft:
    name: str
    entry: ServerEntry
    tools: list[McpTool] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    characters: int = 0
    is_cut: bool = False
    too_long: list[str] = field(default_factory=list)
    too_many: list[str] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.listed) >= MAX_TOOLS or len(self.too_many) > 0

    def add(self, tools: Iterable[McpTool]) -> None:
        for tool in tools:
            self.listed.add(tool.name[:200])
            if not self.entry.uses(self.name, tool.name):
                continue
            characters = _characters(tool)
            if characters > MAX_TOOL:
                self.too_long.append(tool.name)
            elif len(self.tools) >= MAX_TOOLS or self.characters + characters > MAX_SERVER:
                self.too_many.append(tool.name)
            else:
                self.tools.append(tool)
                self.characters += characters

    def catalog(self) -> Catalog:
        return Catalog(tuple(self.tools), tuple(self._left_out()))

    def _left_out(self) -> Iterable[str]:
        if self.too_long:
            yield f"{_named(self.too_long)} left out: a tool may have {MAX_TOOL:,} characters, with its schemas."
        if self.too_many:
            yield (
                f"{_named(self.too_many)} left out: all tools of a server may have {MAX_SERVER:,} characters, and be "
                f"{MAX_TOOLS:,}. Choose some with `tools` in the configuration."
            )
        if self.is_cut:
            yield "Its list of tools does not end; the rest is not used."
        for pattern in (*self.entry.tools, *self.entry.disabled_tools):
            if pattern != "*" and not any(matches(self.name, tool, [pattern]) for tool in self.listed):
                yield f"It has no tool {clip(pattern, 64)}, which the configuration names."


def _characters(tool: McpTool) -> int:
    try:
        return len(tool.model_dump_json(by_alias=True, exclude_none=True))
    except ValueError:  # what is no JSON, such as half a character
        return MAX_TOOL + 1


def _named(names: Sequence[str]) -> str:
    """`Tools a, b are`, the first ones by name and the others counted."""
    shown = ", ".join(clip(name, 64) for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{'Tool' if len(names) == 1 else 'Tools'} {shown}{more} {'is' if len(names) == 1 else 'are'}"
