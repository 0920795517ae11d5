"""A request's messages -> the question that is being answered, and what tools have answered since it was asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline_model.problem import Unread

Blocks = Sequence[Mapping[str, Any]]


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
    digest: str
    """Tells this conversation's ids from those of others."""
    position: int
    """The place of the next message in the conversation."""


def asked(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """Earlier questions and their answers are history; the last one counts."""
    at = max((index for index, message in enumerate(messages) if _is_question(message)), default=None)
    if at is None:
        raise Unread("a conversation without a question in words")
    blocks = _blocks(messages[at])
    if other := sorted({block["type"] for block in blocks} - {"text"}):
        raise Unread(f"a question with {', '.join(other)}: only text is read")
    question = "\n".join(block["text"] for block in blocks)
    calls, outcomes, turns = _calls(messages[at:])
    found = {calls[identity].key: outcome for identity, outcome in outcomes.items() if identity in calls}
    digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
    return Asked(question, found, turns, digest, len(messages))


def texts(content: Any) -> tuple[str, ...]:
    """The text blocks of a tool result's content."""
    if isinstance(content, str):
        return (content,)
    return tuple(block["text"] for block in content or () if block.get("type") == "text")


def _blocks(message: Mapping[str, Any]) -> Blocks:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_question(message: Mapping[str, Any]) -> bool:
    kinds = {block["type"] for block in _blocks(message)}
    return message["role"] == "user" and bool(kinds) and "tool_result" not in kinds


def _calls(messages: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Call], dict[str, Outcome], int]:
    calls: dict[str, Call] = {}
    outcomes: dict[str, Outcome] = {}
    turns = 0
    for message in messages:
        blocks = _blocks(message)
        turns += any(block["type"] == "tool_use" for block in blocks)
        for block in blocks:
            if block["type"] == "tool_use":
                calls[block["id"]] = Call(block["name"], block["input"])
            elif block["type"] == "tool_result":
                outcomes[block["tool_use_id"]] = Outcome(texts(block.get("content")), bool(block.get("is_error")))
    return calls, outcomes, turns
