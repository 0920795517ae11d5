"""Newline-delimited JSON-RPC over pipes: the stdio transport of MCP, for servers and for clients.

The event loop reads and writes the pipes itself, and the length of a line is bounded. The SDK's transports read in
worker threads, which nothing can interrupt, and collect a line however long it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import BinaryIO

from anyio import BrokenResourceError, EndOfStream
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from agentloop.mcp import exact_arguments
from agentloop.mcp.json_check import repaired_response

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one message."""


class InvalidLine(ValueError):
    """A line that is not a JSON-RPC message. `line` is None if it has more than `MAX_LINE` bytes."""

    def __init__(self, problem: str, line: bytes | None) -> None:
        super().__init__(problem)
        self.line = line


OnInvalid = Callable[[InvalidLine], Awaitable[None]]
OnEnd = Callable[[], Awaitable[None]]
ReceiveStream = ObjectReceiveStream[SessionMessage | Exception]
SendStream = ObjectSendStream[SessionMessage]


class WatchedStream(ReceiveStream):
    """Another stream. `on_end` is called when it ends or fails, before its reader knows."""

    def __init__(self, stream: ReceiveStream, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await self._stream.receive()
        except Exception:
            self._on_end()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()


class LineReader(ReceiveStream):
    """Reads messages, one a line: see `pipe_streams`."""

    def __init__(
        self, reader: asyncio.StreamReader, on_invalid: OnInvalid, on_end: OnEnd, check: Callable[[bytes], None] | None
    ) -> None:
        self._reader = reader
        self._on_invalid = on_invalid
        self._on_end = on_end
        self._check = check
        self._is_dropping = False

    async def aclose(self) -> None:
        """Nothing to do: `pipe_streams` closes the pipe."""

    async def receive(self) -> SessionMessage | Exception:
        while True:
            try:
                line = await self._line()
                if not line:
                    await self._on_end()
                    raise EndOfStream
                if line.strip():
                    return self._message(line)
            except InvalidLine as error:
                await self._on_invalid(error)
                return error

    def _message(self, line: bytes) -> SessionMessage:
        try:
            if self._check is not None:
                self._check(line)
        except ValueError as error:
            raise InvalidLine(str(error), line) from None
        text = line.decode(errors="replace")
        try:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValueError:
            repaired = repaired_response(text)
            if repaired is None:
                raise InvalidLine("not a JSON-RPC message", line) from None
            message, text = jsonrpc_message_adapter.validate_json(repaired, by_name=False), repaired
        exact_arguments.restore(message, text)
        return SessionMessage(message)

    async def _line(self) -> bytes:
        """The next line, or b"" at the end. The rest of a line that is too long is dropped.

        Raises:
            InvalidLine: it is too long; raised before its end, which may never come.
        """
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                line = error.partial
            except asyncio.LimitOverrunError as error:
                await self._reader.readexactly(error.consumed)
                if not self._is_dropping:
                    self._is_dropping = True
                    raise InvalidLine(f"a message has more than {MAX_LINE // 2**20} MiB", None) from None
                continue
            if not self._is_dropping:
                return line
            self._is_dropping = False
            if not line:
                return line


class LineWriter(SendStream):
    """Writes messages, one a line: see `pipe_streams`."""

    def __init__(self, writer: asyncio.StreamWriter, on_end: OnEnd) -> None:
        self._writer = writer
        self._on_end = on_end

    async def send(self, item: SessionMessage) -> None:
        """Write a message, and wait until the buffer has room for the next.

        Raises:
            BrokenResourceError: the pipe was closed.
        """
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        line = exact_arguments.unmarked(text) + "\n"
        try:
            if self._writer.is_closing():
                raise BrokenPipeError
            self._writer.write(line.encode())
            await self._writer.drain()
        except OSError:
            await self._on_end()
            raise BrokenResourceError from None

    async def aclose(self) -> None:
        """Write the rest of the buffer, then close."""
        self._writer.close()


@asynccontextmanager
async def pipe_streams(
    reading: BinaryIO,
    writing: BinaryIO,
    *,
    on_invalid: OnInvalid | None = None,
    on_end: OnEnd | None = None,
    check: Callable[[bytes], None] | None = None,
) -> AsyncIterator[tuple[LineReader, LineWriter]]:
    """The two streams the SDK wants, over two pipes, which are closed at the end of the block.

    `check` raises `ValueError` for JSON that it refuses. `on_invalid` is awaited with each line that is not a message,
    and `on_end` when a pipe has ended, before the stream says so.
    """
    loop = asyncio.get_running_loop()
    reader, flow = asyncio.StreamReader(limit=MAX_LINE), asyncio.StreamReaderProtocol(asyncio.StreamReader())
    source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), reading)
    try:
        sink, _ = await loop.connect_write_pipe(lambda: flow, writing)
        try:
            yield (
                LineReader(reader, on_invalid or _ignore, on_end or _ignore, check),
                LineWriter(asyncio.StreamWriter(sink, flow, None, loop), on_end or _ignore),
            )
        finally:
            sink.close()
    finally:
        source.close()


async def _ignore(_error: InvalidLine | None = None) -> None:
    pass
