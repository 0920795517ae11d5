"""A run that another process continues reads what it read before: each result of a tool, and long ones in parts."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentloop import Agent, tool
from agentloop.durable.engine import Engine
from agentloop.durable.runs import Order
from agentloop.durable.store import Store
from agentloop.run_state import RunState
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says, thinks
from agentloop.testing.server import Script
from tests.durable.scripted import turn_of

Serve = Callable[[Script], ScriptedMessages]
TEXT = "".join(f"line {number}\n" for number in range(20_000))


@tool
def fetch() -> str:
    return TEXT


class Paused:
    """Answers as the script does, but for the turn `turn`, which does not end until its client is gone."""

    def __init__(self, script: Callable[[RecordedRequest], Reply], turn: int) -> None:
        self._script = script
        self.turn = turn

    async def __call__(self, request: RecordedRequest) -> Reply:
        if turn_of(request) == self.turn:
            await asyncio.Event().wait()
        return self._script(request)


def order(agent: Agent, prompt: str, **session: str) -> Order:
    return Order(f"{agent.name}_agent", {"prompt": prompt, **session}, "me")


async def interrupted(agent: Agent, store: Store, model: ScriptedMessages, turn: int) -> str:
    """The id of a run whose process has ended in that turn."""
    asked = order(agent, "go")
    async with Engine(store, [agent]) as engine:
        run = await engine.start(asked, asked.run_id("key"))
        await model.until(lambda: turn_of(model.requests[-1]) == turn if model.requests else False)
    return run.id


async def answered(agent: Agent, store: Store, asked: Order) -> RunState:
    async with Engine(store, [agent]) as engine:
        run = await engine.start(asked, asked.run_id(None))
        return await engine.ended(run.id)


def last_results(request: RecordedRequest) -> str:
    return " ".join(block["content"][0]["text"] for block in request.results)


def part_of_the_long_result(request: RecordedRequest) -> Reply:
    name = re.search(r'id="(\w+)"', str(request.body["messages"]))
    assert name is not None
    return calls(("read_result", {"id": name[1], "from": 100_000, "to": 100_010}))


@pytest.mark.requirement("durable-kill")
@pytest.mark.slow
async def test_a_result_that_would_be_another_one_now_is_not_asked_for_again(
    tmp_path: Path, scripted_messages: Serve
) -> None:
    shelf = tmp_path / "shelf"
    shelf.write_text("5 left", encoding="utf-8")

    @tool(read_only=True, open_world=False)
    def stock() -> str:
        return shelf.read_text(encoding="utf-8")

    def script(request: RecordedRequest) -> Reply:
        return thinks(calls(("stock", {}))) if turn_of(request) < 3 else says(last_results(request))

    model = scripted_messages(paused := Paused(script, turn=3))
    agent, store = Agent("clerk", "Count.", [stock], client=model.client), Store.named(f"sqlite:{tmp_path / 'store'}")
    run_id = await interrupted(agent, store, model, 3)
    shelf.write_text("4 left", encoding="utf-8")
    paused.turn = 0
    async with Engine(store, [agent]) as engine:
        ended = await engine.ended(run_id)
    assert ended.output is not None
    assert ended.output.text == "5 left"
    assert model.refusals == []


@pytest.mark.requirement("durable-kill")
@pytest.mark.slow
async def test_a_long_result_can_be_read_after_a_restart(tmp_path: Path, scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        match turn_of(request):
            case 1:
                return calls(("fetch", {}))
            case 2:
                return part_of_the_long_result(request)
            case _:
                return says(last_results(request))

    model = scripted_messages(paused := Paused(script, turn=2))
    agent, store = Agent("clerk", "Read.", [fetch], client=model.client), Store.named(f"sqlite:{tmp_path / 'store'}")
    run_id = await interrupted(agent, store, model, 2)
    paused.turn = 0
    async with Engine(store, [agent]) as engine:
        ended = await engine.ended(run_id)
    assert ended.output is not None
    assert ended.output.text == TEXT[100_000:100_010].strip()


@pytest.mark.requirement("sessions")
@pytest.mark.slow
async def test_a_later_call_of_a_session_reads_a_long_result_of_an_earlier_one(
    tmp_path: Path, scripted_messages: Serve
) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says(last_results(request))
        return calls(("fetch", {})) if turn_of(request) == 1 else part_of_the_long_result(request)

    model = scripted_messages(script)
    agent = Agent("clerk", "Read.", [fetch], client=model.client, sessions=True)
    store = Store.named(f"sqlite:{tmp_path / 'store'}")
    first = await answered(agent, store, order(agent, "fetch"))
    second = await answered(agent, store, order(agent, "and now?", session_id=first.id[:24]))
    assert second.output is not None
    assert second.output.text.startswith(TEXT[100_000:100_010].strip())
