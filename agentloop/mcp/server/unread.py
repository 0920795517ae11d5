"""A bound on the messages of one SSE session that its client has not read.

Over SSE a request is accepted before it is answered, and all answers go out on one stream. If the client does not read
that stream, they would accumulate without bound.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from mcp.shared.message import SessionMessage

from agentloop.mcp.stdio import SendStream

MAX_UNREAD = 1_000
_log = logging.getLogger(__name__)


class BoundedSender(SendStream):
    """A stream that calls `on_overflow` when more than `MAX_UNREAD` messages wait to be sent on it."""

    def __init__(self, stream: SendStream, on_overflow: Callable[[], None]) -> None:
        self._stream = stream
        self._on_overflow = on_overflow
        self._waiting = 0

    async def send(self, item: SessionMessage) -> None:
        if self._waiting == MAX_UNREAD:
            _log.warning("A session was ended whose client left %d messages unread.", MAX_UNREAD)
            self._on_overflow()
        self._waiting += 1
        try:
            await self._stream.send(item)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        await self._stream.aclose()
