"""Keeping long runs within the context window: old tool results are left out of requests beyond a limit of tokens.

The conversation itself keeps everything. The Messages API leaves results out itself if a request asks for it. For
servers that refuse that, the same is done here. Both keep the latest results, which the model may not have read yet.
If that is not enough, the API summarizes the conversation: its answer begins with the summary, and it ignores what is
before a summary in later requests.
References: https://platform.claude.com/docs/en/build-with-claude/context-editing
https://platform.claude.com/docs/en/build-with-claude/compaction
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from agentloop.messages import READ_ADVICE, Block, Message, without_thinking

Method = Literal["compact", "clear", "local"]
"""Who shortens prompts: the API, which also summarizes; the API, which clears results only; or this process."""
WEAKER: Mapping[Method, Method] = {"compact": "clear", "clear": "local"}

_BETAS = {"clear_tool_uses_20250919": "context-management-2025-06-27", "compact_20260112": "compact-2026-01-12"}
KEPT = 3
"""Results that are kept at least: the latest."""
NOTE = "[This result was left out to save space. Call the tool again if you need it.]"
BYTES_PER_TOKEN = 4
"""About; for estimates that are corrected later."""

_CLEAR, _COMPACT = _BETAS
_LEAST_COMPACTED = 50_000
"""Tokens of a prompt that the API summarizes at least."""


class ContextEditor:
    """What is left out of the requests of one run, in which prompts of more than `limit` tokens are edited."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._is_on = False
        self._cleared: set[str] = set()
        self._unbound = 0
        self._reported = 0

    def is_on(self, prompt_tokens: int) -> bool:
        """Whether the API is to edit a prompt of about that length. Once it does, it has to in all later requests."""
        self._is_on |= self.is_too_long(prompt_tokens)
        return self._is_on

    def is_too_long(self, prompt_tokens: int) -> bool:
        """Whether a prompt of about that length is beyond the limit."""
        return self._limit is not None and prompt_tokens > self._limit

    def for_api(self, messages: Sequence[Message], method: Method) -> dict[str, Any]:
        """The field `context_management` of a request with these messages.

        Summaries begin a tenth above the limit, so that results are cleared first.
        """
        trigger = {"type": "input_tokens", "value": self._limit}
        keep = {"type": "tool_uses", "value": _count_kept(messages)}
        edits: list[dict[str, Any]] = [{"type": _CLEAR, "trigger": trigger, "keep": keep}]
        if method == "compact" and self._limit is not None:
            value = max(_LEAST_COMPACTED, self._limit * 11 // 10)
            edits.append({"type": _COMPACT, "trigger": {"type": "input_tokens", "value": value}})
        return {"edits": edits}

    def newly_cleared(self, event: Mapping[str, Any]) -> tuple[int, int] | None:
        """Results and tokens that the API left out, if an event of its stream says that they have become more."""
        applied = event.get("context_management")
        edits = applied.get("applied_edits") if isinstance(applied, dict) else None
        for edit in edits if isinstance(edits, list) else ():
            if isinstance(edit, dict) and edit.get("type") == _CLEAR:
                results, tokens = edit.get("cleared_tool_uses"), edit.get("cleared_input_tokens")
                if isinstance(results, int) and isinstance(tokens, int) and results > self._reported:
                    self._reported = results
                    return results, tokens
        return None

    def clear(self, messages: Sequence[Message]) -> tuple[int, int] | None:
        """Leave out all but the latest results from now on. Returns how many that are, and their estimated tokens.

        None if there is nothing more to leave out.
        """
        blocks = list(_results(messages))
        old = [block for block in blocks[: len(blocks) - _count_kept(messages)] if _size(block) > len(NOTE)]
        cleared = {str(block["tool_use_id"]) for block in old}
        if cleared <= self._cleared:
            return None
        self._cleared |= cleared
        self._unbound = len(messages)
        return len(old), sum(map(_size, old)) // BYTES_PER_TOKEN

    def edited(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages with a note for each result that is left out.

        Thinking is bound to all that comes before it. That which is bound to a result goes with it.
        """
        if not self._cleared:
            return tuple(messages)
        edited: list[Message] = []
        is_bound = False
        for index, message in enumerate(messages):
            blocks: list[Block] = message["content"]
            if is_bound and index < self._unbound and message["role"] == "assistant":
                blocks = without_thinking(blocks)
            elif any(self._is_cleared(block) for block in blocks):
                is_bound = True
                blocks = [_without_result(block) if self._is_cleared(block) else block for block in blocks]
            if blocks:
                edited.append(message | {"content": blocks})
        return tuple(edited)

    def _is_cleared(self, block: Block) -> bool:
        return block.get("type") == "tool_result" and block.get("tool_use_id") in self._cleared


def _without_result(block: Block) -> Block:
    """The result with a note in its place, which says how to read it if it is kept."""
    first = block["content"][0]
    head = str(first.get("text")).partition("\n")[0]
    note = NOTE if READ_ADVICE not in head else f"[This result was left out to save space.]\n{head}"
    return block | {"content": [{"type": "text", "text": note}]}


def betas_of(context_management: Mapping[str, Any] | None, messages: Sequence[Message]) -> list[str]:
    """The features of the API that a request with these needs. Summaries need one also when no more are made."""
    edits = context_management["edits"] if context_management else ()
    kinds = {edit["type"] for edit in edits} | ({_COMPACT} if any(map(_has_summary, messages)) else set())
    return [beta for kind, beta in _BETAS.items() if kind in kinds]


def is_summary(event: Mapping[str, Any]) -> bool:
    """Whether the event of a stream brings a summary. Without content, the API could not make one."""
    delta = event.get("delta")
    return isinstance(delta, dict) and delta.get("type") == "compaction_delta" and bool(delta.get("content"))


def _has_summary(message: Message) -> bool:
    return any(block.get("type") == "compaction" for block in message["content"])


def _results(messages: Sequence[Message]) -> Iterator[Block]:
    for message in messages:
        yield from (block for block in message["content"] if block.get("type") == "tool_result")


def _count_kept(messages: Sequence[Message]) -> int:
    """At least all results of the last message: the model has not read them yet."""
    return max(KEPT, sum(1 for _ in _results(messages[-1:])))


def _size(block: Block) -> int:
    """Characters, roughly: images and documents as their base64."""
    return len(str(block.get("content")))
