"""Bodies of HTTP responses in which answers that the SDK could not read are repaired, so that their calls end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

import httpx2
from httpx2 import SSEError
from mcp.types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter

from agentloop.mcp.json_check import repaired_response

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event of an event stream. A longer one is passed on as it is: the SDK refuses it."""

_OTHER = ErrorData(code=INTERNAL_ERROR, message="Its answer cannot be read: it is no response to this request")
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


async def readable_body(pieces: AsyncIterator[bytes], request: int | str | None) -> AsyncIterator[bytes]:
    """A body that has to be one message; with `request`, the answer to the request of that id."""
    yield _readable(b"".join([piece async for piece in pieces]), request, is_alone=True)


async def readable_events(
    pieces: AsyncIterator[bytes], request: int | str | None, url: httpx2.URL
) -> AsyncIterator[bytes]:
    """An event stream of messages from `url`; with `request`, one that ends with the answer to the request of that id.

    Raises:
        SSEError: a server of the SSE transport wants messages at another address; the SDK would wait for ever.
    """
    rest = bytearray()
    async for piece in pieces:
        new = max(0, len(rest) - 3)  # a blank line has up to 4 bytes
        rest += piece
        end = 0
        for blank in _BLANK_LINE.finditer(rest, new):
            yield _readable_event(bytes(rest[end : blank.start()]), request, url) + blank[0]
            end = blank.end()
        del rest[:end]
        if len(rest) > MAX_EVENT:
            yield bytes(rest)
            rest.clear()
    yield bytes(rest)


def _readable_event(event: bytes, request: int | str | None, url: httpx2.URL) -> bytes:
    lines = event.splitlines()
    fields = [line.partition(b":") for line in lines]
    text = b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")
    kinds = {value.strip() for name, _, value in fields if name == b"event"}
    if request is None and b"endpoint" in kinds and not _is_at(url, text.decode(errors="replace")):
        raise SSEError(f"it wants messages at another address than its own: {text.decode(errors='replace')}")
    if kinds - {b"message"}:
        return event
    readable = _readable(text, request) if text else text
    if readable == text:
        return event
    return b"\n".join([*(line for line in lines if not line.startswith(b"data")), b"data: " + readable])


def _is_at(url: httpx2.URL, endpoint: str) -> bool:
    """Whether the SDK takes an endpoint as one of the server at `url`."""
    try:
        found = urlsplit(urljoin(str(url), endpoint))
    except ValueError:
        return False
    return (found.scheme, found.netloc) == (url.scheme, url.netloc.decode())


def _readable(data: bytes, request: int | str | None, *, is_alone: bool = False) -> bytes:
    """A message; if it is alone in the answer to `request`, then also with that request's id: no other will come."""
    text = data.decode(errors="replace")
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValueError:
        repaired = repaired_response(text, request)
        if repaired is None:
            return text.encode()
        text, message = repaired, jsonrpc_message_adapter.validate_json(repaired, by_name=False)
    if request is None or not is_alone:
        return text.encode()
    if isinstance(message, JSONRPCResponse | JSONRPCError) and str(message.id) == str(request):
        return text.encode()
    said = message.error if isinstance(message, JSONRPCError) and message.id is None else _OTHER
    return JSONRPCError(jsonrpc="2.0", id=request, error=said).model_dump_json(exclude_unset=True).encode()
