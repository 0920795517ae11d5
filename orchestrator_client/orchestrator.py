"""The main task: connect to servers, list their tools, and let an agent delegate to them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TextIO

from agentloop import Agent
from agentloop.long_results import READ_RESULT
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.content import READ_RESOURCE
from agentloop.mcp.client.instructions import quoted_instructions
from agentloop.mcp.client.naming import Offer, name_matches, name_tools
from agentloop.mcp.client.resources import LIST_RESOURCES, resource_tools
from agentloop.mcp.client.servers import Servers
from agentloop.model import ClientSource
from agentloop.narration import clip
from agentloop.tool_search import CALL, SEARCH, How, searchable
from orchestrator_client.approval import Approvals
from orchestrator_client.login import TerminalBrowser, login_of, sign_in, why_down

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


class Session(Servers):
    """Servers that stay connected, and reconnect, over any number of conversations, and agents that delegate to them.

    An agent asks `model` with `client`. It is the one of the file `agent`, or else the built-in one. `tool_search` says
    how it finds tools when there are too many to list. `must_match` are patterns of `deny` that are reported if they
    match no tool. The user logs in to servers with the `browser`, and gives `approvals` of tools that may change
    things; each is None if nobody is there. `connecting` are arguments of `Servers`.
    """

    reserved = frozenset({SEARCH, CALL, LIST_RESOURCES, READ_RESOURCE, READ_RESULT.name})
    changed_tools = "The next conversation uses them; in a chat, /new begins one."

    def __init__(
        self,
        servers: Mapping[str, ServerEntry],
        *,
        model: str,
        client: ClientSource,
        agent: AgentFile | None = None,
        tool_search: How = "local",
        early_tool_calls: bool = True,
        must_match: Sequence[str] = (),
        server_log: TextIO = sys.stderr,
        browser: TerminalBrowser | None = None,
        approvals: Approvals | None = None,
        **connecting: Any,
    ) -> None:
        self._model = model
        self._client = client
        self._agent = agent
        self._tool_search = tool_search
        self._early_tool_calls = early_tool_calls
        self._must_match = must_match
        self._server_log = server_log
        self._browser = browser
        self._approvals = approvals
        super().__init__(
            servers,
            ask=None if approvals is None else approvals.permit,
            server_log=server_log,
            login_of=partial(login_of, browser=browser),
            **connecting,
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
        tools = self.tools
        self._report_unmatched()
        tools += resource_tools([each for each in self.connections if each.is_up])
        if self._approvals is not None:
            self._approvals.new_conversation()
        if self._agent is None:
            agent = Agent("orchestrator", SYSTEM_PROMPT, tools, model=self._model, client=self._client, effort="medium")
        else:
            from agentloop.file_agents import select_tools, to_agent  # noqa: PLC0415 - needs a YAML parser
            from agentloop.mcp.file_agents import report  # noqa: PLC0415

            down = [each.name for each in self.connections if not each.is_up]
            selection = select_tools(self._agent, tools, pending=down)
            report(selection, self.warn)
            agent = to_agent(self._agent, selection.tools, default_model=self._model, client=self._client)
        return replace(
            agent,
            system_prompt=agent.system_prompt + quoted_instructions(self.connections),
            tools=searchable(agent.tools, self._tool_search, agent.limits),
            early_tool_calls=self._early_tool_calls,
        )

    def why_down(self, connection: Connection) -> str:
        return why_down(connection)

    def _report_unmatched(self) -> None:
        """Report the patterns that match no tool: the user believes that a tool is left out, and it is not."""
        up = [each for each in self.connections if each.is_up]
        named = zip(up, name_tools([Offer(each.name, [tool.name for tool in each.tools]) for each in up]), strict=True)
        offered = [(names, tool.name) for server, names in named for tool in server.tools]
        for pattern in self._must_match:
            is_local = any(name_matches(tool, pattern) for tool in self._fallback)
            if not is_local and not any(names.is_denied(name, [pattern]) for names, name in offered):
                self.warn(f"--deny {clip(pattern, 80)} matches no tool of the servers that are up.")

    async def _signed_in(self, connection: Connection) -> Connection:
        """Let the user log in, and connect again. The same connection if nobody is there or the login failed."""
        name, entry = connection.name, connection.entry
        login = None if self._browser is None else login_of(name, entry, browser=self._browser, at_once=True)
        if login is None:
            return connection
        problem = await sign_in(name, entry, login, self._server_log)
        if problem is not None:
            self.warn(f"{name}: not logged in: {problem}")
            return connection
        await connection.__aexit__(None, None, None)
        return await self.stack.enter_async_context(self.connection(name, entry))
