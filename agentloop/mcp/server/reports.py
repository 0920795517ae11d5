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

import anyio

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

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Channel:
    """How the client of one call is reached.

    `call` is the caller's id of the call; without one it receives progress lines only. `events` asks for events,
    `text` for text deltas among them.
    """

    progress: Progress
    notify: Notify
    call: str = ""
    events: bool = False
    text: bool = False


class CallHistory:
    """The events and the usage that one call has reported so far, with `text` also text deltas."""

    def __init__(self, *, text: bool = False) -> None:
        self._outgoing = EventSender(text=text)
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

    def message(self, first: int, limit: int = MAX_MESSAGE) -> tuple[dict[str, Any], int]:
        """A message with the events from number `first` on that fit into it, and the number of the next event."""
        size, end = 0, first
        while end < self.count and (size == 0 or size + len(self._events[end]) <= limit):
            size += len(self._events[end])
            end += 1
        return self._outgoing.message(first, self._events[first:end]), end


class EventBatcher:
    """Sends the events of all calls that share a connection, those of several calls in one notification."""

    def __init__(self) -> None:
        self._waiting: dict[CallReport, None] = {}
        self._lock = asyncio.Lock()

    async def send(self, report: CallReport, notify: Notify) -> None:
        """Send the events of `report` and of all others that wait, unless another call sends them first."""
        self._waiting[report] = None
        async with self._lock:
            if report not in self._waiting:
                return
            await asyncio.sleep(LINGER)
            report.is_sending = True
            try:
                await notify(EVENTS_SENT, {"messages": self._take()})
            finally:
                report.is_sending = False

    def forget(self, report: CallReport) -> None:
        self._waiting.pop(report, None)

    def _take(self) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = []
        while self._waiting and sum(len(each["events"]) for each in taken) < MAX_MESSAGE:
            report = next(iter(self._waiting))
            del self._waiting[report]
            taken.append(report.next_message())
        return taken


@asynccontextmanager
async def reporting(
    call: CallReport | str, channel: Channel, batcher: EventBatcher | None = None
) -> AsyncIterator[CallReport]:
    """Send through `channel` what the block reports. A client that cannot be reached is ignored.

    `call` is the report that goes on, or the name of the tool for a new one. Calls that share a connection share the
    `batcher`.
    """
    report = CallReport(call, channel, batcher or EventBatcher()) if isinstance(call, str) else call
    report.resume(channel)
    sending = asyncio.create_task(report.send_all(), name="report")
    try:
        yield report
        if report.end():
            await asyncio.wait({sending}, timeout=FLUSH)
    finally:
        report.close()
        with anyio.CancelScope(shield=True):
            if report.is_sending:
                await asyncio.wait({sending}, timeout=FLUSH)
            await cancel_and_wait([sending])


class CallReport:
    """Collects the events and lines of one call until `send_all` sends them.

    `rest` is the message with the events that were not sent before the end; the caller receives it with the result.
    While it `is_sending`, the message may have events of other calls, so that it must not be interrupted. If it
    `is_paused` at the end of the request, the next request of the call goes on where it ended.
    """

    def __init__(self, name: str, channel: Channel, batcher: EventBatcher) -> None:
        self._name = name
        self._channel = channel
        self._batcher = batcher
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
        self._is_ended = False
        self.rest: dict[str, Any] | None = None
        self.is_sending = False
        self.is_paused = False

    def resume(self, channel: Channel) -> None:
        """Send what is reported through `channel`, from now on."""
        self._channel = channel
        self._is_ended = self.is_paused = False

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

    def end(self) -> bool:
        """The call has its result. Whether `send_all` has something left to send, after which it returns."""
        self._text.flush()
        self._is_ended = True
        self._changed.set()
        self.close()
        if self._channel.events and self._has_news and not self.is_paused:
            self.rest = self.next_message(MAX_REST)
        return bool(self._lines) or self._has_news

    def close(self) -> None:
        """Let no other call send events of this one any more."""
        self._batcher.forget(self)

    async def send_all(self) -> None:
        now = asyncio.get_running_loop().time
        silent_since = now()
        while not self._is_ended or self._lines or self._has_news:
            # Not `wait_for`, which before Python 3.12 may swallow a cancellation.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(silent_since + HEARTBEAT):
                    await self._changed.wait()
            self._changed.clear()
            if now() >= silent_since + HEARTBEAT:
                self.say(f"{self._name}: still working")
            sent = self._events_sent + self._lines_sent
            await self._send()
            if self._events_sent + self._lines_sent > sent:  # no client takes usage for progress
                silent_since = now()
            if self._has_news:
                self._changed.set()

    @property
    def _has_news(self) -> bool:
        """Whether the caller has not been sent all usage and events that it asked for."""
        if not self._channel.call:
            return False
        has_events = self._channel.events and self._events_sent < self._history.count
        return has_events or self._usage_sent is not self._history.usage

    async def _send(self) -> None:
        """Send all lines, and one message. A client that is gone, or takes no notifications, misses only that."""
        with suppress(Exception):
            if self._has_news and self._channel.events:
                await self._batcher.send(self, self._channel.notify)
            elif self._has_news:
                await self._channel.notify(SPENT, self.next_message())
        while self._lines:
            self._lines_sent += 1
            with suppress(Exception):
                await self._channel.progress(self._lines_sent, None, self._lines[0])
            del self._lines[0]

    def next_message(self, limit: int = MAX_MESSAGE) -> dict[str, Any]:
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
