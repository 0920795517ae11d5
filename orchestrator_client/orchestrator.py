"""The main task: connect to servers, list their tools, and let an agent delegate to them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Self, TextIO

import anyio

from agentloop import Agent, ConfigurationError, Limits, Tool
from agentloop.events import EventHandler, ServerChanged, ServerStarting, ignore
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import MAX_CALLS, Connection
from agentloop.mcp.client.content import READ_RESOURCE
from agentloop.mcp.client.instructions import quoted_instructions
from agentloop.mcp.client.oauth_store import LoginStore
from agentloop.mcp.client.remote import Warn, is_same_contract, remote_tools, spec_of, with_fallbacks
from agentloop.mcp.client.resources import LIST_RESOURCES, resource_tools
from agentloop.model import ClientSource
from agentloop.narration import LINE, clip
from agentloop.tool_search import CALL, SEARCH, How, searchable
from orchestrator_client.approval import Approvals
from orchestrator_client.login import TerminalBrowser, login_of, logins, sign_in, why_down

ORCHESTRATOR_MODEL = "claude-sonnet-5-5"
CONNECT_TIMEOUT = 15.0

SYSTEM_PROMPT = """\
You solve problems by delegating their parts to the agents and functions you have as tools.

* Split the problem into parts that do not need each other's results, and delegate all of them in one message: they \
run at the same time. Parts that do need a result wait for it.
* An agent sees nothing of this conversation. Give it a self-contained task in words, with everything it needs.
* Whatever a tool can do, let it do, also when you combine results: do not work it out yourself.
* If a call reports an error, correct it, delegate the part again, or say which part has no answer and why.

Answer in plain text: the result of each part, then the result of the whole."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The model, servers and tools of an orchestrator.

    `fallbacks` are local sync tools that answer when a server that offers the same tools cannot; without `servers`,
    they are the only tools. `fallback_servers` names servers known to offer them, even if they never answer. `allow`
    are patterns for names of tools that may change things, `deny` for tools that are left out. `max_calls` bounds the
    concurrent calls to each server.
    """

    model: str
    client: ClientSource
    servers: Mapping[str, ServerEntry]
    fallbacks: Sequence[Tool]
    fallback_servers: Collection[str] = ()
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    tool_search: How = "local"
    """How the model finds tools when there are too many to list."""
    connect_timeout: float = CONNECT_TIMEOUT
    max_calls: int = MAX_CALLS
    early_tool_calls: bool = True
    keys: str | None = None
    """The prefix of the calls' idempotency keys; None for a new one for each connection."""
    server_log: TextIO = sys.stderr
    logins: LoginStore = field(default_factory=logins)
    browser: TerminalBrowser | None = None
    """Where the user logs in to a server that asks for it; None if nobody is there."""
    approvals: Approvals | None = None
    """Asks the user about tools that may change things; None if nobody is there."""


class Session:
    """Servers that stay connected, and reconnect, over any number of conversations.

    `warn` receives one line for each problem that was handled, `on_event` the events `ServerStarting` and
    `ServerChanged`.
    """

    def __init__(self, setup: Setup, warn: Warn, on_event: EventHandler = ignore) -> None:
        self._setup = setup
        self._warned: set[str] = set()
        self._say = warn
        self._observe = on_event
        self._stack = AsyncExitStack()
        self.connections = [self._connection(name, entry) for name, entry in setup.servers.items()]

    async def __aenter__(self) -> Self:
        """Connect to all servers at once."""
        for name, entry in self._setup.servers.items():
            self._observe(ServerStarting(run="", agent="", server=name, is_remote=entry.command is None))
        for connection in self.connections:
            self._stack.push_async_exit(connection)
        try:
            async with anyio.create_task_group() as group:
                for connection in self.connections:
                    group.start_soon(connection.__aenter__)
            for number, connection in enumerate(self.connections):
                if connection.login is not None and connection.login.is_needed:
                    self.connections[number] = await self._signed_in(connection)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    def _connection(self, name: str, entry: ServerEntry) -> Connection:
        setup = self._setup
        return Connection(
            name,
            entry,
            connect_timeout=setup.connect_timeout,
            server_log=setup.server_log,
            max_calls=setup.max_calls,
            keys=setup.keys,
            login=login_of(name, entry, setup.logins, browser=setup.browser),
            changed=self._on_change,
            tools_changed=self._on_tools_changed,
        )

    async def _signed_in(self, connection: Connection) -> Connection:
        """Let the user log in, and connect again. The same connection if nobody is there or the login failed."""
        setup, name = self._setup, connection.name
        if setup.browser is None:
            return connection
        problem, _ = await sign_in(name, connection.entry, setup.logins, setup.browser, setup.server_log)
        if problem is not None:
            self._warn(f"{name}: not logged in: {problem}")
            return connection
        await connection.__aexit__(None, None, None)
        return await self._stack.enter_async_context(self._connection(name, connection.entry))

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def orchestrator(self) -> Agent:
        """An orchestrator for one conversation, with the tools of the servers that are up now.

        Raises:
            ConfigurationError: no server could be reached and there are no local fallbacks for one.
        """
        if self._setup.approvals is not None:
            self._setup.approvals.new_conversation()
        return Agent(
            name="orchestrator",
            system_prompt=SYSTEM_PROMPT + quoted_instructions(self.connections),
            tools=self._tools(),
            model=self._setup.model,
            client=self._setup.client,
            effort="medium",
            early_tool_calls=self._setup.early_tool_calls,
        )

    def to_json(self) -> dict[str, Any]:
        """The state of each server, by name."""
        return {connection.name: connection.to_json() for connection in self.connections}

    def _on_tools_changed(self, connection: Connection) -> None:
        count = len(connection.tools)
        self._say(
            f"{connection.name} has changed its tools and has {count} now. "
            "The next conversation uses them; in a chat, /new begins one."
        )

    def _on_change(self, connection: Connection) -> None:
        state = connection.breaker.state
        reason = None if connection.is_up else clip(connection.error or "", LINE)
        self._observe(
            ServerChanged(
                run="", agent="", server=connection.name, is_up=connection.is_up, breaker=state, reason=reason
            )
        )

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._say(text)

    def _tools(self) -> list[Tool]:
        """The tools of the servers that are up, and local fallbacks for servers that are down."""
        fallbacks = self._setup.fallbacks
        up = [connection for connection in self.connections if connection.is_up]
        down = [connection for connection in self.connections if not connection.is_up]
        covered = [connection for connection in down if self._has_fallbacks(connection)]
        offered = {tool.name for connection in up if self._has_fallbacks(connection) for tool in connection.tools}
        stand_ins = [
            fallback
            for fallback in fallbacks
            if fallback.name not in offered
            and not any(fnmatchcase(fallback.name, pattern) for pattern in self._setup.deny)
            and (not self.connections or any(each.entry.uses(each.name, fallback.name) for each in covered))
        ]
        reserved = {fallback.name for fallback in stand_ins} | {SEARCH, CALL, LIST_RESOURCES, READ_RESOURCE}
        ask = None if self._setup.approvals is None else self._setup.approvals.permit
        remote = remote_tools(
            up, self._warn, reserved=reserved, allow=self._setup.allow, deny=self._setup.deny, ask=ask
        )
        tools = with_fallbacks(remote, fallbacks, self._warn, Limits()) + stand_ins + resource_tools(up)
        for connection in down:
            action = "Its calls are answered by local threads." if connection in covered else "It is left out."
            self._warn(f"{connection.name} cannot be reached: {why_down(connection)}. {action}")
        if not tools and not up:
            raise ConfigurationError("No server could be reached, so there is nothing to delegate to.")
        return searchable(tools, self._setup.tool_search, Limits())

    def _has_fallbacks(self, connection: Connection) -> bool:
        """Whether the server offers the local fallbacks' tools, by its configuration or by what it listed."""
        if connection.name in self._setup.fallback_servers:
            return True
        listed = {tool.name: spec_of(tool) for tool in connection.tools}
        return bool(self._setup.fallbacks) and all(
            fallback.name in listed and is_same_contract(listed[fallback.name], fallback.spec)
            for fallback in self._setup.fallbacks
        )
