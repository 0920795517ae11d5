"""The tools that a server lists, within bounds: a model reads every description with every request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mcp import Client, MCPError
from mcp.types import METHOD_NOT_FOUND
from mcp.types import Tool as McpTool

from agentloop.mcp.client.config import ServerEntry, matches
from agentloop.mcp.client.pages import listed_resources, listed_templates
from agentloop.narration import clip

MAX_TOOLS = 1_000
"""Tools of one server."""
MAX_PAGES = 1_000
MAX_TOOL = 32_000
"""Characters of one tool as JSON, with its description and schemas."""
MAX_SERVER = 256_000
"""Characters of all tools of one server."""
MAX_LISTED = 16 * 1024 * 1024
"""Characters of everything a server lists, with the tools that are not used."""
APPS = "ui://"
NAMED = 5
"""Tools that a message names; it counts the others."""


@dataclass(frozen=True)
class Catalog:
    """The tools of a server that are used, and in `left_out` a sentence for each group of others, with the reason."""

    tools: tuple[McpTool, ...] = ()
    left_out: tuple[str, ...] = ()

    @cached_property
    def as_tasks(self) -> frozenset[str]:
        """The names of tools that have to be called as tasks."""
        return frozenset(
            each.name for each in self.tools if each.execution and each.execution.task_support == "required"
        )


async def read_catalog(client: Client, name: str, entry: ServerEntry, unreadable: Sequence[str] = ()) -> Catalog:
    """List the tools.

    `unreadable` has the sentences about tools that could not be read, once they are listed. A server that does not know
    the method has no tools.
    """
    listed: list[tuple[McpTool, int]] = []
    cursor: str | None = None
    seen: set[str] = set()
    is_cut = False
    for _ in range(MAX_PAGES):
        try:
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        except MCPError as error:
            if error.code != METHOD_NOT_FOUND or client.server_capabilities.tools is not None:
                raise
            break
        listed += [(tool, _characters(tool)) for tool in page.tools]
        characters = sum(size for _, size in listed)
        cursor = page.next_cursor
        is_cut = cursor is not None
        is_full = len(listed) >= MAX_TOOLS or characters > MAX_LISTED
        if cursor is None or is_full or not page.tools or cursor in seen:
            break
        seen.add(cursor)
    catalog = _select(listed, name, entry, is_cut=is_cut)
    return replace(catalog, left_out=(*unreadable, *catalog.left_out))


async def has_resources(client: Client) -> bool:
    """Whether there are resources that a model may want: not only pages of MCP Apps, which hosts show."""
    if client.server_capabilities.resources is None:
        return False
    try:
        resources = await listed_resources(client, MAX_TOOLS)
        return any(not each.uri.startswith(APPS) for each in resources) or bool(await listed_templates(client, 1))
    except MCPError:
        return False


def _select(listed: Sequence[tuple[McpTool, int]], name: str, entry: ServerEntry, *, is_cut: bool) -> Catalog:
    used: list[McpTool] = []
    too_long: list[str] = []
    too_many: list[str] = []
    space = MAX_SERVER
    for tool, characters in listed:
        if not entry.uses(name, tool.name):
            continue
        if characters > MAX_TOOL:
            too_long.append(tool.name)
        elif len(used) >= MAX_TOOLS or characters > space:
            too_many.append(tool.name)
        else:
            used.append(tool)
            space -= characters
    left_out = []
    if listed and not (used or too_long or too_many):
        left_out.append(f"The configuration leaves out all of its tools: {len(listed):,}.")
    if too_long:
        left_out.append(f"{_named(too_long)} left out: a tool may have {MAX_TOOL:,} characters, with its schemas.")
    if too_many:
        left_out.append(
            f"{_named(too_many)} left out: all tools of a server may have {MAX_SERVER:,} characters, and be "
            f"{MAX_TOOLS:,}. Choose some with `tools` in the configuration."
        )
    if is_cut:
        left_out.append(f"Its list of tools does not end; only the first {len(listed):,} were read.")
    return Catalog(tuple(used), (*left_out, *_unknown([tool.name for tool, _ in listed], name, entry)))


def _unknown(listed: Sequence[str], name: str, entry: ServerEntry) -> Iterator[str]:
    for pattern in (*entry.tools, *entry.disabled_tools):
        if pattern != "*" and not any(matches(name, tool, [pattern]) for tool in listed):
            yield f"It has no tool {clip(pattern, 64)}, which the configuration names."


def _characters(tool: McpTool) -> int:
    try:
        return len(tool.model_dump_json(by_alias=True, exclude_none=True))
    except ValueError:  # not JSON: a lone surrogate
        return MAX_TOOL + 1


def _named(names: Sequence[str]) -> str:
    """`Tools a, b are`: the first names, and the number of the others."""
    shown = ", ".join(clip(name, 64) for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{'Tool' if len(names) == 1 else 'Tools'} {shown}{more} {'is' if len(names) == 1 else 'are'}"
