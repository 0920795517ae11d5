"""Limits on the sessions of clients of revisions before 2026-07-28.

The SDK limits only the total of streamable HTTP sessions, so that one client could use up all of them for half an hour.
Over SSE a request is accepted before it is answered, and all answers go out on one stream. If the client does not read
that stream, they would accumulate without bound.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.message import SessionMessage
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from agentloop import ToolError
from agentloop.mcp.server.admission import RateLimit
from agentloop.mcp.server.calls import owner_of_request
from agentloop.mcp.stdio import SendStream

SESSION_HEADER = "mcp-session-id"
MAX_SESSIONS = 1_000
MAX_OWNER_SESSIONS = 64
MAX_UNREAD = 1_000
"""Messages of one SSE session that its client has not read."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Session:
    owner: str
    opened_by: Scope
    requests: int = 0
    """Requests under way, an open stream among them."""


class Sessions:
    """Passes requests to the SDK's manager. A new session ends the owner's least recently used one if it has too many.

    A session with an open request or stream is not ended. An owner may open as many sessions a minute as `rate`
    allows.
    """

    def __init__(self, manager: StreamableHTTPSessionManager, rate: RateLimit) -> None:
        self._manager = manager
        self._rate = rate
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Headers(scope=scope).get(SESSION_HEADER)
        if name is None:
            await self._open(scope, receive, send)
            return
        session = self._sessions.get(name) or _Session("", scope)  # the manager answers 404 to an unknown one
        if name in self._sessions:
            self._sessions.move_to_end(name)
        if scope["method"] == "DELETE":
            self._sessions.pop(name, None)
        session.requests += 1
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            session.requests -= 1

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = owner_of_request(Request(scope))
        try:
            await self._rate.admit(owner)
        except ToolError as error:
            await Response(str(error), status_code=429, headers={"retry-after": "1"})(scope, receive, send)
            return
        if not (await self._make_room(MAX_OWNER_SESSIONS, owner) and await self._make_room(MAX_SESSIONS, None)):
            await Response("Too many sessions are open.", status_code=503)(scope, receive, send)
            return

        async def register(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:  # noqa: PLR2004
                name = Headers(raw=message["headers"]).get(SESSION_HEADER)
                if name is not None:
                    self._sessions[name] = _Session(owner, scope)
            await send(message)

        await self._manager.handle_request(scope, receive, register)

    async def _make_room(self, limit: int, owner: str | None) -> bool:
        """End the least recently used session, of `owner` if given, when there are `limit`. Whether there is room."""
        mine = {name: session for name, session in self._sessions.items() if owner in (None, session.owner)}
        idle = next((name for name, session in mine.items() if not session.requests), None)
        if len(mine) >= limit and idle is not None:
            await self._end(idle)
        return len(mine) < limit or idle is not None

    async def _end(self, name: str) -> None:
        """End a session the way its client would, with a DELETE request."""
        opened_by = self._sessions.pop(name).opened_by
        kept = [(key, value) for key, value in opened_by["headers"] if key == b"host"]
        scope = {**opened_by, "method": "DELETE", "headers": [*kept, (SESSION_HEADER.encode(), name.encode())]}
        with suppress(Exception):  # it may have ended by itself meanwhile
            await self._manager.handle_request(scope, _empty_body, _discard)


async def _empty_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _discard(_message: Message) -> None:
    pass


class BoundedSender(SendStream):
    """A stream that calls `on_overflow` when more than `MAX_UNREAD` messages wait to be sent on it."""

    def __init__(self, stream: SendStream, on_overflow: Callable[[], None]) -> None:
        self._stream = stream
        self._on_overflow = on_overflow
        self._waiting = 0

    async def send(self, item: SessionMessage) -> None:
        if self._waiting == MAX_UNREAD:
            _log.warning("A session was ended whose client left %d messages unread.", MAX_UNREAD)
            self._on_overflow()
        self._waiting += 1
        try:
            await self._stream.send(item)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        await self._stream.aclose()
