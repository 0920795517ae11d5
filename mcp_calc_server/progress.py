"""Progress of a long call, sent to the client while the call runs.

Clients give up on calls that say nothing: some after a minute. Every step is reported, and at least one line comes
every `HEARTBEAT` seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, RunFinished, RunStarted, Spent
from agentloop.narration import LINE, Narrator, clip, describe
from agentloop.usage import Usage

HEARTBEAT = 10.0
FLUSH = 1.0
"""Seconds the last lines may take to go out once the call has its result."""

Send = Callable[[float, float | None, str | None], Awaitable[None]]
SendSpent = Callable[[Usage], Awaitable[None]]


class Reports(Protocol):
    """Where a call's steps go."""

    def observe(self, event: Event) -> None: ...

    def say(self, message: str) -> None: ...


class _Queue:
    def __init__(self) -> None:
        self.items: asyncio.Queue[str | Usage | None] = asyncio.Queue()
        self._narrator = Narrator()
        self._called: str | None = None
        self._spent = Usage()

    def observe(self, event: Event) -> None:
        if isinstance(event, Spent):
            self._spent += Usage({event.model: event.usage})
            self.items.put_nowait(self._spent)
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
        self.items.put_nowait(clip(message, LINE))


@asynccontextmanager
async def reporting(send: Send, name: str, send_spent: SendSpent | None = None) -> AsyncIterator[Reports]:
    """Send what the block reports, in order, the progress value counting the lines.

    `send_spent` is given the usage so far each time it grows. A client that cannot be told misses only that.
    """
    queue = _Queue()
    sender = asyncio.create_task(_send_items(queue.items, send, name, send_spent))
    try:
        yield queue
        queue.items.put_nowait(None)
        await asyncio.wait({sender}, timeout=FLUSH)
    finally:
        await cancel_and_wait([sender])


async def _send_items(
    items: asyncio.Queue[str | Usage | None], send: Send, name: str, send_spent: SendSpent | None
) -> None:
    count = 0
    silent_since = time.monotonic()
    while True:
        try:
            # Not `wait_for`, which before Python 3.12 may swallow a cancel that comes together with an item.
            async with asyncio.timeout(max(0.0, silent_since + HEARTBEAT - time.monotonic())):
                item = await items.get()
        except TimeoutError:
            item = f"{name}: still working"
        match item:
            case None:
                return
            case Usage():
                if send_spent is not None:
                    await send_spent(item)
            case line:
                count += 1
                await send(count, None, line)
                silent_since = time.monotonic()
