"""Limits on calls: how many agent calls run at once, and how often a client may call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

from agentloop import ToolError

MAX_AGENTS = 64
WAITING_PER_PLACE = 4
"""Calls that may wait for each one that runs."""
CALLS_PER_MINUTE = 600
_CLIENTS = 10_000
"""Clients whose rate is tracked; the one with the oldest last call is dropped first."""


class Admission:
    """At most `running` calls at once; others wait in order of arrival, up to a bound."""

    def __init__(self, running: int = MAX_AGENTS) -> None:
        self._running = running
        self._places = asyncio.Semaphore(running)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait until one of the `running` calls has ended, and count as one for the block.

        Raises:
            ToolError: too many are waiting already.
        """
        if self._places.locked() and self._waiting >= self._running * WAITING_PER_PLACE:
            raise ToolError(
                f"The server is full: {self._running} agent calls run and {self._waiting} wait. Try again later."
            )
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()


class RateLimit:
    """At most `per_minute` calls a minute for each client, in bursts of at most as many."""

    def __init__(self, per_minute: int = CALLS_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._clients: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def admit(self, client: str) -> None:
        """Count one call of `client`.

        Raises:
            ToolError: it has called too often.
        """
        limiter = self._clients.setdefault(client, AsyncLimiter(self._per_minute, 60))
        self._clients.move_to_end(client)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        if not limiter.has_capacity():
            raise ToolError(f"Too many calls: {self._per_minute} a minute are allowed. Wait a little and try again.")
        await limiter.acquire()
