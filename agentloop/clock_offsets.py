"""Times of another process.

The clocks of two processes are unrelated, but their difference is constant. `ClockOffsets` estimates it: a response is
made after the request was sent and before the response is received. Servers report their time when their tools are
listed and with every message, so a call that begins late, or messages that are delayed, do not shift the times.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from agentloop.event_bounds import MAX_NAME


@cache
def _own_clock() -> tuple[str, float]:
    """The clock of this process for callers: its name, and the time at which it was 0."""
    return uuid.uuid4().hex[:12], time.monotonic()


def on_own_clock(at: float) -> float:
    """Convert a time of `time.monotonic` to the clock for callers."""
    return at - _own_clock()[1]


def clock_now() -> dict[str, Any]:
    """The current time, for callers to compare with their own clocks."""
    clock, origin = _own_clock()
    return {"clock": clock, "now": time.monotonic() - origin}


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message about a call. `began` (of the call) and `now` (when it was sent) are seconds of the server's `clock`.

    `first` is the number of the first of `events`, counted from 0; their times count from `began`.
    """

    first: int
    clock: str
    began: float
    now: float
    events: Sequence[Any]


class ClockOffsets:
    """Lower and upper bounds of the offset between the clock here and the server's.

    `travel` is half a round trip, in seconds.
    """

    def __init__(self) -> None:
        self.travel = 0.0
        self._clock: str | None = None
        self._low, self._high = -math.inf, math.inf

    def asked(self, value: Any, *, sent: float, received: float) -> None:
        """Update the bounds from the server's `clock_now`; `sent` and `received` are the times of the request."""
        match value:
            case {"clock": str() as clock, "now": int() | float() as now} if math.isfinite(now):
                self._narrow(clock[:MAX_NAME], sent - now, received - now)

    def began(self, reported: EventMessage, *, sent: float, received: float) -> float:
        """The local time at which the call began; `sent` is when it was sent, `received` when the message arrived."""
        self._narrow(reported.clock, sent - reported.began, received - reported.now)
        return max(sent, reported.began + min(self._low + self.travel, self._high))

    def _narrow(self, clock: str, least: float, most: float) -> None:
        low, high = max(self._low, least), min(self._high, most)
        if clock != self._clock or low > high:  # another process, clock drift, or a false report
            low, high = least, most
        self._clock, self._low, self._high = clock, low, high
