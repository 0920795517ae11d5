"""The circuit breaker of a server that keeps failing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

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
        """The call says nothing of the connection: its caller gave up, or there was none."""
        self._is_probing = False
