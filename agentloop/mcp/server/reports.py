"""What a client receives about a call while it runs: progress lines, usage and events.

MCP clients cancel calls that are silent for too long, some after a minute. So every step is reported, and a line is
sent after `HEARTBEAT` seconds without one. A client that asked for events receives those instead of lines about them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, RunFinished, RunStarted, Spent
from agentloop.handover import EVENTS_SENT, SPENT
from agentloop.narration import LINE, Narrator, clip, describe
from agentloop.relay import Outgoing
from agentloop.usage import Usage

LINGER = 0.05
"""Seconds for which events wait for others, so that one message has them all: messages are what takes time."""
HEARTBEAT = 10.0
"""Seconds without a message after which the client is sent a line."""
FLUSH = 5.0
"""Seconds that a finished call waits for its last messages to be sent."""
MAX_MESSAGE = 200_000
"""Characters of the events in one message, unless a single event is longer."""

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Channel:
    """How the client of one call is reached.

    `call` is the caller's id of the call; without one it receives progress lines only. `events` asks for events.
    """

    progress: Progress
    notify: Notify
    call: str = ""
    events: bool = False


class CallHistory:
    """The events and the usage that one call has reported so far."""

    def __init__(self) -> None:
        self._outgoing = Outgoing()
        self._events: list[str] = []
        self.usage = Usage()

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self._events)

    def add(self, event: Event) -> None:
        if isinstance(event, Spent):
            self.usage = self.usage.plus(event.model, event.usage)
        text = self._outgoing.add(event)
        if text is not None:
            self._events.append(text)

    def message(self, first: int) -> tuple[dict[str, Any], int]:
        """A message with the events from number `first` on that fit into it, and the number of the next event."""
        size, end = 0, first
        while end < self.count and (size == 0 or size + len(self._events[end]) <= MAX_MESSAGE):
            size += len(self._events[end])
            end += 1
        return self._outgoing.message(first, self._events[first:end]), end


@asynccontextmanager
async def reporting(name: str, channel: Channel) -> AsyncIterator[CallReport]:
    """Send what the block reports about the call of the tool `name`. A client that cannot be reached is ignored."""
    report = CallReport(name, channel)
    sending = asyncio.create_task(report.send_all(), name="report")
    try:
        yield report
        report.end()
        await asyncio.wait({sending}, timeout=FLUSH)
    finally:
        await cancel_and_wait([sending])


class CallReport:
    """Collects the events and lines of one call until `send_all` sends them."""

    def __init__(self, name: str, channel: Channel) -> None:
        self._name = name
        self._channel = channel
        self._history = CallHistory()
        self._lines: list[str] = []
        self._narrator = Narrator()
        self._called: str | None = None
        self._events_sent = 0
        self._lines_sent = 0
        self._usage_sent = self._history.usage
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def event_count(self) -> int:
        """How many events the client is sent."""
        return self._history.count

    def observe(self, event: Event) -> None:
        if not event.is_for_callers:
            return
        self._history.add(event)
        if not self._channel.events:
            line = self._line(event)
            if line is not None:
                self.say(line)
        self._changed.set()

    def say(self, message: str) -> None:
        self._lines.append(clip(message, LINE))
        self._changed.set()

    def end(self) -> None:
        """The call has its result: `send_all` sends what is left, and returns."""
        self._ended.set()
        self._changed.set()

    async def send_all(self) -> None:
        now = asyncio.get_running_loop().time
        silent_since = now()
        while not self._ended.is_set() or self._has_more:
            # Not `wait_for`, which before Python 3.12 may swallow a cancellation.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(silent_since + HEARTBEAT):
                    await self._changed.wait()
            if self._channel.events:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER):
                        await self._ended.wait()
            self._changed.clear()
            if now() >= silent_since + HEARTBEAT:
                self.say(f"{self._name}: still working")
            with suppress(Exception):  # the client is gone, or takes no notifications
                if await self._send():
                    silent_since = now()
            if self._has_more:
                self._changed.set()

    @property
    def _has_more(self) -> bool:
        return bool(self._lines) or self._has_news

    @property
    def _has_news(self) -> bool:
        """Whether the caller has not been sent all usage and events that it asked for."""
        if not self._channel.call:
            return False
        has_events = self._channel.events and self._events_sent < self._history.count
        return has_events or self._usage_sent is not self._history.usage

    async def _send(self) -> bool:
        """Send the lines and one message. Whether that was more than usage, which no client takes for progress."""
        sent = self._events_sent + self._lines_sent
        if self._has_news:
            await self._channel.notify(*self._next_message())
        lines, self._lines = self._lines, []
        for line in lines:
            self._lines_sent += 1
            await self._channel.progress(self._lines_sent, None, line)
        return self._events_sent + self._lines_sent > sent

    def _next_message(self) -> tuple[str, dict[str, Any]]:
        usage = self._history.usage
        message: dict[str, Any] = {"id": self._channel.call}
        if usage is not self._usage_sent:
            self._usage_sent = usage
            message["models"] = usage.to_json()
        if not self._channel.events:
            return SPENT, message
        events, self._events_sent = self._history.message(self._events_sent)
        return EVENTS_SENT, {"told": [message | events]}

    def _line(self, event: Event) -> str | None:
        """The line about an event. The client knows that it called, and receives the answer as the result."""
        if self._called is None and isinstance(event, RunStarted):
            self._called = event.run
        if event.run != self._called:
            return self._narrator.tell(event)
        return None if isinstance(event, RunStarted | RunFinished) else describe(event)
