"""The arguments of a call with all digits as sent, for servers and for clients.

The SDK parses the numbers of a request as floats, which turns 12345678901234567890.5 into 12345678901234567000. Here
they are read again from the raw JSON with `exact_json`: a number is a float if the float prints as that number, and a
`decimal.Decimal` otherwise. Over HTTP the SDK parses the body, so the server keeps its bytes in the request's scope.

A client marks such numbers as text, because the SDK writes a `Decimal` as text, and its transports remove the marks.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mcp.types import JSONRPCMessage, JSONRPCRequest

from agentloop import ToolError, exact_json

BODY = "agentloop.body"
"""The key in an HTTP request's ASGI scope under which the bytes of its body are kept."""

_MARK = secrets.token_hex(16)
"""Random, so that no text of a model can look like a marked number."""
_MARKED = re.compile(rf'"{_MARK}(-?[0-9][0-9.eE+-]*)"')


def marked(value: Any) -> Any:
    """A JSON value with a text for each `Decimal`, which `unmarked` turns into that number.

    >>> unmarked(json.dumps(marked({"x": Decimal("0.10000000000000000001")})))
    '{"x": 0.10000000000000000001}'
    """
    if isinstance(value, Decimal):
        return f"{_MARK}{value}"
    if isinstance(value, list):
        return [marked(item) for item in value]
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    return value


def unmarked(text: str) -> str:
    """JSON text with a number for each text that `marked` made."""
    return _MARKED.sub(r"\1", text) if _MARK in text else text


def of_call(arguments: Mapping[str, Any] | None, request: object) -> Mapping[str, Any]:
    """Return the arguments of a `tools/call`, exact if `request` is a Starlette request whose body was kept.

    Raises:
        ToolError: the body has a number that cannot be read, such as NaN.
    """
    body = getattr(request, "scope", {}).get(BODY)
    if not arguments or body is None:
        return arguments or {}
    try:
        exact: Mapping[str, Any] = exact_json.loads(body.decode())["params"]["arguments"]
    except ValueError as error:
        raise ToolError(f"The arguments cannot be read: {error}. Send finite numbers, or numbers as text.") from None
    return exact


def restore(message: JSONRPCMessage, raw: str) -> None:
    """Replace the arguments in a `tools/call` message that was parsed from `raw` by exact ones.

    Arguments that `exact_json` cannot read, such as NaN, stay as they are; the publication refuses them.
    """
    if isinstance(message, JSONRPCRequest) and message.method == "tools/call" and message.params:
        try:
            message.params["arguments"] = exact_json.loads(raw)["params"]["arguments"]
        except (ValueError, KeyError):
            return
