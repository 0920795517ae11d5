"""Transfers events from the process of a run to the process that called it.

`EventSender` limits the events of a call and counts their times from the call's start. `EventReceiver` validates them
on the caller's side: runs and calls get new identifiers and must belong to the call or to a known run, texts and
numbers are limited, times lie within the call, and what is still open when the call ends is closed. So the event stream
is well formed whatever a server sends, and no remote run can be mistaken for a local one.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import to_json

from agentloop import events
from agentloop.budget import Budget, cost_of
from agentloop.context import RunScope
from agentloop.event_bounds import MAX_NAME, E, bounded
from agentloop.event_json import event_from_json, event_to_json
from agentloop.events import Event, EventHandler
from agentloop.narration import clip
from agentloop.usage import Bill, Usage

MAX_EVENTS = 20_000
"""The maximum number of events of one call."""
MAX_RUNS = 1_000
"""The maximum number of runs of one call."""
MAX_WAITING = 1_000
"""The maximum number of events that wait for earlier ones, which then count as lost."""
PATIENCE = 0.5
"""Seconds to wait for the last events after the result."""
TEXT_PAUSE = 0.5
"""Seconds for which text waits for more: a notification for each delta would cost more than all other events."""


class TextJoiner:
    """Passes events on, and joins the text deltas of each run until `TEXT_PAUSE` is over or its next event comes."""

    def __init__(self, emit: EventHandler) -> None:
        self._emit = emit
        self._waiting: dict[str, events.TextDelta] = {}
        self._timer: asyncio.TimerHandle | None = None

    def on_event(self, event: Event) -> None:
        last = self._waiting.pop(event.run, None)
        if isinstance(event, events.TextDelta):
            self._waiting[event.run] = event if last is None else replace(last, text=last.text + event.text)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(TEXT_PAUSE, self.flush)
            return
        if last is not None:
            self._emit(last)
        self._emit(event)

    def flush(self) -> None:
        """Emit the text that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        for event in waiting.values():
            self._emit(event)


def _is_sent(event: Event, *, text: bool) -> bool:
    return event.is_for_callers or (text and isinstance(event, events.TextDelta))


class EventSender:
    """Prepares the events of one call for its caller, who may have asked for `text`. It is half of them at most."""

    def __init__(self, *, text: bool = False) -> None:
        self._began = time.monotonic()
        self._text = text
        self.count = 0

    def add(self, event: Event) -> str | None:
        """The event as JSON text, or None if it is not sent."""
        most = MAX_EVENTS // 2 if isinstance(event, events.TextDelta) else MAX_EVENTS
        if not _is_sent(event, text=self._text) or self.count >= most:
            return None
        try:
            text = to_json(event_to_json(bounded(event), origin=self._began)).decode()
        except (ValueError, RecursionError):
            return None  # a tool of ours was called with something that is not JSON
        self.count += 1
        return text

    def message(self, first: int, texts: Iterable[str]) -> dict[str, Any]:
        """A message with the events `texts`; `first` is the number of the first one, counted from 0.

        `age` are the seconds since the call began. The events are one string, because the SDK would copy objects four
        times.
        """
        return {"first": first, "age": time.monotonic() - self._began, "events": f"[{','.join(texts)}]"}


@dataclass(slots=True)
class _Run:
    """A remote run under its local identifier. `calls` are its open calls by their remote identifiers.

    `at` is the time of its latest event; `above` is the run that called it, if that is a remote run of this call.
    """

    started: events.RunStarted
    at: float
    above: _Run | None
    calls: dict[str, events.ToolStarted] = field(default_factory=dict)
    called: int = 0
    spent: Usage = field(default_factory=Usage)


class EventReceiver:
    """Receives a server's events of one call and emits them into the call's event stream.

    Messages may arrive in any order. The clocks of the two processes are unrelated, so each message says how long ago
    the call began. The earliest of these beginnings is used, but none before the call was sent. After `close`, nothing
    more is emitted. `share` is the part of the budget that was given to the server: the usage in events of an untrusted
    server is limited to it.
    """

    def __init__(self, scope: RunScope, server: str, *, is_trusted: bool = True, share: Budget | None = None) -> None:
        self._scope = scope
        self._server = server
        self._no_end = f"{server} did not report the end of this run."
        self._is_trusted = is_trusted
        self._unspent = share or Budget()
        self._sent = time.monotonic()
        self._origin = math.inf
        self._waiting: dict[int, list[Event | None]] = {}
        self._next = 0
        self._runs: dict[str, _Run] = {}
        self._ended: set[str] = set()
        self._is_complete = asyncio.Event()
        self._expected = math.inf
        self._is_closed = False

    def sent(self) -> None:
        """Record that the call is sent to the server now."""
        self._sent = time.monotonic()

    def take(self, first: int, received: Sequence[Any], *, age: float) -> None:
        """Receive one message; its first event has the number `first`, and the call began `age` seconds before it."""
        if self._is_closed or not received or not math.isfinite(age):
            return
        if first < self._next or first in self._waiting or first + len(received) > MAX_EVENTS:
            return
        self._origin = max(self._sent, min(self._origin, time.monotonic() - age))
        self._waiting[first] = [_read(value) for value in received]
        if sum(map(len, self._waiting.values())) > MAX_WAITING:
            self._next = min(self._waiting)
        while self._next in self._waiting:
            self._next += self._receive_all(self._next)
        self._check_complete()

    async def complete(self, count: int) -> None:
        """Wait up to `PATIENCE` seconds for `count` events: the result may arrive before them."""
        self._expected = count
        self._check_complete()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._is_complete.wait()

    def close(self) -> None:
        """End the call: emit the events that waited for lost ones, and close open runs and calls."""
        for first in sorted(self._waiting):
            self._receive_all(first)
        self._is_closed = True
        for name in reversed([*self._runs]):
            run, at = self._runs[name], time.monotonic()
            bill = self._bill(run, self._within(at, run.at))
            self._finish(
                run, events.RunFinished(run=name, agent="", at=at - self._origin, bill=bill, error=self._no_end)
            )

    def _check_complete(self) -> None:
        if self._next >= self._expected:
            self._is_complete.set()

    def _receive_all(self, first: int) -> int:
        received = self._waiting.pop(first)
        for event in received:
            if isinstance(event, events.RunStarted):
                self._start(event)
            elif event is None or not _is_sent(event, text=self._scope.remote_text):
                continue
            elif (run := self._runs.get(event.run)) is not None:
                self._receive(run, event)
        return len(received)

    def _receive(self, run: _Run, event: Event) -> None:
        match event:
            case events.ToolStarted():
                if event.call not in run.calls:
                    run.called += 1
                    run.calls[event.call] = self._emit(run, event, call=f"{run.started.run}.{run.called}")
            case events.ToolProgress():
                if started := run.calls.get(event.call):
                    self._emit(run, event, call=started.call, tool=started.tool)
            case events.ToolFinished():
                if started := run.calls.pop(event.call, None):
                    place = self._place(event.served_by)
                    self._emit(run, event, call=started.call, tool=started.tool, served_by=place)
            case events.RunFinished():
                self._finish(run, event)
            case events.Spent():
                event = event if self._is_trusted else self._counted(event)
                run.spent = run.spent + Usage({event.model: event.usage})
                self._emit(run, event)
            case _:
                self._emit(run, event)

    def _start(self, event: events.RunStarted) -> None:
        if event.run in self._runs or event.run in self._ended or len(self._runs) + len(self._ended) >= MAX_RUNS:
            return
        above, call, depth, earliest = None, self._scope.call_id, self._scope.depth, self._sent
        if event.parent_call is not None:
            above = next((run for run in self._runs.values() if event.parent_call in run.calls), None)
            if above is None:
                return
            started = above.calls[event.parent_call]
            call, depth, earliest = started.call, above.started.depth + 1, started.at
        local = replace(
            event,
            run=uuid.uuid4().hex[:12],
            depth=depth,
            parent_call=call,
            served_by=self._place(event.served_by),
            is_claimed=event.is_claimed or not self._is_trusted,
            at=self._within(self._origin + event.at, earliest),
        )
        self._runs[event.run] = _Run(local, local.at, above)
        self._scope.emit(local)

    def _counted(self, event: events.Spent) -> events.Spent:
        """The event, with its usage limited to what is left of the server's share."""
        left = self._unspent
        usage = event.usage.at_most(left.usd, left.tokens, left.turns)
        self._unspent = left.minus(cost_of(Usage({event.model: usage})))
        return replace(event, usage=usage)

    def _finish(self, run: _Run, event: events.RunFinished) -> None:
        for started in run.calls.values():
            run.at = self._within(time.monotonic(), run.at)
            lost = events.ToolFinished(
                run=started.run,
                agent=started.agent,
                at=run.at,
                call=started.call,
                tool=started.tool,
                arguments=started.arguments,
                result=self._no_end,
                is_error=True,
                served_by=run.started.served_by,
                seconds=run.at - started.at,
            )
            self._scope.emit(lost)
        if not self._is_trusted:
            event = replace(event, bill=self._bill(run, self._within(self._origin + event.at, run.at)))
        self._ended.add(event.run)
        del self._runs[event.run]
        if (event.answer is None) == (event.error is None):
            event = replace(event, answer=None, error=event.error or "It has no answer.")
        self._emit(run, event)

    def _bill(self, run: _Run, at: float) -> Bill:
        return Bill(run.started.agent, at - run.started.at, run.spent)

    def _emit(self, run: _Run, event: E, **changed: Any) -> E:
        """Emit the event under the run's local identifier, not before the run's latest event, and not in the future.

        The estimate of the beginning may shrink between two messages. So the end of a run also moves the time of the
        run above, whose call ends after it.
        """
        run.at = self._within(self._origin + event.at, run.at)
        if isinstance(event, events.RunFinished) and run.above is not None:
            run.above.at = max(run.above.at, run.at)
        local = replace(event, run=run.started.run, agent=run.started.agent, at=run.at, **changed)
        self._scope.emit(local)
        return local

    def _within(self, at: float, earliest: float) -> float:
        return max(earliest, min(at, time.monotonic()))

    def _place(self, served_by: str) -> str:
        return self._server if served_by == "local" else clip(f"{self._server} > {served_by}", MAX_NAME)


def _read(value: Any) -> Event | None:
    """A server's event, its time as sent; None for one that cannot be read."""
    try:
        event = event_from_json(value)
    except (ValueError, RecursionError):
        return None
    return None if event is None else bounded(event)
