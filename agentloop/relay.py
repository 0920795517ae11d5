"""Events on their way from the process where a run is into the stream of the call that started it.

`Outgoing` numbers them, bounds them and counts their times from the call's start. `Incoming` is the caller's side and
takes nothing on trust. Runs and calls get identities of this process, and must hang under the call or under a run heard
of; numbers and texts are bounded; times lie within the call; what is still open when the call ends is closed. So the
stream keeps its promises whatever a server sends, and nothing a server sends looks like a local run.

The two clocks have nothing in common, but the one is always as much ahead of the other. `FarClocks` learns how much: a
question is not answered there before it is sent, and nothing is heard before it is told. Servers are asked when their
tools are listed, and tell with every message; so neither a busy one, which begins a call late, nor one whose words are
held up moves the bars.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from pydantic_core import to_json

from agentloop import exact_json
from agentloop.budget import Budget, cost_of
from agentloop.context import RunScope
from agentloop.event_json import event_from_json, event_to_json
from agentloop.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    Spent,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)
from agentloop.narration import clip, printable
from agentloop.usage import COUNTS, MAX_COUNT, Bill, ModelUsage, Usage

MAX_EVENTS = 20_000
"""Events of one call."""
MAX_RUNS = 1_000
"""Runs of one call."""
MAX_TEXT = 4_000
"""Characters of a prompt, a result or an answer, and of arguments or a bill as JSON."""
MAX_NAME = 200
"""Characters of an identity or a name."""
MAX_MODELS = 20
"""Models of one bill."""
MAX_NESTING = 32
"""Objects and lists within each other in arguments."""
MAX_CLOCKS = 100
"""Processes behind one connection whose clocks are remembered."""
MAX_WAITING = 1_000
"""Events that wait for earlier ones, which are then taken for lost."""
PATIENCE = 0.5
"""Seconds the last events may come later than the result."""

CROSSING = (
    RunStarted,
    TurnStarted,
    TurnRetried,
    TurnFinished,
    Spent,
    ToolStarted,
    ToolProgress,
    ToolFinished,
    Notice,
    RunFinished,
)
"""The kinds of events that go from process to process. Of `TextDelta` there are too many; `ServerChanged` is of one."""
_FIELDS = {
    kind: (names, attrgetter(*names))
    for kind in Event.__subclasses__()
    for names in [tuple(f.name for f in fields(kind) if f.name != "at")]
}
_TEXTS = {"prompt", "text", "result", "answer", "error", "message"}

E = TypeVar("E", bound=Event)

_counts_of = attrgetter(*COUNTS)
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Outgoing:
    """The events of one call, as its caller is sent them."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.count = 0

    def takes(self, event: Event) -> bool:
        """Whether events of its kind are sent."""
        return isinstance(event, CROSSING)

    def add(self, event: Event) -> str | None:
        """The event as JSON; None if it is not sent."""
        if not self.takes(event) or self.count >= MAX_EVENTS:
            return None
        try:
            text = to_json(event_to_json(bounded(event), origin=self._began)).decode()
        except (ValueError, RecursionError):
            return None  # a tool of ours was called with something that is not JSON
        self.count += 1
        return text

    def message(self, first: int, events: Iterable[str]) -> dict[str, Any]:
        """A `Told` as JSON: the events, of which the first has that number.

        They are a text within it. As objects they would be copied four times on their way through the SDK.
        """
        clock, origin = _own_clock()
        now = time.monotonic() - origin
        together = f"[{','.join(events)}]"
        return {"first": first, "clock": clock, "began": self._began - origin, "now": now, "events": together}


@cache
def _own_clock() -> tuple[str, float]:
    """The clock of this process, by which callers are told times: a name for it, and when it was 0."""
    return uuid.uuid4().hex[:12], time.monotonic()


def clock_now() -> dict[str, Any]:
    """What time it is here, for callers to compare with their own clocks."""
    clock, origin = _own_clock()
    return {"clock": clock, "now": time.monotonic() - origin}


@dataclass(frozen=True, slots=True)
class Told:
    """One message about a call. The call `began`, and it was told, at those times on the server's `clock`, in seconds.

    `first` is the number of the first of `events`, which are counted from 0; their times count from `began`.
    """

    first: int
    clock: str
    began: float
    now: float
    events: Sequence[Any]


class FarClocks:
    """The clocks of the processes behind one connection, by what is heard. `travel` is half a round trip's seconds."""

    def __init__(self) -> None:
        self.travel = 0.0
        self._ahead: dict[str, tuple[float, float]] = {}

    def asked(self, value: Any, *, sent: float, heard: float) -> None:
        """Take in what `clock_now` said there, in answer to a question that was sent and answered at those times."""
        match value:
            case {"clock": str() as clock, "now": int() | float() as now} if math.isfinite(now):
                self._bound(clock[:MAX_NAME], sent - now, heard - now)

    def began(self, told: Told, *, sent: float, heard: float) -> float:
        """When, on the clock here, the call began that was sent and is heard of at those times."""
        low, high = self._bound(told.clock, sent - told.began, heard - told.now)
        return max(sent, told.began + min(low + self.travel, high))

    def _bound(self, clock: str, least: float, most: float) -> tuple[float, float]:
        known = self._ahead.get(clock, (least, most))
        low, high = max(known[0], least), min(known[1], most)
        if low > high:  # drifted apart, or not true
            low, high = least, most
        if clock in self._ahead or len(self._ahead) < MAX_CLOCKS:
            self._ahead[clock] = low, high
        return low, high


@dataclass(slots=True)
class _Run:
    """A run heard of, under its identity here. `calls` are the open ones, by the server's identities.

    `at` is when it last did something; `above` is the run that called it, if that is elsewhere too.
    """

    started: RunStarted
    at: float
    above: _Run | None
    calls: dict[str, ToolStarted] = field(default_factory=dict)
    called: int = 0
    spent: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class _Message:
    """Events and, on the clock here, when what their times count from was."""

    origin: float
    events: Sequence[Event | None]


class Incoming:
    """Takes what a server tells of one call and emits it into the call's stream.

    Messages may come in any order. Leave it with `close`, after which nothing more is emitted.
    `share` is the part of the budget that was handed to the server. The events of a server that is not trusted never
    say that its runs have cost more than that.
    """

    def __init__(self, scope: RunScope, server: str, *, is_trusted: bool = True, share: Budget | None = None) -> None:
        self._scope = scope
        self._server = server
        self._is_trusted = is_trusted
        self._unspent = share or Budget()
        self._sent = time.monotonic()
        self._clocks = FarClocks()
        self._origin = self._sent
        self._waiting: dict[int, _Message] = {}
        self._next = 0
        self._runs: dict[str, _Run] = {}
        self._ended: set[str] = set()
        self._all_heard = asyncio.Event()
        self._expected: int | None = None
        self._is_closed = False

    def sent(self, clocks: FarClocks) -> None:
        """The call goes to the server now."""
        self._sent, self._clocks = time.monotonic(), clocks

    def take(self, told: Told) -> None:
        first, events = told.first, told.events
        if self._is_closed or not events or not (math.isfinite(told.now) and math.isfinite(told.began)):
            return
        if first < self._next or first in self._waiting or first + len(events) > MAX_EVENTS:
            return
        origin = self._clocks.began(told, sent=self._sent, heard=time.monotonic())
        self._waiting[first] = _Message(origin, [_read(value) for value in events])
        if sum(len(message.events) for message in self._waiting.values()) > MAX_WAITING:
            self._next = min(self._waiting)
        while (message := self._waiting.pop(self._next, None)) is not None:
            self._next += len(message.events)
            self._take_all(message)
        self._check_complete()

    async def complete(self, count: int) -> None:
        """Wait, not long, until `count` events have been heard: the result may overtake them."""
        self._expected = count
        self._check_complete()
        if self._all_heard.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._all_heard.wait()

    def close(self) -> None:
        """The call has ended: emit what came after a gap, and the ends of what has none."""
        if self._is_closed:
            return
        for first in sorted(self._waiting):
            self._take_all(self._waiting[first])
        self._is_closed = True
        for run in reversed([*self._runs]):
            self._end(run)

    def _check_complete(self) -> None:
        if self._expected is not None and self._next >= self._expected:
            self._all_heard.set()

    def _take_all(self, message: _Message) -> None:
        self._origin = message.origin
        for event in message.events:
            if event is not None:
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._start(event)
            return
        run = self._runs.get(event.run)
        if run is None:
            return
        match event:
            case ToolStarted() if event.call not in run.calls:
                run.called += 1
                local = self._here(run, event, call=f"{run.started.run}.{run.called}")
                run.calls[event.call] = local
                self._scope.emit(local)
            case ToolProgress() | ToolFinished() if event.call in run.calls:
                self._continue_call(run, event)
            case RunFinished():
                self._finish(run, event)
            case Spent():
                event = event if self._is_trusted else self._counted(event)
                run.spent = run.spent.plus(event.model, event.usage)
                self._scope.emit(self._here(run, event))
            case TurnStarted() | TurnRetried() | TurnFinished() | Notice():
                self._scope.emit(self._here(run, event))

    def _start(self, event: RunStarted) -> None:
        if event.run in self._runs or event.run in self._ended or len(self._runs) + len(self._ended) >= MAX_RUNS:
            return
        above = self._above(event)
        if above is None:
            return
        run, call, depth, earliest = above
        local = replace(
            event,
            run=uuid.uuid4().hex[:12],
            depth=depth,
            parent_call=call,
            served_by=self._place(event.served_by),
            is_claimed=event.is_claimed or not self._is_trusted,
            at=self._within(self._origin + event.at, earliest),
        )
        self._runs[event.run] = _Run(local, local.at, run)
        self._scope.emit(local)

    def _above(self, event: RunStarted) -> tuple[_Run | None, str | None, int, float] | None:
        """The run and call a run hangs under, its depth, and when the call began; None if it hangs nowhere."""
        if event.parent_call is None:
            return None, self._scope.call_id, self._scope.depth, self._sent
        for run in self._runs.values():
            call = run.calls.get(event.parent_call)
            if call is not None:
                return run, call.call, run.started.depth + 1, call.at
        return None

    def _continue_call(self, run: _Run, event: ToolProgress | ToolFinished) -> None:
        started = run.calls[event.call]
        if isinstance(event, ToolProgress):
            self._scope.emit(self._here(run, event, call=started.call, tool=started.tool))
            return
        del run.calls[event.call]
        place = self._place(event.served_by)
        self._scope.emit(self._here(run, event, call=started.call, tool=started.tool, served_by=place))

    def _counted(self, event: Spent) -> Spent:
        """The event, with no more than is left of what was handed to the server."""
        left = self._unspent
        usage = event.usage.at_most(left.usd, left.tokens, left.turns)
        self._unspent = left.minus(cost_of(Usage({event.model: usage})))
        return replace(event, usage=usage)

    def _finish(self, run: _Run, event: RunFinished) -> None:
        self._end_calls(run)
        if not self._is_trusted:
            event = replace(event, bill=self._bill(run, self._within(self._origin + event.at, run.at)))
        self._ended.add(event.run)
        del self._runs[event.run]
        if (event.answer is None) == (event.error is None):
            event = replace(event, answer=None, error=event.error or "It has no answer.")
        self._scope.emit(self._here(run, event))

    def _end(self, name: str) -> None:
        """End a run whose end is not heard of."""
        run = self._runs.pop(name)
        self._ended.add(name)
        self._end_calls(run)
        at = self._within(time.monotonic(), run.at)
        about = run.started
        error = f"{self._server} said nothing of its end."
        self._scope.emit(RunFinished(run=about.run, agent=about.agent, at=at, bill=self._bill(run, at), error=error))

    def _end_calls(self, run: _Run) -> None:
        for started in run.calls.values():
            at = self._within(time.monotonic(), run.at)
            run.at = at
            self._scope.emit(
                ToolFinished(
                    run=started.run,
                    agent=started.agent,
                    at=at,
                    call=started.call,
                    tool=started.tool,
                    arguments=started.arguments,
                    result=f"{self._server} said nothing of its end.",
                    is_error=True,
                    served_by=run.started.served_by,
                    seconds=at - started.at,
                )
            )
        run.calls = {}

    def _bill(self, run: _Run, at: float) -> Bill:
        return Bill(run.started.agent, at - run.started.at, run.spent)

    def _here(self, run: _Run, event: E, **changed: Any) -> E:
        """The event under the run's identity here, not before what the run told before, and not in the future.

        Between two messages `FarClocks` may learn that all was a little earlier. So the end of a run is told to the
        run above, whose call ends after it.
        """
        run.at = self._within(self._origin + event.at, run.at)
        if isinstance(event, RunFinished) and run.above is not None:
            run.above.at = max(run.above.at, run.at)
        return replace(event, run=run.started.run, agent=run.started.agent, at=run.at, **changed)

    def _within(self, at: float, earliest: float) -> float:
        return max(earliest, min(at, time.monotonic()))

    def _place(self, served_by: str) -> str:
        return self._server if served_by == "local" else clip(f"{self._server} > {served_by}", MAX_NAME)


def _read(value: Any) -> Event | None:
    """A server's event, its time as told; None for one that cannot be read, which is that server's loss."""
    try:
        event = event_from_json(value)
    except (ValueError, RecursionError):
        return None
    return None if event is None else bounded(event)


def bounded(event: E) -> E:
    """The event with no text, number or object larger than is sent or believed, and without control characters."""
    names, values_of = _FIELDS[type(event)]
    changed = {}
    for name, value in zip(names, values_of(event), strict=True):
        kind = type(value)
        if kind is str:
            if len(value) <= MAX_NAME and value.isprintable() and "  " not in value and value == value.strip():
                continue  # what nearly all texts are
        elif value is None or kind is bool or ((kind is int or kind is float) and 0 <= value <= MAX_COUNT):
            continue
        within = _bounded(name, value)
        if within is not value:
            changed[name] = within
    return replace(event, **changed) if changed else event


def _bounded(name: str, value: Any) -> Any:
    match value:
        case str():
            value = _text(value) if name in _TEXTS else clip(value, MAX_NAME)
        case int() | float() if not isinstance(value, bool):
            value = max(0, min(value, MAX_COUNT))
        case ModelUsage():
            value = _usage(value)
        case Bill():
            value = _bill(value)
        case Mapping():
            value = _arguments(value)
        case tuple():
            value = ()  # the bills of a call are for the journal of its own process
    return value


def _text(text: str) -> str:
    cut = text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
    return printable(cut)


def _arguments(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments, or the beginning of their JSON under the key `…`."""
    if _is_short(arguments):
        return arguments
    if exact_json.nesting(arguments, MAX_NESTING) > MAX_NESTING:
        return {"…": f"nested more than {MAX_NESTING} deep"}
    text = _encode(arguments)
    return arguments if len(text) <= MAX_TEXT else {"…": _text(text)}


def _usage(usage: ModelUsage) -> ModelUsage:
    known = _counts_of(usage)
    if min(known) >= 0 and max(known) <= MAX_COUNT and (not usage.usd or 0 <= usage.usd <= MAX_COUNT):
        return usage
    counts = {name: max(0, min(getattr(usage, name), MAX_COUNT)) for name in COUNTS}
    usd = None if usage.usd is None else max(Decimal(0), min(usage.usd, Decimal(MAX_COUNT)))
    return ModelUsage(**counts, usd=usd)


def _bill(bill: Bill) -> Bill:
    """The bill; without those of the runs below if it is too long with them."""
    delegated = tuple(map(_bill, bill.delegated))
    own = _usages(bill.own)
    claimed = None if bill.claimed is None else _usages(bill.claimed)
    whole = Bill(clip(bill.agent, MAX_NAME), _bounded("seconds", bill.seconds), own, delegated, claimed)
    return whole if not delegated or _is_short(whole.to_json()) else replace(whole, delegated=())


def _usages(usage: Usage) -> Usage:
    models = itertools.islice(usage.by_model.items(), MAX_MODELS)
    return Usage({clip(model, MAX_NAME): _usage(each) for model, each in models})


def _is_short(value: Any) -> bool:
    """Whether the value is neither long nor deep as JSON. Not if that cannot be told quickly."""
    try:
        text = to_json(value)
    except (ValueError, RecursionError):
        return False
    return len(text) <= MAX_TEXT and text.count(b"{") + text.count(b"[") <= MAX_NESTING
