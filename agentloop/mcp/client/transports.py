"""The transports under one connection: which there are for an entry, and in which order they are tried.

A server that exits at the `server/discover` probe of the 2026-07-28 revision is started again with the plain handshake.
An address without a `type` that answers a streamable HTTP request with a client error may be one of the older SSE
transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TextIO

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp.types import REQUEST_TIMEOUT, ErrorData, JSONRPCError, JSONRPCRequest

from agentloop.mcp.client.bounded_http import http_client
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.readable_http import MAX_EVENT
from agentloop.mcp.client.repair import Repair
from agentloop.mcp.client.server_log import HeldLog, held_log
from agentloop.mcp.client.server_process import server_process
from agentloop.mcp.stdio import ReceiveStream, SendStream, WatchedStream

PROBE_TIMEOUT = 5.0
"""Seconds a started server has to answer the probe. The SDK's own limit, twice as long, cannot be set."""
NOT_SSE = {401, 403, 429}
"""Client errors that another transport would get, too."""

OnEnd = Callable[[str], None]
OnEndOfStream = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One way to reach a server: a transport, and the SDK's mode of agreeing on a protocol revision."""

    transport: Literal["stdio", "http", "sse"]
    mode: str = "auto"

    @property
    def probes(self) -> bool:
        return self.mode == "auto"

    @classmethod
    def to(cls, entry: ServerEntry) -> Route:
        """The way that is tried first."""
        return cls("stdio" if entry.command is not None else "sse" if entry.type == "sse" else "http", entry.mode)

    def otherwise(self, entry: ServerEntry, *, has_exited: bool, status: int | None) -> Route | None:
        """The way to try after this one has failed: the process exited, or there was an HTTP `status`."""
        if self.transport == "stdio" and self.probes and has_exited:
            return Route("stdio", "legacy")
        is_client_error = status is not None and 400 <= status < 500 and status not in NOT_SSE  # noqa: PLR2004
        if self.transport == "http" and entry.type is None and is_client_error:
            return Route("sse", self.mode)
        return None


class Transports:
    """Opens transports of one entry for one connection, within an exit stack. The last one tried is watched."""

    def __init__(
        self, entry: ServerEntry, repair: Repair, server_log: TextIO, on_end: OnEnd, auth: httpx2.Auth | None = None
    ) -> None:
        self._entry = entry
        self._auth = auth
        self._repair = repair
        self._server_log = server_log
        self._on_end = on_end
        self._log: HeldLog | None = None
        self._is_connected = False
        self.ended: str | None = None
        """Why nothing more can be received or sent, which the SDK reports only to later calls."""

    async def open(self, stack: AsyncExitStack, route: Route) -> AbstractAsyncContextManager[Any]:
        """A transport for the SDK's client."""
        entry = self._entry
        self.ended = None
        if route.transport == "stdio":
            log, self._log = self._server_log, None
            if route.probes:  # servers of older SDKs log the probe as an error of a hundred lines
                self._log = await stack.enter_async_context(held_log(log))
                log = self._log.file
            streams = server_process(entry, log, self._end)
        elif route.transport == "sse":
            factory = partial(http_client, on_failed_post=self._end)
            streams = sse_client(
                entry.address, headers=entry.all_headers, auth=self._auth, httpx_client_factory=factory
            )
        else:
            # The SDK's defaults, 5 s to read and 100 connections, cut long calls off.
            http = await stack.enter_async_context(http_client(entry.all_headers, auth=self._auth))
            streams = streamable_http_client(entry.address, http_client=http, max_sse_event_size=MAX_EVENT)
        probe_timeout = PROBE_TIMEOUT if route.transport == "stdio" and route.probes else None
        return _watched(streams, self._repair, self._end, probe_timeout)

    async def connected(self, *, by_handshake: bool) -> None:
        """The SDK's client is connected. What the server wrote about the probe before is dropped."""
        self._is_connected = True
        if self._log is not None:
            await self._log.release(shows=not by_handshake)
        if self.ended is not None:
            self._on_end(self.ended)

    async def failed(self, *, is_tried_again: bool) -> None:
        """The last transport could not be used."""
        if self._log is not None and not is_tried_again:
            await self._log.release(shows=True)

    def _end(self, reason: str) -> None:
        self.ended = self.ended or reason
        if self._is_connected:
            self._on_end(reason)


@asynccontextmanager
async def _watched(
    streams: AbstractAsyncContextManager[Any], repair: Repair, on_end: OnEnd, probe_timeout: float | None
) -> AsyncIterator[Any]:
    end = partial(on_end, "connection closed")
    async with streams as (reading, writing):
        receiver = _Receiver(reading, repair, end, probe_timeout)
        yield receiver, _Sender(writing, repair, end, receiver)


class _Receiver(WatchedStream):
    """Another stream, with repaired results. It answers a probe that the server does not answer in time."""

    def __init__(self, stream: ReceiveStream, repair: Repair, on_end: OnEndOfStream, limit: float | None) -> None:
        super().__init__(stream, on_end)
        self._repair = repair
        self._limit = limit
        self.probe: int | str | None = None

    async def receive(self) -> SessionMessage | Exception:
        message: SessionMessage | Exception
        try:
            async with asyncio.timeout(self._limit):
                message = await super().receive()
        except TimeoutError:
            if self.probe is None:
                self._on_end()
                raise
            error = ErrorData(code=REQUEST_TIMEOUT, message="no answer to the probe")
            message = SessionMessage(JSONRPCError(jsonrpc="2.0", id=self.probe, error=error))
        finally:
            self._limit = None
        self._repair.received(message)
        return message


class _Sender(SendStream):
    """Another stream that tells `repair` and `receiver` of requests, and of a message that could not be sent."""

    def __init__(self, stream: SendStream, repair: Repair, on_end: OnEndOfStream, receiver: _Receiver) -> None:
        self._stream = stream
        self._repair = repair
        self._on_end = on_end
        self._receiver = receiver

    async def send(self, item: SessionMessage) -> None:
        self._repair.sent(item)
        request = item.message
        if isinstance(request, JSONRPCRequest) and request.method == "server/discover":
            self._receiver.probe = request.id
        try:
            await self._stream.send(item)
        except Exception:
            self._on_end()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
