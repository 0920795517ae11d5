"""A server of raw bytes on loopback, for answers that no HTTP library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answering = Callable[["RawRequest", asyncio.StreamWriter], Awaitable[None]]

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


@dataclass(frozen=True)
class RawRequest:
    """The head of a request, and how many came before it on any connection."""

    number: int
    head: str

    def header(self, name: str) -> str:
        lines = (line.partition(":") for line in self.head.split("\r\n"))
        return next((value.strip() for key, _, value in lines if key.lower() == name), "")


@dataclass
class RawServer:
    url: str
    requests: list[RawRequest] = field(default_factory=list)


@asynccontextmanager
async def raw_server(answer: bytes | Answering) -> AsyncIterator[RawServer]:
    """Answer every request with these bytes, or as the function does; then the connection is closed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request = RawRequest(len(server.requests), head)
            server.requests.append(request)
            await reader.readexactly(int(request.header("content-length") or 0))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(request, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server = RawServer(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        listening.close()


def stream_of(*events: bytes) -> bytes:
    """A whole answer with these events."""
    body = b"".join(events)
    return STREAM + b"content-length: %d\r\n\r\n" % len(body) + body
