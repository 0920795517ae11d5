"""Bounds. Nothing waits for ever, nothing grows without end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Times are in seconds."""

    max_turns: int = 25
    """Model turns in one run."""
    max_tool_calls: int = 256
    """Tool calls of one message that are run; those above are answered with an error that says so."""
    max_result_chars: int = 100_000
    """Text of one tool result; what is longer is cut, with a notice."""
    max_depth: int = 8
    """Agents that delegate to agents that delegate ..."""
    tool_timeout: float = 300.0
    """One tool call, unless the tool has its own `timeout`."""
    turn_timeout: float = 600.0
    """One turn of the model, from request to the end of its stream, retries included."""
    run_timeout: float = 1800.0
    """The whole run; a nested run also ends with its caller's deadline."""
    attempts: int = 4
    """How often a turn is asked for when a request fails in a way that may pass, or its stream breaks."""
    overload_timeout: float = 300.0
    """How long a turn waits for an API that says it has too much to do. Such refusals are no attempts."""
    threads: int = 256
    """Worker threads for sync tools at once. The agents on one event loop that have the same number share them."""


def deadline_after(seconds: float, *, at_most: float | None = None) -> float:
    """A deadline on the `time.monotonic` clock, not later than `at_most`."""
    deadline = time.monotonic() + seconds
    return deadline if at_most is None else min(deadline, at_most)


def seconds_left(deadline: float) -> float:
    """Seconds until `deadline`, 0 when it has passed."""
    return max(0.0, deadline - time.monotonic())


class within:  # noqa: N801 - reads like a function
    """Give the block `seconds`, then cancel it and raise `late`. A `TimeoutError` of the block's own goes through."""

    def __init__(self, seconds: float, late: Exception) -> None:
        self._clock = asyncio.timeout(seconds)
        self._late = late

    async def __aenter__(self) -> None:
        await self._clock.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._clock.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise self._late from None
        if isinstance(error, TimeoutError) and self._clock.expired():
            raise self._late from None
