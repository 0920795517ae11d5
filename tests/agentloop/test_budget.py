"""Budgets: reserved before they are spent, never exceeded, and 0 left means 0."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentloop import (
    Agent,
    BudgetExceeded,
    CallContext,
    ConfigurationError,
    RunScope,
    Tool,
    create_agent_tool_async,
    create_agent_tool_sync,
)
from agentloop.budget import Budget, Ledger, cost_of
from agentloop.prices import price_of, priced, register, register_file, register_if_local
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.usage import ModelUsage, Usage

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
    def script(request: RecordedRequest) -> Reply:
        usage = {"input_tokens": 200, "output_tokens": 1000}
        if request.system == "boss" and not request.results:
            return Reply(
                calls(*[("worker_agent", {"prompt": str(n)}) for n in range(12)]).content, "tool_use", usage=usage
            )
        return Reply(says("done").content, usage=usage)

    server = scripted_messages(script)
    worker = Agent("worker", "worker", client=server.client, max_tokens=1000)
    boss = Agent("boss", "boss", [wrap(worker)], client=server.client, max_tokens=1000)  # type: ignore[operator]
    budget = Budget(tokens=14_000)
    with pytest.raises(BudgetExceeded):
        await boss.run("go", context=CallContext(scope=RunScope(ledger=Ledger(budget))))
    spent = server.counted("claude-sonnet-5-5")
    assert spent["input_tokens"] + spent["output_tokens"] <= 14_000
    assert spent["requests"] >= 8, "the budget was there to be used"


async def test_turns_are_counted_over_the_whole_tree(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: calls(("again", {})))

    def again() -> str:
        return "once more"

    agent = Agent("loop", "loop", [Tool.from_function(again)], client=server.client)
    with pytest.raises(BudgetExceeded, match="0 turns left") as caught:
        await agent.run("go", context=CallContext(scope=RunScope(ledger=Ledger(Budget(turns=3)))))
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


@pytest.mark.parametrize("usd", [0.5, "0.5", "0.50", Decimal("0.5"), 1])
def test_an_amount_may_be_any_kind_of_number(usd: float | str | Decimal) -> None:
    assert Budget(usd=usd).usd == Decimal(str(usd))
    assert Budget(usd=0.1).usd == Decimal("0.1"), "a float counts as what it prints as"
    assert Budget(tokens=1e3, turns="7") == Budget(tokens=1000, turns=7)


@pytest.mark.parametrize("kind", ["usd", "tokens", "turns"])
@pytest.mark.parametrize(
    "amount",
    [
        *(float("nan"), float("inf"), "NaN", Decimal("-Infinity"), -1, "-0.01", 1e30, 10**5000, "1e999999999"),
        *("9" * 5000, "many", "", True, [], object()),
    ],
    ids=lambda amount: type(amount).__name__,
)
def test_what_is_no_amount_is_refused_with_a_word_on_what_to_write(kind: str, amount: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Budget\({kind}=...\) takes a number from 0 to [\d,]+, for example"):
        Budget(**{kind: amount})
    with pytest.raises(ValueError, match="takes a number"):
        Budget(**{kind: amount})


def test_tokens_and_turns_are_whole() -> None:
    with pytest.raises(ConfigurationError, match=r"whole number, not 1\.5"):
        Budget(tokens=1.5)


@pytest.mark.parametrize(
    "model",
    [
        *(
            "claude-sonnet-5-5@20260928",
            "anthropic/claude-sonnet-5-5",
            "global.anthropic.claude-sonnet-5-5-20260928-v1:0",
        ),
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-5-5-v1:0",
    ],
)
def test_ids_of_other_providers_are_on_the_list(model: str) -> None:
    assert price_of(model) == price_of("claude-sonnet-5-5")


@pytest.mark.parametrize("model", ["anthropic.claude-sonnet-5-5-20260928-v1:0", "eu.anthropic.claude-sonnet-5-5-v1"])
def test_a_regional_id_of_bedrock_costs_a_tenth_more(model: str) -> None:
    price = price_of(model)
    assert price is not None
    assert [price.input, price.output] == [Decimal("2.2"), Decimal(11)]


def test_prices_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('["house/large"]\ninput = 1.5\noutput = 6\n')
    register_file(file)
    assert priced("house/large", ModelUsage(1, 1_000_000, 1_000_000)).usd == Decimal("7.5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["m"]\ninput = 1\n', "m: needs `input` and `output`"),
        ('["m"]\ninput = "much"\noutput = 1\n', "m: A price is a number of USD"),
        ("m = 1", "m: needs `input` and `output`"),
        ("[", "Cannot read the prices in"),
    ],
)
def test_a_file_of_prices_that_is_wrong_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        register_file(file)


def test_a_model_without_a_price_costs_nothing_on_this_machine_only() -> None:
    register_if_local("house-model-local", "http://127.0.0.1:11434")
    register_if_local("house-model-far", "https://models.example.com")
    register_if_local("claude-opus-5-5", "http://localhost:4000")
    assert priced("house-model-local", ModelUsage(1, 1000, 1000)).usd == 0
    assert price_of("house-model-far") is None
    assert priced("claude-opus-5-5", ModelUsage(1, 1_000_000)).usd == 4


async def test_an_answer_is_kept_shorter_if_the_budget_is_not_enough_for_a_long_one(scripted_messages: Serve) -> None:
    usage = {"input_tokens": 100, "output_tokens": 50}
    server = scripted_messages([Reply(says("done").content, usage=usage)])
    agent = Agent("a", "a", client=server.client)
    ledger = Ledger(Budget(usd=0.03))
    assert (await agent.run("go", context=CallContext(scope=RunScope(ledger=ledger)))).answer == "done"
    assert 1024 <= server.requests[0].body["max_tokens"] < 3000
    assert ledger.left.usd == Decimal("0.03") - Decimal("0.0007")


async def test_an_answer_that_the_budget_cuts_off_is_a_matter_of_the_budget(scripted_messages: Serve) -> None:
    server = scripted_messages([says("half an ans", stop_reason="max_tokens")])
    with pytest.raises(BudgetExceeded, match=r"longer than the [\d,]+ tokens that the budget has left"):
        await Agent("a", "a", client=server.client).run("go", max_usd=0.03)


def test_shares_of_money_never_add_up_to_more_than_there_was() -> None:
    budget = Budget(usd=2)
    for parts in range(1, 50):
        share = budget.share(parts).usd
        assert share is not None
        assert 0 <= Decimal(2) - share * parts < Decimal("1e-10")
    assert str(Ledger(budget).reserve_share(4, "part").amount) == "0.5 usd"


async def test_what_a_reservation_cost_counts_as_all_of_it_if_it_is_not_known() -> None:
    ledger = Ledger(Budget(usd=1, tokens=100))
    ledger.reserve_share(2, "part").settle(cost_of(Usage({"m": ModelUsage(1, 10, usd=None)})))
    assert ledger.left == Budget(usd=Decimal("0.5"), tokens=90)


async def test_a_budget_in_money_for_a_model_without_a_price_is_refused_before_the_first_request(
    scripted_messages: Serve,
) -> None:
    server = scripted_messages([says("done"), says("done")])
    agent = Agent("a", "a", model="house-model-1", client=server.client)
    context = CallContext(scope=RunScope(ledger=Ledger(Budget(usd=1))))
    with pytest.raises(ConfigurationError, match=r"prices\.register\('house-model-1', input=\.\.\., output=\.\.\.\)"):
        await agent.run("go", context=context)
    assert server.requests == []
    await agent.run("go", context=CallContext(scope=RunScope(ledger=Ledger(Budget(tokens=1_000_000)))))
    register("house-model-1", input=1.5, output="6")
    result = await agent.run("go", context=context)
    used = result.usage.by_model["house-model-1"]
    assert result.usage.usd == (used.input_tokens * Decimal("1.5") + used.output_tokens * 6) / 1_000_000


@pytest.mark.parametrize(
    "price", [-1, float("nan"), "a lot", 10**7, 10**5000, None], ids=lambda price: type(price).__name__
)
def test_what_is_no_price_is_refused(price: Any) -> None:
    with pytest.raises(ConfigurationError, match="A price is a number of USD"):
        register("house-model-2", input=price, output=1)
    assert price_of("house-model-2") is None
