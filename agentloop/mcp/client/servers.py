"""MCP servers that stay connected, and their tools as tools of an agent."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO

import anyio

from agentloop import ConfigurationError, Limits, Tool
from agentloop.events import EventHandler, ServerChanged, ServerStarting, ignore, plain_handler
from agentloop.mcp.client.config import ServerEntry, named_server, unused_name
from agentloop.mcp.client.config_file import read_config, read_entries
from agentloop.mcp.client.connection import MAX_CALLS, Connection
from agentloop.mcp.client.naming import name_matches
from agentloop.mcp.client.remote import Ask, Warn, is_same_contract, remote_tools, spec_of, with_fallbacks
from agentloop.narration import LINE, clip
from agentloop.tools import check_tools

if TYPE_CHECKING:
    from agentloop.mcp.client.oauth import ServerLogin

CONNECT_TIMEOUT = 15.0
"""Seconds that starting a server, or connecting to one, may take."""

_log = logging.getLogger("agentloop.mcp")


class Servers:
    """Servers that stay connected within the block of `async with`, and reconnect when they were lost.

    `connect` makes one of URLs, commands and configurations. A server that cannot be reached is no exception: its tools
    are missing, or `fallback` tools take their place. `warn` receives one line for each problem that was handled.

    Example:
        async with connect("http://127.0.0.1:8000/mcp", Path("servers.json")) as servers:
            lead = Agent("lead", "Delegate.", tools=servers.only("git_*", "writer_agent"))
            print((await lead.run("What changed today?")).answer)
    """

    reserved: frozenset[str] = frozenset()
    """Names that no tool of a server gets."""
    changed_tools = "Servers.tools has them; an agent keeps its own."
    """What is said of tools that a server has changed."""

    def __init__(
        self,
        entries: Mapping[str, ServerEntry],
        *,
        fallback: Sequence[Tool] = (),
        fallback_servers: Collection[str] | None = None,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        ask: Ask | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        server_log: TextIO | None = None,
        max_calls: int = MAX_CALLS,
        keys: str | None = None,
        login_of: Callable[[str, ServerEntry], ServerLogin | None] = lambda _name, _entry: None,
        warn: Warn = _log.warning,
        on_event: EventHandler = ignore,
    ) -> None:
        """`fallback_servers` names the servers that offer the `fallback` tools; None means that any may.

        `allow`, `deny` and `ask` are those of `remote_tools`, `max_calls` and `keys` those of `Connection`. `login_of`
        returns the login at a server. `server_log`, or else stderr, receives the stderr of started servers.
        """
        check_tools(fallback, "fallback")
        self._fallback = fallback
        self._fallback_servers = fallback_servers
        self._allow = allow
        self._warned: set[str] = set()
        self.say = warn
        self._on_event = plain_handler(on_event)
        self._deny = deny
        self._ask = ask
        self._login_of = login_of
        self._connection = partial(
            Connection,
            connect_timeout=connect_timeout,
            server_log=server_log or sys.stderr,
            max_calls=max_calls,
            keys=keys,
            changed=self.report,
            tools_changed=self.on_tools_changed,
        )
        self._state: Literal["new", "entered", "left"] = "new"
        self.stack = AsyncExitStack()
        self.connections = [self.connection(name, entry) for name, entry in entries.items()]

    def connection(self, name: str, entry: ServerEntry) -> Connection:
        """A connection to a server, not open yet."""
        return self._connection(name, entry, login=self._login_of(name, entry))

    def why_down(self, connection: Connection) -> str:
        """Why a server cannot be reached, for people."""
        return str(connection.error)

    async def __aenter__(self) -> Self:
        """Connect to all servers at once. Each has the connect timeout.

        Raises:
            ConfigurationError: the servers have been connected before.
        """
        if self._state != "new":
            raise ConfigurationError("These servers have been connected before: call `connect` again.")
        self._state = "entered"
        for each in self.connections:
            is_remote = each.entry.command is None
            self._on_event(ServerStarting(run="", agent="", server=each.name, is_remote=is_remote))
        for each in self.connections:
            self.stack.push_async_exit(each)
        try:
            async with anyio.create_task_group() as group:
                for each in self.connections:
                    group.start_soon(each.__aenter__)
        except BaseException:
            await self.stack.aclose()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._state = "left"
        await self.stack.aclose()

    @property
    def tools(self) -> list[Tool]:
        """The tools of the servers that are up now, and `fallback` tools for servers that are down.

        A tool keeps its name unless several servers have one of that name: then it is called `server__tool`. Ask again
        for a new conversation: servers come and go and change their tools, and a conversation keeps its own.

        Raises:
            ConfigurationError: no server could be reached, and there are no fallback tools for one; or the servers are
                not connected.
        """
        if self.connections and self._state != "entered":
            raise ConfigurationError("Servers have tools within their block: `async with connect(...) as servers:`.")
        fallback = self._fallback
        up = [each for each in self.connections if each.is_up]
        down = [each for each in self.connections if not each.is_up]
        covered = [each for each in down if self._has_fallback(each)]
        offered = {tool.name for each in up if self._has_fallback(each) for tool in each.tools}
        stand_ins = [
            tool
            for tool in fallback
            if tool.name not in offered
            and not any(fnmatchcase(tool.name, pattern) for pattern in self._deny)
            and (not self.connections or any(each.entry.uses(each.name, tool.name) for each in covered))
        ]
        reserved = self.reserved | {tool.name for tool in stand_ins}
        remote = remote_tools(up, self.warn, reserved=reserved, allow=self._allow, deny=self._deny, ask=self._ask)
        tools = with_fallbacks(remote, fallback, self.warn, Limits()) + stand_ins
        for each in down:
            action = "Its calls are answered by local threads." if each in covered else "It is left out."
            self.warn(f"{each.name} cannot be reached: {self.why_down(each)}. {action}")
        if down and not tools and not up:
            raise ConfigurationError("No server could be reached, so there is nothing to delegate to.")
        return tools

    def only(self, *patterns: str) -> list[Tool]:
        """Those of `tools` whose name, or `server__tool`, matches a pattern: a name, or one with `*`.

        Example:
            servers.only("word_count", "git__*")

        Raises:
            ConfigurationError: a pattern matches no tool; or as `tools`.
        """
        tools = self.tools
        for pattern in patterns:
            if not any(name_matches(tool, pattern) for tool in tools):
                known = ", ".join(tool.name for tool in tools)
                raise ConfigurationError(f"{pattern} matches no tool. There are: {known}.")
        return [tool for tool in tools if any(name_matches(tool, pattern) for pattern in patterns)]

    def to_json(self) -> dict[str, Any]:
        """The state of each server, by name: `{state, breaker, reconnects}`, and `error` if it is down."""
        return {each.name: each.to_json() for each in self.connections}

    def warn(self, text: str) -> None:
        """Report a problem, once."""
        if text not in self._warned:
            self._warned.add(text)
            self.say(text)

    def report(self, connection: Connection) -> None:
        """Emit an event for a connection whose state has changed."""
        state = connection.breaker.state
        reason = None if connection.is_up else clip(connection.error or "", LINE)
        self._on_event(
            ServerChanged(
                run="", agent="", server=connection.name, is_up=connection.is_up, breaker=state, reason=reason
            )
        )

    def on_tools_changed(self, connection: Connection) -> None:
        """Say that a server has changed its tools."""
        self.say(f"{connection.name} has changed its tools and has {len(connection.tools)} now. {self.changed_tools}")

    def _has_fallback(self, connection: Connection) -> bool:
        """Whether the server offers the local fallbacks' tools: as `fallback_servers` says, or by what it listed."""
        if self._fallback_servers is None or connection.name in self._fallback_servers:
            return bool(self._fallback)
        listed = {tool.name: spec_of(tool) for tool in connection.tools}
        return bool(self._fallback) and all(
            tool.name in listed and is_same_contract(listed[tool.name], tool.spec) for tool in self._fallback
        )


def connect(
    *servers: str | Path | Mapping[str, Any],
    fallback: Sequence[Tool] = (),
    trusted: bool | Collection[str] = False,
    allow: Sequence[str] = (),
    connect_timeout: float = CONNECT_TIMEOUT,
    warn: Warn = _log.warning,
    on_event: EventHandler = ignore,
) -> Servers:
    """Connect to MCP servers for the time of an `async with` block, in which `servers.tools` are their tools.

    Each of `servers` is a URL, a command line to start, the `Path` of a file with `mcpServers`, or a mapping of names
    to such entries. `fallback` are local tools, for example `agent.as_tool()`: one answers in place of a server's tool
    of the same name, schemas and hints while the server cannot be reached, if the tool is read-only or idempotent.

    Without `trusted` (True for all servers, or their names) what a server says of side effects is not believed: its
    tools that are not read-only are called only if a pattern of `allow` matches their name, and none starts early.
    `connect_timeout` is in seconds. `warn` receives a line for each problem that was handled, and logs it by default;
    `on_event` receives `ServerStarting` and `ServerChanged`. Without `servers`, the fallback tools are the only ones.

    Example:
        async with connect("http://127.0.0.1:8000/mcp", fallback=[writer.as_tool()]) as remote:
            lead = Agent("lead", "Delegate.", tools=remote.tools)
            result = await lead.run("Two haikus about rain", max_usd=0.50, deadline=60, on_event=print)

    Raises:
        ConfigurationError: one of `servers` is none of these, or a file or an entry is wrong.
    """
    entries: dict[str, ServerEntry] = {}
    for given in servers:
        for name, entry in _entries(given, warn).items():
            entries[unused_name(name, entries)] = entry
    if not isinstance(trusted, bool):
        if unknown := sorted({*trusted} - {*entries}):
            raise ConfigurationError(f"trusted: there is no server {unknown[0]!r}. There are: {', '.join(entries)}.")
        trusted_names: Collection[str] = trusted
    else:
        trusted_names = entries if trusted else ()
    believed = {
        name: entry.model_copy(update={"trusted": entry.trusted or name in trusted_names})
        for name, entry in entries.items()
    }
    return Servers(
        believed, fallback=fallback, allow=allow, connect_timeout=connect_timeout, warn=warn, on_event=on_event
    )


def _entries(given: str | Path | Mapping[str, Any], warn: Warn) -> dict[str, ServerEntry]:
    if isinstance(given, str):
        name, entry = named_server(given)
        return {name: entry}
    if isinstance(given, Path):
        entries = read_config(given, warn)
    elif not isinstance(given, Mapping):
        raise ConfigurationError(f"connect: {given!r} is not a URL, a command line, a Path or a mapping of entries.")
    else:
        entries = read_entries(given.get("mcpServers", given), "connect", warn)
    return {name: entry for name, entry in entries.items() if entry.is_enabled}
