"""One run of an agent: send requests to the model and run its tool calls concurrently until it answers."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agentloop import dispatch, events
from agentloop.api_errors import refused_tool
from agentloop.budget import Budget, Ledger, cost_of
from agentloop.context import CallContext
from agentloop.conversation import Answered, ConversationState, RunTools
from agentloop.definition import AgentDefinition
from agentloop.errors import ConfigurationError, DeadlineExceeded, ModelError, RunError, ToolError, TurnLimitExceeded
from agentloop.events import Event, Source
from agentloop.journal import EventLog
from agentloop.limits import TimeLimit, time_limit
from agentloop.long_results import MAX_RESULT, READ_RESULT, LongResults, with_reader
from agentloop.messages import Block, Conversation
from agentloop.model import ModelRequest
from agentloop.model_caller import ModelCaller
from agentloop.questions import pausing
from agentloop.results import RunResult, Step
from agentloop.tool_output import ToolOutput, bounded
from agentloop.turn import ToolUse, Turn
from agentloop.usage import Bill, Usage
from agentloop.wire import ApiClient


async def run_agent(agent: AgentDefinition, conversation: Conversation, context: CallContext) -> RunResult:
    """Run an agent until it answers, within the limits of `context`.

    Raises:
        RunError: the run ended without an answer; it carries the conversation and the usage.
        ConfigurationError: the conversation, the client or its credentials are invalid, or it is nested too deeply.
    """
    if context.scope.depth > agent.limits.max_depth:
        raise ConfigurationError(
            f"{agent.name} would be nested {context.scope.depth} agents deep; the limit is {agent.limits.max_depth}. "
            "Do this part without delegating it."
        )
    if agent.limits.max_usd is not None:
        ledger = Ledger(Budget(agent.limits.max_usd), parent=context.scope.ledger)
        context = replace(context, scope=replace(context.scope, ledger=ledger))
    return await _Run(agent, conversation, context).to_answer()


class _Run:
    """The state of one run. Runs of the same agent share none of it."""

    def __init__(self, agent: AgentDefinition, conversation: Conversation, context: CallContext) -> None:
        rate_limiter = context.scope.rate_limiter or agent.rate_limiter
        self._agent = agent
        self._context = context
        self._scope = replace(context.scope, rate_limiter=rate_limiter)
        self._settings = agent.settings
        self._state = ConversationState(
            conversation,
            max_tokens=agent.max_tokens,
            bound_to=self._settings.fingerprint,
            read_output=None if agent.typed_output is None else agent.typed_output.read_text,
        )
        self._long_results = LongResults(self._state.conversation.kept, agent.limits)
        self.id = context.scope.run_id or uuid.uuid4().hex[:12]
        self._source: Source = {"run": self.id, "agent": agent.name}
        self._limit: TimeLimit
        self._model_caller = ModelCaller(
            agent,
            self._source,
            ledger=context.scope.ledger,
            rate_limiter=rate_limiter,
            deadline=lambda: self._limit.end,
            emit=self._emit,
            receive=self._on_stream_event,
            retried=lambda: self._now_calling.drop(),  # noqa: PLW0108 - each turn has its own
        )
        self._starts_early = agent.early_tool_calls and not context.scope.ledger.left.is_bounded
        self._now_calling: dispatch.ToolCallGroup
        self._calls = itertools.count(1)
        self._unstarted = 0
        self._delegated: list[Bill] = []
        self._steps: list[Step] = []
        self._attachments: list[Block] = []
        self._began = time.monotonic()
        self._turn = 0
        self._log = self._new_log()

    async def to_answer(self) -> RunResult:
        """Run until there is an answer. A `RunError` has the conversation and the usage so far."""
        question = self._state.conversation.question
        depth, call = self._scope.depth, self._scope.call_id
        self._emit(events.RunStarted(**self._source, prompt=question, depth=depth, parent_call=call))
        try:
            answered = await self._within_deadline()
        except RunError as error:
            if isinstance(error, DeadlineExceeded) and self._model_caller.trouble:
                error.args = (f"{error} Its last request failed: {self._model_caller.trouble}",)
            error.conversation = self._state.conversation
            error.bill = self._end(error=str(error), error_type=_kind(error))
            raise
        except BaseException as error:
            self._end(error=f"{type(error).__name__}: {error}".rstrip(": "), error_type=type(error).__name__)
            raise
        bill, conversation = self._end(answer=answered.text), self._state.conversation
        steps, attachments = tuple(self._steps), tuple(self._attachments)
        return RunResult(answered.text, conversation, bill, steps, answered.output, attachments)

    async def _within_deadline(self) -> Answered:
        late = DeadlineExceeded(f"{self._agent.name} ran out of time before it had an answer.")
        limited = time_limit(self._agent.limits.run_timeout, late, deadline=self._context.deadline)
        async with limited as self._limit, self._agent.clients.lease() as client:
            return await self._turn_by_turn(client)

    async def _turn_by_turn(self, client: ApiClient) -> Answered:
        for number in range(1, self._agent.limits.max_turns + 1):
            self._turn = number
            self._state.pass_notes_on()
            async with dispatch.ToolCallGroup(self._answer_call, most=self._agent.limits.max_tool_calls) as calls:
                self._now_calling = calls
                self._log = self._new_log()
                turn = await self._agent.journal.model_said(partial(self._ask, client, number), self._log)
                match self._state.take(turn):
                    case Answered() as answered if not self._state.later_notes:
                        return answered
                    case RunTools(uses) if number < self._agent.limits.max_turns:
                        self._state.answer(turn, await self._results(uses, calls))
        limit = self._agent.limits.max_turns
        raise TurnLimitExceeded(f"{self._agent.name} had no answer after {limit} turns, its limit.")

    async def _ask(self, client: ApiClient, number: int) -> Turn:
        """One turn of the model, retried after transient errors."""
        if self._state.takes_notes:
            self._read_notes(number)
        self._emit(events.TurnStarted(**self._source, number=number, model=self._settings.model))
        seconds = self._agent.limits.turn_timeout
        late = DeadlineExceeded(f"One turn of {self._settings.model} took longer than {seconds:g} s.")
        state = self._state
        messages = state.conversation.messages
        if self._agent.keeps_long_results:
            messages = with_reader(messages)
        request = ModelRequest(self._settings, messages, state.max_tokens, state.container)
        before = self._model_caller.usage
        async with time_limit(seconds, late):
            turn = await self._asked(client, request, number)
        self._emit(
            events.TurnFinished(
                **self._source,
                number=number,
                stop_reason=turn.stop_reason,
                tool_calls=len(turn.tool_uses),
                usage=self._model_caller.usage - before,
                request_id=self._model_caller.request_id,
                cache_miss=turn.cache_miss,
            )
        )
        if turn.ends_run and number < self._agent.limits.max_turns:
            self._read_notes(number + 1)
        return turn

    def _read_notes(self, number: int) -> None:
        """Read the notes for the turn of that number.

        The events of a turn are stored with it, and those of its notes before it and after it. So a run that continues
        after a crash has each note in the same place: see `_recall`.
        """
        for note in self._scope.inbox.take() if self._scope.inbox is not None else ():
            self._emit(events.NoteReceived(**self._source, text=note, number=number))
            self._state.note(note, later=number != self._turn)

    async def _asked(self, client: ApiClient, request: ModelRequest, number: int) -> Turn:
        """Ask, and again without each tool whose definition the API refuses."""
        while True:
            try:
                return await self._model_caller.ask(client, request, number)
            except ModelError as error:
                request = self._without_refused_tool(request, error)

    def _without_refused_tool(self, request: ModelRequest, error: ModelError) -> ModelRequest:
        """The request, and all later ones, without the tool that the error names. Raises an error that names none."""
        index, tools = refused_tool(error), list(request.settings.tools)
        number = None if index is None else index - (len(request.settings.frame["tools"]) - len(tools))
        if number is None or not 0 <= number < len(tools):
            raise error
        left_out = tools.pop(number)
        self._settings = replace(self._settings, tools=tuple(tools))
        text = f"{left_out.name} is left out, because the Messages API does not take its definition: {error}"
        self._emit(events.Notice(**self._source, text=text))
        return replace(request, settings=self._settings)

    def _on_stream_event(self, event: Mapping[str, Any], moved_on: ToolUse | None) -> None:
        if moved_on is not None:
            self._now_calling.written(moved_on, may_start=self._may_start_early(moved_on))
        if event.get("type") == "content_block_delta" and event["delta"].get("type") == "text_delta":
            self._emit(events.TextDelta(**self._source, text=event["delta"]["text"]))

    def _may_start_early(self, use: ToolUse) -> bool:
        """Whether the call may run before the message is complete, which may still be cut off or retried.

        Not with a budget: the calls of one message get equal shares of it, and their number is not known yet.
        """
        tool = self._agent.tool(use.name)
        return self._starts_early and tool is not None and tool.is_harmless

    async def _results(self, uses: tuple[ToolUse, ...], calls: dispatch.ToolCallGroup) -> list[Block]:
        """Run the calls and return one `tool_result` block for each, in the order of the calls."""
        self._unstarted = min(len(uses), self._agent.limits.max_tool_calls)
        outputs = bounded(await calls.results(uses), self._agent.limits.max_results_chars)
        answers = list(zip(uses, outputs, strict=True))
        self._steps += [Step(use.name, use.input, output.text, output.is_error) for use, output in answers]
        self._attachments += [
            block for output in outputs for block in output.content if block.get("type") in {"image", "document"}
        ]
        return [output.to_result(use.id) for use, output in answers]

    async def _answer_call(self, use: ToolUse) -> ToolOutput:
        log, bills = self._new_log(), list[Bill]()
        context = self._context_for(use, log, bills)
        call = partial(self._call, use, context, log, bills)
        return self._shown(use, await self._agent.journal.tool_answered(use, call, log))

    async def _call(self, use: ToolUse, context: CallContext, log: EventLog, bills: list[Bill]) -> ToolOutput:
        began = time.monotonic()
        call = context.scope.call_id or ""
        tool = self._agent.tool(use.name)
        output = ToolOutput.error(f"{use.name} was stopped before it gave a result.")
        self._emit(events.ToolStarted(**self._source, call=call, tool=use.name, arguments=use.input), log)
        try:
            output = await self._output_of(use, context)
        except ToolError as error:
            output = ToolOutput.error(str(error))
        finally:
            finished = events.ToolFinished(
                **self._source,
                call=call,
                tool=use.name,
                arguments=use.input,
                result=self._shown(use, output).text,
                is_error=output.is_error,
                served_by=output.served_by or ("local" if tool is None else tool.served_by),
                seconds=time.monotonic() - began,
                bills=tuple(bills),
            )
            self._emit(finished, log)
        return output

    async def _output_of(self, use: ToolUse, context: CallContext) -> ToolOutput:
        """The output of a call, whole if the model may read it in parts."""
        if not self._agent.keeps_long_results:
            return await self._agent.call_tool(use.name, use.arguments(), context=context)
        if use.name == READ_RESULT.name:
            return await dispatch.call(self._long_results.tool, use.arguments(), context, self._agent.limits)
        return await self._agent.call_tool(use.name, use.arguments(), context=context, max_chars=MAX_RESULT)

    def _shown(self, use: ToolUse, output: ToolOutput) -> ToolOutput:
        """What the model gets of it. A long one is kept each time, also when a journal has returned it."""
        is_whole = self._agent.keeps_long_results and use.name != READ_RESULT.name
        return self._long_results.shortened(output) if is_whole else output

    def _context_for(self, use: ToolUse, log: EventLog, bills: list[Bill]) -> CallContext:
        def charge(bill: Bill) -> None:
            bills.append(bill)
            self._delegated.append(bill)

        call = f"{self.id}.{next(self._calls)}"
        siblings = max(1, self._unstarted)
        self._unstarted -= 1
        scope = replace(
            self._scope,
            emit=lambda event: log.report(event),  # noqa: PLW0108 - which changes when a journal keeps the events
            run_id=None,
            session=None,
            inbox=None,
            call_id=call,
            depth=self._scope.depth + 1,
            siblings=siblings,
            charge=charge,
            ask=pausing(self._scope.ask, self._limit, self._agent.name),
        )

        def progress(message: str) -> None:
            self._emit(events.ToolProgress(**self._source, call=call, tool=use.name, message=message), log)

        return replace(self._context, scope=scope, progress=progress)

    def _emit(self, event: Event, log: EventLog | None = None) -> None:
        self._scope.trace(event)
        (log or self._log).report(event)

    def _new_log(self) -> EventLog:
        return EventLog(self._scope.emit, self._recall)

    def _recall(self, event: Event) -> None:
        """Count the usage in an event that was stored before a crash, and emit it again."""
        match event:
            case events.Spent(run=self.id, model=model, usage=usage):
                self._model_caller.usage += usage
                self._scope.ledger.book(cost_of(Usage({model: usage})))
            case events.ToolFinished(run=self.id, bills=bills):
                self._delegated += bills
                self._scope.ledger.book(cost_of(sum((bill.total for bill in bills), Usage())))
            case events.NoteReceived(run=self.id):
                self._state.note(event.text, later=event.number != self._turn)
        self._scope.emit(replace(event, replayed=True))

    def _end(self, answer: str | None = None, error: str | None = None, error_type: str | None = None) -> Bill:
        spent = self._model_caller.usage
        own = Usage({self._settings.model: spent} if spent.requests else {})
        bill = Bill(self._agent.name, time.monotonic() - self._began, own, tuple(self._delegated))
        self._scope.charge(bill)  # before the event, whose handler may fail
        finished = events.RunFinished(**self._source, bill=bill, answer=answer, error=error, error_type=error_type)
        self._emit(finished, self._new_log())
        return bill


def _kind(error: RunError) -> str:
    """The error type for statistics: the API's type, the HTTP status, or the class name."""
    if isinstance(error, ModelError) and (error.kind or error.status):
        return error.kind or str(error.status)
    return type(error).__name__
