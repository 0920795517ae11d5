"""An agent, and the ways to run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypedDict, Unpack

from pydantic import BaseModel

from agentloop.budget import Budget, Ledger
from agentloop.context import CallContext
from agentloop.definition import AgentDefinition
from agentloop.delegate import create_agent_tool_async
from agentloop.dispatch import cancel_and_wait
from agentloop.errors import ConfigurationError
from agentloop.events import EventHandler, fan_out, ignore, plain_handler
from agentloop.inbox import Inbox
from agentloop.limits import deadline_after, is_amount
from agentloop.loop import run_agent
from agentloop.messages import Conversation, Prompt
from agentloop.questions import QuestionHandler, checked
from agentloop.results import RunResult
from agentloop.stream import RunStream
from agentloop.tools import Tool

Question: TypeAlias = Prompt | Conversation | BaseModel | Mapping[str, Any]
"""The input of an agent. Objects are for agents with an `input_type`."""


class RunOptions(TypedDict, total=False):
    """The options of `Agent.run`."""

    max_usd: float | str | None
    max_tokens: int | None
    deadline: float | None
    on_event: EventHandler
    on_question: QuestionHandler | None
    inbox: Inbox | None
    context: CallContext | None


@dataclass(frozen=True)
class Agent(AgentDefinition):
    """An agent that answers prompts with the help of its tools.

    `client` is a function that makes an SDK client, or a client for use on one event loop (see `Clients`).
    `description` is what models and people who may delegate to the agent read. `max_tokens` bounds one answer of the
    model. With `early_tool_calls`, harmless calls start while the model still writes the rest of its message.
    With an `output_type`, a pydantic model or a JSON Schema of an object, a run ends with a value of it:
    `result.output`. With an `input_type` the agent is asked with an object instead of text. As a tool, the agent has
    the two as its schemas. `structured_result` makes the structured content of an agent without an output type.
    With `sessions`, its tool also returns and takes a `session_id`, with which a call continues an earlier one.
    With `attach`, its tool returns the images and documents that its own tools made beside its answer.
    `cache` is how long the API caches prompts: `"5m"`, `"1h"`, `"off"`, or `"auto"` for what pays (docs/costs.md).
    Runs are independent of each other: an agent may run any number of times at once. Runs that are not part of another
    run share one rate limiter.

    Example:
        writer = Agent("writer", "Write short texts. Count the words.", tools=[word_count])
        print(writer.run_sync("A haiku about rain").answer)

    Raises:
        ConfigurationError: `tools` has something that is not a `Tool`, or two of the same name.
    """

    async def run(
        self,
        prompt: Question,
        *,
        max_usd: float | str | None = None,
        max_tokens: int | None = None,
        deadline: float | None = None,
        on_event: EventHandler = ignore,
        on_question: QuestionHandler | None = None,
        inbox: Inbox | None = None,
        context: CallContext | None = None,
    ) -> RunResult:
        """Answer a prompt, or the open question of a conversation (`result.conversation.ask(...)`).

        A prompt is text, an `Image`, a `Document`, or a list of them. An agent with an `input_type` also takes a value
        of that.

        The run and the runs it delegates to spend at most `max_usd` US dollars and `max_tokens` tokens of prompts and
        answers, and end within `deadline` seconds. `on_event` receives all their events, and `on_question` answers
        what they ask (see `CallContext.ask`). `inbox` takes notes for the model while it works. With a `context`, which
        a tool function passes on, its limits hold too, and its event handler receives the events too.

        Example:
            result = await agent.run("Two haikus about rain", max_usd=0.50, deadline=60, on_event=print)
            print(result.answer, result.usage.usd)

        Raises:
            RunError: there is no answer; says why, and carries conversation and usage.
            ConfigurationError: the prompt, a limit, a handler, the client or its credentials are wrong.
            TypeError: the prompt is something else than text, an image, a document, an object or a conversation.
        """
        conversation = self._conversation(prompt)
        for name, value, kind in (("context", context, CallContext), ("inbox", inbox, Inbox)):
            if not isinstance(value, kind | None):
                raise ConfigurationError(f"{name} is {value!r:.100}: give {kind.__name__}(...).")
        context = context or CallContext()
        scope, budget = context.scope, Budget(max_usd, max_tokens)
        if plain_handler(on_event) is not ignore:
            scope = replace(scope, emit=on_event if scope.emit is ignore else fan_out(scope.emit, on_event))
        if on_question is not None:
            scope = replace(scope, ask=checked(on_question))
        if inbox is not None:
            scope = replace(scope, inbox=inbox)
        if budget.is_bounded:
            scope = replace(scope, ledger=Ledger(budget, parent=scope.ledger))
        if deadline is not None:
            if not is_amount(deadline):
                raise ConfigurationError(f"deadline is {deadline!r}: give the seconds that the run may take.")
            context = replace(context, deadline=deadline_after(deadline, at_most=context.deadline))
        return await run_agent(self, conversation, replace(context, scope=scope))

    def run_sync(self, prompt: Question, **options: Unpack[RunOptions]) -> RunResult:
        """`run`, with the same options, for code that is not async: in an event loop of its own.

        In a sync tool that passes its `context` on, the run is cancelled when the tool's caller gives up.

        Raises:
            RunError: as `run`.
            ConfigurationError: as `run`; or an event loop is running in this thread (await `run` there), or the agent
                was given a client instead of a function that makes one.
        """
        self.clients.require_factory("run_sync")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            run, context = self.run(prompt, **options), options.get("context")
            return asyncio.run(context.cancelled.guard(run) if isinstance(context, CallContext) else run)
        raise ConfigurationError("run_sync was called from async code, which it would block: await `run` instead.")

    @asynccontextmanager
    async def stream(self, prompt: Question, **options: Unpack[RunOptions]) -> AsyncIterator[RunStream]:
        """`run`, with the same options, in the background of the block: iterate over the events, then await `result`.

        Leaving the block early cancels the run. The error of a failed run whose `result` nobody asked for is raised at
        the end of the block.

        Example:
            async with agent.stream("Two haikus about rain") as run:
                async for event in run:
                    print(event)
            print((await run.result()).answer)
        """
        events = RunStream()
        options["on_event"] = fan_out(events.put, plain_handler(options.get("on_event", ignore)))
        task = asyncio.create_task(self.run(prompt, **options))
        events.follow(task)
        try:
            yield events
        finally:
            await cancel_and_wait([task])
        if not (task.cancelled() or events.was_asked):
            task.result()

    def _conversation(self, prompt: Question) -> Conversation:
        if isinstance(prompt, Conversation):
            return prompt
        if not isinstance(prompt, BaseModel | Mapping):
            return Conversation().ask(prompt)
        if self.typed_input is None:
            raise ConfigurationError(f"{self.name} has no input_type, so it cannot be asked with an object.")
        return Conversation().ask(self.typed_input.text_of(prompt))

    def as_tool(self) -> Tool:
        """The agent as a tool of another agent, or of a server.

        Example:
            lead = Agent("lead", "Delegate.", tools=[writer.as_tool()])
        """
        return create_agent_tool_async(self)
