"""Bodies of HTTP responses in which answers that the SDK could not read are repaired, so that their calls end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from mcp.types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter

from agentloop.mcp.json_check import repaired_response

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event of an event stream. A longer one is passed on as it is: the SDK refuses it."""

_OTHER = ErrorData(code=INTERNAL_ERROR, message="Its answer cannot be read: it is no response to this request")
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


async def readable_body(pieces: AsyncIterator[bytes], request: int | str | None) -> AsyncIterator[bytes]:
    """A body that has to be one message; with `request`, the answer to the request of that id."""
    yield _readable(b"".join([piece async for piece in pieces]), request, is_alone=True)


async def readable_events(pieces: AsyncIterator[bytes], request: int | str | None) -> AsyncIterator[bytes]:
    """An event stream of messages; with `request`, one that ends with the answer to the request of that id."""
    rest = bytearray()
    async for piece in pieces:
        new = max(0, len(rest) - 3)  # a blank line has up to 4 bytes
        rest += piece
        end = 0
        for blank in _BLANK_LINE.finditer(rest, new):
            yield _readable_event(bytes(rest[end : blank.start()]), request) + blank[0]
            end = blank.end()
        del rest[:end]
        if len(rest) > MAX_EVENT:
            yield bytes(rest)
            rest.clear()
    yield bytes(rest)


def _readable_event(event: bytes, request: int | str | None) -> bytes:
    lines = event.splitlines()
    fields = [line.partition(b":") for line in lines]
    if any(name == b"event" and value.strip() != b"message" for name, _, value in fields):
        return event
    text = b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")
    readable = _readable(text, request) if text else text
    if readable == text:
        return event
    return b"\n".join([*(line for line in lines if not line.startswith(b"data")), b"data: " + readable])


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
