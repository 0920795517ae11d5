"""One HTTP request to the offline model -> its response, whoever carries it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offline_model.answering import answer, count_input
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

MOST_BYTES = 32_000_000
"""https://platform.claude.com/docs/en/api/errors"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes]
    """The body: one piece, or one per SSE event."""


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
    body = _json(content)
    check_request(body, headers, counting=counting)
    if counting:
        return _plain({"input_tokens": count_input(body)})
    message = answer(body)
    if body.get("stream"):
        return Reply(200, SSE_HEADERS, sse_events(message))
    return _plain(plain_message(message))


def _plain(document: Mapping[str, Any]) -> Reply:
    return Reply(200, JSON_HEADERS, [json.dumps(document).encode()])


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WireError(400, "invalid_request_error", f"the request body is not valid JSON: {error}") from None
