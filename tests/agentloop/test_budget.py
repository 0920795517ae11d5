"""Budgets: reserved before they are spent, never exceeded, and 0 left means 0."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from agentloop import Agent, BudgetExceeded, CallContext, Tool, create_agent_tool_async, create_agent_tool_sync
from agentloop.budget import Budget, Ledger
from agentloop.prices import price_of, priced
from agentloop.testing import Reply, Request, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.usage import ModelUsage

Serve = Callable[[Script], ScriptedMessages]


def test_a_budget_covers_what_is_not_more_than_it() -> None:
    budget = Budget(usd=Decimal("1.5"), tokens=100)
    assert budget.covers(Budget(Decimal("1.5"), 100, 7))
    assert not budget.covers(Budget(Decimal("1.6"), 1, 1))
    assert not budget.covers(Budget(Decimal(1), 101, 1))


def test_an_unknown_price_is_covered_by_no_budget_in_usd() -> None:
    assert not Budget(usd=Decimal(100)).covers(Budget(usd=None, tokens=1))
    assert Budget(tokens=100).covers(Budget(usd=None, tokens=1))


def test_nothing_left_is_not_unbounded() -> None:
    assert Budget(tokens=0).is_used_up
    assert Budget.from_json(Budget(tokens=0).to_json()).is_used_up
    assert not Budget().is_used_up


@pytest.mark.parametrize("value", [{"tokens": "many"}, {"usd": "a lot"}, {"turns": []}])
def test_an_amount_that_cannot_be_read_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a budget"):
        Budget.from_json(value)


async def test_reservations_of_others_are_waited_for() -> None:
    ledger = Ledger(Budget(tokens=100))
    first = await ledger.reserve(Budget(tokens=80), "first")
    second = asyncio.create_task(ledger.reserve(Budget(tokens=50), "second"))
    await asyncio.sleep(0)
    assert not second.done()
    first.settle(Budget(tokens=10))
    assert (await asyncio.wait_for(second, 5)).amount == Budget(tokens=50)
    assert ledger.left == Budget(tokens=40)


async def test_what_nothing_can_free_is_refused() -> None:
    ledger = Ledger(Budget(tokens=100))
    with pytest.raises(BudgetExceeded, match="may need 101 tokens, and the budget has 100 tokens left"):
        await ledger.reserve(Budget(tokens=101), "too much")


def test_shares_are_equal_and_nothing_left_refuses() -> None:
    ledger = Ledger(Budget(tokens=90))
    assert [ledger.reserve_share(n, "part").amount.tokens for n in (3, 2, 1)] == [30, 30, 30]
    with pytest.raises(BudgetExceeded, match="0 tokens left"):
        ledger.reserve_share(1, "one more")


@pytest.mark.requirement("budget-reserved")
@pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])
async def test_a_tree_of_runs_never_exceeds_its_budget_together(scripted_messages: Serve, wrap: object) -> None:
    def script(request: Request) -> Reply:
        usage = {"input_tokens": 200, "output_tokens": 1000}
        if request.body["system"] == "boss" and not request.results:
            return Reply(
                calls(*[("worker_agent", {"prompt": str(n)}) for n in range(12)]).content, "tool_use", usage=usage
            )
        return Reply(says("done").content, usage=usage)

    server = scripted_messages(script)
    worker = Agent("worker", "worker", client=server.client, max_tokens=1000)
    boss = Agent("boss", "boss", [wrap(worker)], client=server.client, max_tokens=1000)  # type: ignore[operator]
    budget = Budget(tokens=14_000)
    with pytest.raises(BudgetExceeded):
        await boss.run("go", context=CallContext(ledger=Ledger(budget)))
    spent = server.counted("claude-sonnet-5-5")
    assert spent["input_tokens"] + spent["output_tokens"] <= 14_000
    assert spent["requests"] >= 8, "the budget was there to be used"


async def test_turns_are_counted_over_the_whole_tree(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: calls(("again", {})))

    def again() -> str:
        return "once more"

    agent = Agent("loop", "loop", [Tool.from_function(again)], client=server.client)
    with pytest.raises(BudgetExceeded, match="0 turns left") as caught:
        await agent.run("go", context=CallContext(ledger=Ledger(Budget(turns=3))))
    assert len(server.requests) == 3
    assert caught.value.usage is not None
    assert caught.value.usage.requests == 3


def test_prices_are_those_of_the_table() -> None:
    usage = ModelUsage(1, 1_000_000, 0)
    assert priced("claude-sonnet-5-5", usage).usd == 2
    assert priced("claude-sonnet-5-5-20260928", usage).usd == 2
    assert priced("claude-haiku-5-5", ModelUsage(1, 50_000, 10_000)).usd == Decimal("0.01")
    assert priced("claude-haiku-5-5", usage).usd == Decimal("0.5"), "long prompts cost more"
    assert priced("somebody-elses-model", usage).usd is None
    assert price_of("claude-sonnet-5") != price_of("claude-opus-5")
