"""Bounds. Nothing waits for ever, nothing grows without end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, fields

from agentloop.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Times are in seconds; time in which a person is asked does not count.

    Example:
        writer = Agent("writer", "Write.", limits=Limits(max_turns=5, run_timeout=60))
    """

    max_turns: int = 25
    """Model turns in one run."""
    max_tool_calls: int = 256
    """Tool calls of one message that are run; those above are answered with an error that says so."""
    max_prompt_chars: int = 100_000
    """Characters of the prompt that the agent takes as a tool."""
    max_result_chars: int = 100_000
    """Characters of one tool result. A longer one is shown with its beginning and end, and can be read in parts."""
    max_context_tokens: int | None = 150_000
    """Tokens of a prompt beyond which old tool results are left out of requests. None: nothing is left out."""
    max_usd: float | None = None
    """US dollars that one run may cost, with the runs it delegates to, estimated from list prices. None: no bound."""
    max_results_chars: int = 400_000
    """Text of all results of one message together; the longest are cut further, with a notice."""
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

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is not None and each.name != "max_context_tokens":
                raise ConfigurationError(f"Limits: {each.name} is None: give a number.")
            is_whole = str(each.type).startswith("int")
            if value is not None and not (is_amount(value) and (isinstance(value, int) or not is_whole)):
                number = "a whole number" if is_whole else "a number"
                raise ConfigurationError(f"Limits: {each.name} is {value!r}: give {number} above 0.")


def is_amount(value: object) -> bool:
    """Whether it is a number above 0."""
    return isinstance(value, int | float) and value > 0


def deadline_after(seconds: float, *, at_most: float | None = None) -> float:
    """The time on the `time.monotonic` clock that is `seconds` from now, but not later than `at_most`.

    Example:
        await agent.run(prompt, context=CallContext(deadline=deadline_after(60)))
    """
    deadline = time.monotonic() + seconds
    return deadline if at_most is None else min(deadline, at_most)


def seconds_left(deadline: float) -> float:
    """Seconds until `deadline`, a time on the `time.monotonic` clock; 0 when it has passed.

    Example:
        timeout = None if context.deadline is None else seconds_left(context.deadline)
    """
    return max(0.0, deadline - time.monotonic())


class TimeLimit:
    """The time limit of a block: `seconds`, not counting those in which it is `paused`, and at most to `deadline`."""

    def __init__(self, clock: asyncio.Timeout, seconds: float, deadline: float | None) -> None:
        self._clock = clock
        self._end = time.monotonic() + seconds
        self._left = 0.0
        self._deadline = math.inf if deadline is None else deadline
        self._pauses = 0
        self._set()

    @property
    def end(self) -> float:
        """When the block ends, as far as is known, on the `time.monotonic` clock."""
        return min(self._deadline, self._end)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The seconds of the block do not count."""
        if not self._pauses:
            self._left, self._end = seconds_left(self._end), math.inf
        self._pauses += 1
        self._set()
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._end = time.monotonic() + self._left
            self._set()

    def _set(self) -> None:
        end = None if self.end == math.inf else asyncio.get_running_loop().time() + seconds_left(self.end)
        with suppress(RuntimeError):  # the block is ending
            self._clock.reschedule(end)


@asynccontextmanager
async def time_limit(seconds: float, late: Exception, *, deadline: float | None = None) -> AsyncIterator[TimeLimit]:
    """Give the block `seconds`, then cancel it and raise `late`. A `TimeoutError` of the block's own goes through.

    The `deadline`, on the `time.monotonic` clock, also holds while the limit is paused.
    """
    clock = asyncio.timeout(None)
    try:
        async with clock:
            yield TimeLimit(clock, seconds, deadline)
    except TimeoutError:
        if clock.expired():
            raise late from None
        raise
