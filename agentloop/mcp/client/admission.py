"""Admits calls to a server: a limited number at once, and none while its circuit breaker is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentloop import ToolError, ToolUnavailable
from agentloop.mcp.client.breaker import Breaker


@dataclass(slots=True)
class Attempt:
    """One call. `session` is the session it uses, once there is one."""

    session: object | None = None


class Admission:
    """Admits at most `max_calls` calls at once, in order, and reports their outcomes to the breaker.

    `last_error` returns why the connection was last lost. `on_change` is called when the breaker may have changed.
    """

    def __init__(
        self, server: str, max_calls: int, last_error: Callable[[], str | None], on_change: Callable[[], None]
    ) -> None:
        self.breaker = Breaker()
        self._server = server
        self._slots = asyncio.Semaphore(max_calls)
        self._last_error = last_error
        self._on_change = on_change
        self._last_lost: object | None = None
        self._reason = "connection lost"

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Attempt]:
        """The block of one call.

        Raises:
            ToolUnavailable: the breaker is open.
        """
        async with self._slots:
            if not self.breaker.admit():
                raise ToolUnavailable(
                    f"{self._server} keeps failing, so no calls are sent to it for a while: {self._reason}"
                )
            self._on_change()
            attempt = Attempt()
            try:
                yield attempt
            except ToolUnavailable:
                self._connection_lost(attempt)
                raise
            except ToolError:
                self.breaker.succeeded()
                raise
            except BaseException:
                self.breaker.forget()
                raise
            else:
                self.breaker.succeeded()
            finally:
                self._on_change()

    def _connection_lost(self, attempt: Attempt) -> None:
        """A lost connection counts as one failure, however many calls it had. Without a connection there is none."""
        self._reason = self._last_error() or self._reason
        if attempt.session is None or attempt.session is self._last_lost:
            self.breaker.forget()
        else:
            self._last_lost = attempt.session
            self.breaker.failed()
