"""A bound on the requests of one session that wait for their answers to be read.

Over SSE a request is accepted before it is answered, and the answers go out on one stream. If nobody reads that, they
would be kept without bound.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from anyio import EndOfStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from agentloop.mcp.stdio import MessageStream, ReceiveStream, SendStream

MAX_UNANSWERED = 1_000
_log = logging.getLogger(__name__)


class Unanswered(MessageStream):
    """The messages of a session, which ends when more than `MAX_UNANSWERED` requests are; `answers` is its way back."""

    def __init__(self, stream: ReceiveStream, answers: SendStream) -> None:
        self._stream = stream
        self._counts: Counter[Any] = Counter()
        self.answers = _Answers(answers, self._answered)

    @property
    def last_context(self) -> Any:
        """Read by the SDK: the context of whoever sent the last message."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        item = await self._stream.receive()
        message = item.message if isinstance(item, SessionMessage) else None
        if isinstance(message, JSONRPCRequest):
            self._counts[message.id] += 1
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._answered((message.params or {}).get("requestId"))  # the SDK answers it no more
        if self._counts.total() > MAX_UNANSWERED:
            _log.warning("A session with more than %d unanswered requests was ended.", MAX_UNANSWERED)
            raise EndOfStream
        return item

    def _answered(self, request: object) -> None:
        if isinstance(request, str | int) and self._counts[request] > 0:
            self._counts[request] -= 1
            if not self._counts[request]:
                del self._counts[request]

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Answers:
    """A stream that reports each answer once it has been sent."""

    def __init__(self, stream: SendStream, on_answer: Callable[[object], None]) -> None:
        self._stream = stream
        self._on_answer = on_answer

    async def send(self, item: SessionMessage) -> None:
        await self._stream.send(item)
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self._on_answer(item.message.id)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()
