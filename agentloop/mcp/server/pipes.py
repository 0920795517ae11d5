"""The standard streams as streams of messages.

The SDK's transport reads and writes them in worker threads, three changes of thread for each message. Where they are
pipes, as when a client has started the server, the event loop can do it. As the SDK does, the streams are diverted
meanwhile, so that what tools print is not taken for protocol: stdin is empty and stdout goes to stderr.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from anyio import BrokenResourceError, EndOfStream
from mcp.server.stdio import stdio_server
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from agentloop.mcp import exact_arguments

PACE = 0.002
"""Seconds between two writes at least. Each wakes the client, which costs more than what is written."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one message from the client."""


class Messages:
    """What the SDK wants of a stream of messages that it reads, but for `receive`."""

    async def receive(self) -> SessionMessage | Exception:
        """The next one.

        Raises:
            EndOfStream: there is none.
        """
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class Input(Messages):
    """What the client sends.

    What is there is given at once. Through the SDK's transport each message takes turns of the event loop, which are
    long while hundreds of agents are at work: the last of 500 calls would begin a second late.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def receive(self) -> SessionMessage | Exception:
        line = await self._reader.readline()
        if not line:
            raise EndOfStream
        text = line.decode(errors="replace")
        try:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValueError as error:
            return error
        exact_arguments.restore(message, text)
        return SessionMessage(message)


class Output:
    """What goes to the client, as the SDK wants it. What comes less than `PACE` apart goes together."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: list[str] = []
        self._last = 0.0
        self._later: asyncio.TimerHandle | None = None

    async def send(self, message: SessionMessage) -> None:
        """Send a message, as soon as there is room for it.

        Raises:
            BrokenResourceError: the client is gone.
        """
        self._waiting.append(message.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n")
        loop = asyncio.get_running_loop()
        if loop.time() >= self._last + PACE:
            self._write()
        elif self._later is None:
            self._later = loop.call_at(self._last + PACE, self._write)
        try:
            await self._writer.drain()
        except ConnectionError:
            raise BrokenResourceError from None

    def _write(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._waiting:
            self._writer.write("".join(self._waiting).encode())
            self._waiting.clear()
        self._last = asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        self._write()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._write()


@asynccontextmanager
async def standard_streams() -> AsyncIterator[
    tuple[ReadStream[SessionMessage | Exception], WriteStream[SessionMessage]]
]:
    """Stdin and stdout, diverted during the block. If they are no pipes of their own the SDK's transport has them."""
    if not _are_pipes():
        async with stdio_server() as streams:
            yield streams
        return
    loop = asyncio.get_running_loop()
    with _diverted() as (stdin, stdout):
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
        writing, protocol = await loop.connect_write_pipe(_flow_control, stdout)
        output = Output(asyncio.StreamWriter(writing, protocol, None, loop))
        try:
            yield Input(reader), output
        finally:
            await output.aclose()
            writing.close()
            reading.close()


def _flow_control() -> Any:
    """The protocol a `StreamWriter` needs; the standard library has it only with a reader."""
    return asyncio.StreamReaderProtocol(asyncio.StreamReader())


def _are_pipes() -> bool:
    """Whether both are pipes or sockets that nobody else in this process writes to: they will not block any more."""
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
    """Private copies of stdin and stdout, whose numbers lead to nothing and to stderr during the block."""
    sys.stdout.flush()
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(stdin), "rb", buffering=0) as reading, os.fdopen(os.dup(stdout), "wb", buffering=0) as w:
            yield cast("BinaryIO", reading), cast("BinaryIO", w)
    finally:
        sys.stdout.flush()
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.close(stdin)
        os.close(stdout)
