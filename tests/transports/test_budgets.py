"""Budgets over a process border: calls wait for what their siblings give back, and nothing is overspent."""

import sys
from decimal import Decimal

import pytest

from agentloop import Agent, Budget, CallContext, Ledger, RunScope
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.surface import scripted_env

BOSS = "claude-haiku-5-5"
WRITER = "claude-sonnet-5-5"


def _cost(model: ScriptedMessages) -> Decimal:
    """What the scripted requests cost, by the list."""
    prices = {BOSS: (Decimal("0.1"), Decimal("0.5")), WRITER: (Decimal(2), Decimal(10))}
    counted = [(model.counted(name), input_, output) for name, (input_, output) in prices.items()]
    return sum(
        (each.get("input_tokens", 0) * input_ + each.get("output_tokens", 0) * output) / 1_000_000
        for each, input_, output in counted
    ) or Decimal(0)


@pytest.mark.slow
@pytest.mark.requirement("budget-reserved")
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
async def test_twenty_cheap_delegations_run_within_half_a_dollar(trusted: bool) -> None:  # noqa: FBT001
    def script(request: RecordedRequest) -> Reply:
        if request.system == "boss" and not request.results:
            return calls(*[("writer_agent", {"prompt": f"{number} {'x' * 5000}"}) for number in range(20)])
        if request.system == "boss":
            return says(f"{sum(not result.get('is_error') for result in request.results)} of {len(request.results)}")
        return Reply(says("done").content, usage={"input_tokens": 100, "output_tokens": 10})

    with ScriptedMessages(script) as model:
        command = ("-m", "mcp_calc_server", "--publish", "tests.transports.published_writer:writer")
        entry = ServerEntry(command=sys.executable, args=command, env=scripted_env(model.url), trusted=trusted)
        async with Connection("far", entry, connect_timeout=60, server_log=sys.stderr) as connection:
            tools = remote_tools([connection], print, allow=["*"])
            boss = Agent("boss", "boss", tools, model=BOSS, client=model.client, max_tokens=1500)
            ledger = Ledger(Budget(usd=0.5))
            result = await boss.run("go", context=CallContext(scope=RunScope(ledger=ledger)))
        assert result.answer == "20 of 20"
        assert result.usage.usd == _cost(model) < Decimal("0.02")
        assert ledger.left.usd == Decimal("0.5") - _cost(model)


@pytest.mark.slow
async def test_a_delegation_that_no_share_covers_is_refused_after_a_few_attempts() -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says("refused" if request.results[0].get("is_error") else "done")
        return calls(("writer_agent", {"prompt": "x" * 19_000}))

    with ScriptedMessages(script) as model:
        command = ("-m", "mcp_calc_server", "--publish", "tests.transports.published_writer:writer")
        entry = ServerEntry(command=sys.executable, args=command, env=scripted_env(model.url), trusted=True)
        async with Connection("far", entry, connect_timeout=60, server_log=sys.stderr) as connection:
            boss = Agent(
                "boss", "boss", remote_tools([connection], print, allow=["*"]), model=BOSS, client=model.client
            )
            context = CallContext(scope=RunScope(ledger=Ledger(Budget(usd=0.04))))
            assert (await boss.run("go", context=context)).answer == "refused"
        assert model.counted(WRITER)["requests"] == 0
