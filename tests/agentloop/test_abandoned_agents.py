"""An agent in a thread stops when nobody waits for it: its request is closed, no other begins, its thread ends."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from agentloop import (
    Agent,
    CallContext,
    Cancellation,
    DeadlineExceeded,
    Limits,
    Tool,
    create_agent_tool_async,
    create_agent_tool_sync,
    tool,
)
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
ENDLESS = replace(says("never"), seconds_per_event=300.0)
SECONDS = 10.0


@pytest.fixture
def run_and_join() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a scenario in an event loop and wait for every thread it started."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        before = set(threading.enumerate())
        asyncio.run(scenario)
        for thread in set(threading.enumerate()) - before:
            thread.join(SECONDS)
            assert not thread.is_alive()

    return run


def agent(server: ScriptedMessages, name: str, *tools: Tool, **settings: Any) -> Agent:
    return Agent(name, name, tools, client=server.client, **settings)


def passing_down(request: RecordedRequest) -> Reply:
    """The boss asks the worker, the worker the helper; whoever has nobody to ask never finishes its answer."""
    if request.results:
        return says(request.results[0]["content"][0]["text"])
    below = request.body.get("tools")
    return calls((below[0]["name"], {"prompt": "do"})) if below else ENDLESS


async def cancel_once_asked(server: ScriptedMessages, boss: Agent, requests: int) -> None:
    run = asyncio.create_task(boss.run("go"))
    await server.until(lambda: len(server.requests) == requests)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await server.until(lambda: server.requests[-1].outcome == "cancelled")


@pytest.mark.requirement("abandoned-thread")
def test_cancelling_the_caller_stops_the_agent_in_its_thread(scripted_messages: Serve, run_and_join: Any) -> None:
    server = scripted_messages(passing_down)
    boss = agent(server, "boss", create_agent_tool_sync(agent(server, "worker")))
    run_and_join(cancel_once_asked(server, boss, 2))
    assert [request.outcome for request in server.requests] == ["complete", "cancelled"]


@pytest.mark.requirement("abandoned-thread")
def test_cancelling_the_caller_stops_an_agent_that_a_tool_runs_in_its_thread(
    scripted_messages: Serve, run_and_join: Any
) -> None:
    @tool
    def delegate(context: CallContext, prompt: str) -> str:
        return agent(server, "worker").run_sync(prompt, context=context).answer

    server = scripted_messages(passing_down)
    run_and_join(cancel_once_asked(server, agent(server, "boss", delegate), 2))
    assert [request.outcome for request in server.requests] == ["complete", "cancelled"]


@pytest.mark.parametrize("outer", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])
def test_cancelling_reaches_an_agent_two_levels_down(scripted_messages: Serve, run_and_join: Any, outer: Any) -> None:
    server = scripted_messages(passing_down)
    worker = agent(server, "worker", create_agent_tool_sync(agent(server, "helper")))
    run_and_join(cancel_once_asked(server, agent(server, "boss", outer(worker)), 3))
    assert [request.outcome for request in server.requests] == ["complete", "complete", "cancelled"]


def test_cancelling_many_agents_in_threads_stops_them_all(scripted_messages: Serve, run_and_join: Any) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.system == "boss":
            return calls(*(("worker_agent", {"prompt": "do"}) for _ in range(30)))
        return ENDLESS

    server = scripted_messages(script)
    boss = agent(server, "boss", create_agent_tool_sync(agent(server, "worker")))

    async def scenario() -> None:
        await cancel_once_asked(server, boss, 31)
        await server.until(lambda: all(request.outcome for request in server.requests))

    run_and_join(scenario())
    assert [request.outcome for request in server.requests] == ["complete", *["cancelled"] * 30]


def test_no_request_follows_when_the_agent_is_cancelled_between_two(
    scripted_messages: Serve, run_and_join: Any
) -> None:
    in_tool = threading.Event()

    async def wait(prompt: str) -> None:  # noqa: ARG001
        in_tool.set()
        await asyncio.Event().wait()

    server = scripted_messages(passing_down)
    boss = agent(server, "boss", create_agent_tool_sync(agent(server, "worker", Tool.from_function(wait))))

    async def scenario() -> None:
        run = asyncio.create_task(boss.run("go"))
        assert await asyncio.to_thread(in_tool.wait, SECONDS)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    run_and_join(scenario())
    assert [request.system for request in server.requests] == ["boss", "worker"]


def test_a_timeout_stops_the_agent_in_its_thread_and_the_caller_goes_on(
    scripted_messages: Serve, run_and_join: Any
) -> None:
    server = scripted_messages(passing_down)
    boss = agent(server, "boss", create_agent_tool_sync(agent(server, "worker"), timeout=0.5))

    async def scenario() -> None:
        result = await boss.run("go")
        assert result.answer == "worker_agent timed out after 0.5 s and was stopped."
        await server.until(lambda: all(request.outcome for request in server.requests))

    run_and_join(scenario())
    assert [request.outcome for request in server.requests] == ["complete", "cancelled", "complete"]


def test_the_deadline_of_the_caller_holds_for_the_agent_in_its_thread(
    scripted_messages: Serve, run_and_join: Any
) -> None:
    server = scripted_messages(passing_down)
    boss = agent(server, "boss", create_agent_tool_sync(agent(server, "worker")), limits=Limits(run_timeout=2))

    async def scenario() -> None:
        with pytest.raises(DeadlineExceeded, match="ran out of time"):
            await boss.run("go")
        await server.until(lambda: server.requests[1].outcome == "cancelled")

    run_and_join(scenario())
    assert [request.system for request in server.requests[:2]] == ["boss", "worker"]


def test_a_call_that_is_abandoned_before_it_begins_makes_no_request(scripted_messages: Serve) -> None:
    server = scripted_messages([])
    cancelled = Cancellation()
    cancelled.set()
    tool = create_agent_tool_sync(agent(server, "worker"))
    with pytest.raises(asyncio.CancelledError):
        tool.function(CallContext(cancelled=cancelled), prompt="do")
    assert server.requests == []


def test_giving_up_after_the_end_is_no_error(scripted_messages: Serve) -> None:
    server = scripted_messages([says("done")])
    context = CallContext()
    output = create_agent_tool_sync(agent(server, "worker")).function(context, prompt="do")
    context.cancelled.set()
    assert (output.text, bool(context.cancelled)) == ("done", True)


def test_who_listens_late_receives_at_once_and_everybody_once() -> None:
    cancelled, received = Cancellation(), list[str]()
    cancelled.then(lambda: received.append("early"))
    assert received == []
    cancelled.set()
    cancelled.set()
    cancelled.then(lambda: received.append("late"))
    assert received == ["early", "late"]
