"""Progress as lines on stderr, for output that is not a terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentloop import command_line
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, ServerChanged, ServerStarting
from agentloop.narration import Narrator, clip, starting_text

STDERR_LINE = 500
"""Characters of one line on stderr at most."""
SLOW_START = 3.0
"""Seconds between two lines about a server that is still starting."""


def say(text: str) -> None:
    """Write a line to stderr, without control characters."""
    command_line.say(clip(text, STDERR_LINE))


class Lines:
    """Writes one line for each event that has a text, with the seconds since the question; none if `is_quiet`.

    The seconds are those at which the line is written: events of agents in other processes arrive a little later than
    they happened, and the times of the lines have to increase.
    """

    shows_text = False
    """Whether text is shown while it is written."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._narrator = Narrator()
        self._began = time.monotonic()
        self._starting: dict[str, ServerStarting] = {}

    def on_event(self, event: Event) -> None:
        if self._is_quiet:
            return
        if isinstance(event, ServerStarting):
            self._starting[event.server] = event
        if isinstance(event, ServerChanged):
            started = self._starting.pop(event.server, None)
            if started is not None and event.is_up:
                self._write(f"{event.server} is up after {event.at - started.at:.1f} s")
        line = self._narrator.describe(event)
        if line is not None:
            self._write(line)

    def _write(self, line: str) -> None:
        say(f"{time.monotonic() - self._began:7.3f}s {line}")

    def say(self, text: str) -> None:
        say(text)

    def log(self, line: str) -> None:
        """Show a line that a started server wrote."""
        say(line)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """A block in which one question is answered."""
        self._narrator, self._began = Narrator(), time.monotonic()
        waiting = asyncio.create_task(self._report_slow_starts(), name="slow starts")
        try:
            yield
        finally:
            await cancel_and_wait([waiting])

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """A block in which nothing is drawn, because the user is asked something."""
        yield

    async def typed(self) -> None:
        """The characters that the user types next while nothing asks for a line: None, because here nothing does."""

    async def _report_slow_starts(self) -> None:
        while True:
            await asyncio.sleep(SLOW_START)
            for event in self._starting.values():
                seconds = time.monotonic() - event.at
                self._write(starting_text(event.server, is_remote=event.is_remote, seconds=seconds))


def can_ask() -> bool:
    """Whether somebody at a terminal can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
