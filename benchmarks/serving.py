"""A server of a benchmark as a process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_START = 30.0
"""Seconds a server may take until it listens."""


@asynccontextmanager
async def http_server(*arguments: str) -> AsyncIterator[int]:
    """Start this Python with the arguments and a free port after them; gives the port once something listens on it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, str(port), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(LONGEST_START):
            while not await _listens(port):  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()


async def _listens(port: int) -> bool:
    try:
        (await asyncio.open_connection("127.0.0.1", port))[1].close()
    except OSError:
        return False
    return True
