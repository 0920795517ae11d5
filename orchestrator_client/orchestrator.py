"""The main task: connect to servers, list their tools, and let an agent delegate to them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Self, TextIO

from agentloop import Agent, Limits, Tool
from agentloop.events import EventHandler, ignore
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import MAX_CALLS, Connection
from agentloop.mcp.client.content import READ_RESOURCE
from agentloop.mcp.client.instructions import quoted_instructions
from agentloop.mcp.client.naming import Offer, name_matches, name_tools
from agentloop.mcp.client.oauth_store import LoginStore
from agentloop.mcp.client.remote import Warn
from agentloop.mcp.client.resources import LIST_RESOURCES, resource_tools
from agentloop.mcp.client.servers import CONNECT_TIMEOUT, Servers
from agentloop.model import ClientSource
from agentloop.narration import clip
from agentloop.tool_search import CALL, SEARCH, How, searchable
from orchestrator_client.approval import Approvals
from orchestrator_client.login import TerminalBrowser, login_of, logins, sign_in, why_down

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
    must_match: Sequence[str] = ()
    """The patterns of `deny` that are reported if they match no tool."""
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
    agent: AgentFile | None = None
    """The agent that orchestrates; None for the built-in one."""


class Session(Servers):
    """Servers that stay connected, and reconnect, over any number of conversations.

    `warn` receives one line for each problem that was handled, `on_event` the events `ServerStarting` and
    `ServerChanged`.
    """

    reserved = frozenset({SEARCH, CALL, LIST_RESOURCES, READ_RESOURCE})
    changed_tools = "The next conversation uses them; in a chat, /new begins one."

    def __init__(self, setup: Setup, warn: Warn, on_event: EventHandler = ignore) -> None:
        self._setup = setup
        super().__init__(
            setup.servers,
            fallback=setup.fallbacks,
            fallback_servers=setup.fallback_servers,
            allow=setup.allow,
            deny=setup.deny,
            ask=None if setup.approvals is None else setup.approvals.permit,
            connect_timeout=setup.connect_timeout,
            server_log=setup.server_log,
            max_calls=setup.max_calls,
            keys=setup.keys,
            login_of=partial(login_of, store=setup.logins, browser=setup.browser),
            warn=warn,
            on_event=on_event,
        )

    async def __aenter__(self) -> Self:
        """Connect to all servers at once, and let the user log in where that is needed."""
        await super().__aenter__()
        try:
            for number, connection in enumerate(self.connections):
                if connection.login is not None and connection.login.is_needed:
                    self.connections[number] = await self._signed_in(connection)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    def orchestrator(self) -> Agent:
        """An orchestrator for one conversation, with the tools of the servers that are up now.

        Raises:
            ConfigurationError: no server could be reached and there are no local fallbacks for one.
        """
        setup = self._setup
        tools = self.tools
        self._report_unmatched()
        tools += resource_tools([each for each in self.connections if each.is_up])
        instructions = quoted_instructions(self.connections)
        if setup.approvals is not None:
            setup.approvals.new_conversation()
        if setup.agent is not None:
            from agentloop.file_agents import select_tools, to_agent  # noqa: PLC0415 - needs a YAML parser
            from agentloop.mcp.file_agents import report  # noqa: PLC0415

            down = [each.name for each in self.connections if not each.is_up]
            selection = select_tools(setup.agent, tools, pending=down)
            report(selection, self.warn)
            own = to_agent(setup.agent, selection.tools, default_model=setup.model, client=setup.client)
            prompt = own.system_prompt + instructions
            tools = searchable(own.tools, setup.tool_search, own.limits)
            return replace(own, tools=tools, early_tool_calls=setup.early_tool_calls, system_prompt=prompt)
        return Agent(
            name="orchestrator",
            system_prompt=SYSTEM_PROMPT + instructions,
            tools=searchable(tools, setup.tool_search, Limits()),
            model=setup.model,
            client=setup.client,
            effort="medium",
            early_tool_calls=setup.early_tool_calls,
        )

    def why_down(self, connection: Connection) -> str:
        return why_down(connection)

    def _report_unmatched(self) -> None:
        """Report the patterns that match no tool: the user believes that a tool is left out, and it is not."""
        up = [each for each in self.connections if each.is_up]
        named = zip(up, name_tools([Offer(each.name, [tool.name for tool in each.tools]) for each in up]), strict=True)
        offered = [(names, tool.name) for server, names in named for tool in server.tools]
        for pattern in self._setup.must_match:
            is_local = any(name_matches(tool, pattern) for tool in self._setup.fallbacks)
            if not is_local and not any(names.is_denied(name, [pattern]) for names, name in offered):
                self.warn(f"--deny {clip(pattern, 80)} matches no tool of the servers that are up.")

    async def _signed_in(self, connection: Connection) -> Connection:
        """Let the user log in, and connect again. The same connection if nobody is there or the login failed."""
        setup, name = self._setup, connection.name
        if setup.browser is None:
            return connection
        problem, _ = await sign_in(name, connection.entry, setup.logins, setup.browser, setup.server_log)
        if problem is not None:
            self.warn(f"{name}: not logged in: {problem}")
            return connection
        await connection.__aexit__(None, None, None)
        return await self.stack.enter_async_context(self.connection(name, connection.entry))
