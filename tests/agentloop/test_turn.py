"""A turn is put together from the events of its stream, and a call is handed out once the model has moved on."""

from typing import Any

import pytest

from agentloop import ModelError, StreamBroken, ToolError
from agentloop.turn import ToolUse, Turn, TurnBuilder

Event = dict[str, Any]


def event(kind: str, **fields: Any) -> Event:
    return {"type": kind, **fields}


def start(**usage: int) -> Event:
    return event("message_start", message={"model": "claude-haiku-5-5", "usage": usage})


def block(index: int, content_block: Event, *deltas: Event) -> list[Event]:
    return [
        event("content_block_start", index=index, content_block=content_block),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def call(index: int, *pieces: str, **fields: Any) -> list[Event]:
    opening = {"type": "tool_use", "id": f"toolu_{index}", "name": "add", "input": {}} | fields
    return block(index, opening, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def stop(reason: str | None, **usage: Any) -> list[Event]:
    return [event("message_delta", delta={"stop_reason": reason}, usage=usage), event("message_stop")]


def fed(*events: Event) -> tuple[TurnBuilder, list[ToolUse | None]]:
    builder = TurnBuilder()
    return builder, [builder.feed(one) for one in events]


def turn_of(*events: Event) -> Turn:
    return fed(*events)[0].finish()


def test_a_closed_call_is_not_handed_out_yet() -> None:
    _, handed_out = fed(start(), *call(0, '{"a": 3}'))
    assert handed_out == [None] * 4


def test_a_call_is_handed_out_when_the_next_block_begins() -> None:
    _, handed_out = fed(start(), *call(0, '{"a": 3', ".75}"), *call(1, "{}"))
    assert handed_out.index(ToolUse("toolu_0", "add", '{"a": 3.75}')) == 5
    assert sum(one is not None for one in handed_out) == 1


def test_text_after_a_call_hands_it_out_too() -> None:
    _, handed_out = fed(start(), *call(0, "{}"), *block(1, {"type": "text", "text": ""}))
    assert handed_out[4] == ToolUse("toolu_0", "add", "{}")


def test_the_last_call_is_handed_out_when_the_message_stops_for_tools() -> None:
    _, handed_out = fed(start(), *call(0, "{}"), *stop("tool_use"))
    assert handed_out[-2:] == [ToolUse("toolu_0", "add", "{}"), None]


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "end_turn", "model_context_window_exceeded", None])
def test_the_last_call_is_never_handed_out_when_the_message_stops_otherwise(reason: str | None) -> None:
    _, handed_out = fed(start(), *call(0, '{"a": 3'), *stop(reason))
    assert handed_out == [None] * len(handed_out)


def test_a_ping_after_a_closed_call_does_not_hand_it_out() -> None:
    _, handed_out = fed(start(), *call(0, '{"a": 3'), event("ping"), event("a_kind_of_tomorrow"))
    assert handed_out == [None] * len(handed_out)


def test_a_call_that_never_closed_is_not_handed_out_by_the_next_block() -> None:
    _, handed_out = fed(start(), *call(0, '{"a": 3')[:-1], *call(1, "{}"))
    assert handed_out == [None] * len(handed_out)


def test_text_comes_together_from_its_pieces_and_its_blocks() -> None:
    pieces = [{"type": "text_delta", "text": text} for text in ("4", "2 ")]
    turn = turn_of(
        start(),
        *block(0, {"type": "text", "text": " "}, *pieces),
        *block(1, {"type": "text", "text": "km"}),
        *stop("end_turn"),
    )
    assert turn.content == ({"type": "text", "text": " 42 "}, {"type": "text", "text": "km"})
    assert turn.text == "42 km"


def test_thinking_keeps_its_signature_and_text_its_citations() -> None:
    citation = {"type": "char_location", "cited_text": "x"}
    turn = turn_of(
        start(),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "sig"},
            {"type": "delta_of_tomorrow", "x": 1},
        ),
        *block(1, {"type": "text", "text": "x", "citations": None}, {"type": "citations_delta", "citation": citation}),
        *stop("end_turn"),
    )
    assert turn.content == (
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "x", "citations": [citation]},
    )


def test_blocks_of_unknown_kinds_are_kept_with_all_their_fields() -> None:
    unknown = {"type": "hologram", "data": [1, {"x": None}]}
    redacted = {"type": "redacted_thinking", "data": "opaque"}
    turn = turn_of(start(), *block(0, unknown), *block(1, redacted), *stop("end_turn"))
    assert turn.content == (unknown, redacted)


def test_the_input_of_a_server_tool_is_streamed_into_its_block() -> None:
    turn = turn_of(start(), *call(0, '{"query": ', '"x"}', type="server_tool_use"), *stop("pause_turn"))
    assert turn.content[0]["input"] == {"query": "x"}
    assert turn.tool_uses == ()


def test_an_input_that_comes_whole_with_its_block_is_taken_as_it_is() -> None:
    turn = turn_of(start(), *call(0, input={"a": 1.5}), *stop("tool_use"))
    assert turn.tool_uses[0].arguments() == {"a": 1.5}
    assert turn.content[0]["input"] == {"a": 1.5}


def test_fields_of_a_call_this_program_does_not_know_are_kept() -> None:
    turn = turn_of(start(), *call(0, "{}", caller={"type": "direct"}), *stop("tool_use"))
    assert turn.content[0]["caller"] == {"type": "direct"}


def test_usage_is_the_first_count_corrected_by_the_last() -> None:
    builder, _ = fed(start(input_tokens=7, output_tokens=1), *stop("end_turn", output_tokens=9, input_tokens=None))
    usage = builder.finish().usage
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (1, 7, 9)


def test_what_was_streamed_before_a_break_is_already_counted() -> None:
    builder, _ = fed(start(input_tokens=7))
    assert (builder.model, builder.usage.requests, builder.usage.input_tokens) == ("claude-haiku-5-5", 1, 7)


@pytest.mark.parametrize(
    "events",
    [[], [start()], [start(), stop("end_turn")[0]], [start(), event("message_stop")], [start(), *stop(None)]],
    ids=["nothing", "only_the_start", "no_message_stop", "no_stop_reason", "null_stop_reason"],
)
def test_a_stream_that_did_not_end_properly_is_broken(events: list[Event]) -> None:
    builder, _ = fed(*events)
    with pytest.raises(StreamBroken):
        builder.finish()


@pytest.mark.parametrize(
    "nonsense",
    [
        event("message_start"),
        event("content_block_start", index=0),
        event("content_block_start", content_block={"type": "text"}),
        event("content_block_delta", index=5, delta={"type": "text_delta", "text": "x"}),
        event("content_block_delta", index=0, delta="x"),
        event("content_block_delta", index=0, delta={"type": "input_json_delta"}),
        event("content_block_stop", index=5),
        event("message_delta"),
        event("message_delta", delta=None),
    ],
    ids=repr,
)
def test_an_event_that_makes_no_sense_breaks_the_stream(nonsense: Event) -> None:
    builder, _ = fed(start(), block(0, {"type": "text", "text": ""})[0])
    with pytest.raises(StreamBroken):
        builder.feed(nonsense)


@pytest.mark.parametrize(
    "incomplete",
    [{"type": "tool_use", "name": "add"}, {"type": "tool_use", "id": "toolu_1"}, {"text": "x"}],
    ids=["call_without_id", "call_without_name", "block_without_type"],
)
@pytest.mark.parametrize("reason", ["tool_use", "max_tokens"])
def test_a_block_without_what_every_such_block_has_breaks_the_stream(incomplete: Event, reason: str) -> None:
    with pytest.raises(StreamBroken):
        turn_of(start(), *block(0, incomplete)[:1], *stop(reason))


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error", "rate_limit_error", "timeout_error", None])
def test_an_error_event_that_may_pass_breaks_the_stream(kind: str | None) -> None:
    with pytest.raises(StreamBroken) as caught:
        fed(start(), event("error", error={"type": kind, "message": "busy"}))
    assert caught.value.kind == kind
    assert "busy" in str(caught.value) or kind is None


def test_an_error_event_that_will_not_pass_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="bad request") as caught:
        fed(start(), event("error", error={"type": "invalid_request_error", "message": "bad request"}))
    assert not isinstance(caught.value, StreamBroken)


@pytest.mark.parametrize("raw", ['{"a": 3.', "[1]", "3", "NaN", '{"a": NaN}', '{"a": -Infinity}', "null", '"x"'])
def test_arguments_that_are_not_a_json_object_are_an_error_for_the_model(raw: str) -> None:
    use = ToolUse("toolu_1", "add", raw)
    with pytest.raises(ToolError, match="JSON"):
        use.arguments()
    assert use.input == {}


@pytest.mark.parametrize("number", ["1" * 5000, "1e99999999999999999999", "1e-99999999999999999999"])
def test_numbers_beyond_all_measure_are_an_error_for_the_model(number: str) -> None:
    with pytest.raises(ToolError, match="JSON"):
        ToolUse("toolu_1", "add", f'{{"a": {number}}}').arguments()


def test_no_arguments_at_all_are_an_empty_object() -> None:
    use = ToolUse("toolu_1", "now", "")
    assert use.arguments() == use.input == {}
