"""The rate limiter of a tree of runs."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic import AsyncAnthropic, RateLimitError

from agentloop import Agent, Budget, CallContext, Ledger, Limits, RunScope, Tool, create_agent_tool_async
from agentloop.rate_limiter import FIRST_AT_ONCE, RateLimiter
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, fails, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]

CHILDREN = 50
TURNS = 3
PROMPT, ANSWER = 100, 20
LATENCY = 0.05


@dataclass
class Bucket:
    """The API's token bucket."""

    capacity: float
    rate: float
    level: float = 0.0
    at: float = 0.0

    def start(self) -> None:
        self.level, self.at = self.capacity, time.monotonic()

    def take(self, amount: float) -> float:
        """0 if taken, else the seconds until it could be."""
        now = time.monotonic()
        self.level, self.at = min(self.capacity, self.level + self.rate * (now - self.at)), now
        if self.level < amount:
            return (amount - self.level) / self.rate
        self.level -= amount
        return 0.0

    def headers(self, kind: str) -> dict[str, str]:
        full = datetime.now(UTC) + timedelta(seconds=(self.capacity - self.level) / self.rate)
        prefix = f"anthropic-ratelimit-{kind}"
        return {
            f"{prefix}-limit": f"{self.capacity:g}",
            f"{prefix}-remaining": str(int(self.level)),
            f"{prefix}-reset": full.isoformat(),
        }


class LimitedApi:
    """A script: an API with limits on requests and input tokens, for one boss and its children."""

    def __init__(self) -> None:
        self.requests = Bucket(capacity=20, rate=30)
        self.tokens = Bucket(capacity=4000, rate=4000)
        self.refused = 0
        self.requests.start()
        self.tokens.start()

    async def __call__(self, request: RecordedRequest) -> Reply:
        wait = max(self.requests.take(1), self.tokens.take(PROMPT))
        headers = self.requests.headers("requests") | self.tokens.headers("input-tokens")
        if wait:
            self.refused += 1
            return replace(
                fails(429, "rate_limit_error", retry_after=wait), headers=headers | {"retry-after": f"{wait:.3f}"}
            )
        await asyncio.sleep(LATENCY)
        usage = {"input_tokens": PROMPT, "output_tokens": ANSWER}
        return replace(self._reply(request), headers=headers, usage=usage)

    def _reply(self, request: RecordedRequest) -> Reply:
        if request.system == "boss":
            if request.results:
                return says("done")
            return calls(*[("child_agent", {"prompt": f"part {n}"}) for n in range(CHILDREN)])
        if len(request.body["messages"]) // 2 < TURNS - 1:
            return calls(("step", {}))
        return says(f"answer to {request.prompt}")


def optimum() -> float:
    """The shortest makespan an omniscient scheduler reaches: an event simulation with the same buckets and latency."""
    rates = {"requests": (20.0, 30.0, 1.0), "tokens": (4000.0, 4000.0, float(PROMPT))}
    levels = {kind: capacity for kind, (capacity, _, _) in rates.items()}
    now, end = 0.0, 0.0

    def serve(ready: float) -> float:
        nonlocal now
        start = max(now, ready)
        waits = [0.0]
        for kind, (capacity, rate, amount) in rates.items():
            levels[kind] = min(capacity, levels[kind] + rate * (start - now))
            waits.append((amount - levels[kind]) / rate)
        now = start + max(waits)
        for kind, (capacity, rate, amount) in rates.items():
            levels[kind] = min(capacity, levels[kind] + rate * max(waits)) - amount
        return now + LATENCY

    ready = [(serve(0.0), TURNS)] * CHILDREN
    heapq.heapify(ready)
    while ready:
        at, turns = heapq.heappop(ready)
        done = serve(at)
        end = max(end, done)
        if turns > 1:
            heapq.heappush(ready, (done, turns - 1))
    return serve(end)


def step() -> str:
    return "ok"


async def governed(scripted_messages: Serve) -> tuple[float, int, int]:
    """Seconds, requests refused, requests in all."""
    api = LimitedApi()
    server = scripted_messages(api)
    child = Agent("child", "child", [Tool.from_function(step)], client=server.client)
    boss = Agent("boss", "boss", [create_agent_tool_async(child)], client=server.client)
    began = time.monotonic()
    result = await boss.run("go")
    seconds = time.monotonic() - began
    assert [s.result for s in result.steps] == [f"answer to part {n}" for n in range(CHILDREN)]
    return seconds, api.refused, len(server.requests)


@pytest.mark.slow
@pytest.mark.requirement("rate-limiter")
async def test_fifty_children_finish_near_the_optimum_with_few_refusals(
    scripted_messages: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [await governed(scripted_messages) for _ in range(3)]  # a busy machine can only make a run slower
    seconds, refused, total = min(runs)
    naive = await naive_gather()
    with capsys.disabled():
        print(  # noqa: T201 - the comparison is asked for
            f"\ngovernor: {CHILDREN} of {CHILDREN} children, {seconds:.2f} s (optimum {optimum():.2f} s), "
            f"{refused} of {total} requests refused; naive gather: {naive}"
        )
    assert all(refused < 0.05 * total for _, refused, total in runs)
    assert seconds <= 1.15 * optimum()


async def naive_gather() -> str:
    """The same work with the SDK's own retries and nothing between the children."""
    api = LimitedApi()
    with ScriptedMessages(api) as server:
        async with AsyncAnthropic(base_url=server.url, api_key="scripted") as client:

            async def child(number: int) -> bool:
                messages: list[Any] = [{"role": "user", "content": f"part {number}"}]
                for _ in range(TURNS):
                    message = await client.messages.create(
                        model="claude-sonnet-5-5", max_tokens=100, system="child", messages=messages
                    )
                    messages.append({"role": "assistant", "content": message.content})
                    messages.append(
                        {
                            "role": "user",
                            "content": [
                                {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
                                for block in message.content
                                if block.type == "tool_use"
                            ]
                            or "thanks",
                        }
                    )
                return True

            began = time.monotonic()
            outcomes = await asyncio.gather(*(child(n) for n in range(CHILDREN)), return_exceptions=True)
            seconds = time.monotonic() - began
    finished = sum(outcome is True for outcome in outcomes)
    killed = sum(isinstance(outcome, RateLimitError) for outcome in outcomes)
    total = len(server.requests)
    return (
        f"{finished} of {CHILDREN} children ({killed} killed by 429), {seconds:.2f} s, {api.refused} of {total} refused"
    )


async def test_the_first_requests_to_an_unknown_model_teach_the_limits_to_the_others() -> None:
    rate_limiter = RateLimiter()
    inside = 0
    everybody = asyncio.Event()

    async def request() -> None:
        nonlocal inside
        async with rate_limiter.admit("m", 10) as slot:
            inside += 1
            if inside == FIRST_AT_ONCE:
                everybody.set()
            await everybody.wait()
            slot.answered({})
            slot.used(10, 10)

    async with asyncio.timeout(20):
        await asyncio.gather(*(request() for _ in range(FIRST_AT_ONCE + 5)))
    assert inside == FIRST_AT_ONCE + 5


@pytest.mark.parametrize("budget", [None, Budget(tokens=10**9)], ids=["no budget", "a budget"])
async def test_what_a_run_of_an_agent_learnt_its_next_run_knows(
    scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch, budget: Budget | None
) -> None:
    monkeypatch.setattr("agentloop.rate_limiter.LEARNING_TIME", 1000.0)
    crowd = FIRST_AT_ONCE + 5
    inside = 0
    everybody = asyncio.Event()

    async def script(request: RecordedRequest) -> Reply:
        nonlocal inside
        if request.system == "boss":
            wanted = 1 if request.prompt == "one" else crowd
            return (
                says("done")
                if request.results
                else calls(*[("child_agent", {"prompt": str(n)}) for n in range(wanted)])
            )
        inside += 1
        if inside == 1 + crowd:
            everybody.set()
        if inside > 1:
            await everybody.wait()
        return says("done")

    server = scripted_messages(script)
    child = create_agent_tool_async(Agent("child", "child", model="small", client=server.client))
    limits = Limits(max_tool_calls=crowd)
    boss = Agent("boss", "boss", [child], client=server.client, limits=limits)
    await boss.run("one", context=CallContext(scope=RunScope(ledger=Ledger(budget))))
    async with asyncio.timeout(20):
        await boss.run("many", context=CallContext(scope=RunScope(ledger=Ledger(budget))))
    assert inside == 1 + crowd


async def test_a_refusal_pauses_everybody_for_as_long_as_the_api_says() -> None:
    rate_limiter = RateLimiter()
    began = time.monotonic()
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(0.3)
    async with rate_limiter.admit("m", 10), rate_limiter.admit("another model", 10):
        pass
    assert time.monotonic() - began >= 0.3


async def test_another_model_does_not_wait() -> None:
    rate_limiter = RateLimiter()
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(60)
    async with asyncio.timeout(5), rate_limiter.admit("another model", 10):
        pass


async def test_requests_go_in_the_order_they_came() -> None:
    rate_limiter = RateLimiter()
    order: list[int] = []
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(0.05)  # from now on one at a time

    async def request(number: int) -> None:
        async with rate_limiter.admit("m", 10):
            order.append(number)

    await asyncio.gather(*(request(number) for number in range(20)))
    assert order == list(range(20))


async def test_whoever_gives_up_waiting_does_not_hold_up_the_others() -> None:
    rate_limiter = RateLimiter()
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(0.05)
        waiting = [asyncio.create_task(_pass(rate_limiter)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting[1:])


async def _pass(rate_limiter: RateLimiter) -> None:
    async with rate_limiter.admit("m", 10):
        pass


async def test_one_rate_limiter_serves_runs_in_several_threads() -> None:
    rate_limiter = RateLimiter()
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(0.05)

    def elsewhere() -> None:
        async def several() -> None:
            await asyncio.gather(*(_pass(rate_limiter) for _ in range(10)))

        asyncio.run(several())

    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(elsewhere) for _ in range(4)))


ABSURD = ["nan", "-inf", "inf", "-1", "0", "1e-300", "1e300", "-1e300", "many", ""]


RESETS = [None, "9999-12-31T23:59:59Z", "2026-11-23", "soon", "0001-01-01T00:00:00+00:00"]
KINDS = ("requests", "tokens", "input-tokens", "output-tokens")


@pytest.mark.parametrize("limit", [*ABSURD, "50"])
async def test_no_limits_that_the_api_claims_stop_requests(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However absurd, the wait is for a bucket that fills within two minutes."""
    rate_limiter, later = RateLimiter(), SimpleNamespace(monotonic=lambda: time.monotonic() + 125)
    for remaining, reset, kind in itertools.product(ABSURD, RESETS, KINDS):
        model = f"{remaining} {reset} {kind}"
        claimed = {"limit": limit, "remaining": remaining} | ({} if reset is None else {"reset": reset})
        async with rate_limiter.admit(model, 10) as slot:
            slot.answered({f"anthropic-ratelimit-{kind}-{name}": value for name, value in claimed.items()})
            slot.used(10**12, 10**12)
        with monkeypatch.context() as patch:
            patch.setattr("agentloop.rate_limiter.time", later)
            async with asyncio.timeout(5), rate_limiter.admit(model, 10):
                pass


async def test_a_pause_without_end_is_as_one_of_unknown_length() -> None:
    rate_limiter = RateLimiter()
    async with rate_limiter.admit("m", 10) as slot:
        slot.refused(1e9)
    assert 0 < rate_limiter.seconds_paused("m") < 1
