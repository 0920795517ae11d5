"""One connection of the MCP SDK's client, from its start to its end, with the SDK's errors translated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Self, TextIO, cast

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.message import SessionMessage
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, RequestParamsMeta

from agentloop import ToolError
from agentloop.clock_offsets import ClockOffsets
from agentloop.delegation_context import CALL, IDEMPOTENCY_KEY
from agentloop.dispatch import cancel_and_wait
from agentloop.limits import time_limit
from agentloop.mcp.client.bounded_http import http_client
from agentloop.mcp.client.call_events import AgentExtension, take_last_events
from agentloop.mcp.client.call_state import CallState, current_call
from agentloop.mcp.client.catalog import Catalog, read_catalog
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.delegated_call import Delegation
from agentloop.mcp.client.sdk_compat import skip_result_validation
from agentloop.mcp.client.server_process import server_process
from agentloop.mcp.client.tasks import ID as TASKS
from agentloop.mcp.client.tasks import TasksClient
from agentloop.mcp.stdio import SendStream, WatchedStream
from agentloop.narration import clip
from agentloop.redaction import without_passwords

CALL_TIMEOUT = 600.0
"""Seconds a server may take for one call unless its entry says otherwise. The SDK has no bound of its own."""
MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event of an event stream."""
MAX_REASON = 500
"""Characters of a server's error message."""

OnEnd = Callable[[str], None]


class ConnectionLost(Exception):
    """The server went away; the text says how."""


class SessionRefused(ToolError):
    """The server does not know the session any more. The call was not run."""


class SdkSession:
    """A connection that is open within the block of `opened`, which one task has to enter and leave.

    Calls may be made by any task. They raise `ConnectionLost`, or `ToolError` for what the server refused.
    """

    def __init__(self, name: str, entry: ServerEntry, keys: str, auth: httpx2.Auth | None = None) -> None:
        self.catalog = Catalog()
        self.keeps_runs = False
        self.has_ended = False
        self._name = name
        self._entry = entry
        self._keys = keys
        self._auth = auth
        self._clocks = ClockOffsets()
        self._client: Client | None = None
        self._calls: set[asyncio.Task[CallToolResult]] = set()
        self._delegations: dict[str, Delegation] = {}

    @asynccontextmanager
    async def opened(self, server_log: TextIO, seconds: float, on_end: OnEnd) -> AsyncIterator[None]:
        """Connect and list the tools. `on_end` is called with a reason when the server sends nothing more.

        Raises:
            ConnectionLost: that took more than so many `seconds`.
            Exception: whatever else the SDK and the transport raise; `described` makes a message of it.
        """

        def end(reason: str) -> None:
            self.has_ended = True
            on_end(reason)

        late = TimeoutError()
        async with AsyncExitStack() as stack:
            try:
                async with time_limit(seconds, late):
                    await self._open(stack, server_log, end)
            except TimeoutError as error:
                raise ConnectionLost(f"no connection within {seconds:g} s") if error is late else error from None
            try:
                yield
            finally:
                self.has_ended = True

    async def _open(self, stack: AsyncExitStack, server_log: TextIO, on_end: OnEnd) -> None:
        transport = await self._transport(stack, server_log, on_end)
        extensions = [AgentExtension(self._delegations), TasksClient(lambda: not self.has_ended)]
        client = await stack.enter_async_context(Client(transport, extensions=extensions))
        skip_result_validation(client)
        self.keeps_runs = TASKS in (client.server_capabilities.extensions or {})
        self.catalog = await read_catalog(client, self._clocks, self._name, self._entry)
        self._client = client

    async def _transport(
        self, stack: AsyncExitStack, server_log: TextIO, on_end: OnEnd
    ) -> AbstractAsyncContextManager[Any]:
        entry = self._entry
        if entry.command is not None:
            streams = server_process(entry, server_log, on_end)
        elif entry.type == "sse":
            factory = partial(http_client, on_failed_post=on_end)
            streams = sse_client(
                entry.address, headers=entry.all_headers, auth=self._auth, httpx_client_factory=factory
            )
        else:
            # The SDK's defaults, 5 s to read and 100 connections, cut long calls off.
            http = await stack.enter_async_context(http_client(entry.all_headers, auth=self._auth))
            streams = streamable_http_client(entry.address, http_client=http, max_sse_event_size=MAX_EVENT)
        return _watched(streams, on_end)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], progress: ProgressFnT, delegation: Delegation | None
    ) -> CallToolResult:
        """Call a tool; the delegation context of `delegation` goes with the call.

        Raises:
            ConnectionLost: the server went away before it answered.
            SessionRefused: the server does not know the session; the call was not run.
            ToolError: the server refused the call or took too long.
        """
        assert self._client is not None
        context = delegation.delegation if delegation else None
        meta = context and {CALL: context.to_json(), IDEMPOTENCY_KEY: f"{self._keys}:{context.key}"}
        state = CallState(delegation)
        current_call.set(state)  # for the task made here
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
        if delegation and context:
            self._delegations[context.call] = delegation
            delegation.events.sent(self._clocks)
        try:
            await asyncio.wait({call})
            if delegation and not call.cancelled() and not call.exception():
                await take_last_events(delegation, call.result())
        finally:
            self._calls.discard(call)
            if context:
                del self._delegations[context.call]
            if not call.done():
                await cancel_and_wait([call])
        return self._outcome(call, state)

    async def drain(self, seconds: float) -> None:
        """Let the calls that are under way end by themselves, for so many seconds at most."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)

    def end_calls(self) -> None:
        """Let the calls that are under way end as `ConnectionLost`."""
        self.has_ended = True
        for call in self._calls:
            call.cancel()

    def described(self, error: BaseException) -> str:
        """A message with the first cause in nested groups."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return str(error) if isinstance(error, ConnectionLost) else self._shown(f"{type(error).__name__}: {error}")

    def _outcome(self, call: asyncio.Task[CallToolResult], state: CallState) -> CallToolResult:
        if call.cancelled():
            if state.is_refused:
                raise SessionRefused(f"{self._name} refused the call: it does not know the session")
            raise ConnectionLost("connection lost")
        try:
            return call.result()
        except MCPError as error:
            if state.is_refused:
                raise SessionRefused(f"{self._name} refused the call: {self._shown(error.message)}") from None
            # Servers use this code for errors of their own, too.
            if error.code == CONNECTION_CLOSED and (self.has_ended or state.is_cut_off):
                raise ConnectionLost("connection closed") from None
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"{self._name} gave no result in time: {self._shown(error.message)}") from None
            raise ToolError(f"{self._name} refused the call: {self._shown(error.message)}") from None
        except (OSError, httpx2.HTTPError) as error:
            raise ConnectionLost(self.described(error)) from None

    def _shown(self, text: str) -> str:
        """What may be shown of a text that others wrote: one line, without secrets of the entry."""
        return clip(without_passwords(self._entry.without_secrets(text.rstrip(": "))), MAX_REASON)


@asynccontextmanager
async def _watched(transport: AbstractAsyncContextManager[Any], on_end: OnEnd) -> AsyncIterator[Any]:
    """A transport that reports when nothing more can be received or sent, which the SDK reports only to later calls."""
    end = partial(on_end, "connection closed")
    async with transport as (reading, writing):
        yield WatchedStream(reading, end), _WatchedSender(writing, end)


class _WatchedSender:
    """Another stream, and a call of `on_end` when sending to it has failed."""

    def __init__(self, stream: SendStream, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end
        self.aclose = stream.aclose

    async def send(self, message: SessionMessage) -> None:
        try:
            await self._stream.send(message)
        except Exception:
            self._on_end()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()
