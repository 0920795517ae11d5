"""Calls of one message run at once: each of these tools waits for all the others."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agentloop import Agent, Tool
from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
SECONDS = 10.0


def agent(server: ScriptedMessages, *functions: Callable[..., Any]) -> Agent:
    return Agent("tester", "Test.", [Tool.from_function(f) for f in functions], client=server.client)


def texts(request: RecordedRequest) -> list[str]:
    return [result["content"][0]["text"] for result in request.results]


async def test_async_tools_of_one_message_run_at_once(scripted_messages: Serve) -> None:
    meeting = Rendezvous(20, SECONDS)

    async def meet(number: int) -> int:
        await meeting.meet()
        return number

    server = scripted_messages([calls(*(("meet", {"number": n}) for n in range(20))), says("met")])
    assert (await agent(server, meet).run("go")).answer == "met"
    assert texts(server.requests[1]) == [str(n) for n in range(20)]


async def test_sync_tools_of_one_message_run_at_once(scripted_messages: Serve) -> None:
    barrier = threading.Barrier(20, timeout=SECONDS)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    server = scripted_messages([calls(*(("meet", {"number": n}) for n in range(20))), says("met")])
    assert (await agent(server, meet).run("go")).answer == "met"
    assert texts(server.requests[1]) == [str(n) for n in range(20)]


@pytest.mark.requirement("all-at-once")
async def test_sync_and_async_tools_of_one_message_run_at_once(scripted_messages: Serve) -> None:
    barrier, everybody = threading.Barrier(2, timeout=SECONDS), Rendezvous(4, SECONDS)
    loop = asyncio.get_running_loop()

    def threaded() -> str:
        barrier.wait()
        asyncio.run_coroutine_threadsafe(everybody.meet(), loop).result(SECONDS)
        return "threaded"

    async def looped() -> str:
        await everybody.meet()
        return "looped"

    asked: list[tuple[str, dict[str, Any]]] = [("threaded", {}), ("looped", {}), ("threaded", {}), ("looped", {})]
    server = scripted_messages([calls(*asked), says("met")])
    await agent(server, threaded, looped).run("go")
    assert texts(server.requests[1]) == ["threaded", "looped", "threaded", "looped"]


async def test_calls_one_after_another_would_not_meet() -> None:
    """What makes the tests above able to fail."""
    meeting = Rendezvous(2, 0.01)

    async def meet() -> None:
        await meeting.meet()

    alone = Agent("tester", "", [Tool.from_function(meet)])
    assert "TimeoutError" in (await alone.call_tool("meet", {})).text


@pytest.mark.requirement("runs-share-nothing")
async def test_runs_of_one_agent_share_nothing(scripted_messages: Serve) -> None:
    meeting = Rendezvous(2, SECONDS)

    async def meet(name: str) -> str:
        await meeting.meet()
        return name

    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says(f"{texts(request)[0]} answered")
        return calls(("meet", {"name": request.prompt}))

    one = agent(scripted_messages(script), meet)
    left, right = await asyncio.gather(one.run("left"), one.run("right"))
    for result, name in ((left, "left"), (right, "right")):
        assert result.answer == f"{name} answered"
        assert result.conversation.question == name
        assert [step.arguments for step in result.steps] == [{"name": name}]
        assert result.usage.requests == 2


async def test_runs_at_once_use_one_client_between_them(scripted_messages: Serve) -> None:
    meeting = Rendezvous(3, SECONDS)
    made: list[object] = []

    async def script(_request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says("hello")

    server = scripted_messages(script)

    def client() -> Any:
        made.append(server.client())
        return made[-1]

    one = Agent("tester", "Test.", client=client)
    await asyncio.gather(*(one.run("go") for _ in range(3)))
    assert len(made) == 1
