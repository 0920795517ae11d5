"""A conversation goes on where it ended, with the agent it began with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agentloop import Agent, ConfigurationError, Conversation, NoAnswer, Tool, TurnLimitExceeded
from agentloop.limits import Limits
from agentloop.testing import ScriptedMessages, calls, says, thinks
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]


def double(number: float) -> float:
    return number * 2


def agent(server: ScriptedMessages, **settings: Any) -> Agent:
    return Agent("tester", "Test.", [Tool.from_function(double)], client=server.client, **settings)


async def test_a_conversation_from_elsewhere_may_have_texts_in_place_of_blocks(scripted_messages: Serve) -> None:
    server = scripted_messages([says("8")])
    use = {"type": "tool_use", "id": "toolu_1", "name": "double", "input": {"number": 2}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4"}
    messages = (
        {"role": "user", "content": "Double 2."},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And again?"},
    )
    assert (await agent(server).run(Conversation(messages))).answer == "8"
    sent = server.requests[0].body["messages"]
    assert sent[2]["content"][0]["content"] == sent[3]["content"] == [{"type": "text", "text": "4"}]


@pytest.mark.requirement("continue-conversation")
async def test_the_next_question_is_asked_with_all_that_was_said(scripted_messages: Serve) -> None:
    server = scripted_messages([thinks(calls(("double", {"number": 2}))), thinks(says("4")), thinks(says("8"))])
    one = agent(server)
    first = await one.run("Double 2.")
    second = await one.run(first.conversation.ask("And again?"))
    assert second.answer == "8"
    assert second.conversation.messages[: len(first.conversation.messages)] == first.conversation.messages
    assert [m["role"] for m in server.requests[2].body["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert (second.usage.requests, second.steps) == (1, ())
    assert server.refusals == []


async def test_a_conversation_may_go_on_in_two_ways(scripted_messages: Serve) -> None:
    server = scripted_messages([says("4"), says("left"), says("right")])
    one = agent(server)
    first = await one.run("Double 2.")
    for turn in ("left", "right"):
        assert (await one.run(first.conversation.ask(turn))).answer == turn
    assert len(server.requests[2].body["messages"]) == 3


@pytest.mark.parametrize(
    "change",
    [{"model": "claude-haiku-5-5"}, {"system_prompt": "Other."}, {"tools": ()}, {"output_type": {"type": "object"}}],
    ids=["model", "system_prompt", "tools", "output type that is in the system prompt"],
)
async def test_another_model_prompt_or_set_of_tools_cannot_take_over(
    scripted_messages: Serve, change: dict[str, Any]
) -> None:
    server = scripted_messages([says("4")])
    one = agent(server)
    first = await one.run("Double 2.")
    with pytest.raises(ConfigurationError, match="another model, system prompt or set of tools"):
        await replace(one, **change).run(first.conversation.ask("And again?"))
    assert len(server.requests) == 1


async def test_what_thinking_is_not_bound_to_may_change(scripted_messages: Serve) -> None:
    server = scripted_messages([says("4"), says("8")])
    one = agent(server)
    first = await one.run("Double 2.")
    changed = replace(one, name="other", max_tokens=100, limits=Limits(max_turns=2))
    assert (await changed.run(first.conversation.ask("And again?"))).answer == "8"


async def test_a_conversation_without_a_new_question_is_refused(scripted_messages: Serve) -> None:
    server = scripted_messages([says("4")])
    one = agent(server)
    first = await one.run("Double 2.")
    with pytest.raises(ConfigurationError, match="no open question"):
        await one.run(first.conversation)
    with pytest.raises(ConfigurationError, match="no open question"):
        await one.run(Conversation())


async def test_a_run_that_ended_without_an_answer_can_go_on(scripted_messages: Serve) -> None:
    server = scripted_messages([thinks(says("")), thinks(says("")), thinks(says("4"))])
    one = agent(server)
    with pytest.raises(NoAnswer) as caught:
        await one.run("Double 2.")
    assert caught.value.conversation is not None
    assert (await one.run(caught.value.conversation.ask("Well?"))).answer == "4"
    assert caught.value.usage is not None
    assert caught.value.usage.requests == 2


async def test_a_run_that_ran_out_of_turns_can_go_on(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("double", {"number": 2})), calls(("double", {"number": 4})), says("8")])
    one = agent(server, limits=Limits(max_turns=2))
    with pytest.raises(TurnLimitExceeded) as caught:
        await one.run("Double 2, twice.")
    assert caught.value.conversation is not None
    assert (await one.run(caught.value.conversation)).answer == "8"
    assert server.refusals == []


@pytest.mark.parametrize("prompt", ["", "  \n"])
async def test_a_blank_prompt_is_refused_before_anything_is_sent(scripted_messages: Serve, prompt: str) -> None:
    server = scripted_messages([])
    with pytest.raises(ConfigurationError, match="prompt is empty"):
        await agent(server).run(prompt)
    assert server.requests == []


async def test_half_a_character_in_a_prompt_is_sent_as_a_question_mark(scripted_messages: Serve) -> None:
    server = scripted_messages([says("4")])
    await agent(server).run("a\ud83d b \N{GRINNING FACE}")
    assert server.requests[0].prompt == "a? b \N{GRINNING FACE}"
