"""Tools that the Messages API refuses, and results that are too much together."""

import json
from typing import Any

import pytest

from agentloop import Agent, Limits, ModelError, Tool, ToolOutput, ToolSpec
from agentloop.events import Event, Notice
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.tool_output import MAX_DATA, bounded


def odd_tool(name: str) -> Tool:
    return Tool(ToolSpec(name, "", {"type": "object"}), lambda: "done")


def refused(text: str) -> Reply:
    return Reply(status=400, error={"type": "invalid_request_error", "message": text})


def strict(request: RecordedRequest) -> Any:
    for number, each in enumerate(request.body["tools"]):
        if each["name"].startswith("odd"):
            return refused(f"tools.{number}.custom.input_schema: JSON schema is invalid.")
    return says("fine")


@pytest.mark.requirement("odd-schemas")
async def test_a_tool_that_the_api_refuses_is_left_out_and_named() -> None:
    events: list[Event] = []
    with ScriptedMessages(strict) as model:
        tools = [odd_tool(name) for name in ("odd_1", "good", "odd_2")]
        result = await Agent("a", "", tools, client=model.client).run("Go.", on_event=events.append)
    assert result.answer == "fine"
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert [text.partition(" is left out")[0] for text in notices] == ["odd_1", "odd_2"]


@pytest.mark.parametrize("place", ["tools.9.x", "tools.0.x"])
async def test_a_refusal_that_names_a_tool_in_passing_ends_the_run(place: str) -> None:
    def refuse(_request: RecordedRequest) -> Any:
        return refused(f"prompt is too long: it has {place}")

    with ScriptedMessages(refuse) as model, pytest.raises(ModelError, match="too long"):
        await Agent("a", "", [odd_tool("t")], client=model.client).run("Go.")
    assert all(request.body["tools"][0]["name"] == "t" for request in model.requests)


@pytest.mark.requirement("result-size")
async def test_the_results_of_one_message_are_bounded_together() -> None:
    dump = Tool(ToolSpec("dump", "", {"type": "object"}), lambda: "x" * 10_000)
    limits = Limits(max_results_chars=50_000)
    with ScriptedMessages([calls(*[("dump", {})] * 60), says("seen")]) as model:
        await Agent("a", "", [dump], client=model.client, limits=limits).run("Go.")
    results = model.requests[1].body["messages"][-1]["content"]
    assert len(json.dumps(results)) < 50_000 + 60 * 250
    assert all("cut to 833 characters" in result["content"][-1]["text"] for result in results)


def test_short_results_are_not_cut_for_long_ones() -> None:
    outputs = [ToolOutput.of("a" * length) for length in (10, 2_000, 500)]
    assert [len(each.content[0]["text"]) for each in bounded(outputs, 1_500)] == [10, 990, 500]
    assert bounded(outputs, 2_510) == outputs


def test_data_that_is_too_much_is_replaced_by_a_word_about_it() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "a" * (MAX_DATA // 2)}}
    outputs = bounded([ToolOutput((image,))] * 3, 100_000)
    assert [each.content[0]["type"] for each in outputs] == ["image", "image", "text"]
