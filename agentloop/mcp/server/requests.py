"""ASGI middleware: limits on the number of requests at once and on the size of their bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentloop.mcp.exact_arguments import BODY
from agentloop.mcp.json_check import check_json, refusal
from agentloop.mcp.server.connections import Connections

MAX_BODY = 1024 * 1024
"""Bytes of one request."""
MAX_DISCARDED = 8 * MAX_BODY
"""Bytes of a larger body that are read and dropped: many clients read the response only after sending the body."""
BODY_TIMEOUT = 30.0
"""Seconds in which a body has to arrive."""
ALWAYS = {"/health", "/ready"}
"""Paths that the limit on requests does not apply to."""


class RequestLimit:
    """Answers 503 to requests beyond the limits of `connections`.

    Errors close the connection: the body of a refused request may not have been read, and uvicorn would read the rest.
    """

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def close_after_errors(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:  # noqa: PLR2004
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        peer = scope.get("client") or ("", 0)
        with self._connections.request((peer[0], peer[1])) as has_room:
            app = self._app if has_room or scope["path"] in ALWAYS else _BUSY
            await app(scope, receive, close_after_errors)


_BUSY = Response("Too many requests are under way.", status_code=503, headers={"retry-after": "1"})


class JsonBody:
    """Reads the body of a POST request, keeps it in `scope[BODY]`, and passes on only what `check` accepts.

    Answers 413 to a body that is too large, 408 to one that takes too long, 400 if `check` raises ValueError.
    """

    def __init__(self, app: ASGIApp, check: Callable[[bytes], object] = check_json) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = b""
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await _read(scope, receive)
            self._check(body)
        except ClientDisconnect:
            return
        except _TooLarge:
            await Response("Request body too large", status_code=413)(scope, receive, send)
        except TimeoutError:
            await Response("The request body took too long.", status_code=408)(scope, receive, send)
        except ValueError as error:
            problem = refusal(body, str(error)).model_dump(mode="json", exclude_unset=True)
            await JSONResponse(problem, status_code=400)(scope, receive, send)
        else:
            scope[BODY] = body
            await self._app(scope, _first({"type": "http.request", "body": body, "more_body": False}, receive), send)


class _TooLarge(Exception):
    """The body has more bytes than are read."""


async def _read(scope: Scope, receive: Receive) -> bytes:
    body = bytearray()
    received = 0
    async for piece in Request(scope, receive).stream():
        received += len(piece)
        if received > MAX_DISCARDED:
            raise _TooLarge
        if received <= MAX_BODY:
            body += piece
    if received > MAX_BODY:
        raise _TooLarge
    return bytes(body)


def _first(message: Message, receive: Receive) -> Receive:
    """`receive`, but `message` comes first."""
    messages = [message]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
