"""Bounds on calls, and the money of calls, across the border between processes."""

import asyncio
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import anyio.to_thread
import pytest
from mcp import Client
from mcp.types import RequestParamsMeta

from agentloop import Agent, Budget, BudgetExceeded, CallContext, Ledger, RunScope
from agentloop.delegation_context import CALL
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, fails, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.surface import scripted_env, serving, text
from tests.transports.conftest import PUBLISH
from tests.transports.published import HELPER, LOOPED
from tests.transports.scripted import about, answer

on_one_loop = pytest.mark.asyncio(loop_scope="session")
BOSS = "claude-fable-5-1"


@pytest.mark.slow
@pytest.mark.requirement("places")
async def test_agent_calls_beyond_the_places_wait_in_order_and_functions_do_not() -> None:
    go_on = threading.Event()
    under_way, most = 0, 0

    async def script(request: RecordedRequest) -> Reply:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.to_thread.run_sync(go_on.wait, 20)
        under_way -= 1
        return says(f"done: {request.prompt}")

    with ScriptedMessages(script) as model:
        async with (
            serving("stdio", "--max-agents", "2", env=scripted_env(model.url)) as served,
            served.client() as client,
        ):
            tasks = [asyncio.create_task(_ask(client, str(number))) for number in range(10)]
            await model.until(lambda: len(model.requests) == 2)
            function = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
            assert not function.is_error
            full = await client.call_tool(AGENT_TOOL, {"prompt": "one too many"})
            assert full.is_error
            assert text(full) == "The server is full: 2 agent calls run and 8 wait. Try again later."
            assert len(model.requests) == 2
            go_on.set()
            assert await asyncio.gather(*tasks) == [f"done: {number}" for number in range(10)]
    assert most == 2
    asked = [int(request.prompt) for request in model.requests]
    assert all(abs(number - place) <= 1 for place, number in enumerate(asked))


async def _ask(client: Client, prompt: str) -> str:
    return text(await client.call_tool(AGENT_TOOL, {"prompt": prompt}))


@pytest.mark.requirement("places")
async def test_a_client_that_calls_too_often_is_reported_so() -> None:
    async with serving("streamable-http", "--offline", "--calls-per-minute", "3") as served:
        async with served.client() as client:
            results = [await client.call_tool("sum_numbers", {"numbers": [1]}) for _ in range(4)]
        async with served.client("legacy") as again:
            results.append(await again.call_tool("sum_numbers", {"numbers": [1]}))
    assert [result.is_error for result in results] == [False, False, False, True, True]
    assert text(results[3]) == "Too many calls: 3 a minute are allowed. Wait a little and try again."


@pytest.mark.slow
@pytest.mark.requirement("limits")
@on_one_loop
async def test_a_result_that_is_too_large_is_an_error(client: Client) -> None:
    result = await client.call_tool(AGENT_TOOL, {"prompt": "large"})
    assert result.is_error
    assert text(result) == "The result is larger than 500,000 characters. Ask for less at once."


def _meta(delegation: Any) -> RequestParamsMeta:
    return cast("RequestParamsMeta", {CALL: delegation})


@pytest.mark.requirement("delegation-context")
@pytest.mark.parametrize(
    ("delegation", "said"),
    [
        ({"id": "a", "depth": 1, "budget": {"tokens": 0}}, "0 tokens left"),
        ({"id": "a", "depth": 1, "budget": {"turns": 0}}, "0 turns left"),
        ({"id": "a", "depth": 1, "budget": {"usd": "0.00"}}, "0.00 usd left"),
        ({"id": "a", "depth": 1, "seconds": 0}, "deadline has passed"),
        ({"id": "a", "depth": 1, "budget": {"tokens": "many"}}, "cannot be read"),
        ({"id": "a", "depth": 1, "budget": {"usd": "NaN"}}, "cannot be read"),
        ({"id": "a", "depth": 1, "seconds": "soon"}, "cannot be read"),
        ({"id": 7}, "cannot be read"),
        ("nonsense", "cannot be read"),
    ],
)
@on_one_loop
async def test_a_delegation_context_with_nothing_left_or_nonsense_asks_no_model(
    clients: dict[tuple[str, str], Client], model: ScriptedMessages, delegation: Any, said: str
) -> None:
    before = len(model.requests)
    result = await clients["sse", "auto"].call_tool("looped_agent", {"prompt": "refuse"}, meta=_meta(delegation))
    assert result.is_error
    assert said in text(result)
    assert len(model.requests) == before


@pytest.mark.slow
@pytest.mark.requirement("delegation-context")
@on_one_loop
async def test_the_callers_deadline_stops_the_agent_in_the_server(client: Client, model: ScriptedMessages) -> None:
    prompt = f"hold past {id(client)}"
    delegation = {"id": "a", "depth": 1, "seconds": 1.0}
    async with asyncio.timeout(20):  # its helper's answer would take 100
        result = await client.call_tool("looped_agent", {"prompt": prompt}, meta=_meta(delegation))
    assert result.is_error
    await model.until(lambda: all(request.outcome for request in about(model, prompt)))


def _connection(model: ScriptedMessages) -> Connection:
    command = (sys.executable, "-m", "mcp_calc_server", *PUBLISH)
    entry = ServerEntry(command=command[0], args=command[1:], env=scripted_env(model.url))
    return Connection("far", entry, connect_timeout=20, server_log=sys.stderr)


@pytest.mark.slow
@pytest.mark.requirement("bill-crosses-mcp")
async def test_the_usage_over_a_process_border_is_what_was_counted() -> None:
    orders = iter([calls(("looped_agent", {"prompt": prompt})) for prompt in ("quick", "hold")] + [says("done")])
    troubles = iter([fails(529, "overloaded_error", retry_after=0.01), cut(says("x"), after=3)])

    async def script(request: RecordedRequest) -> Reply:
        if request.system == "boss":
            return next(orders)
        trouble = next(troubles, None) if request.system == "helper" and request.prompt == "quick" else None
        return trouble or await answer(request)

    with ScriptedMessages(script) as model:
        async with _connection(model) as connection:
            tools = [replace(tool, timeout=4) for tool in remote_tools([connection], pytest.fail)]
            boss = Agent("boss", "boss", tools, model=BOSS, client=model.client)
            result = await boss.run("go")
        await model.until(lambda: all(request.outcome for request in model.requests))
    assert {"cancelled", "cut"} <= {request.outcome for request in model.requests}
    for name in (BOSS, LOOPED, HELPER):
        spent = result.usage.by_model[name]
        counted = {kind: getattr(spent, kind) for kind in ("requests", "input_tokens", "output_tokens")}
        assert counted == model.counted(name), name


@pytest.mark.requirement("delegation-context")
@pytest.mark.parametrize(
    "budget",
    [
        Budget(tokens=40_000),
        pytest.param(Budget(turns=9), marks=pytest.mark.slow),
        pytest.param(Budget(usd=Decimal("0.5")), marks=pytest.mark.slow),
    ],
    ids=str,
)
async def test_agents_in_another_process_never_exceed_the_budget_together(budget: Budget) -> None:
    async def script(request: RecordedRequest) -> Reply:
        usage = {"input_tokens": 300, "output_tokens": 500}
        if request.system == "boss" and not request.results:
            reply = calls(*(("looped_agent", {"prompt": str(number)}) for number in range(8)))
        else:
            reply = says("done") if request.system == "boss" else await answer(request)
        return replace(reply, usage=usage)

    with ScriptedMessages(script) as model:
        async with _connection(model) as connection:
            tools = remote_tools([connection], pytest.fail)
            boss = Agent("boss", "boss", tools, model=BOSS, client=model.client, max_tokens=500)
            ledger = Ledger(budget)
            with suppress(BudgetExceeded):
                await boss.run("go", context=CallContext(scope=RunScope(ledger=ledger)))
    counted = [model.counted(name) for name in (BOSS, LOOPED, HELPER)]
    if budget.turns is not None:
        assert sum(each["requests"] for each in counted) <= budget.turns
    if budget.tokens is not None:
        tokens = sum(each.get("input_tokens", 0) + each.get("output_tokens", 0) for each in counted)
        assert tokens <= budget.tokens
    assert not ledger.left.is_bounded or all(
        amount is None or amount >= 0 for amount in (ledger.left.usd, ledger.left.tokens, ledger.left.turns)
    )


@pytest.mark.slow
async def test_an_api_that_repeats_the_key_does_not_get_it_into_the_result() -> None:
    def script(request: RecordedRequest) -> Reply:
        (echo,) = (value for value in request.headers.values() if "planted-key" in value)
        return Reply(status=400, error={"type": "invalid_request_error", "message": f"bad key {echo}"})

    with ScriptedMessages(script) as model:
        env = scripted_env(model.url) | {"ANTHROPIC_API_KEY": "planted-key-0123456789"}
        async with serving("stdio", env=env) as served, served.client() as client:
            result = await client.call_tool(AGENT_TOOL, {"prompt": "echo"})
    assert result.is_error
    assert "[secret]" in text(result)
    assert b"planted-key" not in b"".join(served.wire)
    assert "planted-key" not in served.stderr
