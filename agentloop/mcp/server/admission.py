"""Limits on calls: how many agent calls run at once, and how often a client may call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
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
        self._places = anyio.CapacityLimiter(running)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait until one of the `running` calls has ended, and count as one for the block.

        Raises:
            ToolError: too many are waiting already.
        """
        waiting = self._places.statistics().tasks_waiting
        if waiting >= self._running * WAITING_PER_PLACE:
            raise ToolError(f"The server is full: {self._running} agent calls run and {waiting} wait. Try again later.")
        async with self._places:
            yield


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
