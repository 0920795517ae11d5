"""Results that are too long are kept aside: the model gets beginning, end and size, and reads the rest in parts."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from agentloop import Accepted, Agent, Answer, Limits, ModelError, Question, Tool
from agentloop.events import Event, Notice
from agentloop.question_tools import with_approval
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, fails, says, thinks
from agentloop.testing.server import Script
from agentloop.tool_search import searchable

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
    assert f"\n\n{TEXT[:15_000]}\n\n[...]" in first
    assert first.endswith(TEXT[-5_000:])
    assert f"{len(TEXT):,}" in first
    assert parts == [TEXT[50_000:60_000], TEXT[-10:]]


def approved() -> tuple[list[Tool], Reply]:
    return [with_approval(FETCH, "a")], calls(("fetch", {}))


def searched() -> tuple[list[Tool], Reply]:
    spec = replace(FETCH.spec, description="Fetches. " * 4_000)
    tools = searchable([replace(FETCH, spec=spec, is_trusted=False)], "local", Limits())
    return tools, calls(("call_tool", {"name": "fetch", "arguments": {}}))


@pytest.mark.requirement("long-results-kept")
@pytest.mark.parametrize("make", [approved, searched])
async def test_a_result_is_whole_after_an_approval_and_a_search(scripted_messages: Serve, make: Any) -> None:
    async def allow(_question: Question) -> Answer[Any]:
        return Accepted({"allow": True})

    tools, call = make()
    server = scripted_messages(lambda request: says("done") if request.results else call)
    await Agent("a", "a", tools, client=server.client).run("go", on_question=allow)
    first = shown(server.requests[1])
    assert f"{len(TEXT):,}" in first
    assert first.endswith(TEXT[-5_000:])


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


ADDED = ["tool_addition"]


def added(request: RecordedRequest) -> list[int]:
    """Where messages of the request give the model a tool."""
    messages = request.body["messages"]
    return [at for at, each in enumerate(messages) if [block.get("type") for block in each["content"]] == ADDED]


def listed(request: RecordedRequest) -> list[str]:
    return [tool["name"] for tool in request.body["tools"]]


def without_marks(body: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(json.dumps(body), object_hook=lambda each: {**each, "cache_control": None})
    return kept


async def test_the_tool_that_reads_comes_with_the_first_result_that_is_cut_and_changes_nothing_before(
    scripted_messages: Serve,
) -> None:
    server = scripted_messages(reading((0, 10), (10, 20)))
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    assert [listed(request) for request in server.requests] == [["fetch"]] * 4
    assert [added(request) for request in server.requests] == [[], [3], [3], [3]]
    betas = ["inline-tools-2026-09-15" in request.headers.get("anthropic-beta", "") for request in server.requests]
    assert betas == [False, True, True, True]
    for before, after in pairwise(without_marks(request.body) for request in server.requests):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert (after["tools"], after["system"]) == (before["tools"], before["system"])


async def test_a_question_after_a_failure_stands_before_the_tool(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("fetch", {})), fails(500, "api_error"), says("done")])
    agent = Agent("a", "a", [FETCH], client=server.client, limits=Limits(attempts=1))
    with pytest.raises(ModelError) as failed:
        await agent.run("go")
    assert failed.value.conversation is not None
    await agent.run(failed.value.conversation.ask("and?"))
    roles = [message["role"] for message in server.requests[-1].body["messages"]]
    assert roles == ["user", "assistant", "user", "user", "system"]


async def test_a_server_that_takes_no_tools_in_messages_gets_them_listed(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        if added(request):
            return fails(400, "invalid_request_error")
        return says("done") if request.results else thinks(calls(("fetch", {})), "hm")

    server = scripted_messages(script)
    agent = Agent("a", "a", [FETCH], client=server.client)
    seen: list[Event] = []
    for _ in range(2):
        assert (await agent.run("go", on_event=seen.append)).answer == "done"
    refused, *rest = [request for request in server.requests if request.results]
    assert added(refused) == [3]
    assert [(added(request), listed(request)) for request in rest] == [([], ["fetch", "read_result"])] * 2
    assert "thinking" not in str(rest[0].body["messages"])  # it is bound to the list of tools
    notices = [event.text for event in seen if isinstance(event, Notice)]
    assert notices == [f"{server.url} takes no tools in messages: they are listed from now on."]


async def test_other_models_get_the_tool_listed_when_they_need_it(scripted_messages: Serve) -> None:
    server = scripted_messages(reading((0, 10)))
    await Agent("a", "a", [FETCH], model="qwen3", client=server.client).run("go")
    assert [listed(request) for request in server.requests] == [["fetch"], *[["fetch", "read_result"]] * 2]
    assert not any(map(added, server.requests))
    assert shown(server.requests[-1]) == TEXT[:10]


async def test_an_agents_own_tool_of_that_name_is_the_only_one(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("read_result", {})), says("done")])
    own = Tool.from_function(fetch, name="read_result")
    await Agent("a", "a", [own], client=server.client).run("go")
    assert [(added(request), listed(request)) for request in server.requests] == [([], ["read_result"])] * 2
    assert shown(server.requests[-1]).endswith("[The result was cut to 100,000 characters.]")


async def test_many_long_results_in_one_message_can_all_be_read(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        ids = re.findall(r'id=\\?"(\w+)', json.dumps(request.results))
        if not request.results:
            return calls(*[("fetch", {})] * 40)
        return calls(*[("read_result", {"id": each, "from": 0, "to": 5}) for each in ids]) if ids else says("done")

    server = scripted_messages(script)
    await Agent("a", "a", [FETCH], client=server.client).run("go")
    assert added(server.requests[1]) == [3]
    assert shown(server.requests[2]) == "line " * 40


async def test_a_long_result_that_is_left_out_of_a_long_prompt_can_still_be_read(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        if "context_management" in request.body:
            return fails(400, "invalid_request_error")
        names = re.findall(r'id=\\?"(\w+)', json.dumps(request.body["messages"]))
        if request.number > 8 or not request.results:
            return calls(("fetch", {})) if not request.results else says("done")
        return calls(("read_result", {"id": names[0], "from": 0, "to": 90_000}))

    server = scripted_messages(script)
    agent = Agent("a", "a", [FETCH], client=server.client, limits=Limits(max_context_tokens=20_000))
    await agent.run("go")
    result = server.requests[-1].body["messages"][2]["content"][0]["content"][0]["text"]
    assert result.startswith("[This result was left out to save space.]\n[Characters 15,000 to ")
    assert "read_result(id=" in result
