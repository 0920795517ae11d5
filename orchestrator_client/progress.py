"""What a user is shown while a question is being answered: a tree on a terminal, lines elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TextIO

import click

from agentloop.events import Event
from agentloop.mcp.client.server_log import server_log
from agentloop.narration import Narrator, clip

LINE = 500
"""Characters of a line at most."""


def say(text: str) -> None:
    """A line on stderr."""
    click.echo(clip(text, LINE), err=True)


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
    """A line for each event worth one, with the seconds since the question; none if `is_quiet`."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._narrator = Narrator()
        self._began = time.monotonic()

    def observe(self, event: Event) -> None:
        line = None if self._is_quiet else self._narrator.tell(event)
        if line is not None:
            say(f"{event.at - self._began:7.3f}s {line}")

    def say(self, text: str) -> None:
        say(text)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        self._narrator, self._began = Narrator(), time.monotonic()
        yield

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
