"""A rate limiter for a tree of runs, which keeps their requests within the limits of the Messages API.

It learns the limits from the `anthropic-ratelimit-*` headers and models the API's token buckets, so that requests wait
here instead of being rejected there. When the API still rejects a request (429, 529), all requests to that model pause
for the time in `retry-after`, and fewer are concurrent afterwards: additive increase, multiplicative decrease.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

FIRST_AT_ONCE = 32
"""Concurrent requests to a model before its limits are known."""
LEARNING_TIME = 1.0
"""Seconds that other requests wait for the first response, whose headers contain the limits."""
JITTER = 0.1
"""The largest random extension of a pause, as a fraction, so that waiting requests do not all start together."""
PAUSE = 0.5
"""Seconds of the first pause if there is no `retry-after`; it doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 300.0
"""Seconds. A longer `retry-after` is ignored for the pause; the runs that cannot wait that long fail."""

_HEADERS = {
    kind: (f"anthropic-ratelimit-{kind}-limit", f"anthropic-ratelimit-{kind}-remaining")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
}
_LEARNING = 0.2
"""Weight of the latest response in the estimate of the next one's tokens."""


class RateLimiter:
    """Admits requests to each model in order of arrival. The runs that share it may be in different threads."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def _lane(self, model: str) -> _Lane:
        return self._lanes.setdefault(model, _Lane())

    @asynccontextmanager
    async def admit(self, model: str, prompt_tokens: int) -> AsyncIterator[Slot]:
        """Wait until a request to `model` is allowed. It counts as active within the block.

        `prompt_tokens` is an estimate. The block reports the API's response to the slot.
        """
        slot = Slot(self._lane(model), prompt_tokens)
        await slot.lane.admit(slot)
        try:
            yield slot
        finally:
            with slot.lane.changing() as lane:
                lane.under_way.discard(slot)

    def seconds_paused(self, model: str) -> float:
        """Seconds until the pause after an overload error ends; 0 without a pause."""
        return max(0.0, self._lane(model).paused_until - time.monotonic())


@dataclass(slots=True, eq=False)
class Slot:
    """One active request."""

    lane: _Lane
    prompt_tokens: int
    costs: dict[str, float] = field(default_factory=dict)
    began: float = 0.0
    is_answered: bool = False

    def answered(self, headers: Mapping[str, str]) -> None:
        """Report the headers of the API's response."""
        with self.lane.changing() as lane:
            now = time.monotonic()
            lane.is_known = self.is_answered = True
            unanswered = [slot for slot in lane.under_way if not slot.is_answered]
            for kind, (limit_name, remaining_name) in _HEADERS.items():
                limit, remaining = number_in(headers.get(limit_name)), number_in(headers.get(remaining_name))
                if limit is None or remaining is None or limit <= 0:
                    continue
                known = remaining - sum(slot.costs.get(kind, 0.0) for slot in unanswered)
                bucket = lane.buckets.get(kind)
                if bucket is None:
                    bucket = lane.buckets[kind] = _Bucket(limit, _rate(headers, kind, limit, remaining), known, now)
                    bucket.set(known)
                else:
                    bucket.refill(now)
                    bucket.limit, bucket.rate = limit, _rate(headers, kind, limit, remaining, bucket.rate)
                    bucket.set(known if not unanswered else min(bucket.available, known))

    def used(self, prompt_tokens: int, output_tokens: int) -> None:
        """Report that the request succeeded, and the tokens it used."""
        used = {"tokens": prompt_tokens + output_tokens, "input-tokens": prompt_tokens, "output-tokens": output_tokens}
        with self.lane.changing() as lane:
            lane.output_estimate += _LEARNING * (output_tokens - lane.output_estimate)
            lane.pause = PAUSE
            lane.window += 1.0 / lane.window
            for kind, tokens in used.items():
                if kind in self.costs:
                    bucket = lane.buckets[kind]
                    bucket.set(bucket.available + self.costs[kind] - tokens)

    def refused(self, retry_after: float | None) -> None:
        """Report an overload error (429, 529). `retry_after` is in seconds."""
        with self.lane.changing() as lane:
            now = time.monotonic()
            seconds = retry_after if retry_after is not None and retry_after <= LONGEST_RETRY_AFTER else lane.pause
            lane.paused_until = max(lane.paused_until, now + seconds * (1 + random.uniform(0, JITTER)))  # noqa: S311
            if self.began < lane.last_refusal:
                return  # sent before the latest rejection, so it says nothing new about the concurrency
            lane.last_refusal = now
            lane.window = max(1.0, len(lane.under_way) / 2)
            lane.pause = min(LONGEST_PAUSE, lane.pause * 2)


@dataclass(slots=True)
class _Bucket:
    """A model of the API's token bucket, which gains `rate` per second, up to `limit`."""

    limit: float
    rate: float
    available: float
    at: float

    def refill(self, now: float) -> None:
        self.set(self.available + self.rate * (now - self.at))
        self.at = now

    def set(self, available: float) -> None:
        """Set the level. The lowest is `-limit`, from which the bucket refills within two minutes."""
        self.available = max(-self.limit, min(self.limit, available))


class _Lane:
    """The state of one model. It is changed in blocks of `changing`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = deque()
        self.buckets: dict[str, _Bucket] = {}
        self.under_way: set[Slot] = set()
        self.window = math.inf
        self._first_sent: float | None = None
        self.is_known = False
        self.last_refusal = 0.0
        self.pause = PAUSE
        self.paused_until = 0.0
        self.output_estimate = 200.0

    @contextmanager
    def changing(self) -> Iterator[_Lane]:
        """Hold the lock for the block, then wake the first waiting request."""
        with self._lock:
            yield self
            first = self._queue[0] if self._queue else None
        if first is not None:
            loop, woken = first
            with suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(woken.set)

    async def admit(self, slot: Slot) -> None:
        """Wait until the request may start, behind those that came before, and count it as active."""
        woken = asyncio.Event()
        me = asyncio.get_running_loop(), woken
        with self._lock:
            self._queue.append(me)
        try:
            while True:
                with self._lock:
                    seconds = self._seconds_to_wait(slot) if self._queue[0] is me else None
                    if seconds == 0:
                        self._enter(slot)
                        return
                    woken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await woken.wait()
        finally:
            with self.changing():
                self._queue.remove(me)

    def _seconds_to_wait(self, slot: Slot) -> float | None:
        """Seconds to wait: 0 if the request may start now, None to wait until another request ends."""
        now = time.monotonic()
        if now < self.paused_until:
            return self.paused_until - now
        if len(self.under_way) >= self.window:
            return None
        if not self.is_known and len(self.under_way) >= FIRST_AT_ONCE:
            learnt_at = (self._first_sent or now) + LEARNING_TIME
            if now < learnt_at:
                return learnt_at - now
        slot.costs = self._costs(slot)
        return max((self._seconds_until(kind, cost, now) for kind, cost in slot.costs.items()), default=0.0)

    def _costs(self, slot: Slot) -> dict[str, float]:
        output = self.output_estimate
        costs = {
            "requests": 1.0,
            "tokens": slot.prompt_tokens + output,
            "input-tokens": float(slot.prompt_tokens),
            "output-tokens": output,
        }
        # Nothing may cost more than a full bucket, or it would never go.
        return {kind: min(cost, self.buckets[kind].limit) for kind, cost in costs.items() if kind in self.buckets}

    def _seconds_until(self, kind: str, cost: float, now: float) -> float:
        bucket = self.buckets[kind]
        bucket.refill(now)
        missing = cost - bucket.available
        return 0.0 if missing <= 0 else missing / bucket.rate if bucket.rate else 1.0

    def _enter(self, slot: Slot) -> None:
        for kind, cost in slot.costs.items():
            self.buckets[kind].available -= cost
        slot.began = time.monotonic()
        self._first_sent = self._first_sent or slot.began
        self.under_way.add(slot)


def number_in(header: str | None) -> float | None:
    """The number in a header, or None if it is not a finite number."""
    try:
        number = float(header or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rate(headers: Mapping[str, str], kind: str, limit: float, remaining: float, known: float | None = None) -> float:
    """The refill per second. `reset` is the time at which the bucket will be full, at most a minute from now."""
    slowest = limit / 60
    with suppress(KeyError, ValueError, TypeError):  # a TypeError if the time has no zone
        reset = headers[f"anthropic-ratelimit-{kind}-reset"]
        seconds = (datetime.fromisoformat(reset) - datetime.now(UTC)).total_seconds()
        # The time has whole seconds: if it is near, the rate cannot be computed from it.
        if limit > remaining and seconds > (0.05 if "." in reset else 5.0):
            return max(slowest, (limit - remaining) / seconds)
    return known or slowest
