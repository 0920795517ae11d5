"""What depends on parts of the MCP SDK and uvicorn that their documentation does not promise.

Each function says what it depends on. `tests/mcp/test_sdk_compat.py` and
`tests/mcp/client/test_sdk_compat.py` fail when that changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from mcp import types

if TYPE_CHECKING:
    import uvicorn  # only servers over HTTP import it
    from mcp import Client
    from mcp.server.context import ServerRequestContext


async def send_notification(context: ServerRequestContext[Any, Any], method: str, params: dict[str, Any]) -> None:
    """Send a notification of an extension on the stream of the request.

    `ServerSession.send_notification` is typed for the standard notifications only, and there is no other method for
    those of a server extension; clients have `NotificationBinding` for them. It sends any `Notification`.
    """
    notification = types.Notification[dict[str, Any], str](method=method, params=params)
    await context.session.send_notification(cast("types.ServerNotification", notification), context.request_id)


def skip_result_validation(client: Client) -> None:
    """Let results through that the SDK would check against the output schema that the server listed.

    The SDK compiles the server's regular expressions with `re`, which can run for hours in this process, and raises
    `RuntimeError` for a result that does not fit. `Client` has no option to turn that off, nor one for the class of its
    session. `RemoteCall` checks results itself.
    """

    async def accept(_name: str, _result: types.CallToolResult) -> None:
        pass

    client.session.validate_tool_result = accept  # type: ignore[method-assign, assignment]


def wrap_http_protocol(config: uvicorn.Config, wrap: Callable[[asyncio.Protocol], asyncio.Protocol]) -> None:
    """Let `wrap` replace the protocol object of every connection that uvicorn accepts.

    uvicorn's option `http` takes a class, but its documentation names none to build on. So this replaces
    `Config.http_protocol_class` after `Config.load` has set it, and relies on uvicorn calling it as a factory.
    """
    config.load()
    inner = config.http_protocol_class

    def make(**options: Any) -> asyncio.Protocol:
        return wrap(inner(**options))

    config.http_protocol_class = cast("type[asyncio.Protocol]", make)
