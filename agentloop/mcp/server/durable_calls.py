"""Agent calls as durable runs: they are started, or joined by key, and cancelled when no client waits for them."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import anyio
from pydantic import Field

from agentloop import Answer, CallContext, Question, QuestionHandler, Tool, ToolError, ToolOutput, tool
from agentloop.delegation_context import EVENTS, SPENT
from agentloop.dispatch import cancel_and_wait
from agentloop.durable.engine import Engine
from agentloop.durable.journal import question_key
from agentloop.durable.runs import Order
from agentloop.events import Event, EventHandler
from agentloop.limits import time_limit
from agentloop.mcp.server.calls import Call
from agentloop.mcp.server.questions import OpenQuestions
from agentloop.mcp.server.reports import CallHistory, StatusLine
from agentloop.mcp.server.tasks import output_of
from agentloop.questions import pausing
from agentloop.run_state import RunState

CANCEL_TIMEOUT = 2.0
"""Seconds in which the store has to record that a run is cancelled."""
REMEMBERED = 256
"""Runs of which this process remembers more than what is stored, unless more than these are in use."""
MAX_EARLY = 50
"""Answers of a run that come before their questions, as they may after a restart."""


RunId = Annotated[str, Field(min_length=1, max_length=64, description="The id of the run.")]


@dataclass(slots=True)
class _Memory:
    """What this process remembers of a run. `waiting` are the calls that wait for its answer.

    The events have no text, because clients of different kinds share them.
    """

    questions: OpenQuestions = field(default_factory=lambda: OpenQuestions(max_early=MAX_EARLY))
    history: CallHistory = field(default_factory=CallHistory)
    status: StatusLine = field(default_factory=StatusLine)
    waiting: int = 0


class DurableCalls:
    """Stores each call as a run. A call is answered within `respond_within` seconds: by the answer or the run id."""

    def __init__(self, engine: Engine, respond_within: float | None = None) -> None:
        self.engine = engine
        self.kept = engine.kept
        self._respond_within = respond_within
        self._runs: OrderedDict[str, _Memory] = OrderedDict()
        engine.on_event = self._on_event
        engine.ask = self._ask

    def takes(self, call: Call) -> bool:
        return call.tool.name in self.engine.tools

    def published(self, tools: Iterable[Tool]) -> list[Tool]:
        """The tools as clients see them: with `respond_within` an answer may be a run id, for the tool `get_run`."""
        if self._respond_within is None:
            return list(tools)
        get_run = tool(
            name="get_run",
            title="Get the answer of a run",
            description=(
                "Returns the answer of an agent that needed longer than one call may take and answered with a run_id. "
                f"Waits up to {self._respond_within:g} seconds; if there is still no answer, call it again."
            ),
            read_only=True,
            destructive=False,
            idempotent=True,
            open_world=False,
            timeout=math.inf,
        )
        # A run id fits no output schema.
        late = [
            replace(each, spec=replace(each.spec, output_schema=None)) if each.name in self.engine.tools else each
            for each in tools
        ]
        return [*late, get_run(self._get_run)]

    async def find(self, run_id: str, owner: str) -> RunState | None:
        state = await self.engine.find(run_id, owner)
        if state is None or run_id not in self._runs:
            return state
        memory = self._runs[run_id]
        return replace(state, message=memory.status.text, questions=memory.questions.requests)

    def _memory(self, run_id: str) -> _Memory:
        memory = self._runs.setdefault(run_id, _Memory())
        if len(self._runs) > REMEMBERED:
            in_use = (run_id, *(key for key, each in self._runs.items() if each.waiting or each.questions.requests))
            self._runs.pop(next((key for key in self._runs if key not in in_use), ""), None)
        return memory

    def _on_event(self, run_id: str, event: Event) -> None:
        memory = self._memory(run_id)
        memory.history.add(event)
        memory.status.on_event(event)

    async def _ask(self, run_id: str, question: Question) -> Answer[Any]:
        """Wait for a client that asks for the run, and has the answer then or later."""
        return await self._memory(run_id).questions.ask(question, question_key(question))

    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None:
        self._memory(run_id).questions.answer(responses)

    async def cancel(self, run_id: str) -> None:
        await self.engine.cancel(run_id)

    def note(self, run_id: str, text: str) -> None:
        inbox = self.engine.inboxes.get(run_id)
        if inbox is None:
            raise ToolError("The run takes no notes: it has not begun, or another process executes it.")
        inbox.send(text)

    def events(self, run_id: str, first: int) -> dict[str, Any]:
        """Those of a run of this process, unless it is no longer remembered."""
        if run_id not in self._runs:
            return {}
        history = self._runs[run_id].history
        message, _next = history.message(first)
        return {EVENTS: message, SPENT: history.usage.to_json()}

    def stopping(self) -> None:
        """This process is about to end: runs that are cancelled from now on are resumed by the next one."""
        self.engine.is_stopping = True

    async def start(self, call: Call) -> RunState:
        order = _order_for(call)
        if self.engine.is_full:
            raise ToolError("The server is full: too many agent calls are running and waiting. Try again later.")
        run_id = order.run_id(call.key)
        self._memory(run_id).questions.client = call.client
        return await self.engine.start(order, run_id)

    async def run(self, call: Call, on_event: EventHandler, ask: QuestionHandler | None) -> ToolOutput:
        """Run an agent to its end, or join the run of the same owner and key. `ask` answers its questions."""
        order = _order_for(call)
        run_id = order.run_id(call.key)
        async with self.engine.observing(run_id, on_event), self._waiting(run_id, cancels=True):
            await self.engine.start(order, run_id)
            return await self._answer(run_id, ask)

    async def _get_run(self, context: CallContext, run_id: RunId) -> ToolOutput:
        """For hosts that cancel every call after a minute and do not support tasks."""
        if await self.engine.find(run_id, context.scope.owner) is None:
            raise ToolError(f"There is no run with the id {run_id}, or it is no longer stored.")
        async with self._waiting(run_id):
            return await self._answer(run_id, context.scope.ask)

    async def _answer(self, run_id: str, ask: QuestionHandler | None) -> ToolOutput:
        """The output of the run, or its id. The time in which a person is asked does not count."""
        late = TimeoutError()
        seconds = math.inf if self._respond_within is None else self._respond_within
        try:
            async with time_limit(seconds, late) as limit, self._asking(run_id, pausing(ask, limit)):
                return output_of(await self.engine.ended(run_id))
        except TimeoutError as error:
            if error is not late:
                raise
            return ToolOutput.of(
                "There is no answer yet; the run goes on. Call get_run with this run_id until it returns the answer, "
                f"and do not ask the agent again: {run_id}"
            )

    @asynccontextmanager
    async def _asking(self, run_id: str, ask: QuestionHandler | None) -> AsyncIterator[None]:
        """Put the questions of the run to a client that waits for it in the block."""
        if ask is None:
            yield
            return
        asking = asyncio.create_task(self._memory(run_id).questions.pass_on(ask), name="questions")
        try:
            yield
        finally:
            await cancel_and_wait([asking])

    @asynccontextmanager
    async def _waiting(self, run_id: str, *, cancels: bool = False) -> AsyncIterator[None]:
        """A client waits for the run in the block.

        With `cancels` the run is cancelled if the last client disconnects, but not if the server ends.
        """
        memory = self._memory(run_id)
        memory.waiting += 1
        try:
            yield
        except asyncio.CancelledError:
            if cancels and memory.waiting == 1 and not self.engine.is_stopping:
                with anyio.move_on_after(CANCEL_TIMEOUT, shield=True):
                    await self.engine.cancel(run_id)
            raise
        finally:
            memory.waiting -= 1


def _order_for(call: Call) -> Order:
    call.tool.check(call.arguments)
    delegation = call.delegation
    return Order(
        tool=call.tool.name,
        arguments=call.arguments,
        owner=call.owner,
        depth=delegation.depth,
        deadline=None if delegation.seconds is None else time.time() + delegation.seconds,
        budget=delegation.budget,
    )
