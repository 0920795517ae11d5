"""Messages with more calls than are run, and with calls that have no id of their own."""

from collections.abc import Callable
from typing import Any

import pytest

from agentloop import Agent, Limits, Tool, create_agent_tool_async
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]


class Squares:
    """A harmless tool that counts how often it is run."""

    def __init__(self) -> None:
        self.ran: list[int] = []

    async def square(self, number: int) -> str:
        self.ran.append(number)
        return str(number**2)

    def tool(self, **spec: Any) -> Tool:
        return Tool.from_function(self.square, name="square", **spec)


def results(request: RecordedRequest) -> list[str]:
    return [result["content"][0]["text"] for result in request.results]


@pytest.mark.requirement("bounds")
@pytest.mark.parametrize("early_tool_calls", [True, False])
async def test_calls_that_start_early_are_bounded_too(scripted_messages: Serve, *, early_tool_calls: bool) -> None:
    server = scripted_messages([calls(*(("square", {"number": n}) for n in range(600))), says("ok")])
    squares = Squares()
    agent = Agent("a", "a", [squares.tool(read_only=True)], client=server.client, early_tool_calls=early_tool_calls)
    result = await agent.run("go")
    assert sorted(squares.ran) == list(range(256))
    reported = results(server.requests[1])
    assert reported[:256] == [str(n**2) for n in range(256)]
    assert set(reported[256:]) == {"Too many calls in one message: 256 at most. Send the rest in the next one."}
    assert [step.is_error for step in result.steps] == [False] * 256 + [True] * 344


@pytest.mark.requirement("bounds")
async def test_paid_agents_that_start_early_are_bounded_too(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.system == "boss" and not request.results:
            return calls(*(("child_agent", {"prompt": f"part {n}"}) for n in range(20)))
        return says("done")

    server = scripted_messages(script)
    child = Agent("child", "child", client=server.client)
    boss = Agent(
        "boss", "boss", [create_agent_tool_async(child)], client=server.client, limits=Limits(max_tool_calls=3)
    )
    assert boss.tools[0].is_harmless
    await boss.run("go")
    assert len([request for request in server.requests if request.system == "child"]) == 3


@pytest.mark.requirement("bounds")
async def test_what_comes_early_counts_anew_when_the_model_is_asked_again(scripted_messages: Serve) -> None:
    message = calls(*(("square", {"number": n}) for n in range(4)))
    cut = Reply(message.content, "max_tokens")
    server = scripted_messages([cut, message, says("ok")])
    squares = Squares()
    agent = Agent("a", "a", [squares.tool(read_only=True)], client=server.client, limits=Limits(max_tool_calls=3))
    result = await agent.run("go")
    assert [step.is_error for step in result.steps] == [False, False, False, True]


def ids_of(request: RecordedRequest, kind: str, key: str) -> list[str]:
    return [block[key] for message in request.body["messages"] for block in message["content"] if block["type"] == kind]


@pytest.mark.requirement("one-result-per-call")
@pytest.mark.parametrize("early_tool_calls", [True, False])
@pytest.mark.parametrize("ids", [["same"] * 3, ["", "", ""], ["call_1", "", "call_1"], [" ", "a", "a"]], ids=str)
async def test_calls_without_an_id_of_their_own_get_each_its_own_result(
    scripted_messages: Serve, ids: list[str], *, early_tool_calls: bool
) -> None:
    def message() -> Reply:
        made = calls(*(("square", {"number": n}) for n in (2, 3, 3)))
        return Reply([block | {"id": name} for block, name in zip(made.content, ids, strict=True)], "tool_use")

    server = scripted_messages([message(), message(), says("ok"), message(), says("ok, again")])
    squares = Squares()
    agent = Agent("a", "a", [squares.tool(read_only=True)], client=server.client, early_tool_calls=early_tool_calls)
    result = await agent.run("go")
    assert sorted(squares.ran) == [2, 2, 3, 3, 3, 3]
    assert [step.result for step in result.steps] == ["4", "9", "9"] * 2
    assert (await agent.run(result.conversation.ask("and again?"))).answer == "ok, again"
    last = server.requests[-1]
    asked, answered = ids_of(last, "tool_use", "id"), ids_of(last, "tool_result", "tool_use_id")
    assert asked == answered
    assert len(set(asked)) == 9
    assert all(name.strip() for name in asked)


async def test_ids_of_their_own_stay_as_the_model_wrote_them(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("square", {"number": 2}), ("square", {"number": 3})), says("ok")])
    result = await Agent("a", "a", [Squares().tool()], client=server.client).run("go")
    written = [block["id"] for block in result.conversation.messages[1]["content"]]
    assert all(name.startswith("toolu_scripted_") for name in written)


async def test_each_of_thousands_of_calls_in_one_message_gets_a_result(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(*(("square", {"number": n}) for n in range(2000))), says("ok")])
    squares = Squares()
    result = await Agent("a", "a", [squares.tool(read_only=True)], client=server.client).run("go")
    assert (len(squares.ran), len(result.steps), len(server.requests[1].results)) == (256, 2000, 2000)
