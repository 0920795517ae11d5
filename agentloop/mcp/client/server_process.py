"""An MCP server as a child process: started with two pipes, and ended with everything it has started.

The SDK's `stdio_client` reads lines of any length and takes four seconds to end a process; neither can be set.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, BinaryIO, TextIO

import anyio
from anyio import EndOfStream
from mcp import StdioServerParameters
from mcp.client.stdio import get_default_environment, stdio_client

from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.stdio import InvalidLine, pipe_streams

STOP_TIMEOUT = 0.5
"""Seconds a server has to exit after the end of its stdin, and again after SIGTERM. Then it is killed."""
EXIT_TIMEOUT = 0.2
"""Seconds a server has to exit after the end of its stdout, so that its exit status can be reported."""
KILL_TIMEOUT = 2.0
"""Seconds to wait for a killed process. Only one that hangs in the kernel takes longer; it is left behind."""

_running: set[int] = set()
"""The ids of the processes that were started here and have not been stopped. Each is also that of a process group."""


def end_all() -> None:
    """End all servers that were started here, without an event loop: for a process that a signal ends itself.

    They are in sessions of their own, so that the terminal's signals do not reach them.
    """
    if sys.platform == "win32":  # the SDK ends processes there
        return
    left = [group for group in _running if _signal_group(group, signal.SIGTERM)]
    until = time.monotonic() + STOP_TIMEOUT
    while (left := [group for group in left if _is_left(group)]) and time.monotonic() < until:
        time.sleep(0.01)
    for group in left:
        _signal_group(group, signal.SIGKILL)


def _is_left(group: int) -> bool:
    """Whether anything of the process and its descendants still runs."""
    if sys.platform == "win32":
        return False
    with suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)  # one that has ended but was not waited for would count
    return _signal_group(group, 0)


@asynccontextmanager
async def server_process(entry: ServerEntry, log: TextIO, on_error: Callable[[str], None]) -> AsyncIterator[Any]:
    """Start the entry's command and yield the two streams the SDK wants; at the end of the block stop the process.

    The process sees `entry.env` and the few variables that the SDK passes on; its stderr goes to `log`, which needs a
    file descriptor. `on_error` is called with a reason if the process exits, or sends a message that is too long, which
    is the last one.

    Raises:
        OSError: it cannot be started.
    """
    if sys.platform == "win32":
        # Job objects and the search for `.cmd` files are the SDK's there.
        parameters = StdioServerParameters(
            command=str(entry.command), args=list(entry.args), env=dict(entry.env), cwd=entry.cwd
        )
        async with stdio_client(parameters, errlog=log) as streams:
            yield streams
        return

    async def end_if_too_long(error: InvalidLine) -> None:
        # Otherwise a request would wait for the response that was dropped.
        if error.line is None:
            on_error(str(error))
            raise EndOfStream

    async def on_end() -> None:
        if await _has_exited(process, EXIT_TIMEOUT):
            status = process.returncode or 0
            how = f"exited with status {status}" if status >= 0 else f"was ended by signal {-status}"
            on_error(f"its program {how}")

    process, stdout, stdin = await _started(entry, log)
    _running.add(process.pid)
    try:
        with stdout, stdin:
            async with pipe_streams(stdout, stdin, on_invalid=end_if_too_long, on_end=on_end) as (lines, writing):
                try:
                    yield lines, writing
                finally:
                    with anyio.CancelScope(shield=True):
                        await writing.aclose()
                        await _has_exited(process, STOP_TIMEOUT)
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)
        _running.discard(process.pid)


async def _started(entry: ServerEntry, log: TextIO) -> tuple[asyncio.subprocess.Process, BinaryIO, BinaryIO]:
    """The process, our end of its stdout, and our end of its stdin."""
    its_stdin, our_stdin = os.pipe()
    our_stdout, its_stdout = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            str(entry.command),
            *entry.args,
            stdin=its_stdin,
            stdout=its_stdout,
            stderr=log,
            env={**get_default_environment(), **entry.env},
            cwd=entry.cwd,
            start_new_session=True,
        )
    except BaseException:
        os.close(our_stdin)
        os.close(our_stdout)
        raise
    finally:
        os.close(its_stdin)
        os.close(its_stdout)
    return process, os.fdopen(our_stdout, "rb"), os.fdopen(our_stdin, "wb")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the process and everything it has started: SIGTERM first, then SIGKILL."""
    if sys.platform == "win32":  # the SDK ends processes there
        return
    try:
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            await _has_exited(process, STOP_TIMEOUT)
    finally:
        if process.returncode is None or _signal_group(process.pid, 0):
            _signal_group(process.pid, signal.SIGKILL)
    await _has_exited(process, KILL_TIMEOUT)


async def _has_exited(process: asyncio.subprocess.Process, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await process.wait()
    return process.returncode is not None


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process and its descendants. Whether there were any."""
    if sys.platform == "win32":
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
