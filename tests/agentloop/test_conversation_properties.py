"""Whatever the model says and the tools answer, what would be sent is a request the API takes."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentloop import Conversation, RunError, ToolError, ToolOutput
from agentloop.conversation import Answered, ConversationState, RunTools
from agentloop.testing.checks import check_request
from agentloop.testing.wire import sse_events
from agentloop.turn import ToolUse, Turn, TurnBuilder

HEADERS = {"authorization": "Bearer x", "anthropic-version": "2026-10-21"}
REASONS = (
    *("tool_use",) * 4,
    "end_turn",
    "stop_sequence",
    "pause_turn",
    "max_tokens",
    "refusal",
    "model_context_window_exceeded",
    "a_reason_of_tomorrow",
)

Block = dict[str, Any]

texts = st.sampled_from(["", " ", "\n"]) | st.text(max_size=30)
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?(e-?[0-9]{1,3})?", fullmatch=True)
objects = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | texts, max_size=3).map(json.dumps)
raws = (
    objects | numbers.map('{{"a": {}}}'.format) | st.sampled_from(['{"a": 3.', "[1]", "NaN", "", '"\\ud800"']) | texts
)
blocks = st.one_of(
    texts.map(lambda text: {"type": "text", "text": text}),
    texts.map(lambda text: {"type": "thinking", "thinking": text, "signature": f"signature of {text}"}),
    st.just({"type": "redacted_thinking", "data": "opaque"}),
    st.just({"type": "hologram", "shape": [1, None, {"x": "y"}]}),
    raws.map(lambda raw: {"type": "tool_use", "name": "add", "input": {}, "_raw": raw}),
)
SERVER_CALL = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
results = texts.map(ToolOutput.of) | texts.map(ToolOutput.error)
turns = st.tuples(st.sampled_from(REASONS), st.lists(blocks, max_size=5))


def said(number: int, reason: str, content: Sequence[Block], ids: Iterator[int]) -> Turn:
    """A turn that came over the wire."""
    named = [block | {"id": f"toolu_{next(ids)}"} if block["type"] == "tool_use" else block for block in content]
    if reason == "pause_turn":
        named.append(SERVER_CALL)
    message = {"id": f"msg_{number}", "model": "m", "content": named, "stop_reason": reason, "usage": {}}
    builder = TurnBuilder()
    for event in sse_events(message):
        builder.feed(json.loads(event.decode().split("data: ", 1)[1]))
    return builder.finish()


def result_block(use: ToolUse, output: ToolOutput) -> Block:
    block = {"type": "tool_result", "tool_use_id": use.id, "content": list(output.content)}
    return block | {"is_error": True} if output.is_error else block


def check(conversation: Conversation) -> None:
    messages = json.loads(json.dumps(conversation.messages, allow_nan=False))
    check_request({"model": "m", "max_tokens": 10, "messages": messages}, HEADERS)


def answered_ids(messages: Sequence[Mapping[str, Any]], kind: str, key: str) -> list[str]:
    return [block[key] for message in messages for block in message["content"] if block["type"] == kind]


@given(st.lists(turns, max_size=12), st.data())
def test_every_request_of_any_run_is_one_the_api_takes(
    script: list[tuple[str, list[Block]]], data: st.DataObject
) -> None:
    talk, ids = ConversationState(Conversation().ask("go"), max_tokens=10), itertools.count()
    for number, (reason, content) in enumerate(script):
        before = talk.conversation.messages
        check(talk.conversation)
        turn = said(number, reason, content, ids)
        try:
            step = talk.take(turn)
        except RunError:
            step = Answered("")
        if isinstance(step, RunTools):
            assert reason in {"tool_use", "end_turn", "stop_sequence"}
            talk.answer(turn, [result_block(use, data.draw(results)) for use in step.uses])
        assert talk.conversation.messages[: len(before)] == before
        if isinstance(step, Answered):
            break
    messages = talk.conversation.messages
    assert answered_ids(messages, "tool_use", "id") == answered_ids(messages, "tool_result", "tool_use_id")
    check(talk.conversation.ask("and then?"))


@given(st.lists(blocks, max_size=5))
def test_what_was_said_is_kept_unchanged_except_for_blank_text(content: list[Block]) -> None:
    turn = said(1, "tool_use", content, itertools.count())
    talk = ConversationState(Conversation().ask("go"), max_tokens=10)
    talk.answer(turn, [result_block(use, ToolOutput.error("no")) for use in turn.tool_uses])
    kept = [dict(b) for m in talk.conversation.messages if m["role"] == "assistant" for b in m["content"]]
    said_ = [b for b in content if b["type"] != "text" or b["text"].strip()]
    assert [b["type"] for b in kept] == [b["type"] for b in said_]
    for ours, theirs in zip(kept, said_, strict=True):
        if theirs["type"] != "tool_use":
            assert ours == theirs


@given(numbers)
def test_the_tool_gets_every_digit_the_model_wrote(number: str) -> None:
    (use,) = said(
        1, "tool_use", [{"type": "tool_use", "name": "add", "_raw": f'{{"a": {number}}}'}], itertools.count()
    ).tool_uses
    assert number in use.raw
    use.arguments()


@given(raws)
def test_arguments_are_an_object_or_an_error_for_the_model(raw: str) -> None:
    use = ToolUse("toolu_1", "add", raw)
    json.dumps(use.input, allow_nan=False)
    try:
        assert isinstance(use.arguments(), dict)
    except ToolError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
