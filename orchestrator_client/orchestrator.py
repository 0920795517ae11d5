"""The main task: connect to servers, list their tools, and let an agent delegate to them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from agentloop import Agent, ConfigurationError, Tool
from agentloop.events import EventHandler, ignore
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import MAX_CALLS, Connection
from agentloop.mcp.client.remote import Warn
from agentloop.mcp.client.servers import CONNECT_TIMEOUT, Servers
from agentloop.model import ClientSource

if TYPE_CHECKING:
    from agentloop.agent_files import AgentFile

ORCHESTRATOR_MODEL = "claude-sonnet-5-5"

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
    are patterns for names of tools that may change things. `max_calls` bounds the concurrent calls to each server.
    """

    model: str
    client: ClientSource
    servers: Mapping[str, ServerEntry]
    fallbacks: Sequence[Tool]
    fallback_servers: Collection[str] = ()
    allow: Sequence[str] = ()
    connect_timeout: float = CONNECT_TIMEOUT
    max_calls: int = MAX_CALLS
    early_tool_calls: bool = True
    keys: str | None = None
    """The prefix of the calls' idempotency keys; None for a new one for each connection."""
    server_log: TextIO = sys.stderr
    agent: AgentFile | None = None
    """The agent that orchestrates; None for the built-in one."""


class Session:
    """Servers that stay connected, and reconnect, over any number of conversations.

    `warn` receives one line for each problem that was handled, `on_event` the events `ServerStarting` and
    `ServerChanged`.
    """

    def __init__(self, setup: Setup, warn: Warn, on_event: EventHandler = ignore) -> None:
        self._setup = setup
        self._warn = warn
        self._servers = Servers(
            setup.servers,
            fallback=setup.fallbacks,
            fallback_servers=setup.fallback_servers,
            allow=setup.allow,
            connect_timeout=setup.connect_timeout,
            max_calls=setup.max_calls,
            keys=setup.keys,
            server_log=setup.server_log,
            warn=warn,
            on_event=on_event,
        )

    async def __aenter__(self) -> Self:
        """Connect to all servers at once."""
        await self._servers.__aenter__()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._servers.__aexit__(None, None, None)

    @property
    def connections(self) -> list[Connection]:
        return self._servers.connections

    def orchestrator(self) -> Agent:
        """An orchestrator for one conversation, with the tools of the servers that are up now.

        Raises:
            ConfigurationError: no server could be reached and there are no local fallbacks for one.
        """
        setup, tools = self._setup, self._servers.tools
        if setup.agent is not None:
            from orchestrator_client.agent_file import orchestrator_of  # noqa: PLC0415 - needs a YAML parser

            own = orchestrator_of(setup.agent, tools, model=setup.model, client=setup.client, say=self._warn)
            return replace(own, early_tool_calls=setup.early_tool_calls)
        if not tools:
            raise ConfigurationError("The servers have no tools, so there is nothing to delegate to.")
        return Agent(
            name="orchestrator",
            system_prompt=SYSTEM_PROMPT,
            tools=tools,
            model=setup.model,
            client=setup.client,
            effort="medium",
            early_tool_calls=setup.early_tool_calls,
        )

    def to_json(self) -> dict[str, Any]:
        """The state of each server, by name."""
        return self._servers.to_json()
