"""The tools that a server lists, within bounds: a model reads every description with every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mcp import Client, MCPError
from mcp.types import METHOD_NOT_FOUND
from mcp.types import Tool as McpTool
from pydantic import ValidationError

from agentloop.mcp.client.config import ServerEntry, matches
from agentloop.mcp.client.pages import listed_resources, listed_templates
from agentloop.narration import clip

MAX_TOOLS = 1_000
"""Tools of one server."""
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
    """What a server offers. `tools` are those that are used; `left_out` has a sentence for each group of others.

    A server that `keeps_runs` recognises a repeated call by its key and continues the run.
    """

    tools: tuple[McpTool, ...] = ()
    left_out: tuple[str, ...] = ()
    instructions: str = ""
    has_resources: bool = False
    keeps_runs: bool = False

    @cached_property
    def as_tasks(self) -> frozenset[str]:
        """The names of tools that have to be called as tasks."""
        return frozenset(
            each.name for each in self.tools if each.execution and each.execution.task_support == "required"
        )


async def read_tools(client: Client, name: str, entry: ServerEntry, unreadable: Sequence[str] = ()) -> Catalog:
    """A catalog with the tools only.

    `unreadable` has the sentences about tools that could not be read, once they are listed. A server that does not know
    the method has no tools.
    """
    listed: list[McpTool] = []
    characters = 0
    cursor: str | None = None
    seen = {cursor}
    while True:
        try:
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        except MCPError as error:
            if error.code != METHOD_NOT_FOUND or client.server_capabilities.tools is not None:
                raise
            break
        listed += page.tools
        characters += sum(map(_characters, page.tools))
        cursor = page.next_cursor
        if cursor in seen or not page.tools or len(listed) >= MAX_TOOLS or characters > MAX_LISTED:
            break
        seen.add(cursor)
    left_out = list(unreadable)
    tools = _select(listed, name, entry, left_out)
    if cursor is not None:
        left_out.append(f"Its list of tools does not end; only the first {len(listed):,} were read.")
    left_out += [
        f"It has no tool {clip(pattern, 64)}, which the configuration names."
        for pattern in (*entry.tools, *entry.disabled_tools)
        if pattern != "*" and not any(matches(name, tool.name, [pattern]) for tool in listed)
    ]
    return Catalog(tools, tuple(left_out))


async def has_resources(client: Client) -> bool:
    """Whether there are resources that a model may want: not only pages of MCP Apps, which hosts show."""
    if client.server_capabilities.resources is None:
        return False
    try:
        resources = await listed_resources(client, MAX_TOOLS)
        return any(not each.uri.startswith(APPS) for each in resources) or bool(await listed_templates(client, 1))
    except MCPError:
        return False
    except ValidationError:  # an odd one takes no tools away; the tool that lists them says what is wrong
        return True


def _select(listed: Sequence[McpTool], name: str, entry: ServerEntry, left_out: list[str]) -> tuple[McpTool, ...]:
    """The tools that are used; `left_out` receives a sentence for each group of others."""
    wanted = [(tool, _characters(tool)) for tool in listed if entry.uses(name, tool.name)]
    if listed and not wanted:
        left_out.append(f"The configuration leaves out all of its tools: {len(listed):,}.")
    if too_long := [tool for tool, characters in wanted if characters > MAX_TOOL]:
        left_out.append(f"{_named(too_long)} left out: a tool may have {MAX_TOOL:,} characters, with its schemas.")
    used: list[McpTool] = []
    too_many: list[McpTool] = []
    space = MAX_SERVER
    for tool, characters in wanted:
        if characters > MAX_TOOL:
            continue
        if len(used) >= MAX_TOOLS or characters > space:
            too_many.append(tool)
        else:
            used.append(tool)
            space -= characters
    if too_many:
        left_out.append(
            f"{_named(too_many)} left out: all tools of a server may have {MAX_SERVER:,} characters, and be "
            f"{MAX_TOOLS:,}. Choose some with `tools` in the configuration."
        )
    return tuple(used)


def _characters(tool: McpTool) -> int:
    try:
        return len(tool.model_dump_json(by_alias=True, exclude_none=True))
    except ValueError:  # not JSON: a lone surrogate
        return MAX_TOOL + 1


def _named(tools: Sequence[McpTool]) -> str:
    """`Tools a, b are`: the first names, and the number of the others."""
    shown = ", ".join(clip(tool.name, 64) for tool in tools[:NAMED])
    more = f" and {len(tools) - NAMED:,} more" if len(tools) > NAMED else ""
    return f"{'Tool' if len(tools) == 1 else 'Tools'} {shown}{more} {'is' if len(tools) == 1 else 'are'}"
