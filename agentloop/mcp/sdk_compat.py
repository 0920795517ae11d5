"""What depends on parts of the MCP SDK and uvicorn that their documentation does not promise.

Each function says what it depends on. `tests/mcp/test_sdk_compat.py` fails when that changes.
"""

from __future__ import annotations

from typing import Any, cast

from mcp import types
from mcp.server.context import ServerRequestContext


async def send_notification(context: ServerRequestContext[Any, Any], method: str, params: dict[str, Any]) -> None:
    """Send a notification of an extension on the stream of the request.

    `ServerSession.send_notification` is typed for the standard notifications only, and there is no other method for
    those of a server extension; clients have `NotificationBinding` for them. It sends any `Notification`.
    """
    notification = types.Notification[dict[str, Any], str](method=method, params=params)
    await context.session.send_notification(cast("types.ServerNotification", notification), context.request_id)
