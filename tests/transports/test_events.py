"""The events of agents in a server arrive at the client that asked for them, on every transport."""

import sys
from collections import Counter
from typing import Any

import pytest
from mcp import Client

from agentloop import Agent, CallContext, RunScope
from agentloop.delegation_context import CALL, EVENTS
from agentloop.events import Event, RunFinished, RunStarted, Spent, TextDelta, ToolFinished, ToolStarted
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.processes import SERVER
from tests.surface import TRANSPORTS, Served, scripted_env, serving
from tests.transports.conftest import PUBLISH
from tests.transports.scripted import answer


async def run_below(entry: ServerEntry, model: ScriptedMessages) -> list[Event]:
    """The events of an agent here that delegates to one there, which delegates to one more."""
    received: list[Event] = []
    async with Connection("far", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        tools = remote_tools([connection], pytest.fail)
        context = CallContext(scope=RunScope(emit=received.append, remote_text=True))
        await Agent("boss", "boss", tools, client=model.client).run("go", context=context)
    return received


async def script(request: RecordedRequest) -> Reply:
    if request.system == "boss":
        return says("done") if request.results else calls(*[("looped_agent", {"prompt": p}) for p in ("sums", "b")])
    return await answer(request)


def of(received: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in received if isinstance(event, kind)]


def started_here(model: ScriptedMessages) -> ServerEntry:
    return ServerEntry(command=SERVER[0], args=(*SERVER[1:], *PUBLISH), env=scripted_env(model.url))


@pytest.mark.slow
@pytest.mark.requirement("events-across-processes")
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.asyncio(loop_scope="session")
async def test_runs_in_the_server_are_in_the_callers_stream(
    transport: str, model: ScriptedMessages, http: Served, sse: Served
) -> None:
    entries = {
        "stdio": started_here(model),
        "streamable-http": ServerEntry(type="http", url=http.url),
        "sse": ServerEntry(type="sse", url=sse.url),
    }
    with ScriptedMessages(script) as boss_model:
        received = await run_below(entries[transport], boss_model)
    boss, *below = of(received, RunStarted)
    assert sorted((run.agent, run.depth) for run in below) == [
        ("helper", 2),
        ("helper", 2),
        ("looped", 1),
        ("looped", 1),
    ]
    assert {run.served_by for run in below} == {"far"}
    written = {event.run: event.text for event in of(received, TextDelta) if event.run != boss.run}
    assert set(written) == {run.run for run in below}
    assert all(end.answer.endswith(written[end.run]) for end in of(received, RunFinished) if end.run in written)
    owner = {event.call: event.run for event in of(received, ToolStarted)}
    agents = {run.run: run.agent for run in (boss, *below)}
    assert {(agents[owner[run.parent_call]], run.agent) for run in below} == {("boss", "looped"), ("looped", "helper")}
    ends = {event.run: event for event in of(received, RunFinished)}
    assert set(ends) == set(agents)
    assert all(end.error is None for end in ends.values())
    began = {event.call: event.at for event in of(received, ToolStarted)}
    ended = {event.call: event.at for event in of(received, ToolFinished)}
    for run in below:
        assert began[run.parent_call] <= run.at <= ends[run.run].at <= ended[run.parent_call]
    spent: Counter[str] = Counter()
    for event in of(received, Spent):
        spent[event.model] += event.usage.tokens
    total = of(received, RunFinished)[-1].bill.total
    assert spent == {model: usage.tokens for model, usage in total.by_model.items()}


@pytest.mark.slow
@pytest.mark.requirement("events-across-processes")
async def test_only_a_client_that_asks_gets_events_and_gets_them_instead_of_lines() -> None:
    asking: Any = {CALL: {"id": "x", "depth": 1, "events": True}}
    with ScriptedMessages(answer) as model:
        async with serving("stdio", env=scripted_env(model.url)) as served, served.client() as client:
            lines = await _lines(client, None)
            assert 'calls sum_numbers#1(numbers=[1, "0.5"])' in lines
            assert EVENTS.encode() not in b"".join(served.wire)
            assert await _lines(client, asking) == []
            assert EVENTS.encode() in b"".join(served.wire)


async def _lines(client: Client, meta: Any) -> list[str | None]:
    lines: list[str | None] = []

    async def receive(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        lines.append(message)

    await client.call_tool(AGENT_TOOL, {"prompt": "sums"}, progress_callback=receive, meta=meta)
    return lines
