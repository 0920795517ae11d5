"""Middleware for the SDK's clients that limits the size of responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx2
from anthropic import APIRequest, AsyncAPIResponse

from agentloop.errors import ModelError

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of a response. The longest that a model can write is about a quarter of this."""
MAX_EVENT = 8 * 1024 * 1024
"""Bytes of one event of a stream."""
MAX_ERROR = 100_000
"""Bytes that are read of the body of an error response."""

_OF_THE_ENCODED_BODY = {"content-encoding", "content-length", "transfer-encoding"}


async def bound_answers(
    request: APIRequest, call_next: Callable[[APIRequest], Awaitable[AsyncAPIResponse[Any]]]
) -> AsyncAPIResponse[Any]:
    """Return the response with a limited body: one that raises a `ModelError` when it is too long.

    The body of an error response is truncated instead.
    """
    answer = await call_next(request)
    response = answer.http_response
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_ENCODED_BODY]
    if response.is_success:
        body: dict[str, Any] = {"stream": _Bounded(response)}
    else:
        body = {"content": await _start(response)}
    answer.http_response = httpx2.Response(
        response.status_code, headers=headers, request=response.request, extensions=response.extensions, **body
    )
    return answer


async def _start(response: httpx2.Response) -> bytes:
    body = b""
    with suppress(Exception):  # the part that was received is enough
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= MAX_ERROR:
                break
    await response.aclose()
    return body[:MAX_ERROR]


class _Bounded(httpx2.AsyncByteStream):
    """The decoded body of a response."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = event = 0
        async for chunk in self._response.aiter_bytes():
            total += len(chunk)
            end = chunk.rfind(b"\n\n")
            event = event + len(chunk) if end < 0 else len(chunk) - end
            if total > MAX_ANSWER:
                raise ModelError(f"The Messages API sent more than {MAX_ANSWER:,} bytes in one answer.")
            if event > MAX_EVENT:
                raise ModelError(f"The Messages API sent more than {MAX_EVENT:,} bytes in one event.")
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
