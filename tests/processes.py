"""This project's own commands as real processes: a minimal environment, a bound on every wait, nothing left behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVER = (sys.executable, "-m", "mcp_calc_server")
CLIENT = (sys.executable, "-m", "orchestrator_client")


def environment(**more: str) -> dict[str, str]:
    """PATH, a home without credentials, and nothing else but `more`."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str
    seconds: float


def _hear_ctrl_c() -> None:
    """Parallel test workers ignore Ctrl-C, and what they start would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@asynccontextmanager
async def started(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process with all of its streams piped; killed and reaped at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment() if env is None else env,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_hear_ctrl_c,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.wait_for(process.communicate(), 30)


async def finished(process: asyncio.subprocess.Process, *, stdin: bytes = b"", seconds: float = 60) -> Finished:
    """What comes out of the process until it ends. An end after `seconds` is a TimeoutError."""
    began = time.monotonic()
    out, err = await asyncio.wait_for(process.communicate(stdin), seconds)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode(), time.monotonic() - began)


async def run(*command: str | Path, env: Mapping[str, str] | None = None, seconds: float = 60) -> Finished:
    """Run a command to its end."""
    async with started(command, env=env) as process:
        return await finished(process, seconds=seconds)


class Lifeline:
    """Runs a command so that its start and its end are events, whoever starts it: the command holds a pipe open.

    Its pid comes through the pipe when it starts; the pipe ends when the process has ended.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lifeline"
        os.mkfifo(self._path)

    def command(self, *command: str) -> list[str]:
        return ["sh", "-c", 'exec 9>"$0"; echo $$ >&9; exec "$@"', str(self._path), *command]

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Line"]:
        end = os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), end
        )
        try:
            yield Line(reader)
        finally:
            transport.close()


@dataclass(frozen=True)
class Line:
    _reader: asyncio.StreamReader

    async def pid(self) -> int:
        """Wait for the process to start."""
        return int(await asyncio.wait_for(self._reader.readline(), 60))

    async def ended(self, seconds: float = 20) -> None:
        """Wait for the process to end: a TimeoutError if it is alive after `seconds`."""
        await asyncio.wait_for(self._reader.read(), seconds)


class OwnedClient:
    """An MCP client over stdio that may be used from any task: the SDK's must be entered and left by the same one.

    The server's stderr goes to the file `log`.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, mode: str = "auto"
    ) -> None:
        self._server = StdioServerParameters(
            command=command[0], args=list(command[1:]), env=environment() if env is None else dict(env)
        )
        self._log = log
        self._mode = mode
        self._leave = asyncio.Event()

    async def __aenter__(self) -> Client:
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready))
        self._owner.add_done_callback(lambda _owner: ready.cancel())
        return await asyncio.wait_for(ready, 60)

    async def __aexit__(self, *_error: object) -> None:
        self._leave.set()
        await asyncio.wait_for(self._owner, 30)

    async def _own(self, ready: asyncio.Future[Client]) -> None:
        with self._log.open("w", encoding="utf-8") as log:
            transport = stdio_client(self._server, errlog=log)
            async with Client(transport, mode=self._mode, read_timeout_seconds=60) as client:
                ready.set_result(client)
                await self._leave.wait()
