"""The HTTP client under the MCP SDK's transports. It bounds responses and notes what they mean for their calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx2

from agentloop.mcp.client.call_state import CallState, current_call

CONNECT_TIMEOUT = 30.0
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a response that is not an event stream. The SDK bounds the events of a stream itself."""
SESSION = "mcp-session-id"


class AnswerRefused(httpx2.StreamError):
    """A response is too long or compressed. The SDK turns a `StreamError` into an error of that one call."""


def http_client(
    headers: dict[str, str] | None = None,
    timeout: httpx2.Timeout | None = None,
    auth: httpx2.Auth | None = None,
    *,
    on_failed_post: Callable[[str], None] | None = None,
) -> httpx2.AsyncClient:
    """A client without a limit on the time to read and on connections.

    It asks for responses without compression, in which a few bytes could become gigabytes. `on_failed_post` is called
    with "HTTP 404" and the like: the SDK's SSE transport sends nothing more after that, and reports it to nobody.
    """
    return httpx2.AsyncClient(
        auth=auth,
        timeout=timeout or httpx2.Timeout(CONNECT_TIMEOUT, read=None, pool=None),
        headers={**(headers or {}), "Accept-Encoding": "identity"},
        limits=httpx2.Limits(max_connections=None),
        event_hooks={"response": [partial(_on_response, on_failed_post)]},
    )


async def _on_response(on_failed_post: Callable[[str], None] | None, response: httpx2.Response) -> None:
    call = current_call.get() or CallState()
    _wrap_body(response, call)
    if response.request.method != "POST":
        return
    if response.is_success:
        call.is_accepted = True
    elif response.is_error:
        call.is_refused = not call.is_accepted and await _does_not_know_session(response, is_sse=bool(on_failed_post))
        if on_failed_post is not None:
            on_failed_post(f"HTTP {response.status_code}")


async def _does_not_know_session(response: httpx2.Response, *, is_sse: bool) -> bool:
    """Whether the server refused a request because of its session.

    The specification says 404; many servers answer 400. A 400 that is a JSON-RPC response to the request itself is the
    tool's or the server's error, and no matter of the session.
    """
    if not is_sse and SESSION not in response.request.headers:
        return False
    return response.status_code == 404 or (response.status_code == 400 and not await _is_answer(response))  # noqa: PLR2004


async def _is_answer(response: httpx2.Response) -> bool:
    try:
        answer, request = json.loads(await response.aread()), json.loads(response.request.content)
        return bool(answer["id"] == request["id"])
    except (httpx2.StreamError, ValueError, RecursionError, LookupError, TypeError):
        return False


def _wrap_body(response: httpx2.Response, call: CallState) -> None:
    stream = response.stream
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    is_events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    if not isinstance(stream, httpx2.AsyncByteStream):
        return
    if encoding not in {"", "identity"}:
        response.stream = _Body(stream, _no_compression(encoding))
    elif is_events and response.is_success:
        response.stream = _Body(stream, _events(stream, call))
    else:
        response.stream = _Body(stream, _bounded(stream))


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, pieces: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _no_compression(encoding: str) -> AsyncIterator[bytes]:
    raise AnswerRefused(f"The server compressed its answer ({encoding[:50]}) although asked not to.")
    yield b""


async def _bounded(stream: httpx2.AsyncByteStream) -> AsyncIterator[bytes]:
    length = 0
    async for piece in stream:
        length += len(piece)
        if length > MAX_BODY:
            raise AnswerRefused(f"The server's answer has more than {MAX_BODY:,} bytes.")
        yield piece


async def _events(stream: httpx2.AsyncByteStream, call: CallState) -> AsyncIterator[bytes]:
    """The SDK closes a stream when it has the response. If it reads a stream to the end, there was none."""
    call.is_cut_off = False
    try:
        async for piece in stream:
            yield piece
    except Exception:
        call.is_cut_off = True
        raise
    call.is_cut_off = True
