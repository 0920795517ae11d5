"""The events of a run as an async iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentloop.events import Event
from agentloop.results import RunResult


class RunStream:
    """Yields the events of one run until it has ended; then `result` has its outcome."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task: asyncio.Task[RunResult] | None = None
        self.was_asked = False
        """Whether somebody has asked for the result, and so knows of an error."""

    def put(self, event: Event) -> None:
        self._queue.put_nowait(event)

    def follow(self, task: asyncio.Task[RunResult]) -> None:
        """End with `task`."""
        self._task = task
        task.add_done_callback(lambda _task: self._queue.put_nowait(None))

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._queue.get()) is not None:
            yield event
        self._queue.put_nowait(None)  # for whoever iterates once more

    async def result(self) -> RunResult:
        """The outcome, once the run has ended.

        Raises:
            RunError: as `Agent.run`.
        """
        assert self._task is not None
        self.was_asked = True
        return await self._task
