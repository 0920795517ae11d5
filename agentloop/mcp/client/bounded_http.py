"""The HTTP client under the MCP SDK's transports: any number of calls at once, and no answer without a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

CONNECT_TIMEOUT = 30.0
MAX_BODY = 16 * 1024 * 1024
"""Bytes of an answer that is not an event stream. The SDK bounds the events of a stream itself."""


class AnswerRefused(httpx2.StreamError):
    """A server's answer is too long or compressed. The SDK turns a `StreamError` into an error of that one call."""


def http_client(
    headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
) -> httpx2.AsyncClient:
    """A client whose calls take as long as they take, unless there is a `timeout`.

    It asks for answers without compression, in which a few bytes could become gigabytes.
    """
    return httpx2.AsyncClient(
        auth=auth,
        timeout=timeout or httpx2.Timeout(CONNECT_TIMEOUT, read=None, pool=None),
        headers={**(headers or {}), "Accept-Encoding": "identity"},
        limits=httpx2.Limits(max_connections=None),
        event_hooks={"response": [_bound]},
    )


async def _bound(response: httpx2.Response) -> None:
    encoding = response.headers.get("content-encoding", "identity")
    is_plain = encoding.strip().lower() in {"", "identity"}
    is_events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    if (not is_plain or not (is_events and response.is_success)) and isinstance(
        response.stream, httpx2.AsyncByteStream
    ):
        response.stream = _Bounded(response.stream, None if is_plain else encoding)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str | None) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding is not None:
            raise AnswerRefused(f"The server compressed its answer ({self._encoding[:50]}) although asked not to.")
        length = 0
        async for piece in self._stream:
            length += len(piece)
            if length > MAX_BODY:
                raise AnswerRefused(f"The server's answer has more than {MAX_BODY:,} bytes.")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
