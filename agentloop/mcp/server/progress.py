"""What the client hears of a call while it runs.

Clients give up on calls that say nothing: some after a minute. Every step is reported, and at least one line comes
every `HEARTBEAT` seconds. A client that asked for events gets them instead of lines about them: see `courier`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, RunFinished, RunStarted, Spent
from agentloop.handover import SPENT
from agentloop.narration import LINE, Narrator, clip, describe
from agentloop.usage import Usage

HEARTBEAT = 10.0
FLUSH = 1.0
"""Seconds the last lines may take to go out once the call has its result."""
Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Telling:
    """How a client is told: lines by `progress`, and, if it named the call, costs by `notify`."""

    progress: Progress
    notify: Notify | None = None
    call: str = ""


class Reports(Protocol):
    """Where a call's steps go."""

    def observe(self, event: Event) -> None: ...

    def say(self, message: str) -> None: ...


@dataclass(slots=True)
class _Batch:
    """What has come together since the client was told last."""

    lines: list[str]
    spent: Usage | None = None
    is_last: bool = False


@asynccontextmanager
async def reporting(name: str, telling: Telling) -> AsyncIterator[Reports]:
    """Tell what the block reports, in order; a client that cannot be told misses only that."""
    reports = _LineReports(name, telling)
    try:
        yield reports
        await reports.end()
    finally:
        await reports.stop()


class _LineReports:
    """Tells by a task that there is only once there is something to tell: most calls to functions say nothing."""

    def __init__(self, name: str, telling: Telling) -> None:
        self._name = name
        self._telling = telling
        self._items: asyncio.Queue[str | Usage | None] = asyncio.Queue()
        self._narrator = Narrator()
        self._called: str | None = None
        self._spent = Usage()
        self._lines = 0
        self._silent_since = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._silence = asyncio.get_running_loop().call_later(HEARTBEAT, self._start)

    def observe(self, event: Event) -> None:
        if isinstance(event, Spent):
            self._spent = self._spent.plus(event.model, event.usage)
            self._put(self._spent)
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
        self._put(clip(message, LINE))

    async def end(self) -> None:
        """The call has its result: the last lines go out before it."""
        if self._task is not None:
            self._put(None)
            await asyncio.wait({self._task}, timeout=FLUSH)

    async def stop(self) -> None:
        self._silence.cancel()
        if self._task is not None:
            await cancel_and_wait([self._task])

    def _put(self, item: str | Usage | None) -> None:
        self._items.put_nowait(item)
        self._start()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while True:
            try:
                batch = await self._batch(max(0.0, self._silent_since + HEARTBEAT - time.monotonic()))
            except TimeoutError:
                batch = _Batch([f"{self._name}: still working"])
            await self._send(batch)
            if batch.lines:
                self._silent_since = time.monotonic()
            if batch.is_last:
                return

    async def _batch(self, seconds: float) -> _Batch:
        """What there is, as soon as there is something.

        Raises:
            TimeoutError: there was nothing for so long.
        """
        # Not `wait_for`, which before Python 3.12 may swallow a cancel that comes together with an item.
        async with asyncio.timeout(seconds):
            item = await self._items.get()
        batch = _Batch([])
        while True:
            match item:
                case None:
                    batch.is_last = True
                case str():
                    batch.lines.append(item)
                case Usage():
                    batch.spent = item
            if batch.is_last or self._items.empty():
                return batch
            item = self._items.get_nowait()

    async def _send(self, batch: _Batch) -> None:
        """One progress message for each line, its value counting them."""
        call, notify = self._telling.call, self._telling.notify
        if call and notify is not None and batch.spent is not None:
            await notify(SPENT, {"id": call, "models": batch.spent.to_json()})
        for line in batch.lines:
            self._lines += 1
            await self._telling.progress(self._lines, None, line)
