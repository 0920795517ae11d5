"""A request -> the message the offline model answers with. Every turn is read from the conversation alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from offline_model import MODEL
from offline_model.calculator import calculate
from offline_model.conversation import Asked, Call, asked
from offline_model.orchestrator import orchestrate
from offline_model.planning import TOOLS
from offline_model.problem import NoResult, Unread
from offline_model.reading import FORMS

ABOUT = "The built-in reader follows fixed rules; an API key, or a local model with --base-url, reads any wording."
_PREFERRED = "calculator_assistant_agent"


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """A checked request's answer, as a Message of the API. Usage is estimated: four characters are a token."""
    place = f"{len(body['messages'])}"
    try:
        conversation = asked(body["messages"])
        place = conversation.place
        said = _said(conversation, body)
    except Unread as reason:
        return _refused(body, place, f"{_sentence(str(reason))}. What is read looks like {FORMS}.\n{ABOUT}")
    except NoResult as reason:
        return _refused(body, place, str(reason))
    if isinstance(said, str):
        return _message(body, place, [{"type": "text", "text": said}], "end_turn")
    if (body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        said = said[:1]
    blocks = [
        {"type": "tool_use", "id": f"toolu_offline_{place}_{n}", "name": call.tool, "input": dict(call.arguments)}
        for n, call in enumerate(said)
    ]
    return _message(body, place, blocks, "tool_use")


def count_input(body: Mapping[str, Any]) -> int:
    """A quarter of the characters in everything the request says."""
    return _size([body.get("system", ""), body["messages"], body.get("tools", [])]) // 4 + 1


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
    prompt = (schema.get("properties") or {}).get("prompt")
    only = list(schema.get("properties") or {}) == ["prompt"] == list(schema.get("required", []))
    return only and isinstance(prompt, Mapping) and prompt.get("type") == "string"


def _sentence(reason: str) -> str:
    return reason if reason[:1].isupper() else f"I could not place {reason}"


def _refused(body: Mapping[str, Any], place: str, text: str) -> dict[str, Any]:
    details = {"type": "refusal", "category": None, "explanation": text}
    return _message(body, place, [{"type": "text", "text": text}], "refusal", details)


def _message(
    body: Mapping[str, Any],
    place: str,
    content: Sequence[Mapping[str, Any]],
    stop_reason: str,
    stop_details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": f"msg_offline_{place}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": stop_details,
        "usage": {"input_tokens": count_input(body), "output_tokens": _size(content) // 4 + 1},
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
        elif isinstance(each, list | tuple):
            waiting += each
    return size
