"""Checks of the JSON of untrusted messages, before they are parsed further."""

from __future__ import annotations

import json
import re
from typing import Any

from mcp.types import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError

from agentloop import exact_json
from agentloop.narration import LINE, clip

MAX_NESTING = 150
"""Objects and arrays within each other in one message."""


def check_json(data: bytes) -> None:
    """Check that `data` is one JSON value that every JSON library reads alike.

    Raises:
        ValueError: it is not UTF-8 or not JSON, an object has the same key twice, a text has an unpaired surrogate, an
            integer has more than 4,300 digits, the value is nested too deeply, or it is a request with an id that is
            neither integer nor text, which the SDK would take for a notification and not answer. NaN and Infinity are
            not JSON, but Python's `json` writes them: the tool call refuses them, so that the caller gets an answer.
    """
    text = data.decode()
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        value = None
        depth = MAX_NESTING + 1
    else:
        depth = exact_json.nesting(value, MAX_NESTING)
    if depth > MAX_NESTING:
        raise ValueError(f"objects and arrays are nested more than {MAX_NESTING} deep")
    if isinstance(value, dict) and {"id", "method"} <= {*value} and _valid_id(value["id"]) is None:
        raise ValueError("the id of a request is an integer or a text")
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text has an unpaired surrogate") from None


def refusal(data: bytes, problem: str) -> JSONRPCError:
    """The response to a refused message: an invalid request if its id can be read, or else a parse error."""
    request = request_id(data)
    code, what = (PARSE_ERROR, "Parse error") if request is None else (INVALID_REQUEST, "Invalid request")
    error = ErrorData(code=code, message=clip(f"{what}: {problem}", LINE))
    return JSONRPCError(jsonrpc="2.0", id=request, error=error)


def repaired_response(text: str, request: int | str | None = None) -> str | None:
    """A response that no JSON-RPC library reads, as one that it reads, so that its call ends; None for anything else.

    Unpaired surrogates in it become U+FFFD. Any other fault makes it an error, with the text of the error that it has.
    With `request`, the id of the request that it has to answer, it may be anything.
    """
    message, problem = _read(text)
    if isinstance(message, list) and len(message) == 1:
        (message,) = message  # a batch of one, which the revision 2025-03-26 has
    is_response = isinstance(message, dict) and "method" not in message and not {"result", "error"}.isdisjoint(message)
    message = message if is_response else {}
    found = _valid_id(message.get("id"))
    answered = request if found is None else found
    if answered is None:
        return None
    if message.get("jsonrpc") == "2.0" and isinstance(message.get("result"), dict):
        return json.dumps({"jsonrpc": "2.0", "id": answered, "result": message["result"]})
    error = message.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    problem = said if isinstance(said, str) else problem
    data = ErrorData(code=INTERNAL_ERROR, message=clip(f"Its answer cannot be read: {problem}", LINE))
    return JSONRPCError(jsonrpc="2.0", id=answered, error=data).model_dump_json(by_alias=True, exclude_unset=True)


def _read(text: str) -> tuple[Any, str]:
    """The JSON value, or its outline if the whole cannot be read; and what is wrong with it as a response."""
    try:
        message = exact_json.encodable(json.loads(text))
        is_deep = exact_json.nesting(message, MAX_NESTING) > MAX_NESTING
    except RecursionError:
        message, is_deep = None, True
    except ValueError:
        return _outline(text), _NO_RESPONSE
    return (_outline(text), "it is nested too deeply") if is_deep else (message, _NO_RESPONSE)


def _outline(text: str) -> Any:
    """The JSON value with null for each object and list in it, or None if it cannot be read."""
    kept, depth, end = list[str](), 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in {"[", "{"}:
            depth += 1
            if depth == 2:  # noqa: PLR2004
                kept.append(f"{text[end : token.start()]}null")
        elif token[0] in {"]", "}"}:
            depth -= 1
            end = token.end() if depth == 1 else end
    try:
        return exact_json.encodable(json.loads("".join(kept) + text[end:]))
    except (ValueError, RecursionError):
        return None


def request_id(data: bytes) -> int | str | None:
    """The id of the request; None if it is none, or cannot be read."""
    try:
        message = json.loads(data)
        request = message["id"] if "method" in message else None
        str(request).encode()
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return _valid_id(request)


def _valid_id(value: object) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"an object has the key {next(key for key in keys if keys.count(key) > 1)[:100]!r} twice")
    return value


_NO_RESPONSE = "it is not a JSON-RPC response"
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
"""A text or a bracket. The end of a text is optional, so that the time for one that does not end is linear."""
_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
