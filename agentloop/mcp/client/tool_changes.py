"""A server's announcements that its list of tools has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from mcp import Client, MCPError
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import ToolListChangedNotification
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS


class ToolChanges:
    """Waits for announcements on one connection. `on_message` is to receive the messages of the SDK's client."""

    def __init__(self) -> None:
        self._announced = asyncio.Event()

    async def on_message(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._announced.set()

    async def follow(self, client: Client, read_again: Callable[[], Awaitable[None]], *, listens: bool) -> None:
        """Call `read_again` after each announcement, for as long as the connection lasts.

        Since 2026-07-28 a server announces changes on a stream that the client opens, which is done if `listens`.
        """
        if client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            while True:
                await self._announced.wait()
                self._announced.clear()
                await read_again()
        tools = client.server_capabilities.tools
        if listens and (tools is None or tools.list_changed):  # None: it was not asked for its capabilities
            with suppress(MCPError, ListenNotSupportedError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as announcements:
                    async for _ in announcements:
                        await read_again()
