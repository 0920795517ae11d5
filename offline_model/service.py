"""One HTTP request to the offline model -> its response, and a transport that carries it without a socket."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio.lowlevel
import httpx2

from agentloop.testing.wire import (
    JSON_HEADERS,
    SSE_HEADERS,
    WireError,
    check_request,
    error_body,
    error_headers,
    plain_message,
    sse_events,
)
from offline_model.answering import answer, count_input

MOST_BYTES = 32_000_000
"""https://platform.claude.com/docs/en/api/errors"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes]
    """The body: one piece, or one per SSE event."""


class OfflineTransport(httpx2.AsyncBaseTransport):
    """For `httpx2.AsyncClient(transport=OfflineTransport())`, given to `AsyncAnthropic` as its http_client."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        reply = respond(request.method, request.url.path, request.headers, content)
        return httpx2.Response(reply.status, headers=dict(reply.headers), stream=_Pieces(reply.pieces))


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await anyio.lowlevel.checkpoint()
            yield piece


def respond(method: str, path: str, headers: Mapping[str, str], content: bytes) -> Reply:
    try:
        return _respond(method, path, headers, content)
    except WireError as error:
        return refused(error)


def refused(error: WireError) -> Reply:
    return Reply(error.status, error_headers(error), [json.dumps(error_body(error)).encode()])


def too_large() -> WireError:
    return WireError(413, "request_too_large", "Request exceeds the maximum allowed number of bytes.")


def _respond(method: str, path: str, headers: Mapping[str, str], content: bytes) -> Reply:
    counting = path == "/v1/messages/count_tokens"
    if method != "POST" or (path != "/v1/messages" and not counting):
        raise WireError(404, "not_found_error", f"{method} {path}: not found")
    if len(content) > MOST_BYTES:
        raise too_large()
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WireError(400, "invalid_request_error", f"the request body is not valid JSON: {error}") from None
    check_request(body, headers, counting=counting)
    message: Mapping[str, Any] = {"input_tokens": count_input(body)} if counting else answer(body)
    if body.get("stream") and not counting:
        return Reply(200, SSE_HEADERS, sse_events(message))
    return Reply(200, JSON_HEADERS, [json.dumps(message if counting else plain_message(message)).encode()])
