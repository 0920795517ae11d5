"""One connection of the MCP SDK's client, from its start to its end, with the SDK's errors translated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TextIO, TypeVar, cast

import httpx2
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    LoggingMessageNotificationParams,
    RequestParamsMeta,
    ToolListChangedNotification,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError

from agentloop import ConfigurationError, ToolError, exact_json
from agentloop.delegation_context import AGENT, CALL, IDEMPOTENCY_KEY, KEEPS_RUNS
from agentloop.dispatch import cancel_and_wait
from agentloop.errors import first_cause
from agentloop.limits import time_limit
from agentloop.mcp import sdk_compat
from agentloop.mcp.client.call_state import NOBODY_TO_ASK, Asker, CallState, HttpFailure, current_call
from agentloop.mcp.client.catalog import Catalog, has_resources, read_tools
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.delegated_call import AgentExtension, Delegation
from agentloop.mcp.client.questions import answered, withdraw
from agentloop.mcp.client.repair import Repair
from agentloop.mcp.client.required_tasks import call_as_task
from agentloop.mcp.client.server_log import write_to
from agentloop.mcp.client.tasks import TasksClient
from agentloop.mcp.client.transports import OnEnd, Route, Transports
from agentloop.narration import clip
from agentloop.redaction import without_passwords
from agentloop.typed import misfits

CALL_TIMEOUT = 3600.0
"""Seconds a server may take for one call unless its entry says otherwise. The SDK has no bound of its own."""
IDLE_TIMEOUT = 300.0
"""Seconds without progress after which a call is given up, unless the entry has a `timeout`."""
REQUEST_SECONDS = 60.0
"""Seconds for a request that is not a call."""
MAX_REASON = 500
"""Characters of a server's error message."""
MAX_INSTRUCTIONS = 4_000
"""Characters of a server's instructions."""

MAX_ROUNDS = 1_000
"""How often a server may answer one call with questions, or with nothing yet."""

_TOO_MANY = 429
_BUSY = {_TOO_MANY, 503}
_WORTH_A_LINE = {"warning", "error", "critical", "alert", "emergency"}

T = TypeVar("T")


class ConnectionLost(Exception):
    """The server went away; the text says how."""


class SessionRefused(ToolError):
    """The server does not know the session any more. The call was not run."""


class ServerBusy(ToolError):
    """The server refused the call with HTTP 429 or 503. `retry_after` is the seconds it asks to wait, if it does."""

    def __init__(self, text: str, failure: HttpFailure) -> None:
        super().__init__(text)
        self.retry_after = failure.retry_after
        self.was_refused = failure.status == _TOO_MANY
        """Whether the call was certainly not run."""


class SdkSession:
    """A connection that is open within the block of `opened`, which one task has to enter and leave.

    Calls and requests may be made by any task. They raise `ConnectionLost`, `SessionRefused`, or `ToolError` for what
    the server refused or took too long for. `route` is the way to the server that is tried first, and then the one that
    led to it.
    """

    def __init__(
        self, name: str, entry: ServerEntry, keys: str, auth: httpx2.Auth | None = None, route: Route | None = None
    ) -> None:
        self.catalog = Catalog()
        self.route = route or Route.to(entry)
        self.failure: HttpFailure | None = None
        self.has_ended = False
        self.on_tools_changed: Callable[[], None] = lambda: None
        self._name = name
        self._entry = entry
        self._keys = keys
        self._auth = auth
        self._repair = Repair()
        self._client: Client | None = None
        self._ended: str | None = None
        self._log_lock = asyncio.Lock()
        self._tools_announced = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self._states: list[CallState] = []
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
                    await self._open(stack, server_log, end, time.monotonic() + seconds)
            except TimeoutError as error:
                raise ConnectionLost(f"no connection within {seconds:g} s") if error is late else error from None
            following = asyncio.create_task(self._follow_tools(), name=f"tools:{self._name}")
            try:
                yield
            finally:
                self.has_ended = True
                await cancel_and_wait([following])

    async def _follow_tools(self) -> None:
        """Read the list of tools again when the server says that it has changed, for as long as the connection lasts.

        Since 2026-07-28 it says so on a stream that the client opens. Over HTTP none is opened: a proxy that cuts it
        would end the SDK's client with its calls.
        """
        client = self._client
        assert client is not None
        while client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._tools_announced.wait()
            self._tools_announced.clear()
            await self._read_tools_again(client)
        tools = client.server_capabilities.tools
        if self.route.transport == "stdio" and (tools is None or tools.list_changed):  # None: it was not asked for them
            with suppress(MCPError, ListenNotSupportedError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as announcements:
                    async for _ in announcements:
                        await self._read_tools_again(client)

    async def _read_tools_again(self, client: Client) -> None:
        with suppress(MCPError, ValidationError):
            listed = await read_tools(client, self._name, self._entry, self._repair.left_out)
            catalog = replace(self.catalog, tools=listed.tools, left_out=listed.left_out)
            if catalog != self.catalog:  # some servers announce a change once they are up
                self.catalog = catalog
                self.on_tools_changed()

    async def _on_message(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._tools_announced.set()

    async def _on_log(self, server_log: TextIO, params: LoggingMessageNotificationParams) -> None:
        """Write a message at warning or above to the log, as a line without secrets."""
        if params.level in _WORTH_A_LINE:
            what = params.data if isinstance(params.data, str) else exact_json.dumps(params.data)
            source = f"{params.logger}: " if params.logger else ""
            line = self._shown(f"{self._name}: {params.level}: {source}{what}")
            async with self._log_lock:
                await write_to(server_log, f"{line}\n")

    async def _open(self, stack: AsyncExitStack, server_log: TextIO, on_end: OnEnd, deadline: float) -> None:
        """Try the routes to the server, one after the other. A busy server is tried again if it says when."""
        transports = Transports(self._entry, self._repair, server_log, on_end, self._auth)
        while True:
            state = CallState()
            attempt = AsyncExitStack()
            token = current_call.set(state)
            try:
                self._client = await self._connected(attempt, transports, server_log)
            except BaseException as error:
                await attempt.aclose()
                self.failure, self._ended = state.failure, transports.ended
                route = None
                if isinstance(error, Exception | BaseExceptionGroup):
                    route = await self._next_route(state, deadline, has_exited=transports.ended is not None)
                await transports.failed(is_tried_again=route is not None)
                if route is None:
                    raise
                self.route = route
            else:
                stack.push_async_exit(attempt)
                return
            finally:
                current_call.reset(token)

    async def _next_route(self, state: CallState, deadline: float, *, has_exited: bool) -> Route | None:
        failure = state.failure
        if failure is not None and failure.status in _BUSY and failure.retry_after is not None:
            if time.monotonic() + failure.retry_after >= deadline:
                return None
            await asyncio.sleep(failure.retry_after)
            return self.route
        status = None if failure is None else failure.status
        return self.route.otherwise(self._entry, has_exited=has_exited, status=status)

    async def _connected(self, stack: AsyncExitStack, transports: Transports, server_log: TextIO) -> Client:
        transport = await transports.open(stack, self.route)
        extensions = [AgentExtension(self._delegations), TasksClient(lambda: not self.has_ended)]
        client = Client(
            transport,
            extensions=extensions,
            mode=self.route.mode,
            message_handler=self._on_message,
            elicitation_callback=self._on_question,
            input_required_max_rounds=MAX_ROUNDS,
            logging_callback=partial(self._on_log, server_log),
            log_level="warning",
        )
        await stack.enter_async_context(client)
        sdk_compat.skip_result_validation(client)
        by_handshake = client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS
        declared = (client.server_capabilities.extensions or {}).get(AGENT)
        self.catalog = replace(
            await read_tools(client, self._name, self._entry, self._repair.left_out),
            instructions=(client.instructions or "")[:MAX_INSTRUCTIONS],
            has_resources=await has_resources(client),
            keeps_runs=isinstance(declared, dict) and declared.get(KEEPS_RUNS) is True,
        )
        await transports.connected(by_handshake=by_handshake)
        return client

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        progress: ProgressFnT,
        delegation: Delegation | None,
        asker: Asker = NOBODY_TO_ASK,
    ) -> CallToolResult:
        """Call a tool; the delegation context of `delegation` goes with the call. `asker` answers its questions."""
        assert self._client is not None
        context = delegation.delegation if delegation else None
        meta = {CALL: context.to_json(), IDEMPOTENCY_KEY: f"{self._keys}:{context.key}"} if context else None
        state = CallState(delegation, may_ask=True, name=context.call if context else "", **asker._asdict())
        current_call.set(state)  # for the task made here
        self._states.append(state)
        call = asyncio.create_task(self._request(tool, dict(arguments), progress, meta, state))
        self._calls.add(call)
        if delegation and context:
            self._delegations[context.call] = delegation
            delegation.events.sent()
            delegation.on_activity = state.on_activity
        seconds = self._entry.seconds or CALL_TIMEOUT
        late = ToolError(f"{self._name} returned no result in time: it had {seconds:g} s.")
        try:
            async with time_limit(seconds, late) as state.limit:
                await self._until_done_or_idle(call, state)
            if delegation and not call.cancelled() and not call.exception():
                await delegation.take_last_events(call.result())
        finally:
            self._calls.discard(call)
            self._states.remove(state)
            if context and self._delegations.get(context.call) is delegation:  # a tool may make two calls at once
                del self._delegations[context.call]
            try:
                if not (call.done() or self.has_ended):
                    await withdraw(self._client.session, state)
            finally:
                await cancel_and_wait([*state.asking, call])
        return self._outcome(call, state)

    async def _request(
        self,
        tool: str,
        arguments: dict[str, Any],
        report: ProgressFnT,
        about: dict[str, Any] | None,
        state: CallState,
    ) -> CallToolResult:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            state.on_activity()
            await report(progress, total, message)

        assert self._client is not None
        meta = cast("RequestParamsMeta | None", about)
        if tool in self.catalog.as_tasks:
            params = CallToolRequestParams(name=tool, arguments=arguments, _meta=meta)
            return await call_as_task(self._client.session, params, on_progress)
        return await self._client.call_tool(tool, arguments, progress_callback=on_progress, meta=meta)

    async def _on_question(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return await answered(self._name, self._states, context, params)

    async def _until_done_or_idle(self, call: asyncio.Task[CallToolResult], state: CallState) -> None:
        """Wait for the call while the server reports something. Raises `ToolError` if it has not for too long."""
        if self._entry.seconds is not None:
            await asyncio.wait({call})
            return
        while not call.done():
            left = state.last_activity + IDLE_TIMEOUT - time.monotonic()
            if left <= 0:
                raise ToolError(f"{self._name} returned no result and no progress for {IDLE_TIMEOUT:g} s.")
            await asyncio.wait({call}, timeout=min(left, IDLE_TIMEOUT))

    async def request(self, make: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Make a request that is not a call."""
        assert self._client is not None
        state = CallState(may_ask=True)
        current_call.set(state)  # for the task made here
        request = asyncio.create_task(make(self._client))
        self._calls.add(request)
        try:
            await asyncio.wait({request}, timeout=REQUEST_SECONDS)
            if not request.done():
                raise ToolError(f"{self._name} did not answer within {REQUEST_SECONDS:g} s.")
        finally:
            self._calls.discard(request)
            await cancel_and_wait([request])
        return self._outcome(request, state)

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
        error = first_cause(error)
        if isinstance(error, ConnectionLost | ConfigurationError):
            return str(error)
        if self.failure is not None:
            reason = error.message if isinstance(error, MCPError) and not self.failure.line else ""
            return self._shown(f"{self.failure}: {reason}")
        if isinstance(error, MCPError) and error.code == CONNECTION_CLOSED and self._ended:
            return self._ended
        if isinstance(error, OSError) and error.filename and error.strerror:  # mostly a command that is not installed
            return self._shown(f"{error.filename}: {error.strerror}")
        if isinstance(error, ValidationError):
            return self._shown(f"its answer cannot be read: {misfits(error, 'the answer', most=1)}")
        return self._shown(f"{type(error).__name__}: {error}")

    def _outcome(self, call: asyncio.Task[T], state: CallState) -> T:
        if call.cancelled():
            if state.is_refused:
                raise SessionRefused(f"{self._name} refused the call: it does not know the session")
            raise ConnectionLost("connection lost")
        try:
            return call.result()
        except MCPError as error:
            message = self._message(error, state.failure)
            if state.is_refused:
                raise SessionRefused(f"{self._name} refused the call: {message}") from None
            # Servers use this code for errors of their own, too.
            if error.code == CONNECTION_CLOSED and (self.has_ended or state.is_cut_off):
                raise ConnectionLost("connection closed") from None
            if state.failure is not None and state.failure.status in _BUSY:
                raise ServerBusy(f"{self._name} refused the call: {message}", state.failure) from None
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"{self._name} returned no result in time: {message}") from None
            raise ToolError(f"{self._name} refused the call: {message}") from None
        except (OSError, httpx2.HTTPError) as error:
            raise ConnectionLost(self.described(error)) from None
        except ValidationError as error:
            misfit = self._shown(misfits(error, "the result", most=1))
            raise ToolError(f"{self._name} returned a result that cannot be read: {misfit}") from None

    def _message(self, error: MCPError, failure: HttpFailure | None) -> str:
        """What the server says of an error, with its HTTP status and its details."""
        message = error.message
        if failure is not None:
            message = str(failure) if failure.line else f"{failure}: {message}"
        if error.error.data is not None:
            message = f"{message} ({exact_json.dumps(error.error.data)})"
        return self._shown(message)

    def _shown(self, text: str) -> str:
        """What may be shown of a text that others wrote: one line, without secrets of the entry."""
        return clip(without_passwords(self._entry.without_secrets(text.rstrip(": "))), MAX_REASON)
