"""What a tree of runs costs is what the server counted, whatever became of its requests."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import Agent, CallContext, Limits, RunScope, Tool, create_agent_tool_async, create_agent_tool_sync
from agentloop.events import Event, RunFinished, Spent
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, fails, says
from agentloop.testing.server import Script
from agentloop.usage import COUNTS, MAX_COUNT, Bill, ModelUsage, Usage, usd_to_json

Serve = Callable[[Script], ScriptedMessages]
Wrap = Callable[..., Tool]

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")


def counted(server: ScriptedMessages) -> dict[str, dict[str, int]]:
    kinds = ("requests", "input_tokens", "output_tokens")
    return {model: {kind: server.counted(model).get(kind, 0) for kind in kinds} for model in MODELS}


def billed(usage: Usage) -> dict[str, dict[str, int]]:
    return {
        model: {kind: getattr(spent, kind) for kind in ("requests", "input_tokens", "output_tokens")}
        for model, spent in usage.by_model.items()
    }


def tree(server: ScriptedMessages, wrap: Wrap, *, patience: float) -> Agent:
    """Three levels, a model each; the middle one gives its helper all time and another one `patience` seconds."""
    helper = Agent("helper", "helper", model=MODELS[2], client=server.client)
    hurried = wrap(Agent("hurried", "helper", model=MODELS[2], client=server.client), timeout=patience)
    worker = Agent("worker", "worker", [wrap(helper), hurried], model=MODELS[1], client=server.client)
    return Agent("boss", "boss", [wrap(worker)], model=MODELS[0], client=server.client)


@pytest.mark.requirement("bill-is-what-was-counted")
@pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])
async def test_retries_cut_streams_and_cancels_three_levels_deep_are_all_on_the_usage(
    scripted_messages: Serve, wrap: Wrap
) -> None:
    troubles = iter([fails(529, "overloaded_error", retry_after=0.01), cut(says("x"), after=3), None])

    async def script(request: RecordedRequest) -> Reply:
        if request.system == "boss" and not request.results:
            return calls(("worker_agent", {"prompt": "quick"}), ("worker_agent", {"prompt": "slow"}))
        if request.system == "worker" and not request.results:
            # One slow one: after a refusal requests go one by one, and a second would be sent as its time is up.
            slow = [("hurried_agent", {"prompt": "slow"})] if request.prompt == "slow" else []
            return calls(("helper_agent", {"prompt": "quick"}), *slow)
        if request.system == "helper":
            trouble = next(troubles, None)
            if trouble is not None:
                return trouble
            if request.prompt == "slow":  # ends when its caller has lost patience
                return Reply([{"type": "text", "text": "word " * 2000}], seconds_per_event=0.05)
        return says("done")

    server = scripted_messages(script)
    received: list[Event] = []
    result = await tree(server, wrap, patience=1.0).run("go", on_event=received.append)
    slow = [request for request in server.requests if request.prompt == "slow" and request.system == "helper"]
    await server.until(lambda: all(request.outcome for request in slow))
    assert "cancelled" in {request.outcome for request in slow}
    assert billed(result.usage) == counted(server)
    assert billed(sum((Usage({e.model: e.usage}) for e in received if isinstance(e, Spent)), Usage())) == counted(
        server
    )


async def test_a_cancelled_run_is_on_its_callers_usage(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: Reply([{"type": "text", "text": "word " * 2000}], seconds_per_event=0.05))
    bills: list[Bill] = []
    worker = create_agent_tool_async(Agent("worker", "worker", model=MODELS[1], client=server.client), timeout=0.5)
    boss = Agent("boss", "boss", [worker], client=server.client)

    output = await boss.call_tool(
        "worker_agent", {"prompt": "go"}, context=CallContext(scope=RunScope(charge=bills.append))
    )
    assert output.is_error
    assert [billed(bill.total)[MODELS[1]]["requests"] for bill in bills] == [1]


def test_bills_add_up_and_survive_the_wire() -> None:
    leaf = Bill("leaf", 0.5, Usage({"m": ModelUsage(2, 10, 5)}))
    root = Bill("root", 1.0, Usage({"m": ModelUsage(1, 3, 4), "n": ModelUsage(1, usd=None)}), (leaf, leaf))
    assert root.total.by_model["m"] == ModelUsage(5, 23, 14)
    assert root.total.usd is None
    assert leaf.total.usd == 0
    assert Bill.from_json(root.to_json()) == root


@pytest.mark.parametrize("nonsense", [None, 3, [], {}, {"models": 3}, {"models": None}])
def test_what_is_no_usage_is_not_taken_for_one(nonsense: Any) -> None:
    assert Bill.from_json(nonsense) is None


def test_a_usage_that_never_ends_is_cut() -> None:
    endless: dict[str, Any] = {"agent": "a", "models": {}, "delegated": []}
    endless["delegated"].append(endless)
    bill = Bill.from_json(endless)
    assert bill is not None
    assert bill.total == Usage()


async def test_an_answer_in_time_is_not_cancelled(scripted_messages: Serve) -> None:
    server = scripted_messages([says("done")])
    agent = Agent("quick", "quick", client=server.client, limits=Limits(run_timeout=30))
    async with asyncio.timeout(30):
        assert (await agent.run("go")).usage.requests == 1


def test_amounts_below_a_millionth_add_up_across_processes() -> None:
    leaf = Bill("leaf", 0.5, Usage({"m": ModelUsage(1, 4, usd=Decimal("0.0000004"))}))
    read = [Bill.from_json(leaf.to_json()) for _ in range(1000)]
    boss = Bill("boss", 1.0, delegated=tuple(bill for bill in read if bill is not None))
    assert boss.total.usd == Decimal("0.0004")
    assert usd_to_json(boss.total.usd) == 0.0004


@pytest.mark.parametrize(
    "figure",
    [-1, True, "3", 1.5, None, float("nan"), float("inf"), 10**400, [], {}, "NaN", "1e22", "9" * 5000, -(10**400)],
    ids=lambda figure: type(figure).__name__,
)
def test_whatever_stands_in_a_usage_its_figures_are_bounded_numbers(figure: Any) -> None:
    figures = dict.fromkeys([*COUNTS, "usd"], figure)
    below: dict[str, Any] = {
        "agent": figure,
        "seconds": figure,
        "models": {"m": figures},
        "delegated": figure,
        "claimed": figure,
    }
    whole: dict[str, Any] = {"agent": "a", "models": {}, "delegated": [figure, below], "claimed": {"m": figures}}
    bill = Bill.from_json(whole)
    assert bill is not None
    (far,) = bill.delegated
    for used in (far.own.by_model["m"], bill.claims.by_model["m"]):
        assert all(0 <= getattr(used, name) <= MAX_COUNT for name in COUNTS)
        assert used.usd is None or 0 <= used.usd <= MAX_COUNT
    assert 0 <= far.seconds <= MAX_COUNT
    json.dumps(bill.to_json(), allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 3))), st.data())
def test_what_counts_of_a_claim_is_never_more_than_the_bounds(
    used: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    by_model = {
        str(number): ModelUsage(requests, tokens, tokens, usd=Decimal(tokens) / 7)
        for number, (tokens, _, requests) in enumerate(used)
    }
    whole = Usage(by_model)
    usd, tokens, requests = (data.draw(st.none() | st.integers(0, 100)) for _ in range(3))
    bound = None if usd is None else Decimal(usd)
    counted = Bill("far", own=whole).as_claim(bound, tokens, requests)
    assert counted.claims == whole
    checked: tuple[tuple[Decimal | int | None, Decimal | int | None, Decimal | int | None], ...] = (
        (counted.total.usd, bound, whole.usd),
        (counted.total.tokens, tokens, whole.tokens),
        (counted.total.requests, requests, whole.requests),
    )
    for amount, most, all_of_it in checked:
        assert amount is not None
        assert all_of_it is not None
        wanted = Decimal(all_of_it) if most is None else min(Decimal(all_of_it), Decimal(most))
        assert abs(amount - wanted) < Decimal("1e-20")


@pytest.mark.requirement("bill-is-what-was-counted")
async def test_a_run_whose_last_event_makes_the_handler_fail_is_billed(scripted_messages: Serve) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, RunFinished) and event.agent == "worker":
            raise OSError("the disk is full")

    def script(request: RecordedRequest) -> Reply:
        return (
            calls(("worker_agent", {"prompt": "x"})) if request.system == "boss" and not request.results else says("y")
        )

    server = scripted_messages(script)
    worker = Agent("worker", "worker", model=MODELS[1], client=server.client)
    boss = Agent("boss", "boss", [create_agent_tool_async(worker)], model=MODELS[0], client=server.client)
    result = await boss.run("go", on_event=on_event)
    assert billed(result.usage)[MODELS[1]] == counted(server)[MODELS[1]]
