"""An agent: a name, a system prompt, tools and a model. Values only; the state of a run lives in the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from agentloop import dispatch
from agentloop.context import CallContext
from agentloop.conversation import Conversation
from agentloop.errors import ConfigurationError
from agentloop.events import Observer, ignore, together
from agentloop.governor import Governor
from agentloop.journal import Journal, NoJournal
from agentloop.limits import Limits
from agentloop.loop import Run, RunResult
from agentloop.model import Clients, ClientSource, Effort, ModelSettings
from agentloop.stream import RunStream
from agentloop.tools import Tool, ToolOutput
from agentloop.wire import sdk_client


@dataclass(frozen=True)
class Agent:
    """An agent that answers prompts with the help of its tools.

    `client` is a function that makes an SDK client, or a client for use on one event loop (see `Clients`).
    `description` is what others who may delegate to the agent are told. `max_tokens` bounds one answer of the model.
    `eager` lets harmless calls start while the model still writes the rest of its message.
    Runs are independent of each other: an agent may run any number of times at once. Those that nothing above governs
    share what is learnt of the API's limits.

    Raises:
        ConfigurationError: two tools have the same name.
    """

    name: str
    system_prompt: str
    tools: Sequence[Tool] = ()
    model: str = "claude-sonnet-5-5"
    client: ClientSource = sdk_client
    description: str = ""
    max_tokens: int = 8192
    effort: Effort | None = None
    parallel_tool_calls: bool = True
    eager: bool = True
    limits: Limits = field(default_factory=Limits)
    journal: Journal = field(default_factory=NoJournal)

    def __post_init__(self) -> None:
        names = [tool.name for tool in self.tools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"Agent {self.name!r} has more than one tool named {', '.join(twice)}.")

    async def run(
        self, prompt: str | Conversation, *, observe: Observer = ignore, context: CallContext | None = None
    ) -> RunResult:
        """Answer a prompt, or the open question of a conversation (`result.conversation.ask(...)`).

        Every event of the run and of the runs it delegates to goes to `observe`, and to where `context`, which is what
        a caller above passes down, says that events go.

        Raises:
            RunError: there is no answer; says why, and carries conversation and usage.
        """
        conversation = Conversation().ask(prompt) if isinstance(prompt, str) else prompt
        context = context or CallContext()
        scope = context.scope
        emit = observe if scope.emit is ignore else scope.emit if observe is ignore else together(scope.emit, observe)
        scope = replace(scope, emit=emit, governor=scope.governor or self._governor)
        return await Run(self, conversation, replace(context, scope=scope)).to_answer()

    def run_sync(self, prompt: str | Conversation, *, observe: Observer = ignore) -> RunResult:
        """`run` for code that is not async, in an event loop of its own.

        Raises:
            ConfigurationError: an event loop is running in this thread (await `run` there), or the agent was given a
                client instead of a function that makes one.
        """
        self.clients.require_factory("run_sync")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run(prompt, observe=observe))
        raise ConfigurationError("run_sync was called from async code, which it would block: await `run` instead.")

    @asynccontextmanager
    async def stream(self, prompt: str | Conversation) -> AsyncIterator[RunStream]:
        """Run in the background of the block: iterate over the events, then ask for `result`.

        Leaving the block early cancels the run.
        """
        events = RunStream()
        task = asyncio.create_task(self.run(prompt, observe=events.put))
        events.follow(task)
        try:
            yield events
        finally:
            await dispatch.cancel_and_wait([task])

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any], *, context: CallContext | None = None
    ) -> ToolOutput:
        """Call one of the agent's tools: a coroutine function on the event loop, any other in a worker thread.

        What goes wrong comes back as an error output; only cancellation raises.
        """
        tool = self.tool(name)
        if tool is None:
            known = ", ".join(self._by_name) or "none"
            return ToolOutput.error(f"There is no tool named {name!r}. Available: {known}.")
        output = await dispatch.call(tool, arguments, context or CallContext(), self.limits)
        return output if output.served_by else replace(output, served_by=tool.served_by)

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return self._by_name.get(name)

    @cached_property
    def settings(self) -> ModelSettings:
        """The part of every request that stays the same."""
        return ModelSettings(
            model=self.model,
            system_prompt=self.system_prompt,
            tools=tuple(tool.spec for tool in self.tools),
            effort=self.effort,
            parallel_tool_calls=self.parallel_tool_calls,
        )

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.client)

    @cached_property
    def _governor(self) -> Governor:
        return Governor()

    @cached_property
    def _by_name(self) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in self.tools}
