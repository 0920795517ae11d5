"""Calls that start while the model still writes the rest of its message."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agentloop import Agent, Refused, Tool, Truncated
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]

HARMLESS: dict[str, Any] = {"read_only": True}


class Watched:
    """A tool that says when it was started, and ends when it is let go."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.runs = 0
        self.cancelled = 0

    async def run(self, number: int) -> str:
        self.runs += 1
        self.started.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return f"done {number}"

    def tool(self, **spec: Any) -> Tool:
        return Tool.from_function(self.run, name="work", **spec)


def two_calls(request: RecordedRequest) -> Reply:
    if request.results:
        return says("ok")
    slow = calls(("work", {"number": 1}), ("work", {"number": 2}), text="First some words.")
    return Reply(slow.content, "tool_use", seconds_per_event=0.05)


@pytest.mark.requirement("early-tool-calls")
async def test_a_harmless_call_starts_before_the_message_is_complete(scripted_messages: Serve) -> None:
    server, watched = scripted_messages(two_calls), Watched()
    run = asyncio.create_task(Agent("a", "a", [watched.tool(**HARMLESS)], client=server.client).run("go"))
    await asyncio.wait_for(watched.started.wait(), 10)
    assert server.requests[0].outcome is None, "the model is still writing"
    watched.go.set()
    result = await run
    assert [step.result for step in result.steps] == ["done 1", "done 2"]
    assert watched.runs == 2


@pytest.mark.parametrize(
    ("spec", "agent"),
    [({}, {}), (HARMLESS, {"early_tool_calls": False})],
    ids=["a call that may do harm", "switched off"],
)
async def test_other_calls_wait_for_the_whole_message(
    scripted_messages: Serve, spec: dict[str, Any], agent: dict[str, Any]
) -> None:
    server, watched = scripted_messages(two_calls), Watched()
    watched.go.set()
    run = asyncio.create_task(Agent("a", "a", [watched.tool(**spec)], client=server.client, **agent).run("go"))
    await asyncio.wait_for(watched.started.wait(), 10)
    assert server.requests[0].outcome == "complete"
    assert len((await run).steps) == 2


async def test_what_an_untrusted_server_says_of_itself_starts_nothing_early(scripted_messages: Serve) -> None:
    server, watched = scripted_messages(two_calls), Watched()
    watched.go.set()
    tool = replace(watched.tool(**HARMLESS), is_trusted=False)
    run = asyncio.create_task(Agent("a", "a", [tool], client=server.client).run("go"))
    await asyncio.wait_for(watched.started.wait(), 10)
    assert server.requests[0].outcome == "complete"
    await run


@pytest.mark.parametrize("by", ["eof", "error", "reset"])
async def test_calls_of_a_stream_that_breaks_are_cancelled_and_the_next_ones_count(
    scripted_messages: Serve, by: Any
) -> None:
    watched = Watched()
    whole = calls(("work", {"number": 1}), ("work", {"number": 2}))
    paced = Reply(whole.content, "tool_use", seconds_per_event=0.05)
    server = scripted_messages([cut(paced, after=9, by=by), calls(("work", {"number": 3})), says("ok")])
    run = asyncio.create_task(Agent("a", "a", [watched.tool(**HARMLESS)], client=server.client).run("go"))
    await server.until(lambda: len(server.requests) == 2)
    watched.go.set()
    result = await run
    assert [step.result for step in result.steps] == ["done 3"]
    assert watched.cancelled == 1


@pytest.mark.parametrize(("stop", "error"), [("max_tokens", Truncated), ("refusal", Refused)])
async def test_calls_of_a_turn_that_does_not_count_are_cancelled(
    scripted_messages: Serve, stop: str, error: type[Exception]
) -> None:
    watched = Watched()
    reply = calls(("work", {"number": 1}), ("work", {"number": 2}), stop_reason=stop)
    server = scripted_messages(lambda _: reply)
    agent = Agent("a", "a", [watched.tool(**HARMLESS)], client=server.client)
    with pytest.raises(error):
        await agent.run("go")
    assert watched.runs == watched.cancelled
