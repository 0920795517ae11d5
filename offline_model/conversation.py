"""A request's messages -> the question that is being answered, and what tools have answered since it was asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline_model.problem import Unread


@dataclass(frozen=True)
class Call:
    tool: str
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        return json.dumps([self.tool, self.arguments], sort_keys=True)


@dataclass(frozen=True)
class Outcome:
    texts: tuple[str, ...]
    is_error: bool


@dataclass(frozen=True)
class Asked:
    question: str
    outcomes: Mapping[str, Outcome]
    """By the key of the call."""
    turns: int
    """How often tools were asked since the question."""
    place: str
    """Tells the ids of the next message from all others."""


def asked(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """Earlier questions and their answers are history; the last one counts."""
    at = max((index for index, message in enumerate(messages) if _is_question(message)), default=None)
    if at is None:
        raise Unread("a conversation without a question in words")
    blocks = _blocks(messages[at])
    if other := sorted({block["type"] for block in blocks} - {"text"}):
        raise Unread(f"a question with {', '.join(other)}: only text is read")
    question = "\n".join(block["text"] for block in blocks)
    since = [block for message in messages[at:] for block in _blocks(message)]
    calls = {block["id"]: Call(block["name"], block["input"]) for block in since if block["type"] == "tool_use"}
    results = [block for block in since if block["type"] == "tool_result" and block["tool_use_id"] in calls]
    outcomes = {
        calls[each["tool_use_id"]].key: Outcome(_texts(each.get("content")), bool(each.get("is_error")))
        for each in results
    }
    turns = sum(any(block["type"] == "tool_use" for block in _blocks(message)) for message in messages[at:])
    digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
    return Asked(question, outcomes, turns, f"{digest}_{len(messages)}")


def _texts(content: Any) -> tuple[str, ...]:
    if isinstance(content, str):
        return (content,)
    return tuple(block["text"] for block in content or () if block.get("type") == "text")


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_question(message: Mapping[str, Any]) -> bool:
    kinds = {block["type"] for block in _blocks(message)}
    return message["role"] == "user" and bool(kinds) and "tool_result" not in kinds
