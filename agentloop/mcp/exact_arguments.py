"""The arguments of a call with all digits as sent.

The SDK parses the numbers of a request as floats, which turns 12345678901234567890.5 into 12345678901234567000. Here
they are read again from the raw JSON with `exact_json`: a number is a float if the float prints as that number, and a
`decimal.Decimal` otherwise. Over HTTP the SDK parses the body, so the server keeps its bytes in the request's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import JSONRPCMessage, JSONRPCRequest

from agentloop import ToolError, exact_json

BODY = "agentloop.body"
"""The key in an HTTP request's ASGI scope under which the bytes of its body are kept."""


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
