"""One connection of the MCP SDK's client, from its start to its end, with the SDK's errors translated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TextIO, cast

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, REQUEST_TIMEOUT, CallToolResult, RequestParamsMeta

from agentloop import ToolError
from agentloop.dispatch import cancel_and_wait
from agentloop.far_clocks import FarClocks
from agentloop.handover import CALL, IDEMPOTENCY_KEY
from agentloop.limits import within
from agentloop.mcp.client.bounded_http import http_client
from agentloop.mcp.client.call_events import AgentExtension, Listener, take_last_events
from agentloop.mcp.client.catalog import Catalog, read_catalog
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.server_process import server_process
from agentloop.mcp.client.tasks import ID as TASKS
from agentloop.mcp.client.tasks import TasksClient, listening
from agentloop.mcp.stdio import WatchedStream
from agentloop.narration import clip
from agentloop.redaction import without_passwords

CALL_TIMEOUT = 600.0
"""Seconds a server may take for one call unless its entry says otherwise. The SDK has no bound of its own."""
MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event of an event stream."""
MAX_REASON = 500
"""Characters of what a server says went wrong."""

_LOST = {
    CONNECTION_CLOSED: ("Connection closed", "SSE stream"),
    INVALID_REQUEST: ("Session terminated",),
}
"""The SDK's words for a lost connection, or a session a restarted server no longer knows. Its codes for that are ones
that servers use for errors of all kinds."""


class ConnectionLost(Exception):
    """The server went away; the text says how."""


class SdkSession:
    """A connection that is open within the block of `opened`, which one task has to enter and leave.

    Calls may be made by any task. They raise `ConnectionLost`, or `ToolError` for what the server refused.
    """

    def __init__(self, name: str, entry: ServerEntry, keys: str) -> None:
        self.catalog = Catalog()
        self.keeps_runs = False
        self.is_open = False
        self._name = name
        self._entry = entry
        self._keys = keys
        self._clocks = FarClocks()
        self._client: Client | None = None
        self._calls: set[asyncio.Task[CallToolResult]] = set()
        self._listeners: dict[str, Listener] = {}

    @asynccontextmanager
    async def opened(self, server_log: TextIO, seconds: float, on_end: Callable[[str], None]) -> AsyncIterator[None]:
        """Connect and list the tools. `on_end` is called with a reason when the server sends nothing more.

        Raises:
            ConnectionLost: that took more than so many `seconds`.
            Exception: whatever else the SDK and the transport raise; `described` says it in words.
        """
        late = TimeoutError()
        async with AsyncExitStack() as stack:
            try:
                async with within(seconds, late):
                    await self._open(stack, server_log, on_end)
            except TimeoutError as error:
                raise ConnectionLost(f"no connection within {seconds:g} s") if error is late else error from None
            self.is_open = True
            try:
                yield
            finally:
                self.is_open = False

    async def _open(self, stack: AsyncExitStack, server_log: TextIO, on_end: Callable[[str], None]) -> None:
        transport = await self._transport(stack, server_log, on_end)
        extensions = [AgentExtension(self._listeners), TasksClient(lambda: self.is_open)]
        client = await stack.enter_async_context(Client(transport, extensions=extensions))
        # The SDK runs a server's regular expressions on its results, which can stop this process. `RemoteCall` checks.
        client.session.validate_tool_result = _unchecked  # type: ignore[method-assign, assignment]
        self.keeps_runs = TASKS in (client.server_capabilities.extensions or {})
        self.catalog = await read_catalog(client, self._clocks, self._name, self._entry)
        self._client = client

    async def _transport(
        self, stack: AsyncExitStack, server_log: TextIO, on_end: Callable[[str], None]
    ) -> AbstractAsyncContextManager[Any]:
        entry = self._entry
        if entry.command is not None:
            return server_process(entry, server_log, on_end)
        if entry.type == "sse":
            streams = sse_client(entry.address, headers=entry.all_headers, httpx_client_factory=http_client)
        else:
            # The SDK's defaults, 5 s to read and 100 connections, cut long calls off.
            http = await stack.enter_async_context(http_client(entry.all_headers))
            streams = streamable_http_client(entry.address, http_client=http, max_sse_event_size=MAX_EVENT)
        return _watched(streams, on_end)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], progress: ProgressFnT, listener: Listener | None
    ) -> CallToolResult:
        """Call a tool; the handover of `listener` goes with the call.

        Raises:
            ConnectionLost: the server went away before it answered.
            ToolError: the server refused the call or took too long.
        """
        assert self._client is not None
        handover = listener.handover if listener else None
        meta = (
            None if handover is None else {CALL: handover.to_json(), IDEMPOTENCY_KEY: f"{self._keys}:{handover.call}"}
        )
        listening.set(listener)  # for the task made here
        call = asyncio.create_task(
            self._client.call_tool(
                tool,
                dict(arguments),
                read_timeout_seconds=self._entry.seconds or CALL_TIMEOUT,
                progress_callback=progress,
                meta=cast("RequestParamsMeta | None", meta),
            )
        )
        self._calls.add(call)
        if handover and listener:
            self._listeners[handover.call] = listener
            listener.events.sent(self._clocks)
        try:
            await asyncio.wait({call})
            if listener and not call.cancelled() and not call.exception():
                await take_last_events(listener, call.result())
        finally:
            self._calls.discard(call)
            if handover:
                del self._listeners[handover.call]
            if not call.done():
                await cancel_and_wait([call])
        return self._outcome(call)

    def end_calls(self) -> None:
        """Let the calls that are under way end as `ConnectionLost`."""
        self.is_open = False
        for call in self._calls:
            call.cancel()

    def described(self, error: BaseException) -> str:
        """The first real cause in a nest of groups, in words."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return str(error) if isinstance(error, ConnectionLost) else self._shown(f"{type(error).__name__}: {error}")

    def _outcome(self, call: asyncio.Task[CallToolResult]) -> CallToolResult:
        if call.cancelled():
            raise ConnectionLost("connection lost")
        try:
            return call.result()
        except MCPError as error:
            if error.message.startswith(_LOST.get(error.code, ())):
                raise ConnectionLost("connection closed") from None
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"{self._name} gave no result in time: {self._shown(error.message)}") from None
            raise ToolError(f"{self._name} refused the call: {self._shown(error.message)}") from None
        except (OSError, httpx2.HTTPError) as error:
            raise ConnectionLost(self.described(error)) from None

    def _shown(self, text: str) -> str:
        """What may be shown of a text that others wrote: one line, without secrets of the entry."""
        return clip(without_passwords(self._entry.without_secrets(text.rstrip(": "))), MAX_REASON)


async def _unchecked(_name: str, _result: CallToolResult) -> None:
    pass


@asynccontextmanager
async def _watched(transport: AbstractAsyncContextManager[Any], on_end: Callable[[str], None]) -> AsyncIterator[Any]:
    """A transport that reports the end of the server's messages, which the SDK reports only to those who call then."""
    async with transport as (reading, writing):
        yield WatchedStream(reading, lambda: on_end("connection closed")), writing
