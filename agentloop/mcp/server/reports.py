"""What a client receives about a call while it runs: progress lines, usage and events.

MCP clients cancel calls that are silent for too long, some after a minute. So every step is reported, and a line is
sent after `HEARTBEAT` seconds without one: what the agent does, and the latest sentence that it wrote. A client that
asked for events receives those instead of lines about them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from agentloop.delegation_context import EVENTS_SENT, SPENT
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, RunFinished, RunStarted, Spent
from agentloop.latest_sentence import LatestSentence
from agentloop.narration import LINE, Narrator, clip, describe
from agentloop.relay import EventSender, TextJoiner
from agentloop.usage import Usage

LINGER = 0.03
"""Seconds for which events wait for others, because a notification takes more time than the events in it."""
HEARTBEAT = 10.0
"""Seconds without a message after which the client is sent a line."""
FLUSH = 5.0
"""Seconds that a finished call waits for its last messages to be sent."""
MAX_MESSAGE = 200_000
"""Characters of the events in one message, unless a single event is longer."""
MAX_REST = 5 * MAX_MESSAGE
"""Characters of the events that are sent with the result."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How the client of one call is reached.

    `call` is the caller's id of the call; without one it receives progress lines only. `events` asks for events,
    `text` for text deltas among them.
    """

    progress: Callable[[float, float | None, str | None], Awaitable[None]]
    notify: Callable[[str, dict[str, Any]], Awaitable[None]]
    call: str = ""
    events: bool = False
    text: bool = False


class CallHistory:
    """The events and the usage that one call has reported so far, with `text` also text deltas."""

    def __init__(self, *, text: bool = False) -> None:
        self._sender = EventSender(text=text)
        self._events: list[str] = []
        self.usage = Usage()

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self._events)

    def add(self, event: Event) -> None:
        if isinstance(event, Spent):
            self.usage = self.usage + Usage({event.model: event.usage})
        text = self._sender.add(event)
        if text is not None:
            self._events.append(text)

    def message(self, first: int, limit: int = MAX_MESSAGE) -> tuple[dict[str, Any], int]:
        """A message with the events from number `first` on that fit into it, and the number of the next event."""
        size, end = 0, first
        while end < self.count and (size == 0 or size + len(self._events[end]) <= limit):
            size += len(self._events[end])
            end += 1
        return self._sender.message(first, self._events[first:end]), end


class StatusLine:
    """The last line about a run, for clients that poll it: a step, or the latest sentence of the agent."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._sentence = LatestSentence()

    def say(self, line: str) -> None:
        self.text = line

    def on_event(self, event: Event) -> None:
        self.text = self._sentence.on_event(event) or describe(event) or self.text


@asynccontextmanager
async def reporting(report: CallReport, channel: Channel) -> AsyncIterator[None]:
    """Send through `channel` what the report receives in the block. A client that cannot be reached is ignored."""
    report.resume(channel)
    sending = asyncio.create_task(report.send_all(), name="report")
    try:
        yield
        report.end()
        await asyncio.wait({sending}, timeout=FLUSH)
    finally:
        await cancel_and_wait([sending])


class CallReport:
    """Collects the events and lines of one call until `send_all` sends them.

    `rest` is the message with the events that were not sent before the end; the caller receives it with the result. If
    the report `is_paused` at the end of a request, the next request of the call goes on where it ended.
    """

    def __init__(self, name: str, channel: Channel) -> None:
        self._name = name
        self._channel = channel
        self._history = CallHistory(text=channel.text)
        self._text = TextJoiner(self._add)
        self._sentence = LatestSentence()
        self._lines: list[str] = []
        self._narrator = Narrator()
        self._called: str | None = None
        self._events_sent = 0
        self._lines_sent = 0
        self._usage_sent = self._history.usage
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self.rest: dict[str, Any] | None = None
        self.is_paused = False

    @property
    def event_count(self) -> int:
        """How many events the client is sent."""
        return self._history.count

    def on_event(self, event: Event) -> None:
        if not self._channel.events:
            for line in (self._sentence.on_event(event), self._line(event)):
                if line is not None:
                    self.say(line)
        if event.is_for_callers or self._channel.text:
            self._text.on_event(event)

    def _add(self, event: Event) -> None:
        self._history.add(event)
        self._changed.set()

    def say(self, message: str) -> None:
        self._lines.append(clip(message, LINE))
        self._changed.set()

    def resume(self, channel: Channel) -> None:
        """Send through `channel` from now on."""
        self._channel = channel
        self.is_paused = False
        self._ended.clear()

    def end(self) -> None:
        """Let `send_all` return when it has sent what is left."""
        self._text.flush()
        if self._has_events and not self.is_paused:
            self.rest = self._next_message(MAX_REST)
        self._ended.set()
        self._changed.set()

    async def send_all(self) -> None:
        now = asyncio.get_running_loop().time
        silent_since = now()
        while not self._ended.is_set() or self._lines or self._has_news:
            await _wait(self._changed, silent_since + HEARTBEAT)
            self._changed.clear()
            if now() >= silent_since + HEARTBEAT:
                self.say(f"{self._name}: still working")
            if self._has_events:
                await _wait(self._ended, now() + LINGER)
            if self._lines or self._has_events:  # no client takes usage for progress
                silent_since = now()
            await self._send()
            if self._has_news:
                self._changed.set()

    @property
    def _has_events(self) -> bool:
        return bool(self._channel.call) and self._channel.events and self._events_sent < self._history.count

    @property
    def _has_news(self) -> bool:
        """Whether the caller has not been sent all usage and events that it asked for."""
        has_usage = bool(self._channel.call) and self._usage_sent is not self._history.usage
        return has_usage or self._has_events

    async def _send(self) -> None:
        """Send all lines, and one message. A client that is gone, or takes no notifications, misses only that."""
        if self._has_news:
            method, message = EVENTS_SENT if self._channel.events else SPENT, self._next_message()
            with suppress(Exception):
                await self._channel.notify(method, message)
        while self._lines:
            self._lines_sent += 1
            with suppress(Exception):
                await self._channel.progress(self._lines_sent, None, self._lines.pop(0))

    def _next_message(self, limit: int = MAX_MESSAGE) -> dict[str, Any]:
        """The message about what has not been sent: events of `limit` characters, and usage if it has changed."""
        usage = self._history.usage
        message: dict[str, Any] = {"id": self._channel.call}
        if usage is not self._usage_sent:
            self._usage_sent = usage
            message["models"] = usage.to_json()
        if self._channel.events:
            events, self._events_sent = self._history.message(self._events_sent, limit)
            message |= events
        return message

    def _line(self, event: Event) -> str | None:
        """The line about an event. The client knows that it called, and receives the answer as the result."""
        if self._called is None and isinstance(event, RunStarted):
            self._called = event.run
        if event.run != self._called:
            return self._narrator.describe(event)
        return None if isinstance(event, RunStarted | RunFinished) else describe(event)


async def _wait(event: asyncio.Event, until: float) -> None:
    """Wait for the event, but not beyond that time of the event loop."""
    # Not `wait_for`, which before Python 3.12 may swallow a cancellation.
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await event.wait()
