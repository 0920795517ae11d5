"""The event stream as lanes of turns and tool calls, over time.

A reducer; nothing here draws. Times are in seconds on the clock of the events. A run, turn or call without an end is
open, and lasts until the latest event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentloop.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)
from agentloop.narration import retry_text
from agentloop.usage import Bill, ModelUsage, Usage, sum_of

MAX_LINES = 100
"""The number of progress messages of a call, retries of a turn and notices of a run that are stored."""
AT_ONCE = 0.02
"""Calls count as ending together if they end within this share of the time they took."""


@dataclass(slots=True)
class TurnBar:
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
class Startup:
    """The start of a server, or connecting to one that `is_remote`. `error` says why it failed."""

    server: str
    is_remote: bool
    began: float
    ended: float | None = None
    error: str | None = None


@dataclass(slots=True)
class CallBar:
    """One tool call. `turn` is the number of the turn that asked for it, `runs` are the runs it started."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    began: float
    turn: int
    ended: float | None = None
    result: str | None = None
    is_error: bool = False
    served_by: str = ""
    progress: list[str] = field(default_factory=list)
    runs: list[Lane] = field(default_factory=list)
    is_replayed: bool = False


@dataclass(slots=True)
class Lane:
    """One run of an agent. `spent` are the parts of its own usage so far; `bill` is set when it ends.

    `is_claimed` is true if its usage is only what an untrusted server claims.
    """

    run: str
    agent: str
    prompt: str
    began: float
    served_by: str
    above: CallBar | None = None
    is_claimed: bool = False
    ended: float | None = None
    answer: str | None = None
    error: str | None = None
    bill: Bill | None = None
    spent: list[Usage] = field(default_factory=list)
    turns: list[TurnBar] = field(default_factory=list)
    calls: list[CallBar] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def own(self) -> Usage:
        return sum_of(self.spent) if self.bill is None else self.bill.own


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the critical path: a part of a turn, or of a call that started no run."""

    what: TurnBar | CallBar
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended - self.began)


class Timeline:
    """`on_event` receives the events. `roots` are the runs that no call started, one for each question of a chat."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.roots: list[Lane] = []
        self.startups: list[Startup] = []
        self.latest = 0.0
        self._calls: dict[str, CallBar] = {}

    def on_event(self, event: Event) -> None:
        self.latest = event.at if not self.lanes and not self.startups else max(self.latest, event.at)
        match event:
            case RunStarted():
                self._start(event)
            case ServerStarting():
                self.startups.append(Startup(event.server, event.is_remote, event.at))
            case ServerChanged():
                self._end_startup(event)
            case _:
                self._take(event)

    def _end_startup(self, event: ServerChanged) -> None:
        for startup in self.startups:
            if startup.server == event.server and startup.ended is None:
                startup.ended = event.at
                startup.error = None if event.is_up else event.reason or "did not come up"

    def _take(self, event: Event) -> None:
        lane = self.lanes.get(event.run)
        if lane is None:
            return
        match event:
            case TurnStarted() | TurnRetried() | TurnFinished():
                _take_turn(lane, event)
            case ToolStarted() | ToolProgress() | ToolFinished():
                self._take_call(lane, event)
            case Spent():
                lane.spent.append(Usage({event.model: event.usage}))
            case Notice() if len(lane.notices) < MAX_LINES:
                lane.notices.append(event.text)
            case RunFinished():
                lane.ended, lane.bill = event.at, event.bill
                lane.answer, lane.error = event.answer, event.error

    def _start(self, event: RunStarted) -> None:
        if event.run in self.lanes:
            return
        above = self._calls.get(event.parent_call or "")
        lane = Lane(event.run, event.agent, event.prompt, event.at, event.served_by, above, event.is_claimed)
        self.lanes[event.run] = lane
        if above is not None:
            above.runs.append(lane)
        else:
            self.roots.append(lane)

    def _take_call(self, lane: Lane, event: ToolStarted | ToolProgress | ToolFinished) -> None:
        if isinstance(event, ToolStarted):
            turn = lane.turns[-1] if lane.turns else None
            call = CallBar(event.call, event.tool, event.arguments, event.at, turn.number if turn else 0)
            call.is_replayed = event.replayed or (turn is not None and turn.is_replayed)
            self._calls[event.call] = call
            lane.calls.append(call)
            return
        known = self._calls.get(event.call)
        if known is None:
            return
        if isinstance(event, ToolProgress):
            known.progress += [event.message] * (len(known.progress) < MAX_LINES)
        else:
            known.ended, known.result, known.is_error = event.at, event.result, event.is_error
            known.served_by = event.served_by

    @property
    def began(self) -> float:
        starts = [*(lane.began for lane in self.roots), *(startup.began for startup in self.startups)]
        return min(starts, default=self.latest)

    def end(self, what: Lane | TurnBar | CallBar | Startup) -> float:
        """The end, or the latest event for anything that is open."""
        return self.latest if what.ended is None else what.ended

    @property
    def wall(self) -> float:
        """Seconds from question to answer, summed over all questions."""
        return sum(self.end(lane) - lane.began for lane in self.roots)

    @property
    def starting(self) -> float:
        """Seconds in which at least one server was being started or connected to."""
        return _covered((startup.began, self.end(startup)) for startup in self.startups)

    @property
    def at_work(self) -> float:
        """Seconds in which at least one turn, or one call that started no run, was active: the rest is waiting."""
        leaves = (each for lane in self.lanes.values() for each in _leaves(lane))
        return _covered((each.began, self.end(each)) for each in leaves)

    @property
    def work(self) -> float:
        """Seconds of all turns and of all calls that started no run: how long they would take one after another."""
        return sum(self.end(each) - each.began for lane in self.lanes.values() for each in _leaves(lane))

    @property
    def usage(self) -> Usage:
        """The usage of all runs: the final one of runs that ended, otherwise what is known so far."""
        parts: list[Usage] = []
        waiting = [*self.roots]
        while waiting:
            lane = waiting.pop()
            if lane.bill is None:
                parts += lane.spent
                waiting += [below for call in lane.calls for below in call.runs]
            else:
                parts.append(lane.bill.total)
        return sum_of(parts)

    def in_order(self) -> Iterator[tuple[Lane, int]]:
        """Each lane and its depth, followed by the lanes of the runs it started, in the order of their calls."""
        waiting = [(lane, 0) for lane in reversed(self.roots)]
        while waiting:
            lane, depth = waiting.pop()
            yield lane, depth
            waiting += [(below, depth + 1) for call in reversed(lane.calls) for below in reversed(call.runs)]

    def critical_path(self) -> list[Segment]:
        """What the end had to wait for, in order: shortening anything else does not make it end earlier."""
        path: list[Segment] = []
        waiting = [*self.roots]
        while waiting:
            segments, below = self._critical_in(waiting.pop())
            path += segments
            waiting += below
        return sorted(path, key=lambda segment: segment.began)

    def _last(self, calls: Sequence[CallBar]) -> CallBar | None:
        """The call that was waited for. Of calls that ended together, the one that worked until the end."""
        if not calls:
            return None
        end = max(map(self.end, calls))
        about = end - AT_ONCE * (end - min(call.began for call in calls))
        return max((call for call in calls if self.end(call) >= about), key=self._work_end)

    def _work_end(self, call: CallBar) -> tuple[float, float]:
        return max(map(self.end, call.runs), default=self.end(call)), self.end(call)

    def _critical_in(self, lane: Lane) -> tuple[list[Segment], list[Lane]]:
        """The lane's own part of the path, and the lanes on which the path continues."""
        path: list[Segment] = []
        below: list[Lane] = []
        for turn in lane.turns:
            ended = self.end(turn)
            last = self._last([call for call in lane.calls if call.turn == turn.number])
            if last is None or self.end(last) <= ended:
                path.append(Segment(turn, turn.began, ended))
                continue
            path.append(Segment(turn, turn.began, min(ended, last.began)))
            if last.runs:
                below.append(max(last.runs, key=self.end))
            else:
                path.append(Segment(last, last.began, self.end(last)))
        return path, below


def _take_turn(lane: Lane, event: TurnStarted | TurnRetried | TurnFinished) -> None:
    if isinstance(event, TurnStarted):
        lane.turns.append(TurnBar(event.number, event.model, event.at, is_replayed=event.replayed))
        return
    turn = lane.turns[-1] if lane.turns else None
    if turn is None or turn.number != event.number:
        return
    if isinstance(event, TurnRetried):
        turn.retries += [retry_text(event)] * (len(turn.retries) < MAX_LINES)
    else:
        turn.ended, turn.stop_reason, turn.usage = event.at, event.stop_reason, event.usage


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of the time spans."""
    total, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


def _leaves(lane: Lane) -> Iterator[TurnBar | CallBar]:
    yield from lane.turns
    yield from (call for call in lane.calls if not call.runs)
