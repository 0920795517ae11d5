"""A connection to one MCP server, owned by one task, which connects again whenever the connection is lost.

The SDK's client must be entered and left by the same task, and over HTTP it cancels that task when the server dies. So
each client lives in a task of its own. Calls run in their callers' tasks; a lost connection reaches them as
`ToolUnavailable`, never as a cancellation.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar

from mcp import Client
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import CallToolResult
from mcp.types import Tool as McpTool

from agentloop import ToolError, ToolUnavailable
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.breaker import Breaker, State
from agentloop.mcp.client.call_state import NOBODY_TO_ASK, Asker
from agentloop.mcp.client.catalog import Catalog
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.delegated_call import Delegation
from agentloop.mcp.client.sdk_session import ConnectionLost, SdkSession, SessionRefused
from agentloop.mcp.client.transports import Route

if TYPE_CHECKING:
    from agentloop.mcp.client.oauth import ServerLogin

T = TypeVar("T")

CLOSE_TIMEOUT = 5.0
"""Seconds closing a connection may take. A started server has been killed by then."""
DRAIN_TIMEOUT = 2.0
"""Seconds the other calls of a session that the server ended may still take."""
MAX_CALLS = 100
"""Calls under way at once on one connection."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds between attempts to connect, doubling from the first to the longest, and varied by half."""


class Connection:
    """Connects when entered, and again whenever the connection is lost, with jittered back-off, until it is left.

    A server that cannot be reached is not an exception: `error` says why. `server_log` receives a started server's
    stderr; it needs a file descriptor. At most `max_calls` calls run at once, others wait in order. `changed` is called
    when the state of the connection or of its breaker has changed, `tools_changed` when the server has another list of
    tools, which `tools` has then.

    Idempotency keys of calls to agents begin with `keys`. `login` adds a token to the requests to a server by URL.
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
        login: ServerLogin | None = None,
        changed: Callable[[Connection], None] = lambda _connection: None,
        tools_changed: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        self.name = name
        self.entry = entry
        self.is_trusted = entry.trusted
        self.login = login
        self.catalog = Catalog()
        self.error: str | None = None
        self.reconnects = 0
        self.breaker = Breaker()
        self._slots = asyncio.Semaphore(max_calls)
        self._failed: SdkSession | None = None
        self._failure = "connection lost"
        self._keys = keys or secrets.token_hex(16)
        self._connect_timeout = connect_timeout
        self._server_log = server_log
        self._changed = changed
        self._tools_changed = tools_changed
        self._reported: tuple[bool, State] | None = None
        self._session: SdkSession | None = None
        self._route: Route | None = None
        self._settled = asyncio.Event()
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._leaving = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._owner = asyncio.create_task(self._own(), name=f"mcp:{self.name}")
        try:
            await self._settled.wait()
        except asyncio.CancelledError:
            await cancel_and_wait([self._owner])
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
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
    def is_up(self) -> bool:
        return self._session is not None

    async def reached(self, patience: float) -> bool:
        """Wait for the first attempt to connect, and for a server that is down then up to `patience` seconds.

        Returns whether it is up.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._connect_timeout):
                await self._settled.wait()
            async with asyncio.timeout(patience):
                await self._up.wait()
        return self.is_up

    def to_json(self) -> dict[str, Any]:
        """`{state, breaker, reconnects}`, and `error` if it is down."""
        state = "up" if self.is_up else "down"
        about = {"state": state, "breaker": self.breaker.state, "reconnects": self.reconnects}
        return about if self.is_up else about | {"error": self.error}

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        progress: ProgressFnT,
        *,
        patience: float = 0.0,
        delegation: Delegation | None = None,
        asker: Asker = NOBODY_TO_ASK,
    ) -> CallToolResult:
        """Call a tool, with the context of `delegation` in the request's `_meta`. `asker` answers its questions.

        A server that is down is waited for at most `patience` seconds. A call that was refused because the server has
        ended the session was not run, and is made once more in a new session.

        Raises:
            ToolUnavailable: the server cannot be reached, or went away before it answered.
            ToolError: the server refused the call or took too long.
        """
        return await self._ask(patience, lambda session: session.call(tool, arguments, progress, delegation, asker))

    async def request(self, make: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Make another request than a call, for example `lambda client: client.get_prompt("review")`.

        Raises:
            ToolUnavailable: the server cannot be reached, or went away before it answered.
            ToolError: the server refused the request or took too long.
        """
        return await self._ask(self._connect_timeout, lambda session: session.request(make))

    async def _ask(self, patience: float, make: Callable[[SdkSession], Awaitable[T]]) -> T:
        """Make a request when there is a slot for it, unless the breaker is open, and tell the breaker how it ended."""
        async with self._slots:
            if not self.breaker.admit():
                raise ToolUnavailable(
                    f"{self.name} keeps failing, so no calls are sent to it for a while: {self._failure}"
                )
            self._report()
            try:
                answer = await self._ask_admitted(patience, make)
            except ToolError as error:
                if not isinstance(error, ToolUnavailable):
                    self.breaker.succeeded()
                raise
            else:
                self.breaker.succeeded()
                return answer
            finally:
                self.breaker.forget()
                self._report()

    async def _ask_admitted(self, patience: float, make: Callable[[SdkSession], Awaitable[T]]) -> T:
        session = await self._connected(patience)
        try:
            return await self._answer(session, make)
        except SessionRefused:
            self._connection_lost(session, "the server ended the session")
        return await self._answer(await self._connected(max(patience, self._connect_timeout)), make)

    async def _answer(self, session: SdkSession, make: Callable[[SdkSession], Awaitable[T]]) -> T:
        try:
            return await make(session)
        except ConnectionLost as lost:
            self._connection_lost(session, str(lost))
            self._failure = self.error or self._failure
            if self._failed is not session:  # it is one failure, however many calls it had
                self._failed = session
                self.breaker.failed()
            raise self._unavailable() from None
        except SessionRefused:
            raise
        except ToolError as error:
            if self.login is None or not self.login.is_needed:
                raise
            reason = f" ({self.login.error})" if self.login.error else ""
            raise ToolError(f"{error}. The server requires a login{reason}.") from None

    async def _connected(self, patience: float) -> SdkSession:
        if self._session is None and patience > 0:
            await self.reached(patience)
        if self._session is None:
            raise self._unavailable()
        return self._session

    def _connection_lost(self, session: SdkSession, reason: str) -> None:
        """The session of a call is lost; there may be another one already."""
        if self._session is session:
            self.error = self.error or reason
            self._session = None
            self._up.clear()
            self._lost.set()

    def _unavailable(self) -> ToolUnavailable:
        """The same text for each call, so that a warning about it can be given once."""
        return ToolUnavailable(f"{self.name} {'went away' if self.tools else 'cannot be reached'}: {self.error}")

    def _report(self) -> None:
        now = (self.is_up, self.breaker.state)
        if now != self._reported and not self._leaving.is_set():
            self._reported = now
            self._changed(self)

    async def _own(self) -> None:
        """Stay connected. This is the one task that enters and leaves the SDK's clients."""
        pause = FIRST_PAUSE
        while not self._leaving.is_set():
            self._lost.clear()
            was_up = await self._run_session()
            self._settled.set()
            pause = FIRST_PAUSE if was_up else min(LONGEST_PAUSE, pause * 2)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.5, 1.5)):  # noqa: S311
                    await self._leaving.wait()

    async def _run_session(self) -> bool:
        """Connect once and stay until the connection is lost or left. Returns whether there was one."""
        was_up = False
        session = SdkSession(self.name, self.entry, self._keys, self.login, self._route)
        session.on_tools_changed = partial(self._take_tools, session)
        try:
            async with session.opened(self._server_log, self._connect_timeout, self._on_end):
                was_up = True
                self._use(session)
                await self._lost.wait()
                self.error = self.error or "connection closed"
                if not (session.has_ended or self._leaving.is_set()):
                    await session.drain(DRAIN_TIMEOUT)
        except asyncio.CancelledError:
            if self._owner is not None and self._owner.cancelling():
                raise
            self.error = "connection lost"  # the SDK's transport cancels this task when the server dies
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it is, it is this server's alone
            self.error = session.described(error)
        finally:
            self._session = None
            self._up.clear()
            self._report()
            session.end_calls()
        return was_up

    def _on_end(self, reason: str) -> None:
        self.error = self.error or reason
        self._lost.set()

    def _take_tools(self, session: SdkSession) -> None:
        if self._session is session:
            self.catalog = session.catalog
            self._tools_changed(self)

    def _use(self, session: SdkSession) -> None:
        self.reconnects += self._settled.is_set()
        self._session, self.error = session, None
        self.catalog, self._route = session.catalog, session.route
        self._up.set()
        self._settled.set()
        self._report()
