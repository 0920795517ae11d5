"""Passes on the lines that started servers write to stderr, made safe to show."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TextIO

from agentloop.dispatch import cancel_and_wait
from agentloop.narration import clip
from agentloop.redaction import without_passwords

MAX_LINE = 16 * 1024
"""Bytes of a line; the rest of it is left out."""
MAX_HELD = 1000
"""Lines of a server that is starting that are held; the oldest are dropped."""
DRAIN_TIMEOUT = 1.0
"""Seconds to wait at the end for lines that are in the pipe."""
_SHOWN = 500


@asynccontextmanager
async def server_log(write: Callable[[str], None]) -> AsyncIterator[TextIO]:
    """A file with a descriptor for servers' stderr. `write` receives each line, without control characters.

    Example:
        >>> async with server_log(print) as log, Connection("calc", entry, connect_timeout=15, server_log=log):
        ...     ...
    """
    if sys.platform == "win32":  # whose event loop cannot read such a pipe
        yield sys.stderr
        return

    async def show(line: bytes) -> None:
        write(clip(without_passwords(line.decode("utf-8", "replace")), _SHOWN))

    async with _pipe(show) as log:
        yield log


class HeldLog:
    """What one server writes to its stderr, `file`, is held until it is released. Later lines go to `log`."""

    file: TextIO

    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._held: deque[bytes] | None = deque(maxlen=MAX_HELD)

    async def line(self, line: bytes) -> None:
        if self._held is None:
            await write_to(self._log, _text([line]))
        else:
            self._held.append(line)

    async def release(self, *, shows: bool) -> None:
        """Show or drop what was held."""
        held, self._held = self._held, None
        if held and shows:
            await write_to(self._log, _text(held))


def _text(lines: Iterable[bytes]) -> str:
    return b"".join(line + b"\n" for line in lines).decode("utf-8", "replace")


async def write_to(log: TextIO, text: str) -> None:
    """Write in a thread: the file may be a pipe that this event loop reads."""

    def write() -> None:
        log.write(text)
        log.flush()

    await asyncio.to_thread(write)


@asynccontextmanager
async def held_log(log: TextIO) -> AsyncIterator[HeldLog]:
    """A log for one server that is starting."""
    held = HeldLog(log)
    if sys.platform == "win32":
        held.file = log
        yield held
        return
    async with _pipe(held.line) as held.file:
        yield held


@asynccontextmanager
async def _pipe(receive: Callable[[bytes], Awaitable[None]]) -> AsyncIterator[TextIO]:
    reading, writing = os.pipe()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    passing_on = asyncio.create_task(_pass_on(reader, receive), name="server log")
    try:
        try:
            with os.fdopen(writing, "w", encoding="utf-8") as log:
                yield log
        finally:
            await asyncio.wait({passing_on}, timeout=DRAIN_TIMEOUT)
    finally:
        await cancel_and_wait([passing_on])
        transport.close()


async def _pass_on(reader: asyncio.StreamReader, receive: Callable[[bytes], Awaitable[None]]) -> None:
    """Read to the end; a full pipe would block the server."""
    rest = b""
    while chunk := await reader.read(MAX_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[:MAX_LINE]
        for line in lines:
            await receive(line)
    if rest:
        await receive(rest)
