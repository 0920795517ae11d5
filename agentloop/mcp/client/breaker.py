"""Admits calls to a server: a limited number at once, and none while its circuit breaker is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from agentloop import ToolError, ToolUnavailable

FAILURES = 3
"""Consecutive losses of the connection, without an answered call between them, that open the breaker."""
FIRST_OPEN = 1.0
LONGEST_OPEN = 30.0
"""Seconds the breaker stays open: at first, and at most."""

State = Literal["closed", "open", "half-open"]


class Breaker:
    """A circuit breaker. Closed: calls are admitted. Open: none is, for some seconds. Half-open: one is, as a probe.

    A probe that is answered closes it; one that fails opens it for twice as long, up to `LONGEST_OPEN` seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_seconds = FIRST_OPEN
        self._open_until: float | None = None
        self._is_probing = False

    @property
    def state(self) -> State:
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def admit(self) -> bool:
        """Whether a call may be made now. If so, its outcome must be reported."""
        match self.state:
            case "closed":
                return True
            case "half-open" if not self._is_probing:
                self._is_probing = True
                return True
            case _:
                return False

    def succeeded(self) -> None:
        """The server answered, even if with an error."""
        self._failures, self._open_seconds = 0, FIRST_OPEN
        self._open_until, self._is_probing = None, False

    def failed(self) -> None:
        """The connection was lost."""
        self._failures += 1
        if self._open_until is not None:
            self._open_seconds = min(LONGEST_OPEN, self._open_seconds * 2)
        if self._open_until is not None or self._failures >= FAILURES:
            self._open_until = self._clock() + self._open_seconds
        self._is_probing = False

    def forget(self) -> None:
        """The call ended without an outcome: its caller gave up."""
        self._is_probing = False


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
        """The block of one call. Raises `ToolUnavailable` if the breaker is open."""
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
