"""The event stream as runs, turns and tool calls with their times: what the live tree and the timeline page show.

A reducer; nothing here draws. Times are in seconds on the clock of the events. A run, turn or call without an end is
open, and lasts until the latest event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentloop import events
from agentloop.events import Event
from agentloop.narration import describe, retry_text
from agentloop.usage import Bill, ModelUsage, Usage, sum_of

MAX_LINES = 100
"""The number of progress messages of a call, retries of a turn and notices of a run that are stored."""
MAX_TEXT = 4_000
"""Characters that are stored of the end of a text that is being written."""
AT_ONCE = 0.02
"""Calls count as ending together if they end within this share of the time they took."""


@dataclass(slots=True)
class TurnRecord:
    """One turn of the model, from its first request until it is complete."""

    number: int
    model: str
    began: float
    ended: float | None = None
    stop_reason: str = ""
    usage: ModelUsage = field(default_factory=ModelUsage)
    retries: list[str] = field(default_factory=list)
    is_replayed: bool = False


@dataclass(slots=True)
class ServerStart:
    """The start of a server, or connecting to one that `is_remote`. `error` says why it failed."""

    server: str
    is_remote: bool
    began: float
    ended: float | None = None
    error: str | None = None


@dataclass(slots=True)
class CallRecord:
    """One tool call. `turn` is the number of the turn that requested it, `runs` are the runs it started.

    `number` counts the calls of the same tool in its run, from 1; `step` is the latest progress.
    """

    id: str
    tool: str
    number: int
    arguments: Mapping[str, Any]
    began: float
    turn: int
    ended: float | None = None
    result: str | None = None
    is_error: bool = False
    served_by: str = ""
    step: str = ""
    progress: list[str] = field(default_factory=list)
    runs: list[RunRecord] = field(default_factory=list)
    is_replayed: bool = False


@dataclass(slots=True)
class RunRecord:
    """One run of an agent. `spent` is its own usage so far; `bill` is set when it ends.

    `step` is the current activity, `text` the end of what the current turn has written so far; `is_claimed` is true if
    its usage is only what an untrusted server claims.
    """

    run: str
    agent: str
    prompt: str
    began: float
    served_by: str
    above: CallRecord | None = None
    is_claimed: bool = False
    ended: float | None = None
    answer: str | None = None
    error: str | None = None
    is_cancelled: bool = False
    step: str = ""
    text: str = ""
    bill: Bill | None = None
    spent: Usage = field(default_factory=Usage)
    turns: list[TurnRecord] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    calls_by_tool: Counter[str] = field(default_factory=Counter)

    @property
    def own(self) -> Usage:
        return self.spent if self.bill is None else self.bill.own

    @property
    def usage(self) -> Usage:
        """The usage with all runs below: the final one of runs that ended, otherwise what is known so far."""
        parts: list[Usage] = []
        waiting = [self]
        while waiting:
            run = waiting.pop()
            if run.bill is None:
                parts.append(run.spent)
                waiting += [below for call in run.calls for below in call.runs]
            else:
                parts.append(run.bill.total)
        return sum_of(parts)


Record = RunRecord | TurnRecord | CallRecord | ServerStart


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the critical path: a part of a turn, or of a call that started no run."""

    what: TurnRecord | CallRecord
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended - self.began)


class Timeline:
    """`on_event` receives the events. `roots` are the runs that no call started, one for each question of a chat."""

    def __init__(self) -> None:
        self.runs: dict[str, RunRecord] = {}
        self.roots: list[RunRecord] = []
        self.server_starts: list[ServerStart] = []
        self.latest = 0.0
        self._calls: dict[str, CallRecord] = {}

    def on_event(self, event: Event) -> None:
        self.latest = event.at if not self.runs and not self.server_starts else max(self.latest, event.at)
        match event:
            case events.RunStarted():
                self._start_run(event)
            case events.ServerStarting():
                self.server_starts.append(ServerStart(event.server, event.is_remote, event.at))
            case events.ServerChanged():
                for start in self.starting_servers():
                    if start.server == event.server:
                        start.ended = event.at
                        start.error = None if event.is_up else event.reason or "did not come up"
            case _ if event.run in self.runs:
                self._update_run(self.runs[event.run], event)

    def starting_servers(self) -> list[ServerStart]:
        return [start for start in self.server_starts if start.ended is None]

    def _start_run(self, event: events.RunStarted) -> None:
        if event.run in self.runs:
            return
        above = self._calls.get(event.parent_call or "")
        run = RunRecord(event.run, event.agent, event.prompt, event.at, event.served_by, above, event.is_claimed)
        self.runs[event.run] = run
        (self.roots if above is None else above.runs).append(run)

    def _update_run(self, run: RunRecord, event: Event) -> None:
        match event:
            case events.TurnStarted() | events.TurnRetried() | events.TurnFinished():
                _update_turn(run, event)
            case events.TextDelta():
                run.step, run.text = "writes", (run.text + event.text)[-MAX_TEXT:]
            case events.ToolStarted():
                self._start_call(run, event)
            case events.ToolProgress() | events.ToolFinished() if event.call in self._calls:
                _update_call(self._calls[event.call], event)
            case events.Spent():
                run.spent = run.spent + Usage({event.model: event.usage})
            case events.NoteReceived() | events.Notice() | events.ContextEdited() if len(run.notices) < MAX_LINES:
                run.notices.append(describe(event) or "")
            case events.RunFinished():
                run.ended, run.bill, run.step, run.text = event.at, event.bill, "", ""
                run.answer, run.error = event.answer, event.error
                run.is_cancelled = event.error_type == "CancelledError"

    def _start_call(self, run: RunRecord, event: events.ToolStarted) -> None:
        turn = run.turns[-1] if run.turns else None
        run.calls_by_tool[event.tool] += 1
        number = run.calls_by_tool[event.tool]
        call = CallRecord(event.call, event.tool, number, event.arguments, event.at, turn.number if turn else 0)
        call.is_replayed = event.replayed or (turn is not None and turn.is_replayed)
        self._calls[event.call] = call
        run.calls.append(call)

    @property
    def began(self) -> float:
        starts = [*(run.began for run in self.roots), *(start.began for start in self.server_starts)]
        return min(starts, default=self.latest)

    def end(self, what: Record) -> float:
        """The end, or the latest event for anything that is open."""
        return self.latest if what.ended is None else what.ended

    @property
    def wall(self) -> float:
        """Seconds from question to answer, summed over all questions."""
        return sum(self.end(run) - run.began for run in self.roots)

    @property
    def starting(self) -> float:
        """Seconds in which at least one server was being started or connected to."""
        return self._covered(self.server_starts)

    @property
    def at_work(self) -> float:
        """Seconds in which at least one turn, or one call that started no run, was active: the rest is waiting."""
        return self._covered(self._leaves())

    @property
    def work(self) -> float:
        """Seconds of all turns and of all calls that started no run: how long they would take one after another."""
        return sum(self.end(each) - each.began for each in self._leaves())

    @property
    def usage(self) -> Usage:
        return sum_of(run.usage for run in self.roots)

    def in_order(self) -> Iterator[tuple[RunRecord, int]]:
        """Each run and its depth, followed by the runs it started, in the order of their calls."""
        waiting = [(run, 0) for run in reversed(self.roots)]
        while waiting:
            run, depth = waiting.pop()
            yield run, depth
            waiting += [(below, depth + 1) for call in reversed(run.calls) for below in reversed(call.runs)]

    def _leaves(self) -> Iterator[TurnRecord | CallRecord]:
        for run in self.runs.values():
            yield from leaves(run)

    def _covered(self, records: Iterable[Record]) -> float:
        """The length of the union of the time spans."""
        total, reached = 0.0, float("-inf")
        for began, ended in sorted((each.began, self.end(each)) for each in records):
            total += max(0.0, ended - max(began, reached))
            reached = max(reached, ended)
        return total

    def critical_path(self) -> list[Segment]:
        """What the end had to wait for, in order: shortening anything else does not make it end earlier."""
        path: list[Segment] = []
        waiting = [*self.roots]
        while waiting:
            run = waiting.pop()
            for turn in run.turns:
                ended = self.end(turn)
                last = self._last([call for call in run.calls if call.turn == turn.number])
                if last is None or self.end(last) <= ended:
                    path.append(Segment(turn, turn.began, ended))
                    continue
                path.append(Segment(turn, turn.began, min(ended, last.began)))
                if last.runs:
                    waiting.append(max(last.runs, key=self.end))
                else:
                    path.append(Segment(last, last.began, self.end(last)))
        return sorted(path, key=lambda segment: segment.began)

    def _last(self, calls: Sequence[CallRecord]) -> CallRecord | None:
        """The call that was waited for. Of calls that ended together, the one that worked until the end."""
        if not calls:
            return None
        end = max(map(self.end, calls))
        about = end - AT_ONCE * (end - min(call.began for call in calls))
        return max((call for call in calls if self.end(call) >= about), key=self._work_end)

    def _work_end(self, call: CallRecord) -> tuple[float, float]:
        return max(map(self.end, call.runs), default=self.end(call)), self.end(call)


def leaves(run: RunRecord) -> Iterator[TurnRecord | CallRecord]:
    """The turns of a run, and its calls that started no run."""
    yield from run.turns
    yield from (call for call in run.calls if not call.runs)


def _update_turn(run: RunRecord, event: events.TurnStarted | events.TurnRetried | events.TurnFinished) -> None:
    if not isinstance(event, events.TurnFinished):
        run.text = ""
    if isinstance(event, events.TurnStarted):
        run.turns.append(TurnRecord(event.number, event.model, event.at, is_replayed=event.replayed))
        run.step = f"asks {event.model}, turn {event.number}"
        return
    turn = run.turns[-1] if run.turns and run.turns[-1].number == event.number else None
    if isinstance(event, events.TurnRetried):
        run.step = retry_text(event)
        if turn is not None and len(turn.retries) < MAX_LINES:
            turn.retries.append(run.step)
    elif turn is not None:
        turn.ended, turn.stop_reason, turn.usage = event.at, event.stop_reason, event.usage


def _update_call(call: CallRecord, event: events.ToolProgress | events.ToolFinished) -> None:
    if isinstance(event, events.ToolFinished):
        call.ended, call.result, call.is_error = event.at, event.result, event.is_error
        call.served_by, call.step = event.served_by, ""
        return
    call.step = event.message
    for run in call.runs[-1:]:
        run.step = event.message
    if len(call.progress) < MAX_LINES:
        call.progress.append(event.message)
