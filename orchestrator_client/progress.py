"""What a user is shown while a question is being answered: a tree on a terminal, lines elsewhere, or nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TextIO

from agentloop import command_line
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, ServerChanged, ServerStarting
from agentloop.mcp.client.server_log import server_log
from agentloop.narration import Narrator, clip, starting_text

LINE = 500
"""Characters of a line at most."""
SLOW_START = 3.0
"""Seconds between the lines that say that a server is still being started."""


def say(text: str) -> None:
    """A line on stderr, without anything that could steer a terminal."""
    command_line.say(clip(text, LINE))


class Progress(Protocol):
    """Shows what `observe` hears. `say` is for all else there is to say."""

    def observe(self, event: Event) -> None: ...

    def say(self, text: str) -> None: ...

    def shown(self) -> AbstractAsyncContextManager[None]:
        """The block of one question."""
        ...

    def server_log(self) -> AbstractAsyncContextManager[TextIO]:
        """The block within which started servers may write to what it gives."""
        ...


class Lines:
    """A line for each event worth one, with the seconds since the question; none if `is_quiet`.

    The seconds are those at which the line was written: events of agents in other processes arrive a little later than
    they happened, and the lines are in the order of their times.
    """

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._narrator = Narrator()
        self._began = time.monotonic()
        self._starting: dict[str, ServerStarting] = {}

    def observe(self, event: Event) -> None:
        if self._is_quiet:
            return
        if isinstance(event, ServerStarting):
            self._starting[event.server] = event
        if isinstance(event, ServerChanged):
            self._end_start(event)
        line = self._narrator.tell(event)
        if line is not None:
            self._write(line)

    def _end_start(self, event: ServerChanged) -> None:
        started = self._starting.pop(event.server, None)
        if started is not None and event.is_up:
            self._write(f"{event.server} is up after {event.at - started.at:.1f} s")

    def _write(self, line: str) -> None:
        say(f"{time.monotonic() - self._began:7.3f}s {line}")

    def say(self, text: str) -> None:
        say(text)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        self._narrator, self._began = Narrator(), time.monotonic()
        waiting = asyncio.create_task(self._tell_of_slow_starts(), name="slow starts")
        try:
            yield
        finally:
            await cancel_and_wait([waiting])

    async def _tell_of_slow_starts(self) -> None:
        while True:
            await asyncio.sleep(SLOW_START)
            for event in self._starting.values():
                seconds = time.monotonic() - event.at
                self._write(starting_text(event.server, is_remote=event.is_remote, seconds=seconds))

    @asynccontextmanager
    async def server_log(self) -> AsyncIterator[TextIO]:
        async with server_log(say) as log:
            yield log


def progress_on_stderr(*, is_quiet: bool) -> Progress:
    """A tree if stderr is a terminal whose cursor can be moved."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}
    if is_quiet or not is_terminal or sys.platform == "win32":
        return Lines(is_quiet=is_quiet)
    from orchestrator_client.live_view import LiveView  # noqa: PLC0415 - rich is loaded only where it is used

    return LiveView()
