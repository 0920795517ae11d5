"""The HTTP client under the MCP SDK's transports. It bounds responses and notes what they mean for their calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import httpx2

from agentloop.mcp import exact_arguments
from agentloop.mcp.client.call_state import CallState, HttpFailure, current_call
from agentloop.mcp.client.readable_http import readable_body, readable_events
from agentloop.mcp.json_check import request_id
from agentloop.wire import tls_context

CONNECT_TIMEOUT = 30.0
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a response that is not an event stream. The SDK bounds the events of a stream itself."""
ERROR_TIMEOUT = 5.0
"""Seconds the text of an error may take."""
LONGEST_WAIT = 86_400.0
"""Seconds of a `Retry-After` that are believed."""
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
    with "HTTP 404: reason" and the like: the SDK's SSE transport sends nothing more after that and reports it to
    nobody.
    """
    return _ExactClient(
        auth=auth,
        verify=tls_context(),
        timeout=timeout or httpx2.Timeout(CONNECT_TIMEOUT, read=None, pool=None),
        headers={**(headers or {}), "Accept-Encoding": "identity"},
        limits=httpx2.Limits(max_connections=None),
        event_hooks={"response": [partial(_on_response, on_failed_post)]},
    )


class _ExactClient(httpx2.AsyncClient):
    """A client whose JSON bodies have all digits of the numbers that `exact_arguments` marked."""

    def build_request(self, method: str, url: httpx2.URL | str, **options: Any) -> httpx2.Request:
        value = options.pop("json", None)
        if value is not None:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            options["content"] = exact_arguments.unmarked(text).encode()
            options["headers"] = {"content-type": "application/json", **(options.get("headers") or {})}
        return super().build_request(method, url, **options)


async def _on_response(on_failed_post: Callable[[str], None] | None, response: httpx2.Response) -> None:
    call = current_call.get() or CallState()
    await response.request.aread()  # the body of a request that follows a redirect is not read yet
    _wrap_body(response, call)
    is_sse = on_failed_post is not None
    if response.request.method != "POST" and not (is_sse and response.is_error):
        return
    if response.is_success:
        call.is_accepted, call.failure = True, None
    elif response.is_error:
        text = await _text(response)
        call.is_refused = not call.is_accepted and _does_not_know_session(response, text, is_sse=is_sse)
        call.failure = HttpFailure(
            response.status_code, _first_line(response, text, is_sse=is_sse), _retry_after(response)
        )
        if on_failed_post is not None and response.request.method == "POST":
            on_failed_post(str(call.failure))


async def _text(response: httpx2.Response) -> bytes:
    """The body of an error, or nothing if it does not end."""
    with suppress(httpx2.StreamError, httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(ERROR_TIMEOUT):
            return await response.aread()
    return b""


def _first_line(response: httpx2.Response, text: bytes, *, is_sse: bool) -> str:
    """What a person may read: not HTML, and of a JSON-RPC error nothing where the SDK passes that on."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    lines = text.decode("utf-8", "replace").strip().splitlines()
    if kind == "text/html" or not lines:
        return response.reason_phrase
    answer = _object(text)
    if answer.get("jsonrpc") != "2.0" or "error" not in answer:
        return lines[0]
    error = answer["error"]
    said = str(error.get("message", "")) if is_sse and isinstance(error, dict) else ""
    return said.partition("\n")[0]


def _object(text: bytes) -> dict[str, Any]:
    """The JSON object, or an empty one if it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds; a date is not read."""
    try:
        seconds = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < LONGEST_WAIT else LONGEST_WAIT


def _does_not_know_session(response: httpx2.Response, text: bytes, *, is_sse: bool) -> bool:
    """Whether the server refused a request because of its session.

    The specification says 404; many servers answer 400. A 400 that is a JSON-RPC response to the request itself is the
    tool's or the server's error, and no matter of the session.
    """
    if not is_sse and SESSION not in response.request.headers:
        return False
    answer, request = _object(text), _object(response.request.content)
    is_answer = "id" in answer and "id" in request and answer["id"] == request["id"]
    return response.status_code == 404 or (response.status_code == 400 and not is_answer)  # noqa: PLR2004


def _wrap_body(response: httpx2.Response, call: CallState) -> None:
    stream = response.stream
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    kind = response.headers.get("content-type", "").lower()
    is_events, is_json = kind.startswith("text/event-stream"), kind.startswith("application/json")
    if not isinstance(stream, httpx2.AsyncByteStream):
        return
    if encoding not in {"", "identity"}:
        response.stream = _Body(stream, _no_compression(encoding))
        return
    request = request_id(response.request.content) if response.request.method == "POST" else None
    if is_events and response.is_success:
        response.stream = _Body(stream, _events(readable_events(aiter(stream), request, response.url), call))
    elif is_json and request is not None:
        # An error may also be one of HTTP, which is passed on as it is.
        response.stream = _Body(stream, readable_body(_bounded(stream), request if response.is_success else None))
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


async def _events(stream: AsyncIterator[bytes], call: CallState) -> AsyncIterator[bytes]:
    """The SDK closes a stream when it has the response. If it reads a stream to the end, there was none."""
    call.is_cut_off = False
    try:
        async for piece in stream:
            yield piece
    except Exception:
        call.is_cut_off = True
        raise
    call.is_cut_off = True
