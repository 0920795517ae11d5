"""`agentloop.testing`: what the scripted server says is up to the test; what it accepts is as strict as the API."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest

from agentloop import Agent, ModelError, Tool
from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, calls, cut, fails, says, thinks
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]

CALL = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "3"}
ADD = {"name": "add", "input_schema": {"type": "object"}}
ASK = {"role": "user", "content": "go"}
SAID = {"role": "assistant", "content": [CALL]}


@pytest.fixture(scope="module")
def strict() -> Iterator[ScriptedMessages]:
    with ScriptedMessages(lambda _: says("taken")) as server:
        yield server


@pytest.mark.requirement("scripted-example")
async def test_agent_adds(scripted_messages: Serve) -> None:
    """The example of the package's docstring."""

    def adds(a: float, b: float) -> float:
        return a + b

    add = Tool.from_function(adds, name="add")
    server = scripted_messages([calls(("add", {"a": 1, "b": 2})), says("3")])
    agent = Agent("adder", "Add.", [add], client=server.client)
    assert (await agent.run("1 + 2?")).answer == "3"


async def send(server: ScriptedMessages, *messages: Any, **settings: Any) -> Any:
    """A message of the server's, asked for with the SDK alone."""
    request: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": list(messages) or [ASK], "tools": [ADD]}
    async with server.client() as client:
        return await client.messages.create(**request | settings)


@pytest.mark.requirement("scripted-server")
@pytest.mark.parametrize(
    ("messages", "reported"),
    [
        ([ASK, SAID, ASK], "without `tool_result` blocks"),
        ([ASK, SAID, {"role": "user", "content": [RESULT, RESULT]}], "has two"),
        ([ASK, SAID, {"role": "user", "content": [{"type": "text", "text": "x"}, RESULT]}], "must come first"),
        ([ASK, {"role": "user", "content": [RESULT]}], "unexpected `tool_use_id`"),
        ([ASK, {"role": "assistant", "content": "The answer is"}], "prefill"),
        ([{"role": "user", "content": [{"type": "text", "text": " "}]}], "non-empty"),
        ([{"role": "assistant", "content": "x"}, ASK], "first message"),
    ],
    ids=["unanswered", "answered_twice", "results_not_first", "answers_nothing", "prefill", "blank", "assistant_first"],
)
async def test_conversations_the_api_refuses_are_refused(
    strict: ScriptedMessages, messages: Any, reported: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=reported):
        await send(strict, *messages)
    assert reported in strict.refusals[-1]
    assert strict.requests[-1].outcome == "refused"


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"extra_body": {"temperature": 0}}, "temperature"),
        ({"tool_choice": {"type": "any"}}, "forcing a tool"),
        ({"tool_choice": {"type": "tool", "name": "add"}}, "forcing a tool"),
        ({"tools": [ADD, ADD]}, "unique"),
        ({"tools": [ADD | {"name": "a b"}]}, "must match"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
    ids=["temperature", "any_tool", "one_tool", "two_of_a_name", "bad_name", "no_room"],
)
async def test_settings_the_api_refuses_are_refused(strict: ScriptedMessages, settings: Any, reported: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=reported):
        await send(strict, **settings)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"anthropic-version": "2026-10-21"}, 401),
        ({"anthropic-version": "2026-10-21", "authorization": "Bearer"}, 401),
        ({"authorization": "Bearer x"}, 400),
    ],
    ids=["no_key", "empty_key", "no_version"],
)
async def test_a_request_needs_a_key_and_a_version(
    strict: ScriptedMessages, headers: dict[str, str], status: int
) -> None:
    async with httpx2.AsyncClient(base_url=strict.url) as http:
        body = {"model": "m", "max_tokens": 10, "messages": [ASK]}
        response = await http.post("/v1/messages", json=body, headers=headers)
    assert response.status_code == status
    assert response.json()["type"] == "error"


async def test_what_the_api_takes_is_taken(strict: ScriptedMessages) -> None:
    messages = [ASK, SAID, {"role": "user", "content": [RESULT, {"type": "text", "text": "x"}]}]
    assert (await send(strict, *messages, tool_choice={"type": "auto"})).content[0].text == "taken"


@pytest.mark.parametrize("changed", ["prompt", "system", "tools", "model"])
async def test_thinking_is_bound_to_all_that_was_before_it(scripted_messages: Serve, changed: str) -> None:
    server = scripted_messages([thinks(says("4")), says("never")])
    first = await send(server, ASK, system="Test.")
    said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
    other: dict[str, Any] = {"system": {"system": "Other."}, "tools": {"tools": []}, "model": {"model": "n"}}
    begin = {"role": "user", "content": "come"} if changed == "prompt" else ASK
    with pytest.raises(anthropic.BadRequestError, match="changed conversation"):
        await send(server, begin, said, ASK, **{"system": "Test."} | other.get(changed, {}))


async def test_an_unchanged_conversation_with_thinking_is_taken(scripted_messages: Serve) -> None:
    server = scripted_messages([thinks(says("4")), says("8")])
    first = await send(server, ASK, system="Test.")
    said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
    assert (await send(server, ASK, said, ASK, system="Test.")).content[0].text == "8"
    assert server.refusals == []


async def test_a_request_beyond_the_script_is_reported_so_at_once(scripted_messages: Serve) -> None:
    server = scripted_messages([])
    with pytest.raises(ModelError, match="500: the script is over"):
        await Agent("tester", "Test.", client=server.client).run("go")
    assert len(server.requests) == 1


async def test_a_meeting_nobody_comes_to_fails_at_the_caller(scripted_messages: Serve) -> None:
    meeting = Rendezvous(2, seconds=0.05)

    async def script(_request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says("met")

    server = scripted_messages(script)
    with pytest.raises(ModelError, match=r"the script failed: TimeoutError"):
        await Agent("tester", "Test.", client=server.client).run("go")
    assert len(server.requests) == 1


async def test_a_script_that_fails_is_reported_to_the_caller(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        raise LookupError(request.prompt)

    with pytest.raises(ModelError, match="the script failed: LookupError"):
        await Agent("tester", "Test.", client=scripted_messages(script).client).run("go")


@pytest.mark.parametrize("script", [["text"], lambda _request: "text"])
async def test_a_script_that_gives_no_reply_is_reported_to_the_caller(scripted_messages: Serve, script: Any) -> None:
    with pytest.raises(ModelError, match=r"the script gave 'text', and not what says"):
        await Agent("tester", "Test.", client=scripted_messages(script).client).run("go")


async def test_a_connection_that_a_script_resets_leaves_nothing_in_the_log(
    scripted_messages: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = scripted_messages([cut(says("x"), after=1, by="reset"), says("done")])
    assert (await Agent("tester", "Test.", client=server.client).run("go")).answer == "done"
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_a_script_may_be_a_function_of_the_request(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda request: says(f"{request.number}: {request.prompt}"))
    assert (await send(server, ASK)).content[0].text == "1: go"
    assert server.requests[0].headers["authorization"] == "Bearer scripted"
    assert server.requests[0].ended is not None
    assert server.requests[0].ended >= server.requests[0].began


async def test_errors_come_with_their_status_kind_and_headers(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(429, "rate_limit_error", retry_after=7)])
    async with anthropic.AsyncAnthropic(base_url=server.url, api_key="x", max_retries=0) as client:
        with pytest.raises(anthropic.RateLimitError, match="scripted rate_limit_error") as caught:
            await client.messages.create(model="m", max_tokens=10, messages=[{"role": "user", "content": "go"}])
    assert caught.value.response.headers["retry-after"] == "7"


async def test_arguments_given_as_text_go_out_as_they_are(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("add", '{"a": 3.'))])
    async with server.client() as client:
        stream = await client.messages.create(
            model="m", max_tokens=10, messages=[{"role": "user", "content": "go"}], stream=True
        )
        pieces = [
            event.delta.partial_json
            async for event in stream
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta"
        ]
    assert "".join(pieces) == '{"a": 3.'


async def test_waiting_for_what_does_not_come_ends(scripted_messages: Serve) -> None:
    with pytest.raises(TimeoutError, match="the server got 0 requests"):
        await scripted_messages([]).until(lambda: False, seconds=0.01)


async def test_each_request_has_an_outcome(scripted_messages: Serve) -> None:
    server = scripted_messages([says("x"), cut(says("x"), after=2), replace(says("x"), seconds_per_event=300.0)])
    async with server.client() as client:
        for _ in range(2):
            stream = await client.messages.create(
                model="m", max_tokens=10, messages=[{"role": "user", "content": "go"}], stream=True
            )
            assert [event async for event in stream]
        stream = await client.messages.create(
            model="m", max_tokens=10, messages=[{"role": "user", "content": "go"}], stream=True
        )
        assert server.requests[2].outcome is None
        await stream.close()
    await server.until(lambda: server.requests[2].outcome is not None)
    assert [request.outcome for request in server.requests] == ["complete", "cut", "cancelled"]


def test_servers_end_with_their_block_and_are_independent() -> None:
    before = threading.active_count()
    with ScriptedMessages([says("one")]) as one, ScriptedMessages([says("two")]) as two:
        assert one.url != two.url
        answers = [Agent("tester", "Test.", client=server.client).run_sync("go").answer for server in (two, one)]
        assert answers == ["two", "one"]
    assert threading.active_count() == before


async def test_a_meeting_lets_everybody_go_when_all_have_come() -> None:
    meeting = Rendezvous(3)
    async with asyncio.timeout(10):
        await asyncio.gather(*(meeting.meet() for _ in range(3)))
        await meeting.meet()
