"""A connection to one MCP server, owned by one task.

The SDK's client must be entered and left by the same task, and over HTTP it cancels that task when the server dies. So
each client lives in a task of its own; calls run in their callers' tasks, and what happens to the connection reaches
them as `ToolUnavailable`, never as a cancellation.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Protocol, Self, TextIO, cast

import httpx2
from mcp import Client, MCPError
from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    REQUEST_TIMEOUT,
    CallToolResult,
    RequestParamsMeta,
)
from mcp.types import Tool as McpTool
from pydantic import BaseModel, ValidationError

from agentloop import ToolError, ToolUnavailable, Usage
from agentloop.dispatch import cancel_and_wait
from agentloop.handover import AGENT, CALL, EVENTS, EVENTS_SENT, IDEMPOTENCY_KEY, SPENT, Handover
from agentloop.limits import within
from agentloop.mcp.client.bounded_http import http_client
from agentloop.mcp.client.breaker import Breaker, State
from agentloop.mcp.client.catalog import Catalog, read_catalog
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.server_process import server_process
from agentloop.mcp.client.tasks import ID as TASKS
from agentloop.mcp.client.tasks import TasksClient, ToldMessage, listening
from agentloop.mcp.stdio import WatchedStream
from agentloop.narration import clip
from agentloop.relay import FarClocks, Incoming

CALL_TIMEOUT = 600.0
"""Seconds a server may take for one call, whatever the caller allows. The SDK has no bound of its own."""
CLOSE_TIMEOUT = 5.0
"""Seconds closing a connection may take. A started server is long gone by then."""
MAX_CALLS = 100
"""Calls under way at once on one connection."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds between attempts to connect, doubling from the first to the longest, and varied by half."""
MAX_FRAME = 16 * 1024 * 1024
"""Characters of one message from a server. A longer one ends the connection: it might never end."""
MAX_REASON = 500
"""Characters of what a server says went wrong."""

_LOST = {
    CONNECTION_CLOSED: ("Connection closed", "SSE stream"),
    INVALID_REQUEST: ("Session terminated",),
}
"""The SDK's words for a lost connection, or a session a restarted server no longer knows. Its codes for that are ones
that servers use for errors of all kinds."""


class _Spent(BaseModel):
    id: str
    models: dict[str, Any]


class _Told(ToldMessage):
    """Events of a call, and what it has cost so far if that has grown."""

    models: dict[str, Any] | None = None

    def tell(self, listener: Listener) -> None:
        if self.models is not None:
            listener.spent(Usage.from_json(self.models))
        listener.events.take(self.read())


class _OfCall(_Told):
    id: str


class _Events(BaseModel):
    """What calls that are under way have to tell, each at most once."""

    told: list[_OfCall]


class _AllEvents(BaseModel):
    """How many events there were, and those that were not sent before the result."""

    count: int
    rest: _Told | None = None


class Listener(Protocol):
    """Hears what a server tells of one running call to an agent."""

    @property
    def handover(self) -> Handover: ...

    def spent(self, usage: Usage) -> None:
        """What the call has cost so far."""

    @property
    def events(self) -> Incoming: ...


class _Extension(ClientExtension):
    """Hears what a server tells of running calls: what they have cost so far, and their events."""

    identifier = AGENT

    def __init__(self, listeners: Mapping[str, Listener]) -> None:
        self._listeners = listeners

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        return [
            NotificationBinding(method=SPENT, params_type=_Spent, handler=self._hear_spent),
            NotificationBinding(method=EVENTS_SENT, params_type=_Events, handler=self._hear_events),
        ]

    async def _hear_spent(self, told: _Spent) -> None:
        if told.id in self._listeners:
            self._listeners[told.id].spent(Usage.from_json(told.models))

    async def _hear_events(self, events: _Events) -> None:
        for told in events.told:
            if told.id in self._listeners:
                told.tell(self._listeners[told.id])


class Connection:
    """Connects when entered, and again whenever the connection is lost, with jittered back-off, until it is left.

    A server that cannot be reached is not an exception: `error` says why. `server_log` is where a started server's
    stderr goes; it needs a file descriptor. At most `max_calls` calls are under way at once, others wait in order.
    `changed` is called when the connection or its breaker is in another state.

    Calls to agents have idempotency keys that begin with `keys`; a server that `keeps_runs` knows a call by it, so that
    it may be made again.
    """

    def __init__(
        self,
        name: str,
        entry: ServerEntry,
        *,
        connect_timeout: float,
        server_log: TextIO,
        max_calls: int = MAX_CALLS,
        keys: str | None = None,
        changed: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        self.name = name
        self.keeps_runs = False
        self.catalog = Catalog()
        self.error: str | None = None
        self.reconnects = 0
        self.breaker = Breaker()
        self.is_trusted = entry.trusted
        self.entry = entry
        self._keys = keys or secrets.token_hex(16)
        self._connect_timeout = connect_timeout
        self._server_log = server_log
        self._places = asyncio.Semaphore(max_calls)
        self._changed = changed
        self._told: tuple[bool, State] | None = None
        self._client: Client | None = None
        self._last_lost: Client | None = None
        self._last_loss = "connection lost"
        self._settled = asyncio.Event()
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._leaving = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self._listeners: dict[str, Listener] = {}
        self._clocks = FarClocks()
        self._owner: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._owner = asyncio.create_task(self._own(), name=f"mcp:{self.name}")
        try:
            await self._settled.wait()
        except asyncio.CancelledError:
            await cancel_and_wait([self._owner])
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._lost.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT)
            await cancel_and_wait([self._owner])

    @property
    def tools(self) -> tuple[McpTool, ...]:
        """The tools that are used, as the server listed them when it was last up."""
        return self.catalog.tools

    @property
    def left_out(self) -> tuple[str, ...]:
        """Which of its tools are not used, and why, in a sentence each."""
        return self.catalog.left_out

    @property
    def is_up(self) -> bool:
        return self._client is not None

    def to_json(self) -> dict[str, Any]:
        """Its state, for people and programs."""
        state = "up" if self.is_up else "down"
        about = {"state": state, "breaker": self.breaker.state, "reconnects": self.reconnects}
        return about if self.is_up else about | {"error": self.error}

    def _tell(self) -> None:
        now = (self.is_up, self.breaker.state)
        if now != self._told and not self._leaving.is_set():
            self._told = now
            self._changed(self)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        progress: ProgressFnT,
        *,
        patience: float = 0.0,
        listener: Listener | None = None,
    ) -> CallToolResult:
        """Call a tool; the handover of `listener` goes with the call.

        A server that is down is waited for at most `patience` seconds.

        Raises:
            ToolUnavailable: the server cannot be reached, or went away before it answered.
            ToolError: the server refused the call or took too long.
        """
        async with self._places:
            if not self.breaker.admit():
                raise ToolUnavailable(f"{self.name} keeps failing and is left alone for a while: {self._last_loss}")
            self._tell()
            client: Client | None = None
            try:
                client = await self._connected(patience)
                result = await self._call(client, tool, arguments, progress, listener)
            except ToolUnavailable:
                self._tell_breaker_of_loss(client)
                raise
            except ToolError:
                self.breaker.succeeded()
                raise
            except BaseException:
                self.breaker.forget()
                raise
            else:
                self.breaker.succeeded()
                return result
            finally:
                self._tell()

    def _tell_breaker_of_loss(self, client: Client | None) -> None:
        """One lost connection is one failure, however many calls it had; one that is not there yet is none."""
        self._last_loss = self.error or self._last_loss
        if client is None or client is self._last_lost:
            self.breaker.forget()
        else:
            self._last_lost = client
            self.breaker.failed()

    async def _connected(self, patience: float) -> Client:
        if self._client is None and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._up.wait()
        if self._client is None:
            raise self._unavailable()
        return self._client

    async def _call(
        self,
        client: Client,
        tool: str,
        arguments: Mapping[str, Any],
        progress: ProgressFnT,
        listener: Listener | None,
    ) -> CallToolResult:
        handover = listener.handover if listener else None
        meta = cast("RequestParamsMeta", self._meta(handover)) if handover else None
        listening.set(listener)  # for the task made here
        call = asyncio.create_task(
            client.call_tool(
                tool,
                dict(arguments),
                read_timeout_seconds=self.entry.seconds or CALL_TIMEOUT,
                progress_callback=progress,
                meta=meta,
            )
        )
        self._calls.add(call)
        if handover and listener:
            self._listeners[handover.call] = listener
            listener.events.sent(self._clocks)
        try:
            await asyncio.wait({call})
            if listener and not call.cancelled() and not call.exception():
                await _all_events(listener, call.result())
        finally:
            self._calls.discard(call)
            if handover:
                del self._listeners[handover.call]
            if not call.done():
                await cancel_and_wait([call])
        return self._outcome(client, call)

    def _meta(self, handover: Handover) -> dict[str, Any]:
        return {CALL: handover.to_json(), IDEMPOTENCY_KEY: f"{self._keys}:{handover.call}"}

    def _outcome(self, client: Client, call: asyncio.Task[CallToolResult]) -> CallToolResult:
        if call.cancelled():
            raise self._gone(client, "connection lost")
        try:
            return call.result()
        except MCPError as error:
            if error.message.startswith(_LOST.get(error.code, ())):
                raise self._gone(client, "connection closed") from None
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"{self.name} gave no result in time: {self._shown(error.message)}") from None
            raise ToolError(f"{self.name} refused the call: {self._shown(error.message)}") from None
        except (OSError, httpx2.HTTPError) as error:
            raise self._gone(client, self._reason(error)) from None

    def _gone(self, client: Client, reason: str) -> ToolUnavailable:
        """The connection a call went through is lost; another one may be there already."""
        self.error = self.error or reason
        if self._client is client:
            self._client = None
            self._up.clear()
            self._lost.set()
        return self._unavailable()

    def _reason(self, error: BaseException) -> str:
        """The first real cause in a nest of groups, in words."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return self._shown(f"{type(error).__name__}: {error}".rstrip(": "))

    def _shown(self, text: str) -> str:
        """What may be shown of a text that others wrote: one line, without secrets of the entry."""
        return clip(self.entry.without_secrets(text), MAX_REASON)

    def _unavailable(self) -> ToolUnavailable:
        """The same words each time, so that a server that is gone can be mentioned once."""
        return ToolUnavailable(f"{self.name} {'went away' if self.tools else 'cannot be reached'}: {self.error}")

    async def _own(self) -> None:
        """Keep a connection. The one task that enters and leaves the SDK's clients."""
        pause = FIRST_PAUSE
        while not self._leaving.is_set():
            self._lost.clear()
            was_up = await self._keep_one()
            self._settled.set()
            pause = FIRST_PAUSE if was_up else min(LONGEST_PAUSE, pause * 2)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.5, 1.5)):  # noqa: S311
                    await self._leaving.wait()

    async def _keep_one(self) -> bool:
        """Connect once and stay until the connection is lost or left. Whether there was one."""
        was_up = False
        late = TimeoutError(f"no connection within {self._connect_timeout:g} s")
        try:
            async with AsyncExitStack() as stack:
                async with within(self._connect_timeout, late):
                    extensions = [_Extension(self._listeners), TasksClient(lambda: self.is_up)]
                    client = await stack.enter_async_context(
                        _client(self.entry, self._server_log, extensions, self._ended)
                    )
                    self.keeps_runs = TASKS in (client.server_capabilities.extensions or {})
                    self.catalog = await read_catalog(client, self._clocks, self.name, self.entry)
                was_up = self._is_now(client)
                await self._lost.wait()
                self.error = self.error or "connection closed"
        except TimeoutError as error:
            self.error = str(error) if error is late else self._reason(error)
        except asyncio.CancelledError:
            if self._owner is not None and self._owner.cancelling():
                raise
            self.error = "connection lost"  # the transport's own way of saying that the server died
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it is, it is this server's alone
            self.error = self._reason(error)
        finally:
            self._client = None
            self._up.clear()
            self._tell()
            for call in self._calls:
                call.cancel()
        return was_up

    def _ended(self, reason: str) -> None:
        self.error = self.error or reason
        self._lost.set()

    def _is_now(self, client: Client) -> bool:
        self.reconnects += self._settled.is_set()
        self._client, self.error = client, None
        self._up.set()
        self._settled.set()
        self._tell()
        return True


@asynccontextmanager
async def _client(
    entry: ServerEntry, server_log: TextIO, extensions: Sequence[ClientExtension], on_end: Callable[[str], None]
) -> AsyncIterator[Client]:
    """The SDK's client for what the entry says. `on_end` is called with a reason when the server's messages end."""
    async with AsyncExitStack() as stack:
        transport: AbstractAsyncContextManager[Any]
        if entry.command is not None:
            transport = server_process(entry, server_log, on_end)
        elif entry.type == "sse":
            streams = sse_client(entry.address, headers=entry.all_headers, httpx_client_factory=http_client)
            transport = _watched(streams, on_end)
        else:
            # The SDK's defaults, 5 s to read and 100 connections, cut long calls off.
            http = http_client(entry.all_headers)
            await stack.enter_async_context(http)
            streams = streamable_http_client(entry.address, http_client=http, max_sse_event_size=MAX_FRAME)
            transport = _watched(streams, on_end)
        client = await stack.enter_async_context(Client(transport, extensions=extensions))
        # The SDK runs a server's regular expressions on its results, which can stop this process. `RemoteCall` checks.
        client.session.validate_tool_result = _unchecked  # type: ignore[method-assign, assignment]
        yield client


async def _all_events(listener: Listener, result: CallToolResult) -> None:
    """Take the events that came with the result, and wait for those that were sent before it and may come after it."""
    try:
        told = _AllEvents.model_validate((result.meta or {}).get(EVENTS))
    except ValidationError:
        return
    if told.rest is not None:
        told.rest.tell(listener)
    await listener.events.complete(told.count)


async def _unchecked(_name: str, _result: CallToolResult) -> None:
    pass


@asynccontextmanager
async def _watched(transport: AbstractAsyncContextManager[Any], on_end: Callable[[str], None]) -> AsyncIterator[Any]:
    """A transport that reports the end of the server's messages, which the SDK reports only to those who call then."""
    async with transport as (reading, writing):
        yield WatchedStream(reading, lambda: on_end("connection closed")), writing
