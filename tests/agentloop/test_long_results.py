"""Results that are too long are kept aside: the model gets beginning, end and size, and reads the rest in parts."""

import re
from collections.abc import Callable

import pytest

from agentloop import Agent, Limits, Tool, ToolSpec
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
TEXT = "".join(f"line {number}\n" for number in range(20_000))


def fetch() -> str:
    return TEXT


FETCH = Tool.from_function(fetch)


def shown(request: RecordedRequest) -> str:
    """The text of the results in the last message."""
    return "".join(str(block["text"]) for result in request.results for block in result["content"])


def reading(*parts: tuple[int, int]) -> Callable[[RecordedRequest], Reply]:
    """A model that fetches, and then reads these parts of what it was not shown."""
    todo = iter(parts)

    def script(request: RecordedRequest) -> Reply:
        if not request.results:
            return calls(("fetch", {}))
        name = re.search(r'id="(\w+)"', str(request.body["messages"]))
        part = next(todo, None)
        if part is None or name is None:
            return says("done")
        return calls(("read_result", {"id": name[1], "from": part[0], "to": part[1]}))

    return script


@pytest.mark.requirement("long-results-kept")
async def test_the_model_reads_any_part_of_a_result_that_was_too_long(scripted_messages: Serve) -> None:
    server = scripted_messages(reading((50_000, 60_000), (len(TEXT) - 10, len(TEXT) + 10)))
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    first, *parts = [shown(request) for request in server.requests[1:]]
    assert len(first) < 21_000
    assert first.startswith(TEXT[:15_000])
    assert first.endswith(TEXT[-5_000:])
    assert f"{len(TEXT):,}" in first
    assert parts == [TEXT[50_000:60_000], TEXT[-10:]]


async def test_a_later_question_can_still_read_it(scripted_messages: Serve) -> None:
    server = scripted_messages(reading((0, 10)))
    agent = Agent("a", "a", [FETCH], client=server.client)
    first = await agent.run("go")
    name = next(iter(first.conversation.kept))
    again = scripted_messages([calls(("read_result", {"id": name, "from": 0, "to": 6})), says("done")])
    await Agent("a", "a", [FETCH], client=again.client).run(first.conversation.ask("and?"))
    assert shown(again.requests[-1]) == "line 0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"id": "x", "from": 0, "to": 1}, "No result 'x' is stored"),
        ({"from": 0}, "No result '' is stored"),
        ({"id": "x", "from": "here", "to": 5}, "from"),
    ],
)
async def test_what_cannot_be_read_is_an_error_for_the_model(
    scripted_messages: Serve, arguments: dict[str, object], said: str
) -> None:
    server = scripted_messages([calls(("read_result", arguments)), says("done")])
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    assert server.requests[1].results[0]["is_error"]
    assert said in shown(server.requests[1])


@pytest.mark.parametrize("part", [(0, 101_000), (10, 5), (-1, 5), (300_000, 300_001)])
async def test_a_part_that_is_not_there_or_too_long_is_refused(scripted_messages: Serve, part: tuple[int, int]) -> None:
    server = scripted_messages(reading(part))
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    assert server.requests[2].results[0]["is_error"]


async def test_a_part_without_an_end_is_as_long_as_allowed(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        name = re.search(r'id="(\w+)"', str(request.body["messages"]))
        if name is None:
            return calls(("fetch", {}))
        return says("done") if request.number > 2 else calls(("read_result", {"id": name[1], "from": 50_000}))

    server = scripted_messages(script)
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    assert shown(server.requests[2]) == TEXT[50_000:150_000]


def describes(kind: str) -> Tool:
    """A tool as FastMCP describes one that returns a plain value."""
    schema = {"type": "object", "properties": {"result": {"type": kind}}}
    return Tool(ToolSpec("plain", "Returns a value.", {"type": "object"}, output_schema=schema), fetch)


def count(text: str) -> int:
    return len(text)


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        (describes("string"), ["plain", "read_result"]),
        (describes("number"), ["plain"]),
        (FETCH, ["fetch", "read_result"]),
        (Tool.from_function(count), ["count"]),
    ],
)
def test_only_agents_with_a_tool_whose_results_may_be_long_have_one_for_it(tool: Tool, names: list[str]) -> None:
    assert [spec.name for spec in Agent("a", "a", [tool]).settings.tools] == names


async def test_an_agent_whose_results_are_bounded_has_no_tool_for_it(scripted_messages: Serve) -> None:
    server = scripted_messages([says("done"), says("done")])
    inner = Agent("inner", "inner", client=server.client)
    await Agent("a", "a", [inner.as_tool()], client=server.client).run("go")
    own = Tool.from_function(fetch, name="read_result")
    await Agent("a", "a", [own], client=server.client, limits=Limits(max_result_chars=10)).run("go")
    assert [[tool["name"] for tool in request.body["tools"]] for request in server.requests] == [
        ["inner_agent"],
        ["read_result"],
    ]
