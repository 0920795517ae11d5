"""Prompt caching: marked by default, read by the next turn, within the budget, off for servers that refuse it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentloop import (
    Agent,
    BudgetExceeded,
    CallContext,
    ConfigurationError,
    ModelError,
    RunScope,
    Tool,
    create_agent_tool_async,
)
from agentloop.budget import Budget, Ledger
from agentloop.events import Event, Notice, TurnFinished
from agentloop.model_caller import UNSEEN_TOKENS
from agentloop.prices import price_of
from agentloop.prompt_cache import DIAGNOSTICS_VARIABLE
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, fails, says
from agentloop.testing.server import Script
from agentloop.usage import Bill
from benchmarks.billing import PrefixCache, count_tokens

Serve = Callable[[Script], ScriptedMessages]
LONG = "You know these rules by heart. " + " ".join(f"Rule {number}: be brief." for number in range(800))


def look(number: int = 0) -> str:
    return f"seen {number}"


LOOK = Tool.from_function(look)


@pytest.fixture(autouse=True)
def _unknown_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of a server is kept by its address, and a port may have been that of another test's server."""
    monkeypatch.setattr("agentloop.prompt_cache._servers", {})


def billed(request: RecordedRequest, cache: PrefixCache, reply: Reply) -> Reply:
    """The reply with the usage that the API would report."""
    usage = cache.prompt(request.body) | {"output_tokens": 20}
    cache.begun(request.body)
    return Reply(reply.content, reply.stop_reason, usage=usage)


def test_the_benchmark_bills_both_forms_of_a_result_alike() -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen 1"}
    longer = result | {"content": [{"type": "text", "text": "seen 1"}], "is_error": False}
    failed = result | {"is_error": True}
    short, long, error = (
        PrefixCache().prompt({"messages": [{"role": "user", "content": [block]}]})["input_tokens"]
        for block in (result, longer, failed)
    )
    assert short == long < error


def marks(body: Any) -> int:
    """How many marks a request has."""
    return json.dumps(body).count('"cache_control"')


@pytest.mark.requirement("cached-by-default")
async def test_every_turn_reads_what_the_turn_before_it_wrote(scripted_messages: Serve) -> None:
    cache = PrefixCache()
    replies = iter([*(calls(("look", {"number": n})) for n in range(5)), says("done")])
    server = scripted_messages(lambda request: billed(request, cache, next(replies)))
    result = await Agent("a", LONG, [LOOK], client=server.client).run("go")
    reports = [request.reported for request in server.requests]
    assert reports[0]["cache_read_input_tokens"] == 0
    for before, after in pairwise(reports):
        whole = before["cache_read_input_tokens"] + before["cache_creation_input_tokens"]
        assert after["cache_read_input_tokens"] == whole
        assert after["input_tokens"] == 0
    uncached = sum(sum(report.values()) - report["output_tokens"] for report in reports) * Decimal(2) / 1_000_000
    assert result.usage.usd is not None
    assert result.usage.usd < uncached / 3


async def test_a_message_with_many_results_still_finds_what_was_written_before_it(scripted_messages: Serve) -> None:
    cache = PrefixCache()
    many = calls(*[("look", {"number": number}) for number in range(40)])
    replies = iter([many, says("done")])
    server = scripted_messages(lambda request: billed(request, cache, next(replies)))
    await Agent("a", "short", [LOOK], client=server.client).run("The question. " + LONG)
    first, second = (request.reported for request in server.requests)
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 0


async def test_what_is_sent_only_once_is_not_marked(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: says("done"))
    agent = Agent("a", LONG, client=server.client)
    first = await agent.run("go")
    await agent.run("another run of the same agent shares its system prompt")
    await agent.run(first.conversation.ask("and then?"))
    assert [marks(request.body) for request in server.requests] == [0, 1, 2]


@pytest.mark.parametrize(("policy", "ttl"), [("off", None), ("5m", "5m"), ("1h", "1h"), ("auto", "5m")])
async def test_how_long_it_is_cached_is_the_agents_choice(scripted_messages: Serve, policy: Any, ttl: str) -> None:
    server = scripted_messages([calls(("look", {})), says("done")])
    await Agent("a", LONG, [LOOK], client=server.client, cache=policy).run("go")
    sent = [request.body.get("cache_control") for request in server.requests]
    assert [mark and mark.get("ttl", "5m") for mark in sent] == [ttl, ttl]


async def test_the_environment_says_what_auto_means(scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTLOOP_CACHE", "off")
    server = scripted_messages([says("done")])
    await Agent("a", LONG, [LOOK], client=server.client).run("go")
    assert marks(server.requests[0].body) == 0
    monkeypatch.setenv("AGENTLOOP_CACHE", "1d")
    with pytest.raises(ConfigurationError, match="auto, 5m, 1h, off, not '1d'"):
        await Agent("a", LONG, client=server.client).run("go")


async def test_a_run_that_has_waited_longer_than_the_cache_lasts_caches_for_an_hour(
    scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentloop.prompt_cache.LIFETIME", {"5m": 0.0, "1h": 3600.0})
    usage = {"cache_creation_input_tokens": 1_000_000, "output_tokens": 0}
    replies = [Reply(reply.content, reply.stop_reason, usage=usage) for reply in (calls(("look", {})), says("done"))]
    server = scripted_messages(replies)
    result = await Agent("a", "a", [LOOK], client=server.client).run("go")
    assert [request.body["cache_control"].get("ttl") for request in server.requests] == [None, "1h"]
    assert result.usage.usd == Decimal("2.50") + 4, "an hour is twice the price of input"


@pytest.mark.parametrize(
    ("refuses", "marks_left"),
    [(lambda body: "cache_control" in body, 1), (lambda body: marks(body) > 0, 0)],
    ids=["at the top level", "anywhere"],
)
async def test_a_server_that_refuses_marks_is_asked_once(
    scripted_messages: Serve, refuses: Callable[[Any], bool], marks_left: int
) -> None:
    server = scripted_messages(
        lambda request: (
            fails(400, "invalid_request_error")
            if refuses(request.body)
            else says("done")
            if request.results
            else calls(("look", {}))
        )
    )
    received: list[Event] = []
    for _ in range(2):
        assert (
            await Agent("a", "a", [LOOK], client=server.client).run("go", on_event=received.append)
        ).answer == "done"
    refused = [request for request in server.requests if refuses(request.body)]
    assert len(refused) == (1 if marks_left else 2), "each way of marking is tried once"
    assert [marks(request.body) for request in server.requests[-2:]] == [marks_left] * 2
    assert len([event for event in received if isinstance(event, Notice)]) == len(refused)


async def test_a_request_that_is_wrong_is_an_error_with_or_without_marks(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: fails(400, "invalid_request_error"))
    with pytest.raises(ModelError, match="scripted invalid_request_error"):
        await Agent("a", "a", [LOOK], client=server.client).run("go")
    assert len(server.requests) == 2


@pytest.mark.requirement("cached-by-default")
async def test_parallel_runs_of_one_agent_pay_for_their_prefix_once(scripted_messages: Serve) -> None:
    cache = PrefixCache()

    def script(request: RecordedRequest) -> Reply:
        reply = billed(request, cache, says("done"))
        if request.number > 1:
            return reply
        slow = [{"type": "text", "text": "word " * 500}]
        return Reply(slow, usage=reply.usage, seconds_per_event=0.01)

    server = scripted_messages(script)
    agent = Agent("a", LONG, [LOOK], client=server.client)
    await asyncio.gather(*[agent.run(f"question {number}") for number in range(8)])
    prefix = count_tokens(LONG)
    first, *others = server.requests
    assert first.reported["cache_creation_input_tokens"] > prefix
    assert all(other.reported["cache_read_input_tokens"] > prefix for other in others)
    assert first.ended is not None
    assert all(other.began < first.ended for other in others), "they do not wait for the end of its answer"


async def test_the_api_is_asked_why_a_prompt_was_not_cached_if_somebody_wants_to_know(
    scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = {"type": "tools_changed", "cache_missed_input_tokens": 5120}
    replies = [calls(("look", {})), replace(calls(("look", {})), cache_miss=reason), says("done")]
    server, events = scripted_messages([*replies, says("ok")]), list[Event]()
    monkeypatch.setenv(DIAGNOSTICS_VARIABLE, "1")
    await Agent("a", LONG, [LOOK], client=server.client).run("go", on_event=events.append)
    asked = [request.body["diagnostics"]["previous_message_id"] for request in server.requests]
    assert asked == [None, "msg_scripted_1", "msg_scripted_2"]
    misses = [event.cache_miss for event in events if isinstance(event, TurnFinished)]
    assert misses == ["", "tools_changed, 5,120 tokens", ""]
    monkeypatch.delenv(DIAGNOSTICS_VARIABLE)
    await Agent("a", LONG, [LOOK], client=server.client).run("go")
    assert "diagnostics" not in server.requests[-1].body


async def test_runs_do_not_wait_for_one_that_fails(scripted_messages: Serve) -> None:
    server = scripted_messages(
        lambda request: fails(401, "authentication_error") if request.number == 1 else says("ok")
    )
    agent = Agent("a", LONG, [LOOK], client=server.client)
    outcomes = await asyncio.gather(*[agent.run("go") for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(outcome, ModelError) for outcome in outcomes) == 1


def worst_tokens(body: Any) -> int:
    """The tokens of a prompt for a tokenizer that makes one of each byte, and an API that adds many."""
    parts = [body["model"], body["system"], body["tools"], body["messages"]]
    return len(json.dumps(parts, separators=(",", ":")).encode()) + UNSEEN_TOKENS


@pytest.fixture(scope="module")
def billing() -> Iterator[tuple[ScriptedMessages, dict[str, Any]]]:
    """A server that bills as `plan` says: the split of each prompt, the part of `max_tokens` used, the turns."""
    plan: dict[str, Any] = {}

    def script(request: RecordedRequest) -> Reply:
        turn = sum(message["role"] == "assistant" for message in request.body["messages"])
        split, used, turns, workers = plan["split"], plan["used"], plan["turns"], plan["workers"]
        total = worst_tokens(request.body)
        written, read = int(total * split[0]), int(total * (1 - split[0]) * split[1])
        usage = {
            "input_tokens": total - written - read,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": int(request.body["max_tokens"] * used),
        }
        if request.system == "boss" and turn == 0:
            reply = calls(*[("worker_agent", {"prompt": f"part {number}"}) for number in range(workers)])
        elif request.system == "boss" or turn >= turns:
            reply = says("done")
        else:
            reply = calls(("look", {"number": turn}))
        return Reply(reply.content, reply.stop_reason, usage=usage)

    with ScriptedMessages(script) as server:
        yield server, plan


class RecordingLedger(Ledger):
    """Keeps what was reserved and what it cost, for each reservation that was settled."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget)
        self.settled: list[tuple[Budget, Budget]] = []

    def settle(self, reserved: Budget, spent: Budget) -> None:
        self.settled.append((reserved, spent))
        super().settle(reserved, spent)


_ALL_WRITTEN = {"usd": Decimal(1), "split": (1, 0.0), "used": 1, "turns": 2, "workers": 3, "model": "claude-sonnet-5-5"}


@pytest.mark.requirement("budget-reserved")
@given(
    plan=st.fixed_dictionaries(
        {
            "usd": st.decimals("0.0005", "0.2", places=4),
            "split": st.tuples(st.sampled_from([0, 0.3, 1]), st.floats(0, 1)),
            "used": st.sampled_from([0, 0.5, 1]),
            "turns": st.integers(0, 3),
            "workers": st.integers(1, 6),
            "cache": st.sampled_from(["auto", "5m", "1h", "off"]),
            "model": st.sampled_from(["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]),
        }
    )
)
@example(plan=_ALL_WRITTEN | {"cache": "5m"})
@example(plan=_ALL_WRITTEN | {"cache": "1h"})
def test_what_is_billed_is_never_more_than_was_reserved(
    billing: tuple[ScriptedMessages, dict[str, Any]], plan: dict[str, Any]
) -> None:
    server, current = billing
    current |= plan
    server.requests.clear()
    usd, model, cache = plan["usd"], plan["model"], plan["cache"]
    worker = Agent("worker", "worker", [LOOK], model=model, client=server.client, max_tokens=300, cache=cache)
    boss = Agent(
        "boss",
        "boss",
        [create_agent_tool_async(worker)],
        model=model,
        client=server.client,
        max_tokens=400,
        cache=cache,
    )
    ledger = RecordingLedger(Budget(usd=usd))
    bills: list[Bill] = []
    with suppress(BudgetExceeded):
        asyncio.run(boss.run("go", context=CallContext(scope=RunScope(ledger=ledger, charge=bills.append))))
    price = price_of(model)
    assert price is not None
    costs = [
        (
            sent["input_tokens"] * price.input
            + sent["output_tokens"] * price.output
            + sent["cache_read_input_tokens"] * price.cache_read
            + sent["cache_creation_input_tokens"] * price.input * (2 if cache == "1h" else Decimal("1.25"))
        )
        / 1_000_000
        for sent in (request.reported for request in server.requests)
    ]
    assert [bill.total.usd for bill in bills] == [sum(costs)]
    assert all(reserved.covers(spent) for reserved, spent in ledger.settled)
    assert sum(costs) <= usd
    assert ledger.left.usd == usd - sum(costs)
