"""Passes on the lines that started servers write to stderr, made safe to show."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

from agentloop.dispatch import cancel_and_wait
from agentloop.narration import clip
from agentloop.redaction import without_passwords

MAX_LINE = 16 * 1024
"""Bytes of a line; the rest of it is left out."""
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
    reading, writing = os.pipe()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    passing_on = asyncio.create_task(_pass_on(reader, write), name="server log")
    try:
        with os.fdopen(writing, "w", encoding="utf-8") as log:
            yield log
        await asyncio.wait({passing_on}, timeout=DRAIN_TIMEOUT)
    finally:
        await cancel_and_wait([passing_on])
        transport.close()


async def _pass_on(reader: asyncio.StreamReader, write: Callable[[str], None]) -> None:
    """Read to the end; a full pipe would block the server."""
    rest = b""
    while chunk := await reader.read(MAX_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[:MAX_LINE]
        for line in lines:
            write(clip(without_passwords(line.decode("utf-8", "replace")), _SHOWN))
    if rest:
        write(clip(without_passwords(rest.decode("utf-8", "replace")), _SHOWN))
