"""Limits on calls: how many agent calls run at once, and how often a client may call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiolimiter import AsyncLimiter

from agentloop import Answer, Question, QuestionHandler, ToolError

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
        self._excess = 0
        """Calls that run without a place."""
        self._waiting = 0

    @asynccontextmanager
    async def place(self, ask: QuestionHandler | None) -> AsyncIterator[QuestionHandler | None]:
        """Count as one of the `running` calls for the block, after waiting for one of them to end.

        Yields `ask` for the call to use: while a person is asked, the call does not count. Otherwise clients that never
        answer would keep all others waiting. Raises `ToolError` if too many wait already.
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
            yield ask and self._without_place(ask)
        finally:
            self._leave()

    def _without_place(self, ask: QuestionHandler) -> QuestionHandler:
        questions = 0

        async def asking(question: Question) -> Answer[Any]:
            nonlocal questions
            questions += 1
            if questions == 1:
                self._leave()
            try:
                return await ask(question)
            finally:
                questions -= 1
                if questions == 0:
                    await self._return()

        return asking

    def _leave(self) -> None:
        if self._excess:
            self._excess -= 1
        else:
            self._places.release()

    async def _return(self) -> None:
        """Count again, at once: the call of an answered question goes on, and a cancelled one has to end."""
        if self._places.locked():
            self._excess += 1
        else:
            await self._places.acquire()  # does not wait


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
