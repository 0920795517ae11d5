"""Serving one client over stdio.

The process ends when stdin ends or it receives a signal; the SDK's own loop would wait for its thread that reads stdin.
While serving, file descriptor 0 is empty and 1 is stderr, so that the output of a tool is not mistaken for protocol.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from anyio import BrokenResourceError
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from agentloop.dispatch import cancel_and_wait
from agentloop.errors import first_cause
from agentloop.mcp.json_check import check_json, refusal
from agentloop.mcp.stdio import InvalidLine, WatchedStream, pipe_streams
from agentloop.observers import export
from agentloop.signals import on_signals

STOP_GRACE = 1.0
"""Seconds in which calls have to end after a signal. Clients kill a server 2 s after asking it to stop."""
LIFESPAN_GRACE = 0.5
"""Seconds in which the lifespan has to end after that."""
LAST_SPANS = 0.5
"""Seconds in which the last spans have to be exported after a signal."""

_log = logging.getLogger(__name__)


async def serve_stdio(
    server: Server[Any],
    announce: Callable[[str], None],
    on_stop: Callable[[], None],
    before_exit: Callable[[], Awaitable[None]],
) -> None:
    """Serve until stdin ends; on SIGTERM or SIGINT cancel all calls and end the process.

    `announce` is called with "stdin" once signals are handled, if stdin is a terminal; `on_stop` before running calls
    are cancelled, and `before_exit` before the process is ended.
    """
    stop = asyncio.Event()
    on_signals(stop.set)
    # A Ctrl-C that came before cancels this task here: later, the thread that reads stdin would keep the process alive.
    await asyncio.sleep(0)
    if sys.stdin.isatty():
        announce("stdin")
    serving = asyncio.create_task(_serve(server, on_stop), name="stdio")
    signalled = asyncio.create_task(stop.wait(), name="signals")
    await asyncio.wait({serving, signalled}, return_when=asyncio.FIRST_COMPLETED)
    await cancel_and_wait([signalled])
    if serving.done():
        serving.result()
        return
    on_stop()
    serving.cancel()
    await asyncio.wait({serving}, timeout=STOP_GRACE)
    try:
        async with asyncio.timeout(LIFESPAN_GRACE):
            await before_exit()
    except Exception:  # noqa: BLE001 - whatever the user's code raises, the process ends
        _log.exception("The lifespan ended with an error.")
    export.finish(LAST_SPANS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serve(server: Server[Any], on_end: Callable[[], None]) -> None:
    streams: AbstractAsyncContextManager[Any] = _own_streams() if _are_pipes() else stdio_server()
    failure: BaseException | None = None
    try:
        async with streams as (reading, writing):
            try:
                options = server.create_initialization_options()
                await server.run(WatchedStream(reading, on_end), writing, options)
            finally:
                # The output of tools goes to stderr only while the standard streams are redirected.
                sys.stdout.flush()
    except* (BrokenPipeError, BrokenResourceError):
        pass  # the client is gone
    except* OSError as group:  # stdout is a file, and the disk is full
        failure = group
    if failure is not None:
        raise first_cause(failure)


@asynccontextmanager
async def _own_streams() -> AsyncIterator[Any]:
    """Streams on stdin and stdout. A line that is not a message is answered with an error."""

    async def refuse(error: InvalidLine) -> None:
        if error.line is None:
            _log.warning("A message of the client was refused: %s.", error)
        await writing.send(SessionMessage(refusal(error.line or b"", str(error))))

    with _diverted() as (stdin, stdout):
        async with pipe_streams(stdin, stdout, on_invalid=refuse, check=check_json) as (reading, writing):
            yield reading, writing


def _are_pipes() -> bool:
    """Whether both are pipes or sockets that stderr does not share: they are made non-blocking."""
    if sys.platform == "win32":
        return False
    try:
        stdin, stdout, stderr = (os.fstat(number) for number in (0, 1, 2))
    except OSError:
        return False
    are_pipes = all(stat.S_ISFIFO(each.st_mode) or stat.S_ISSOCK(each.st_mode) for each in (stdin, stdout))
    return are_pipes and len({(each.st_dev, each.st_ino) for each in (stdin, stdout, stderr)}) == 3  # noqa: PLR2004


@contextmanager
def _diverted() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Private copies of stdin and stdout, whose descriptors are /dev/null and stderr during the block."""
    sys.stdout.flush()
    stdin, stdout = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(stdin), "rb") as reading, os.fdopen(os.dup(stdout), "wb") as writing:
            yield reading, writing
    finally:
        sys.stdout.flush()
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.close(stdin)
        os.close(stdout)
