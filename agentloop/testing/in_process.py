"""A function that answers requests like a model, behind a transport without a socket or behind a loopback server.

    client = AsyncAnthropic(api_key="none", http_client=httpx2.AsyncClient(transport=answer_transport(answer)))

`answer` takes the body of a checked request and returns a Message of the API as a dictionary; both forms, streamed and
plain, are made of it. Requests the API would refuse are refused.
"""

import json
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio.lowlevel
import httpx2

from agentloop.testing.checks import WireError, check_request
from agentloop.testing.wire import JSON_HEADERS, SSE_HEADERS, error_body, error_headers, plain_message, sse_events

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

MOST_BYTES = 32_000_000
"""https://platform.claude.com/docs/en/api/errors"""
_GRACE = 2  # seconds for answers under way when the server is asked to stop

AnswerFunction: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class HttpReply:
    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes]
    """The body: one piece, or one per SSE event."""


def answer_transport(answer: AnswerFunction) -> httpx2.MockTransport:
    """For `httpx2.AsyncClient(transport=...)`, given to `AsyncAnthropic` as its http_client."""

    async def handle(request: httpx2.Request) -> httpx2.Response:
        reply = respond(answer, request.method, request.url.path, request.headers, request.content)
        return httpx2.Response(reply.status, headers=dict(reply.headers), content=_pieces(reply))

    return httpx2.MockTransport(handle)


async def _pieces(reply: HttpReply) -> AsyncIterator[bytes]:
    for piece in reply.pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


def respond(answer: AnswerFunction, method: str, path: str, headers: Mapping[str, str], content: bytes) -> HttpReply:
    """The response to one request: POST /v1/messages, or /v1/messages/count_tokens."""
    try:
        return _respond(answer, method, path, headers, content)
    except WireError as error:
        return _refused(error)


def _respond(answer: AnswerFunction, method: str, path: str, headers: Mapping[str, str], content: bytes) -> HttpReply:
    counting = path == "/v1/messages/count_tokens"
    if method != "POST" or (path != "/v1/messages" and not counting):
        raise WireError(404, "not_found_error", f"{method} {path}: not found")
    if len(content) > MOST_BYTES:
        raise _too_large()
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WireError(400, "invalid_request_error", f"the request body is not valid JSON: {error}") from None
    check_request(body, headers, counting=counting)
    message = answer(body)
    if counting:
        return HttpReply(200, JSON_HEADERS, [json.dumps({"input_tokens": message["usage"]["input_tokens"]}).encode()])
    if body.get("stream"):
        return HttpReply(200, SSE_HEADERS, sse_events(message))
    return HttpReply(200, JSON_HEADERS, [json.dumps(plain_message(message)).encode()])


def _refused(error: WireError) -> HttpReply:
    return HttpReply(error.status, error_headers(error), [json.dumps(error_body(error)).encode()])


def _too_large() -> WireError:
    text = "Request exceeds the maximum allowed number of bytes."
    return WireError(413, "request_too_large", text, {"connection": "close"})


def application(answer: AnswerFunction) -> "Starlette":
    from starlette.applications import Starlette  # noqa: PLC0415 - not needed in process
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import Response, StreamingResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def endpoint(request: Request) -> Response:
        try:
            content = await _content(request)
            reply = respond(answer, request.method, request.url.path, request.headers, content)
        except WireError as error:
            reply = _refused(error)
        return StreamingResponse(iter(reply.pieces), status_code=reply.status, headers=dict(reply.headers))

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST"])])


async def _content(request: "Request") -> bytes:
    """The body, of MOST_BYTES at most. Raises WireError, before any is read if the request announces more."""
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise _too_large()
    content = bytearray()
    async for piece in request.stream():
        if len(content) + len(piece) > MOST_BYTES:
            raise _too_large()
        content += piece
    return bytes(content)


def serve(answer: AnswerFunction, host: str, port: int, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets the URL once connections are accepted."""
    import uvicorn  # noqa: PLC0415 - not needed in process

    config = uvicorn.Config(application(answer), lifespan="off", log_config=None, timeout_graceful_shutdown=_GRACE)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        # uvicorn raises the signal again once it has shut down: without handlers of our own that would be a failure
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: None)
        announce(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])
