"""The arguments of a call with every digit that was sent.

The SDK parses the numbers of a request as floats, which turns 12345678901234567890.5 into 12345678901234567000. Here
they are read again from the raw JSON with `exact_json`: a number is a float if the float prints as that number, and a
`decimal.Decimal` otherwise. Over HTTP the SDK reads the body itself, so `keep_body` records it as it passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp.types import JSONRPCMessage, JSONRPCRequest

from agentloop import ToolError, exact_json

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

BODY = "agentloop.body"
"""The key in an HTTP request's ASGI scope under which the parts of its body are recorded."""


def keep_body(scope: Scope, receive: Receive) -> Receive:
    """Return a `receive` that also records the request's body in `scope[BODY]`, as a list of bytes."""
    parts: list[bytes] = []
    scope[BODY] = parts

    async def receive_and_record() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            parts.append(message.get("body", b""))
        return message

    return receive_and_record


def of_call(arguments: Mapping[str, Any] | None, request: object) -> Mapping[str, Any]:
    """Return the arguments of a `tools/call`, exact if `request` is a Starlette request whose body was recorded.

    Raises:
        ToolError: the body has a number that cannot be read, such as NaN.
    """
    parts = getattr(request, "scope", {}).get(BODY)
    if not arguments or parts is None:
        return arguments or {}
    try:
        exact: Mapping[str, Any] = exact_json.loads(b"".join(parts).decode())["params"]["arguments"]
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
