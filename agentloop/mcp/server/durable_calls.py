"""Agent calls as durable runs: they are started, or joined by key, and cancelled when no client waits for them."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio

from agentloop import Answer, ConfigurationError, Question, QuestionHandler, ToolError, ToolOutput
from agentloop.delegation_context import EVENTS, SPENT
from agentloop.dispatch import cancel_and_wait
from agentloop.durable.engine import Engine
from agentloop.durable.errors import StoreFailed
from agentloop.durable.journal import question_key
from agentloop.durable.runs import Order
from agentloop.events import Event, EventHandler
from agentloop.latest_sentence import LatestSentence
from agentloop.limits import time_limit
from agentloop.mcp.server.get_run import GET_RUN, not_yet
from agentloop.mcp.server.publication import Call
from agentloop.mcp.server.questions import ANYBODY, OpenQuestions, QuestionClient
from agentloop.mcp.server.reports import CallHistory
from agentloop.mcp.server.tasks import output_of
from agentloop.narration import describe
from agentloop.questions import pausing
from agentloop.run_state import RunState

CANCEL_TIMEOUT = 2.0
"""Seconds in which the store has to record that a run is cancelled."""
REMEMBERED = 256
"""Runs whose events are stored in memory, for clients that have the run as a task."""


class RunHistory(CallHistory):
    """The events of one run, for clients that ask from time to time. `line` describes the last step.

    There is no text in them: callers of different kinds share them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.line: str | None = None
        self._sentence = LatestSentence()

    def add(self, event: Event) -> None:
        super().add(event)
        self.line = self._sentence.on_event(event) or describe(event) or self.line


class DurableCalls:
    """Stores each call as a run. A call is answered within `respond_within` seconds: by the answer or the run id."""

    def __init__(self, engine: Engine, respond_within: float | None = None) -> None:
        self.engine = engine
        self._respond_within = respond_within
        self.engine.on_event = self._record
        self.engine.ask = self._ask
        self._questions: dict[str, OpenQuestions] = {}
        self._clients: OrderedDict[str, QuestionClient] = OrderedDict()
        self._early: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._waiting: Counter[str] = Counter()
        self._histories: OrderedDict[str, RunHistory] = OrderedDict()

    @property
    def kept(self) -> float:
        return self.engine.kept

    def takes(self, call: Call) -> bool:
        return call.tool.name in self.engine.tools

    async def find(self, run_id: str, owner: str) -> RunState | None:
        state = await self.engine.find(run_id, owner)
        if state is None:
            return None
        history, questions = self._histories.get(run_id), self._questions.get(run_id)
        return replace(
            state,
            message=None if history is None else history.line,
            questions={} if questions is None else dict(questions.requests),
        )

    async def _ask(self, run_id: str, question: Question) -> Answer[Any]:
        """Wait for a client that asks for the run, and has the answer then or later."""
        questions = self._questions_of(run_id)
        try:
            return await questions.ask(question, question_key(question))
        finally:
            self._forget(run_id)

    def _questions_of(self, run_id: str) -> OpenQuestions:
        if run_id not in self._questions:
            client = self._clients.get(run_id, ANYBODY)
            self._questions[run_id] = OpenQuestions(client, early=self._early_answers(run_id))
        return self._questions[run_id]

    def _forget(self, run_id: str) -> None:
        questions = self._questions.get(run_id)
        if questions is not None and not questions.requests and not questions.watchers:
            del self._questions[run_id]

    def _early_answers(self, run_id: str) -> dict[str, Any]:
        early = self._early.setdefault(run_id, {})
        if len(self._early) > REMEMBERED:
            self._early.popitem(last=False)
        return early

    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None:
        """Receive answers. After the end of a server they may come before the run has asked again."""
        questions = self._questions.get(run_id) or OpenQuestions(early=self._early_answers(run_id))
        questions.answer(responses)

    @asynccontextmanager
    async def _asking(self, run_id: str, ask: QuestionHandler | None) -> AsyncIterator[None]:
        """Put the questions of the run to a client that waits for it in the block."""
        if ask is None:
            yield
            return
        questions = self._questions_of(run_id)
        asking = asyncio.create_task(questions.pass_on(ask), name="questions")
        questions.watchers += 1
        try:
            yield
        finally:
            questions.watchers -= 1
            await cancel_and_wait([asking])
            self._forget(run_id)

    async def cancel(self, run_id: str) -> None:
        await self.engine.cancel(run_id)

    def note(self, run_id: str, text: str) -> None:
        inbox = self.engine.inboxes.get(run_id)
        if inbox is None:
            raise ToolError("The run takes no notes: it has not begun, or another process executes it.")
        try:
            inbox.send(text)
        except ConfigurationError as error:
            raise ToolError(str(error)) from None

    def events(self, run_id: str, first: int) -> dict[str, Any]:
        """Those of a run of this process, unless `REMEMBERED` runs have begun since."""
        history = self._histories.get(run_id)
        if history is None:
            return {}
        message, _next = history.message(first)
        return {EVENTS: message, SPENT: history.usage.to_json()}

    def _record(self, run_id: str, event: Event) -> None:
        history = self._histories.setdefault(run_id, RunHistory())
        if len(self._histories) > REMEMBERED:
            self._histories.popitem(last=False)
        history.add(event)

    def stopping(self) -> None:
        """This process is about to end: runs that are cancelled from now on are resumed by the next one."""
        self.engine.is_stopping = True

    def is_durable(self, tool: str) -> bool:
        return tool in self.engine.tools or (self._respond_within is not None and tool == GET_RUN)

    async def start(self, call: Call) -> RunState:
        """Start a run, or join it, and do not wait for its end.

        Raises:
            ToolError: the arguments are invalid, the key was used with others, or the run cannot be stored.
        """
        order = _order_for(call)
        if self.engine.is_full:
            raise ToolError("The server is full: too many agent calls are running and waiting. Try again later.")
        run_id = order.run_id(call.key)
        self._clients[run_id] = call.client
        if len(self._clients) > REMEMBERED:
            self._clients.popitem(last=False)
        try:
            return await self.engine.start(order, run_id)
        except StoreFailed as error:
            raise ToolError(str(error)) from error

    async def run(self, call: Call, on_event: EventHandler, ask: QuestionHandler | None) -> ToolOutput:
        """Implements `publication.DurableRunner`."""
        try:
            if call.tool.name == GET_RUN:
                return await self._get_run(call, ask)
            order = _order_for(call)
            run_id = order.run_id(call.key)
            async with self.engine.observing(run_id, on_event), self._stopped_when_left(run_id):
                await self.engine.start(order, run_id)
                return await self._answer(run_id, ask)
        except StoreFailed as error:
            raise ToolError(str(error)) from error

    async def _get_run(self, call: Call, ask: QuestionHandler | None) -> ToolOutput:
        call.tool.check(call.arguments)
        run_id = call.arguments["run_id"]
        if await self.engine.find(run_id, call.owner) is None:
            raise ToolError(f"There is no run with the id {run_id}, or it is no longer stored.")
        return await self._answer(run_id, ask)

    async def _answer(self, run_id: str, ask: QuestionHandler | None) -> ToolOutput:
        """The output of the run, or its id. The time in which a person is asked does not count."""
        late = TimeoutError()
        try:
            async with (
                time_limit(math.inf if self._respond_within is None else self._respond_within, late) as limit,
                self._asking(run_id, pausing(ask, limit)),
            ):
                return output_of(await self.engine.ended(run_id))
        except TimeoutError as error:
            if error is not late:
                raise
            return not_yet(run_id)

    @asynccontextmanager
    async def _stopped_when_left(self, run_id: str) -> AsyncIterator[None]:
        """Stop the run if the last client that waits for it disconnects, but not if the server ends."""
        self._waiting[run_id] += 1
        try:
            yield
        except asyncio.CancelledError:
            if self._waiting[run_id] == 1 and not self.engine.is_stopping:
                with anyio.move_on_after(CANCEL_TIMEOUT, shield=True):
                    await self.engine.cancel(run_id)
            raise
        finally:
            self._waiting[run_id] -= 1
            self._waiting += Counter()  # without those at 0


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
