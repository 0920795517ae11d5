"""A number the model did not finish never reaches a tool, wherever and however its stream is cut."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentloop import Agent, Limits, RunError, StreamBroken, Tool
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, says
from agentloop.testing.server import Script
from agentloop.testing.wire import sse_events

Serve = Callable[[Script], ScriptedMessages]

ASKED = calls(("note", '{"a": 1.25, "b": 3.75}'), ("note", '{"a": 10.5, "b": 3.75}'))
EVENTS = len(list(sse_events({"id": "m", "model": "m", "content": ASKED.content, "stop_reason": "x", "usage": {}})))


@pytest.fixture(scope="module")
def cutting() -> Iterator[ScriptedMessages]:
    """Cuts the first answer to a prompt where and how the prompt says, and answers the second."""

    def script(request: RecordedRequest) -> Reply:
        where: Any = request.prompt.split()
        first = [one.prompt for one in server.requests].count(request.prompt) == 1
        return cut(ASKED, after=int(where[0]), by=where[1]) if first else says("asked again")

    with ScriptedMessages(script) as server:
        yield server


@pytest.mark.parametrize("by", ["eof", "error", "reset"])
@pytest.mark.parametrize("after", range(EVENTS))
async def test_no_call_of_a_cut_turn_is_run(cutting: ScriptedMessages, after: int, by: str) -> None:
    ran: list[tuple[float, float]] = []

    def note(a: float, b: float) -> None:
        ran.append((a, b))

    one = Agent("tester", "Test.", [Tool.from_function(note)], client=cutting.client)
    assert (await one.run(f"{after} {by}")).answer == "asked again"
    assert ran == []
    assert [request.outcome for request in cutting.requests[-2:]] == ["cut", "complete"]


async def test_the_calls_of_the_whole_turn_are_run(scripted_messages: Serve) -> None:
    ran: list[tuple[float, float]] = []

    def note(a: float, b: float) -> None:
        ran.append((a, b))

    server = scripted_messages([cut(ASKED, after=EVENTS), says("done")])
    await Agent("tester", "Test.", [Tool.from_function(note)], client=server.client).run("go")
    assert sorted(ran) == [(1.25, 3.75), (10.5, 3.75)]


async def test_a_cut_turn_leaves_no_trace_in_the_conversation(scripted_messages: Serve) -> None:
    server = scripted_messages([cut(ASKED, after=EVENTS - 1)])
    one = Agent("tester", "Test.", client=server.client, limits=Limits(attempts=1))
    with pytest.raises(StreamBroken) as caught:
        await one.run("go")
    error: RunError = caught.value
    assert error.conversation is not None
    assert [message["role"] for message in error.conversation.messages] == ["user"]
