"""A rate limiter for a tree of runs: it keeps their requests within what the Messages API allows.

It learns the limits from the `anthropic-ratelimit-*` headers and mirrors the API's token buckets, so that requests wait
here instead of being refused there. When the API refuses all the same (429, 529), all requests to that model pause, for
as long as `retry-after` says, and fewer go at once afterwards: additive increase, multiplicative decrease.
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
"""Requests to a model that go at once before its limits are known."""
LEARNING_TIME = 1.0
"""Seconds the others wait for the first answer, which tells the limits."""
JITTER = 0.1
"""Part of a pause by which it is lengthened at random, so that those who waited together do not come back together."""
PAUSE = 0.5
"""Seconds of the first pause when the API does not say how long; it doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 300.0
"""Seconds. An API that says more gets a pause as if it had not said how long: the runs fail that cannot wait."""

_HEADERS = {
    kind: (f"anthropic-ratelimit-{kind}-limit", f"anthropic-ratelimit-{kind}-remaining")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
}
_LEARNING = 0.2
"""Weight of the latest answer in the estimate of the next one's tokens."""


class RateLimiter:
    """Admits requests, model by model, in the order they come. Its runs may be in different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def admit(self, model: str, prompt_tokens: int) -> AsyncIterator[Slot]:
        """Wait until a request to `model` may go, and count it as under way for the block.

        `prompt_tokens` is an estimate. The block tells the slot what the API answered.
        """
        with self._lock:
            lane = self._lanes.setdefault(model, _Lane())
        slot = Slot(self._lock, lane, prompt_tokens)
        await self._wait(lane, slot)
        try:
            yield slot
        finally:
            with self._changing(lane):
                lane.leave(slot)

    def seconds_paused(self, model: str) -> float:
        """Seconds until the API may be asked again after it was too busy."""
        with self._lock:
            lane = self._lanes.get(model)
            return 0.0 if lane is None else lane.seconds_paused()

    async def _wait(self, lane: _Lane, slot: Slot) -> None:
        with self._lock:
            if not lane.queue and lane.seconds_to_wait(slot) == 0:
                lane.enter(slot)
                return
        me = _Waiter(asyncio.get_running_loop())
        with self._lock:
            lane.queue.append(me)
        try:
            while True:
                with self._lock:
                    is_first = lane.queue[0] is me
                    seconds = lane.seconds_to_wait(slot) if is_first else None
                    if seconds == 0:
                        lane.enter(slot)
                        return
                    me.woken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await me.woken.wait()
        finally:
            with self._changing(lane):
                lane.queue.remove(me)

    @contextmanager
    def _changing(self, lane: _Lane) -> Iterator[None]:
        """Change the lane, then wake whoever is first in it."""
        with self._lock:
            yield
            first = lane.queue[0] if lane.queue else None
        if first is not None:
            first.wake()


class Slot:
    """One request under way."""

    def __init__(self, lock: threading.Lock, lane: _Lane, prompt_tokens: int) -> None:
        self._lock = lock
        self._lane = lane
        self.prompt_tokens = prompt_tokens
        self.costs: dict[str, float] = {}
        self.began = 0.0

    def answered(self, headers: Mapping[str, str]) -> None:
        """The API answered, with these headers."""
        with self._lock:
            self._lane.on_event(self, headers)
            first = self._lane.queue[0] if self._lane.queue else None
        if first is not None:
            first.wake()

    def used(self, prompt_tokens: int, output_tokens: int) -> None:
        """The request succeeded and used so many tokens."""
        with self._lock:
            self._lane.succeeded(self, prompt_tokens, output_tokens)

    def refused(self, retry_after: float | None) -> None:
        """The API was too busy. `retry_after` is in seconds."""
        with self._lock:
            self._lane.refused(self, retry_after)


@dataclass(slots=True, eq=False)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        with suppress(RuntimeError):  # a loop that has closed waits for nothing
            self.loop.call_soon_threadsafe(self.woken.set)


@dataclass(slots=True)
class _Bucket:
    """The API's token bucket as far as we know it: `rate` refills a second, up to `limit`."""

    limit: float
    rate: float
    available: float
    at: float

    def refill(self, now: float) -> None:
        self.set(self.available + self.rate * (now - self.at))
        self.at = now

    def set(self, available: float) -> None:
        """Whatever the API says, an empty bucket is the worst: it is filled again within two minutes."""
        self.available = max(-self.limit, min(self.limit, available))


class _Lane:
    """What is known of one model. Its methods are called with the governor's lock held."""

    def __init__(self) -> None:
        self.queue: deque[_Waiter] = deque()
        self._buckets: dict[str, _Bucket] = {}
        self._under_way: set[Slot] = set()
        self._unanswered: set[Slot] = set()
        self._window = math.inf
        self._first_sent: float | None = None
        self._is_known = False
        self._last_refusal = 0.0
        self._pause = PAUSE
        self._paused_until = 0.0
        self._output_estimate = 200.0

    def seconds_paused(self) -> float:
        return max(0.0, self._paused_until - time.monotonic())

    def seconds_to_wait(self, slot: Slot) -> float | None:
        """0: it may go. None: until another request is over."""
        now = time.monotonic()
        if now < self._paused_until:
            return self._paused_until - now
        if len(self._under_way) >= self._window:
            return None
        if not self._is_known and len(self._under_way) >= FIRST_AT_ONCE:
            learnt_at = (self._first_sent or now) + LEARNING_TIME
            if now < learnt_at:
                return learnt_at - now
        slot.costs = self._costs(slot)
        return max((self._seconds_until(kind, cost, now) for kind, cost in slot.costs.items()), default=0.0)

    def _costs(self, slot: Slot) -> dict[str, float]:
        output = self._output_estimate
        costs = {
            "requests": 1.0,
            "tokens": slot.prompt_tokens + output,
            "input-tokens": float(slot.prompt_tokens),
            "output-tokens": output,
        }
        # Nothing may cost more than a full bucket, or it would never go.
        return {kind: min(cost, self._buckets[kind].limit) for kind, cost in costs.items() if kind in self._buckets}

    def _seconds_until(self, kind: str, cost: float, now: float) -> float:
        bucket = self._buckets[kind]
        bucket.refill(now)
        missing = cost - bucket.available
        return 0.0 if missing <= 0 else missing / bucket.rate if bucket.rate else 1.0

    def enter(self, slot: Slot) -> None:
        for kind, cost in slot.costs.items():
            self._buckets[kind].available -= cost
        slot.began = time.monotonic()
        self._first_sent = self._first_sent or slot.began
        self._under_way.add(slot)
        self._unanswered.add(slot)

    def leave(self, slot: Slot) -> None:
        self._under_way.discard(slot)
        self._unanswered.discard(slot)

    def on_event(self, slot: Slot, headers: Mapping[str, str]) -> None:
        now = time.monotonic()
        self._is_known = True
        self._unanswered.discard(slot)
        unanswered = self._unanswered
        for kind, (limit_name, remaining_name) in _HEADERS.items():
            limit, remaining = _number(headers.get(limit_name)), _number(headers.get(remaining_name))
            if limit is None or remaining is None or limit <= 0:
                continue
            bucket = self._buckets.get(kind)
            known = remaining - sum(slot.costs.get(kind, 0.0) for slot in unanswered)
            if bucket is None:
                bucket = self._buckets[kind] = _Bucket(limit, _rate(headers, kind, limit, remaining), known, now)
                bucket.set(known)
            else:
                bucket.refill(now)
                bucket.limit, bucket.rate = limit, _rate(headers, kind, limit, remaining, bucket.rate)
                bucket.set(known if not unanswered else min(bucket.available, known))

    def succeeded(self, slot: Slot, prompt_tokens: int, output_tokens: int) -> None:
        self._output_estimate += _LEARNING * (output_tokens - self._output_estimate)
        self._pause = PAUSE
        self._window += 1.0 / self._window
        used = {"tokens": prompt_tokens + output_tokens, "input-tokens": prompt_tokens, "output-tokens": output_tokens}
        for kind, tokens in used.items():
            if kind in slot.costs:
                bucket = self._buckets[kind]
                bucket.set(bucket.available + slot.costs[kind] - tokens)

    def refused(self, slot: Slot, retry_after: float | None) -> None:
        now = time.monotonic()
        is_told = retry_after is not None and retry_after <= LONGEST_RETRY_AFTER
        seconds = retry_after if retry_after is not None and is_told else self._pause
        self._paused_until = max(self._paused_until, now + seconds * (1 + random.uniform(0, JITTER)))  # noqa: S311
        if slot.began < self._last_refusal:
            return  # sent before the last refusal: it says nothing new about how many may go at once
        self._last_refusal = now
        self._window = max(1.0, len(self._under_way) / 2)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)


def _number(header: str | None) -> float | None:
    """The header's number, if it is one that can be counted with."""
    try:
        number = float(header or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rate(headers: Mapping[str, str], kind: str, limit: float, remaining: float, known: float | None = None) -> float:
    """What is refilled in a second: `reset` is when the bucket will be full, which takes a minute at most."""
    slowest = limit / 60
    with suppress(KeyError, ValueError, TypeError):  # a TypeError if the time has no zone
        reset = headers[f"anthropic-ratelimit-{kind}-reset"]
        seconds = (datetime.fromisoformat(reset) - datetime.now(UTC)).total_seconds()
        # In whole seconds a time that is near says nothing about the rate.
        if limit > remaining and seconds > (0.05 if "." in reset else 5.0):
            return max(slowest, (limit - remaining) / seconds)
    return known or slowest
