"""Events on their way to the callers that asked for them.

A courier carries for the calls that share a way back to their caller: on standard streams all of a process, over HTTP
one. What its calls have to tell at the same time goes in one message: a message costs ten times what an event costs.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, Spent
from agentloop.handover import EVENTS_SENT
from agentloop.mcp.server.progress import FLUSH, HEARTBEAT, Notify, Progress
from agentloop.narration import LINE, clip
from agentloop.relay import Outgoing
from agentloop.usage import Usage

LINGER = 0.02
"""Seconds events wait for others that go with them. What was spent does not wait: the call may be cancelled."""
PACE, CROWD = 0.01, 0.0001
"""Seconds between two messages at least, and more of them for each call, for which also what was spent waits."""
MAX_MESSAGE = 200_000
"""Characters of one message, but for the last event in it. Clients cut streams at 1 MiB."""


class Courier:
    """Carries from the entering of its first call to the leaving of its last; it may be used again."""

    def __init__(self) -> None:
        self._with_news: dict[EventReports, None] = {}
        self._open = 0
        self._is_due = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reporting(
        self, name: str, call: str, outgoing: Outgoing, *, notify: Notify, progress: Progress
    ) -> AsyncIterator[EventReports]:
        """Tell of the call to `name`, which the caller names `call`. A caller that cannot be told misses only that."""
        reports = EventReports(self, name, call, outgoing, notify=notify, progress=progress)
        self._open += 1
        if self._task is None:
            self._task = asyncio.create_task(self._deliver(), name="courier")
        try:
            yield reports
            reports.end()
            if self._open == 1 or reports.has_more:
                await self._see_off(reports)
        finally:
            reports.close()
            self._with_news.pop(reports, None)
            self._open -= 1
            if self._open == 0:
                await self._stop()

    async def _see_off(self, reports: EventReports) -> None:
        """Wait, not long, for what is on its way and the last lines."""
        with suppress(Exception):
            async with asyncio.timeout(FLUSH):
                await self._is_idle.wait()
                for line in reports.next_lines():
                    await reports.send_line(line)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._forget_timer()
            await cancel_and_wait([task])

    def has_news(self, reports: EventReports, *, at_once: bool) -> None:
        self._with_news[reports] = None
        if self._is_due.is_set():
            return
        loop = asyncio.get_running_loop()
        due = max(self._last + PACE + CROWD * self._open, loop.time() + (0 if at_once else LINGER))
        if self._later is None or due < self._later.when():
            self._forget_timer()
            if due <= loop.time():
                self._is_due.set()
            else:
                self._later = loop.call_at(due, self._is_due.set)

    def _forget_timer(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    async def _deliver(self) -> None:
        self._is_idle.set()
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            self._forget_timer()
            self._is_idle.clear()
            while self._with_news:
                with suppress(Exception):  # the caller is gone, or does not listen
                    await self._send_some()
            self._is_idle.set()
            self._last = asyncio.get_running_loop().time()

    async def _send_some(self) -> None:
        told: list[dict[str, Any]] = []
        size = 0
        notify: Notify | None = None
        said: list[tuple[EventReports, str]] = []
        while self._with_news and size < MAX_MESSAGE:
            reports = next(iter(self._with_news))
            message, characters = reports.next_events(MAX_MESSAGE - size)
            said += [(reports, line) for line in reports.next_lines()]
            if not reports.has_more:
                del self._with_news[reports]
            if message is not None:
                told.append(message)
                size += characters
                notify = reports.notify
        if notify is not None:
            await notify(EVENTS_SENT, {"told": told})
        for reports, line in said:
            await reports.send_line(line)


class EventReports:
    """Where the steps of one call go. `rest` is what was not sent before the end and goes with the result."""

    def __init__(
        self, courier: Courier, name: str, call: str, outgoing: Outgoing, *, notify: Notify, progress: Progress
    ) -> None:
        self._courier = courier
        self._name = name
        self._call = call
        self._outgoing = outgoing
        self.notify = notify
        self._progress = progress
        self._events: deque[Event] = deque()
        self._sent = 0
        self._lines: list[str] = []
        self._lines_sent = 0
        self._spent = Usage()
        self._has_spent = False
        self._has_told = False
        self.rest: dict[str, Any] | None = None
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT, self._break_silence)

    def observe(self, event: Event) -> None:
        if not self._outgoing.takes(event):
            return
        if isinstance(event, Spent):
            self._spent = self._spent.plus(event.model, event.usage)
            self._has_spent = True
            event = self._with_last(event)
        self._events.append(event)
        self._courier.has_news(self, at_once=self._has_spent)

    def _with_last(self, event: Spent) -> Spent:
        """One event for what was spent now and just before, as long as that has not been told."""
        last = self._events[-1] if self._events else None
        if not isinstance(last, Spent) or _whose(last) != _whose(event):
            return event
        self._events.pop()
        return replace(event, usage=last.usage + event.usage)

    def say(self, message: str) -> None:
        self._lines.append(clip(message, LINE))
        self._courier.has_news(self, at_once=True)

    @property
    def has_more(self) -> bool:
        return bool(self._events or self._lines)

    def next_events(self, room: float) -> tuple[dict[str, Any] | None, int]:
        """A message of events that has about `room` characters at most but for its last event, and how many it has."""
        if not self._events and not self._has_spent:
            return None, 0
        events: list[str] = []
        size = 0
        while self._events and size < room:
            event = self._outgoing.add(self._events.popleft())
            if event is not None:
                events.append(event)
                size += len(event)
        return self._message(events), size

    def next_lines(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines

    async def send_line(self, line: str) -> None:
        self._lines_sent += 1
        await self._progress(self._lines_sent, None, line)

    def end(self) -> None:
        """The call has its result: what it has not told goes with that."""
        self.rest, _ = self.next_events(math.inf)

    def close(self) -> None:
        self._beat.cancel()

    def _message(self, events: list[str]) -> dict[str, Any]:
        message = {"id": self._call, **self._outgoing.message(self._sent, events)}
        self._sent += len(events)
        if self._has_spent:
            message["models"] = self._spent.to_json()
            self._has_spent = False
        self._has_told = True
        return message

    def _break_silence(self) -> None:
        if not self._has_told:
            self.say(f"{self._name}: still working")
        self._has_told = False
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT, self._break_silence)


def _whose(event: Spent) -> tuple[str, str, bool]:
    return event.run, event.model, event.replayed
