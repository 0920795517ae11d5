"""A run tells what happens, as it happens, in one stream that includes the runs it delegates to."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from agentloop import (
    Agent,
    CallContext,
    ConfigurationError,
    Refused,
    RunScope,
    Tool,
    create_agent_tool_async,
    create_agent_tool_sync,
)
from agentloop.events import (
    Event,
    RunFinished,
    RunStarted,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agentloop.mcp import connect
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, fails, refuses, says
from agentloop.testing.server import Script
from agentloop.usage import ModelUsage

Serve = Callable[[Script], ScriptedMessages]
Kind = TypeVar("Kind", bound=Event)
ENDLESS = replace(says("never"), seconds_per_event=300.0)
both = pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])


def double(number: float) -> float:
    if number > 100:
        raise ValueError("too large")
    return number * 2


def agent(server: ScriptedMessages, name: str, *tools: Tool) -> Agent:
    return Agent(name, name, tools, client=server.client)


def of_kind(received: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in received if isinstance(event, kind)]


@pytest.mark.requirement("events")
async def test_a_run_is_reported_from_its_start_to_its_end(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([calls(("double", {"number": 21})), says("It is forty-two.")])
    await agent(server, "tester", Tool.from_function(double)).run("go", on_event=received.append)
    kinds = [type(event) for event in received if not isinstance(event, TextDelta)]
    turn = [TurnStarted, Spent, Spent, Spent, TurnFinished]
    assert kinds == [RunStarted, *turn, ToolStarted, ToolFinished, *turn, RunFinished]
    assert "".join(event.text for event in of_kind(received, TextDelta)) == "It is forty-two."
    assert {(event.run, event.agent) for event in received} == {(received[0].run, "tester")}
    assert [event.at for event in received] == sorted(event.at for event in received)


async def test_the_events_say_what_was_asked_called_answered_and_paid(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([calls(("double", {"number": 21}), ("double", {"number": 500})), says("42")])
    result = await agent(server, "tester", Tool.from_function(double)).run("go", on_event=received.append)
    (began,) = of_kind(received, RunStarted)
    assert (began.prompt, began.depth, began.parent_call) == ("go", 0, None)
    assert [(turn.number, turn.stop_reason, turn.tool_calls) for turn in of_kind(received, TurnFinished)] == [
        (1, "tool_use", 2),
        (2, "end_turn", 0),
    ]
    finished = {event.arguments["number"]: event for event in of_kind(received, ToolFinished)}
    assert (finished[21].result, finished[21].is_error, finished[21].served_by) == ("42.0", False, "local")
    assert (finished[500].result, finished[500].is_error) == ("double failed: ValueError: too large", True)
    (end,) = of_kind(received, RunFinished)
    assert (end.answer, end.error, end.bill) == ("42", None, result.bill)


async def test_every_call_that_started_finishes_once_whatever_becomes_of_it(scripted_messages: Serve) -> None:
    received: list[Event] = []

    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()

    asked = calls(("double", {"number": 1}), ("double", "broken"), ("nothing", {}), ("cancels_itself", {}))
    server = scripted_messages([asked, says("ok")])
    tools = [Tool.from_function(double), Tool.from_function(cancels_itself)]
    await agent(server, "tester", *tools).run("go", on_event=received.append)
    assert Counter(e.call for e in of_kind(received, ToolStarted)) == Counter(
        e.call for e in of_kind(received, ToolFinished)
    )
    assert len({event.call for event in of_kind(received, ToolStarted)}) == 4


async def test_a_call_reports_its_steps(scripted_messages: Serve) -> None:
    received: list[Event] = []

    def work(context: CallContext) -> str:
        context.progress("half way")
        return "done"

    server = scripted_messages([calls(("work", {})), says("ok")])
    await agent(server, "tester", Tool.from_function(work)).run("go", on_event=received.append)
    (progress,) = of_kind(received, ToolProgress)
    assert (progress.tool, progress.message) == ("work", "half way")
    assert progress.call == of_kind(received, ToolStarted)[0].call


@both
async def test_a_delegated_run_hangs_under_the_call_that_started_it(scripted_messages: Serve, wrap: Any) -> None:
    received: list[Event] = []
    loop = asyncio.get_running_loop()

    def receive(event: Event) -> None:
        assert asyncio.get_running_loop() is loop
        received.append(event)

    def script(request: RecordedRequest) -> Reply:
        below = request.body.get("tools")
        if request.results or not below:
            return says("done")
        return calls((below[0]["name"], {"prompt": "one"}), (below[0]["name"], {"prompt": "two"}))

    server = scripted_messages(script)
    worker = agent(server, "worker", wrap(agent(server, "helper")))
    await agent(server, "boss", wrap(worker)).run("go", on_event=receive)
    owner = {event.call: event.run for event in of_kind(received, ToolStarted)}
    started = of_kind(received, RunStarted)
    assert Counter((run.agent, run.depth) for run in started) == {("boss", 0): 1, ("worker", 1): 2, ("helper", 2): 4}
    agents = {run.run: run.agent for run in started}
    above = {"worker": "boss", "helper": "worker"}
    for run in started[1:]:
        assert run.parent_call is not None
        assert agents[owner[run.parent_call]] == above[run.agent]
    assert len({run.parent_call for run in started}) == len(started)
    assert Counter(run.run for run in of_kind(received, RunFinished)) == Counter(list(agents))


@both
async def test_the_events_of_a_delegated_run_lie_within_its_call(scripted_messages: Serve, wrap: Any) -> None:
    received: list[Event] = []

    def script(request: RecordedRequest) -> Reply:
        if request.system == "boss" and not request.results:
            return calls(("worker_agent", {"prompt": "do"}))
        return says("done")

    server = scripted_messages(script)
    await agent(server, "boss", wrap(agent(server, "worker"))).run("go", on_event=received.append)
    kinds = [(event.agent, type(event)) for event in received]
    began, ended = kinds.index(("boss", ToolStarted)), kinds.index(("boss", ToolFinished))
    below = [kind for agent, kind in kinds[began:ended] if agent == "worker"]
    assert set(below) == {RunStarted, TurnStarted, Spent, TextDelta, TurnFinished, RunFinished}
    assert (below[0], below[-1]) == (RunStarted, RunFinished)
    assert [kind for agent, kind in kinds if agent == "worker"] == below


async def test_a_run_that_fails_says_so_at_its_end(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([refuses("Not this.")])
    with pytest.raises(Refused):
        await agent(server, "tester").run("go", on_event=received.append)
    end = received[-1]
    assert isinstance(end, RunFinished)
    assert (end.answer, end.error, end.bill.total.requests) == (None, "Not this.", 1)


async def test_the_calls_of_a_run_that_is_cancelled_finish_before_it(scripted_messages: Serve) -> None:
    received: list[Event] = []
    began = asyncio.Event()

    async def endless() -> None:
        began.set()
        await asyncio.Event().wait()

    server = scripted_messages([calls(("endless", {}))])
    remote = replace(Tool.from_function(endless), served_by="far")
    run = asyncio.create_task(agent(server, "tester", remote).run("go", on_event=received.append))
    await asyncio.wait_for(began.wait(), 10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (finished,) = of_kind(received, ToolFinished)
    assert (finished.is_error, finished.result) == (True, "endless was stopped before it gave a result.")
    assert finished.served_by == "far"
    assert [type(event) for event in received[-2:]] == [ToolFinished, RunFinished]


async def test_a_run_that_is_cancelled_says_so_at_its_end(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([ENDLESS])
    run = asyncio.create_task(agent(server, "tester").run("go", on_event=received.append))
    await server.until(lambda: len(server.requests) == 1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    end = received[-1]
    assert isinstance(end, RunFinished)
    assert (end.answer, end.error) == (None, "CancelledError")


async def test_a_turn_carries_what_it_cost_and_the_turns_add_up_to_the_usage(scripted_messages: Serve) -> None:
    server = scripted_messages([cut(says("x"), after=3), calls(("double", {"number": 4})), says("8")])
    received: list[Event] = []
    result = await agent(server, "doubler", Tool.from_function(double)).run("go", on_event=received.append)
    turns = [turn.usage for turn in of_kind(received, TurnFinished)]
    assert [turn.requests for turn in turns] == [2, 1], "the attempt that was cut off was paid too"
    assert all(turn.usd for turn in turns)
    assert sum(turns, ModelUsage()) == result.usage.by_model["claude-sonnet-5-5"]


async def test_a_handler_and_a_context_both_receive_the_events(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("double", {"number": 4})), says("8")])
    mine, above = list[Event](), list[Event]()
    await agent(server, "doubler", Tool.from_function(double)).run(
        "go", on_event=mine.append, context=CallContext(scope=RunScope(emit=above.append))
    )
    assert mine == above
    assert [type(event) for event in mine][-1] is RunFinished


class Recorder:
    async def __call__(self, event: Event) -> None: ...


@pytest.mark.parametrize("handler", [Recorder(), Recorder().__call__, "print", None])
async def test_a_handler_that_would_receive_nothing_is_refused(scripted_messages: Serve, handler: Any) -> None:
    """Events are not awaited: those of an async handler would be lost."""
    agent = Agent("tester", "Test.", client=scripted_messages([]).client)
    with pytest.raises(ConfigurationError, match="on_event is"):
        await agent.run("go", on_event=handler)
    with pytest.raises(ConfigurationError, match="on_event is"):
        async with agent.stream("go", on_event=handler):
            pass
    with pytest.raises(ConfigurationError, match="on_event is"):
        connect(on_event=handler)


async def test_turns_name_the_requests_of_the_api_they_were(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(529, "overloaded_error", retry_after=0.01), says("done")])
    received: list[Event] = []
    await Agent("a", "a", client=server.client).run("go", on_event=received.append)
    (finished,) = [event for event in received if isinstance(event, TurnFinished)]
    assert finished.request_id == "req_scripted_2"
