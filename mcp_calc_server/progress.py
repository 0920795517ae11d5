"""What the client hears of a call while it runs.

Clients give up on calls that say nothing: some after a minute. Every step is reported, and at least one line comes
every `HEARTBEAT` seconds. A client that asked for events gets them instead of lines about them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, RunFinished, RunStarted, Spent
from agentloop.handover import EVENTS_SENT, SPENT
from agentloop.narration import LINE, Narrator, clip, describe
from agentloop.relay import Outgoing
from agentloop.usage import Usage

HEARTBEAT = 10.0
FLUSH = 1.0
"""Seconds the last lines may take to go out once the call has its result."""
LINGER = 0.01
"""Seconds events wait for others that go with them. What was spent does not wait: the call may be cancelled."""
MAX_MESSAGE = 200_000
"""Characters of one message of events, but for the last event in it. Clients cut streams at 1 MiB."""

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Notify = Callable[[str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Telling:
    """How a client is told: lines by `progress`, and costs by `notify` if it asked, and `events` if it asked."""

    progress: Progress
    notify: Notify | None = None
    events: Outgoing | None = None


class Reports(Protocol):
    """Where a call's steps go. `rest` is what was not sent before the end and goes with the result."""

    rest: dict[str, Any] | None

    def observe(self, event: Event) -> None: ...

    def say(self, message: str) -> None: ...


@dataclass(slots=True)
class _Batch:
    """What has come together since the client was told last."""

    lines: list[str]
    events: list[dict[str, Any]]
    size: int = 0
    spent: Usage | None = None
    is_last: bool = False


class _Queue:
    def __init__(self, outgoing: Outgoing | None) -> None:
        self._items: asyncio.Queue[str | Usage | dict[str, Any] | None] = asyncio.Queue()
        self._outgoing = outgoing
        self._narrator = Narrator()
        self._called: str | None = None
        self._spent = Usage()
        self._has_ended = asyncio.Event()
        self.rest: dict[str, Any] | None = None

    def observe(self, event: Event) -> None:
        if isinstance(event, Spent):
            self._spent += Usage({event.model: event.usage})
            self._items.put_nowait(self._spent)
        if self._outgoing is None:
            self._narrate(event)
        elif (sent := self._outgoing.add(event)) is not None:
            self._items.put_nowait(sent)

    def _narrate(self, event: Event) -> None:
        if self._called is None and isinstance(event, RunStarted):
            self._called = event.run
        if event.run != self._called:
            line = self._narrator.tell(event)
        elif isinstance(event, RunStarted | RunFinished):
            line = None  # the client knows that it called, and gets the answer as the result
        else:
            line = describe(event)
        if line is not None:
            self.say(line)

    def say(self, message: str) -> None:
        self._items.put_nowait(clip(message, LINE))

    def end(self) -> None:
        self._items.put_nowait(None)
        self._has_ended.set()

    async def batch(self, seconds: float) -> _Batch:
        """What there is, as soon as there is something.

        Raises:
            TimeoutError: there was nothing for so long.
        """
        # Not `wait_for`, which before Python 3.12 may swallow a cancel that comes together with an item.
        async with asyncio.timeout(seconds):
            item = await self._items.get()
        if isinstance(item, dict):
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._has_ended.wait()
        batch = _Batch([], [])
        while True:
            match item:
                case None:
                    batch.is_last = True
                case str():
                    batch.lines.append(item)
                case Usage():
                    batch.spent = item
                case dict():
                    batch.events.append(item)
                    batch.size += _size(item)
            if batch.is_last or batch.size > MAX_MESSAGE or self._items.empty():
                return batch
            item = self._items.get_nowait()


def _size(event: Mapping[str, Any]) -> int:
    """About how many characters the event has as JSON: texts are all that is long in one."""
    return sum(
        len(value) if isinstance(value, str) else len(json.dumps(value)) if isinstance(value, dict | list) else 20
        for value in event.values()
    )


@asynccontextmanager
async def reporting(name: str, telling: Telling) -> AsyncIterator[Reports]:
    """Tell what the block reports, in order; a client that cannot be told misses only that."""
    queue = _Queue(telling.events)
    sender = asyncio.create_task(_Sender(name, telling).send_all(queue))
    try:
        yield queue
        queue.end()
        await asyncio.wait({sender}, timeout=FLUSH)
    finally:
        await cancel_and_wait([sender])


class _Sender:
    def __init__(self, name: str, telling: Telling) -> None:
        self._name = name
        self._telling = telling
        self._lines = 0
        self._events = 0

    async def send_all(self, queue: _Queue) -> None:
        silent_since = time.monotonic()
        while True:
            try:
                batch = await queue.batch(max(0.0, silent_since + HEARTBEAT - time.monotonic()))
            except TimeoutError:
                batch = _Batch([f"{self._name}: still working"], [])
            await self._send(batch, queue)
            if batch.lines or batch.events:
                silent_since = time.monotonic()
            if batch.is_last:
                return

    async def _send(self, batch: _Batch, queue: _Queue) -> None:
        """One progress message for each line, its value counting them."""
        telling = self._telling
        spent = {} if batch.spent is None else {"models": batch.spent.to_json()}
        if telling.events is not None:
            message = telling.events.message(self._events, batch.events) | spent
            self._events += len(batch.events)
            if batch.is_last:
                queue.rest = message
            elif telling.notify is not None and (spent or batch.events):
                await telling.notify(EVENTS_SENT, message)
        elif telling.notify is not None and spent:
            await telling.notify(SPENT, spent)
        for line in batch.lines:
            self._lines += 1
            await telling.progress(self._lines, None, line)
