"""A request -> the message the offline model answers with. Every turn is read from the conversation alone."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from offline_model import MODEL
from offline_model.calculator import calculate
from offline_model.conversation import Asked, Call, asked
from offline_model.problem import NoResult, Unread
from offline_model.reading import FORMS
from offline_model.orchestrator import orchestrate
from offline_model.planning import TOOLS

ABOUT = (
    "This is the built-in reader, which follows fixed rules and is not a language model. With an API key (ANTHROPIC_API_KEY) or a "
    "local model (docs/local-models.md) any wording is read."
)

_COUNTED = re.compile(r"\w+|[^\w\s]")
_LONG = 100_000  # characters, from which on words are estimated and not counted
_PREFERRED = "calculator_assistant_agent"


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """A checked request's answer, as a Message of the API.

    Usage counts words, numbers and punctuation marks: the offline model has no tokenizer.
    """
    place = f"{len(body['messages'])}"
    try:
        conversation = asked(body["messages"])
        place = f"{conversation.digest}_{conversation.position}"
        said = _said(conversation, body)
    except Unread as reason:
        return _refused(body, place, f"I could not place {reason}. I read, for example, {FORMS}.\n{ABOUT}")
    except NoResult as reason:
        return _refused(body, place, str(reason))
    if isinstance(said, str):
        return _message(body, place, [_text(said)], "end_turn")
    if (body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        said = said[:1]
    blocks = [
        {"type": "tool_use", "id": f"toolu_offline_{place}_{n}", "name": call.tool, "input": dict(call.arguments)}
        for n, call in enumerate(said)
    ]
    return _message(body, place, blocks, "tool_use")


def _refused(body: Mapping[str, Any], place: str, text: str) -> dict[str, Any]:
    details = {"type": "refusal", "category": None, "explanation": text}
    return _message(body, place, [_text(text)], "refusal", details)


def count_input(body: Mapping[str, Any]) -> int:
    """Words, numbers and punctuation marks in everything the request says."""
    said = [body.get("system", ""), body["messages"], body.get("tools", [])]
    if (size := _size(said)) > _LONG:
        return size // 4
    return _count(json.dumps(said, ensure_ascii=False))


def _said(conversation: Asked, body: Mapping[str, Any]) -> str | list[Call]:
    tools = body.get("tools", [])
    if (body.get("tool_choice") or {}).get("type") == "none":
        tools = []
    agents = [tool["name"] for tool in tools if _is_agent(tool)]
    if agents:
        return orchestrate(conversation, _PREFERRED if _PREFERRED in agents else agents[0])
    offered = TOOLS & {tool["name"] for tool in tools}
    if not offered:
        raise Unread("a request that offers no tool to calculate with")
    return calculate(conversation, offered)


def _is_agent(tool: Mapping[str, Any]) -> bool:
    """An agent takes one thing, a prompt."""
    schema = tool.get("input_schema", {})
    properties = schema.get("properties") or {}
    return (
        list(properties) == ["prompt"]
        and isinstance(properties["prompt"], Mapping)
        and properties["prompt"].get("type") == "string"
        and "prompt" in schema.get("required", [])
    )


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _message(
    body: Mapping[str, Any],
    place: str,
    content: Sequence[Mapping[str, Any]],
    stop_reason: str,
    stop_details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    written = sum(_count(block.get("text") or json.dumps(block["input"])) for block in content)
    return {
        "id": f"msg_offline_{place}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": stop_details,
        "usage": {"input_tokens": count_input(body), "output_tokens": written},
    }


def _size(said: Any) -> int:
    """The number of characters in all strings of a JSON document."""
    size, waiting = 0, [said]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            size += len(each)
        elif isinstance(each, Mapping):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
    return size


def _count(text: str) -> int:
    if len(text) > _LONG:
        return len(text) // 4
    return sum(1 for _ in _COUNTED.finditer(text))
