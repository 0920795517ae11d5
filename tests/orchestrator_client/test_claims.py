"""What a server that is not trusted says its agents cost: shown as its claim, and never more than it was given."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from agentloop import Agent, Budget, CallContext, Ledger, RunScope
from agentloop.events import Event, RunFinished
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page
from agentloop.testing import ScriptedMessages, calls, says
from agentloop.usage import MAX_COUNT
from orchestrator_client.report import Report
from orchestrator_client.transcript import usage_lines
from tests.journeys.test_cli import invoke

Serve = Callable[..., ScriptedMessages]

on_one_loop = pytest.mark.asyncio(loop_scope="module")
ODD_SERVER = Path(__file__).parents[1] / "mcp" / "client" / "odd_server.py"
OWN_MODEL = "claude-sonnet-5-5"

DEEP = "[" * 100 + "]" * 100
"""Nested as deep as the SDK of the server takes it."""
ODD_AMOUNTS = ["1e22", '"1e22"', "1" + "0" * 400, "1e400", '"NaN"', "-1", "true", '"1e-999999999"', "[]", DEEP, "null"]


def usage(usd: str, requests: str = "3") -> str:
    about = f'{{"requests": {requests}, "input_tokens": 1000, "output_tokens": {requests}, "usd": {usd}}}'
    return f'{{"agent": "far", "seconds": {usd}, "models": {{"far-model": {about}}}, "delegated": {usd}}}'


def connected(*, is_trusted: bool) -> Connection:
    entry = ServerEntry(command=sys.executable, args=(str(ODD_SERVER),), trusted=is_trusted)
    return Connection("odd", entry, connect_timeout=20, server_log=sys.stderr)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection() -> AsyncIterator[Connection]:
    async with connected(is_trusted=False) as connection:
        yield connection


def boss(connection: Connection, model: ScriptedMessages) -> Agent:
    return Agent("boss", "boss", remote_tools([connection], lambda _text: None, allow=["claims"]), client=model.client)


@on_one_loop
@pytest.mark.parametrize("usd", ["1000000", "1e22", "null"])
@pytest.mark.parametrize("requests", ["3", str(10**30)])
async def test_a_claim_takes_no_more_of_a_budget_than_was_handed_over(
    connection: Connection, scripted_messages: Serve, usd: str, requests: str
) -> None:
    model = scripted_messages([calls(("claims", {"usage": usage(usd, requests)})), says("done")])
    ledger = Ledger(Budget(usd=1, tokens=200_000, turns=20))
    result = await boss(connection, model).run("go", context=CallContext(scope=RunScope(ledger=ledger)))
    assert result.answer == "done"
    left = ledger.left
    assert left.usd is not None
    assert left.tokens is not None
    assert left.turns is not None
    assert left.usd > 0, "it got half of it"
    assert left.tokens > 0
    assert left.turns > 0
    assert result.usage.usd is not None
    assert result.usage.usd <= 1
    assert result.usage.tokens <= 200_000
    (far,) = result.bill.delegated
    assert far.claimed is not None
    assert far.claimed.requests == (3 if requests == "3" else MAX_COUNT)


@on_one_loop
@pytest.mark.parametrize("usd", ODD_AMOUNTS)
async def test_no_claim_breaks_what_shows_it(connection: Connection, scripted_messages: Serve, usd: str) -> None:
    model = scripted_messages([calls(("claims", {"usage": usage(usd)})), says("done")])
    report, timeline, received = Report(), Timeline(), list[Event]()

    def on_event(event: Event) -> None:
        received.append(event)
        for each in (report, timeline):
            each.on_event(event)

    result = await boss(connection, model).run("go", on_event=on_event)
    assert result.answer == "done"
    json.dumps(report.to_json(ok=True, seconds=1.0, servers={}), allow_nan=False)
    assert "claimed by untrusted servers" in "\n".join(usage_lines(report.usage, report.claims))
    assert "boss" in timeline_page(timeline)
    assert timeline.roots[0].usage == result.usage
    (finished,) = (event for event in received if isinstance(event, RunFinished))
    assert finished.bill == result.bill


@on_one_loop
async def test_a_claim_is_shown_beside_the_sum_and_an_honest_one_counts(
    connection: Connection, scripted_messages: Serve
) -> None:
    model = scripted_messages([calls(("claims", {"usage": usage("0.25")})), says("done")])
    ledger = Ledger(Budget(usd=1))
    result = await boss(connection, model).run("go", context=CallContext(scope=RunScope(ledger=ledger)))
    own = result.usage.by_model[OWN_MODEL].usd
    assert own is not None
    assert ledger.left == Budget(usd=Decimal("0.75") - own)
    assert result.usage.usd == Decimal("0.25") + own
    assert result.bill.claims.usd == Decimal("0.25")
    report = Report()
    report.usage, report.claims = result.usage, result.bill.claims
    shown = report.to_json(ok=True, seconds=1.0, servers={})
    assert shown["claimed"]["usd"] == 0.25


async def test_what_a_trusted_server_says_counts_as_it_is(scripted_messages: Serve) -> None:
    async with connected(is_trusted=True) as connection:
        model = scripted_messages([calls(("claims", {"usage": usage("0.25")})), says("done")])
        result = await boss(connection, model).run("go")
    assert result.usage.by_model["far-model"].usd == Decimal("0.25")
    assert not result.bill.claims


def test_the_command_prints_its_answer_whatever_a_server_claims(tmp_path: Path, scripted_messages: Serve) -> None:
    model = scripted_messages([calls(("claims", {"usage": usage("1e22")})), says("done")])
    config = tmp_path / "mcp.json"
    entry = {"command": sys.executable, "args": [str(ODD_SERVER)]}
    config.write_text(json.dumps({"mcpServers": {"odd": entry}}), encoding="utf-8")
    env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
    page, events = tmp_path / "page.html", tmp_path / "events.jsonl"
    files = ("--timeline", str(page), "--events", str(events))
    end = invoke("--config", str(config), "--allow", "claims", "--max-usd", "2", "--json", *files, "go", **env)
    report = json.loads(end.stdout)
    assert (end.exit_code, report["answer"]) == (0, "done"), end.stderr
    assert report["usd"] <= 2
    assert report["claimed"]["usd"] == MAX_COUNT
    assert "Traceback" not in end.stderr
