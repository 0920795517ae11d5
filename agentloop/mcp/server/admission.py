"""Limits on calls: how many agent calls run at once, and how often a client may call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter
from anyio import CapacityLimiter

from agentloop import QuestionHandler, ToolError
from agentloop.questions import uncounted

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
        self._places = CapacityLimiter(running)

    @asynccontextmanager
    async def place(self, ask: QuestionHandler | None) -> AsyncIterator[QuestionHandler | None]:
        """Count as one of the `running` calls for the block, after waiting for one of them to end.

        Yields `ask` for the call to use: while a person is asked, the call does not count. Raises `ToolError` if too
        many wait already.
        """
        waiting = self._places.statistics().tasks_waiting
        if waiting >= self._running * WAITING_PER_PLACE:
            raise ToolError(f"The server is full: {self._running} agent calls run and {waiting} wait. Try again later.")
        async with self._places:
            yield ask and uncounted(ask, self._places)


class RateLimit:
    """At most `per_minute` calls a minute for each client, in bursts of at most as many."""

    def __init__(self, per_minute: int = CALLS_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._clients: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def admit(self, client: str) -> None:
        """Count one call of `client`; `ToolError` is raised if it has called too often."""
        limiter = self._clients.setdefault(client, AsyncLimiter(self._per_minute, 60))
        self._clients.move_to_end(client)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        if not limiter.has_capacity():
            raise ToolError(f"Too many calls: {self._per_minute} a minute are allowed. Wait a little and try again.")
        await limiter.acquire()
