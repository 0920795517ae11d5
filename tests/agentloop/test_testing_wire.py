import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from agentloop.testing.checks import WireError, check_request
from agentloop.testing.wire import error_body, error_headers, plain_message, sse_events

HEADERS = {"Authorization": "Bearer key", "Anthropic-Version": "2026-10-21"}
USE = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}
OTHER = {**USE, "id": "t2"}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "2"}
OTHER_RESULT = {**RESULT, "tool_use_id": "t2"}
TOOL = {"name": "add", "description": "adds", "input_schema": {"type": "object", "properties": {}}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


ASK = {"role": "user", "content": "1 + 1?"}
ADDS = {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {}}}]}
GOOD: dict[str, Any] = {
    "model": "any",
    "max_tokens": 10,
    "tools": [TOOL],
    "messages": [ASK, assistant(USE, OTHER), user(OTHER_RESULT, RESULT, text("and?"))],
}


def test_a_good_request_passes() -> None:
    check_request(GOOD, HEADERS)
    check_request(GOOD, {"x-api-key": "key", "anthropic-version": "2026-10-21"})
    check_request({**GOOD, "messages": [ASK, ASK]}, HEADERS)
    check_request({**GOOD, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, HEADERS)
    check_request({**GOOD, "tools": [{"type": "web_search_20260209", "name": "web_search"}]}, HEADERS)
    counting = {key: value for key, value in GOOD.items() if key != "max_tokens"}
    check_request(counting, HEADERS, counting=True)


def test_a_paused_turn_may_end_with_the_assistant() -> None:
    paused = assistant({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}})
    check_request({**GOOD, "messages": [ASK, paused]}, HEADERS)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"x-api-key": ""}])
def test_a_request_without_a_key_is_401(headers: Mapping[str, str]) -> None:
    with pytest.raises(WireError) as caught:
        check_request(GOOD, {"anthropic-version": "2026-10-21", **headers})
    assert (caught.value.status, caught.value.type) == (401, "authentication_error")


def test_a_request_without_a_version_is_400() -> None:
    with pytest.raises(WireError, match="anthropic-version") as caught:
        check_request(GOOD, {"authorization": "Bearer key"})
    assert caught.value.status == 400


def messages(*sent: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(messages=list(sent))


def settings(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(fields)


BAD: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no model": (lambda body: body.pop("model"), "model:"),
    "empty model": (settings(model=""), "model:"),
    "no max_tokens": (lambda body: body.pop("max_tokens"), "max_tokens:"),
    "max_tokens 0": (settings(max_tokens=0), "max_tokens:"),
    "max_tokens true": (settings(max_tokens=True), "max_tokens:"),
    "temperature": (settings(temperature=1), "temperature:"),
    "top_p": (settings(top_p=1), "top_p:"),
    "top_k": (settings(top_k=1), "top_k:"),
    "tool_choice any": (settings(tool_choice={"type": "any"}), "tool_choice:"),
    "tool_choice tool": (settings(tool_choice={"type": "tool", "name": "add"}), "tool_choice:"),
    "tool_choice alone": (settings(tool_choice={"type": "auto"}, tools=[]), "tool_choice:"),
    "no messages": (messages(), "messages:"),
    "assistant first": (messages(assistant(text("hi")), ASK), "messages.0:"),
    "prefill": (messages(ASK, assistant(text("It is"))), "messages.1:"),
    "empty prefill": (messages(ASK, assistant()), "messages.1:"),
    "unknown role": (messages({"role": "tool", "content": "x"}), "messages.0.role:"),
    "system first": (messages({"role": "system", "content": "x"}), "messages.0: role 'system' must follow"),
    "system before a user": (
        messages(ASK, {"role": "system", "content": "x"}, ASK),
        "messages.1: role 'system' must prec",
    ),
    "tool without its feature": (messages(ASK, ADDS), "messages.1.content.0: Input tag 'tool_addition'"),
    "content of a number": (messages({"role": "user", "content": 5}), "messages.0.content:"),
    "block without type": (messages(user({"text": "x"})), "messages.0.content.0:"),
    "empty text": (messages(user(text("x"), text(""))), "messages.0.content.1:"),
    "blank text": (messages(user(text(" \n"))), "messages.0.content.0:"),
    "empty user": (messages({"role": "user", "content": ""}), "messages.0:"),
    "no user blocks": (messages(user()), "messages.0:"),
    "empty assistant": (messages(ASK, assistant(), ASK), "messages.1:"),
    "unanswered": (messages(ASK, assistant(USE), user(text("hm"))), "messages.2: .*t1"),
    "unanswered at the end": (messages(ASK, assistant(USE)), "messages.1:"),
    "half answered": (messages(ASK, assistant(USE, OTHER), user(RESULT)), "messages.2: .*t2"),
    "answered in two messages": (messages(ASK, assistant(USE, OTHER), user(RESULT), user(OTHER_RESULT)), "messages.2:"),
    "answered late": (messages(ASK, assistant(USE), ASK, user(RESULT)), "messages.2:"),
    "answered twice": (messages(ASK, assistant(USE), user(RESULT, RESULT)), "messages.2.content.1: .*two"),
    "answered again": (messages(ASK, assistant(USE), user(RESULT), user(RESULT)), "messages.3.content.0:"),
    "unknown id": (messages(ASK, assistant(USE), user(RESULT, OTHER_RESULT)), "messages.2.content.1: .*t2"),
    "result of nothing": (messages(user(RESULT)), "messages.0.content.0:"),
    "text before results": (messages(ASK, assistant(USE), user(text("here"), RESULT)), "messages.2.content.1:"),
    "id used twice": (messages(ASK, assistant(USE), user(RESULT), assistant(USE), user(RESULT)), "messages.3:"),
    "id used twice at once": (messages(ASK, assistant(USE, USE), user(RESULT)), "messages.1:"),
    "tool_use by the user": (messages(user(USE)), "messages.0.content.0:"),
    "tool_result by the assistant": (messages(ASK, assistant(RESULT), ASK), "messages.1.content.0:"),
    "tool_use without id": (messages(ASK, assistant({**USE, "id": ""}), ASK), "messages.1.content.0.id:"),
    "tool_use with a bad name": (messages(ASK, assistant({**USE, "name": "a b"}), ASK), "messages.1.content.0.name:"),
    "tool_use with a text": (messages(ASK, assistant({**USE, "input": "1"}), ASK), "messages.1.content.0.input:"),
    "silent error": (
        messages(ASK, assistant(USE), user({**RESULT, "is_error": True, "content": []})),
        "messages.2.content.0:",
    ),
    "empty text in a result": (
        messages(ASK, assistant(USE), user({**RESULT, "content": [text("")]})),
        "messages.2.content.0.content.0:",
    ),
    "bad tool name": (settings(tools=[{**TOOL, "name": "a b"}]), "tools.0.name:"),
    "long tool name": (settings(tools=[{**TOOL, "name": "a" * 65}]), "tools.0.name:"),
    "tool name with a line": (settings(tools=[{**TOOL, "name": "add\n"}]), "tools.0.name:"),
    "same tool twice": (settings(tools=[TOOL, TOOL]), "tools.1.name:"),
    "no schema": (settings(tools=[{"name": "add"}]), "tools.0.input_schema:"),
    "schema of a list": (settings(tools=[{**TOOL, "input_schema": {"type": "array"}}]), "tools.0.input_schema:"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_api_refuses_is_refused_with_its_place(name: str) -> None:
    change, place = BAD[name]
    body = copy.deepcopy(GOOD)
    change(body)
    with pytest.raises(WireError, match=f"^{place}") as caught:
        check_request(body, HEADERS)
    assert (caught.value.status, caught.value.type) == (400, "invalid_request_error")


def test_an_error_has_the_body_and_headers_of_the_api() -> None:
    error = WireError(429, "rate_limit_error", "slow down", {"retry-after": "1"})
    assert error_body(error) == {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    assert error_headers(error) == {"content-type": "application/json", "retry-after": "1"}


def message(*content: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 7}
    return {"id": "m", "model": "x", "content": list(content), "stop_reason": "end_turn", "usage": usage}


def events(sent: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for event in sse_events(sent):
        name, data = event.decode().removesuffix("\n\n").split("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == f"event: {document['type']}"
        yield document


def test_a_message_streams_in_small_pieces_with_its_usage_at_the_end() -> None:
    words = "The answer to all of it is forty-two."
    sent = list(events(message(text(words))))
    assert [event["type"] for event in sent[:3]] == ["message_start", "ping", "content_block_start"]
    assert [event["type"] for event in sent[-3:]] == ["content_block_stop", "message_delta", "message_stop"]
    assert sent[0]["message"]["content"] == []
    assert sent[0]["message"]["stop_reason"] is None
    deltas = [event["delta"]["text"] for event in sent if event["type"] == "content_block_delta"]
    assert len(deltas) > 2
    assert "".join(deltas) == words
    assert sent[-2]["delta"]["stop_reason"] == "end_turn"
    assert sent[-2]["usage"] == {"input_tokens": 3, "output_tokens": 7}


def test_a_refusal_carries_its_details() -> None:
    details = {"type": "refusal", "category": None, "explanation": "no"}
    sent = list(events({**message(), "stop_reason": "refusal", "stop_details": details}))
    assert sent[-2]["delta"] == {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}


def test_raw_input_goes_out_as_it_stands_and_never_into_a_plain_message() -> None:
    broken = {**USE, "_raw": '{"a": 12, "b": 3.'}
    sent = list(events(message(broken)))
    assert sent[2]["content_block"] == {"type": "tool_use", "id": "t1", "name": "add", "input": {}}
    pieces = [event["delta"]["partial_json"] for event in sent if event["type"] == "content_block_delta"]
    assert "".join(pieces) == '{"a": 12, "b": 3.'
    assert plain_message(message(broken))["content"] == [USE]


def test_thinking_and_unknown_blocks_pass() -> None:
    thinking = {"type": "thinking", "thinking": "hm, let me see", "signature": "sig"}
    redacted = {"type": "redacted_thinking", "data": "xyz"}
    sent = list(events(message(thinking, redacted, {"type": "novelty", "of": 2030})))
    started = [event["content_block"] for event in sent if event["type"] == "content_block_start"]
    assert started == [{"type": "thinking", "thinking": "", "signature": ""}, redacted, {"type": "novelty", "of": 2030}]
    kinds = {event["delta"]["type"] for event in sent if event["type"] == "content_block_delta"}
    assert kinds == {"thinking_delta", "signature_delta"}
