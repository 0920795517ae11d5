"""One turn of the model, built from the events of its stream. No I/O.

The events are the JSON objects of the Messages API. A tool call is safe to run only after the next block has started,
or after the message has stopped with `tool_use`. Its `content_block_stop` is not enough: a truncated response closes
its last block as well, and a truncated `3.75` looks like a complete `3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agentloop import exact_json
from agentloop.errors import ModelError, StreamBroken, ToolError
from agentloop.messages import Block
from agentloop.usage import MAX_NAME, TOKENS, ModelUsage

MAX_BLOCKS = 2_000
"""The maximum number of content blocks of one message."""
MAX_TOKENS = 10**12
"""Larger token counts of one request are ignored."""

_TRANSIENT = {None, "api_error", "overloaded_error", "rate_limit_error", "timeout_error"}
"""API error types for which the same request may succeed when it is retried."""

_KNOWN = {"message_start", "message_delta", "content_block_start", "content_block_stop"}
_PIECES = {
    "input_json_delta": ("input", "partial_json"),
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}
_SUMMARY = "compaction_delta"
_SEARCHES = "web_search_requests"
_TEXTS = {"text": "text", "thinking": "thinking", "redacted_thinking": "data"}
"""The field of each block type that must be a string."""


@dataclass(frozen=True)
class ToolUse:
    """A tool call that the model requested. `raw` is the JSON text of its arguments, exactly as the model wrote it."""

    id: str
    name: str
    raw: str

    def arguments(self) -> dict[str, Any]:
        """The arguments as an object, with exact numbers.

        Raises:
            ToolError: the text is not a JSON object.
        """
        try:
            value = exact_json.loads(self.raw or "{}")
        except ValueError as error:
            raise ToolError(f"The arguments were not valid JSON ({error}): {self.raw[:200]!r}") from None
        if not isinstance(value, dict):
            raise ToolError(f"The arguments must be a JSON object, not {self.raw[:200]!r}")
        return value

    @cached_property
    def input(self) -> dict[str, Any]:
        """The arguments for the history, which requires an object: `{}` if the model wrote anything else."""
        try:
            value = exact_json.loads_as_floats(self.raw or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Turn:
    """The model's response: content blocks to append to the history unchanged, and the stop reason.

    `container` identifies where the API executed the model's code, which later requests may go on with. `id` is the
    API's id of the message, and `cache_miss` says why it could not read the prompt of an earlier message from its
    cache: the API's name of the reason and about how many tokens, if it was asked for that.
    """

    content: tuple[Block, ...]
    stop_reason: str
    tool_uses: tuple[ToolUse, ...] = ()
    stop_details: Mapping[str, Any] | None = None
    model: str = ""
    usage: ModelUsage = field(default_factory=ModelUsage)
    container: str = ""
    id: str = ""
    cache_miss: str = ""

    @property
    def ends_run(self) -> bool:
        """Whether the run has its answer, if there is one in it and it fits."""
        return not self.tool_uses and self.stop_reason in {"end_turn", "stop_sequence", "tool_use"}

    @property
    def text(self) -> str:
        return "".join(block.get("text") or "" for block in self.content if block.get("type") == "text").strip()


class TurnBuilder:
    """Builds a `Turn` from the events of one stream."""

    def __init__(self) -> None:
        self.model = ""
        self._counts: dict[str, Any] = {"requests": 1}
        self._summary: dict[str, int] = {}
        self._blocks: dict[int, Block] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}
        self._stop: Mapping[str, Any] = {}
        self._container = ""
        self._id = ""
        self._cache_miss = ""
        self._ended = False
        self._closed_call: int | None = None
        self._uses: dict[int, ToolUse] = {}

    @property
    def usage(self) -> ModelUsage:
        summary = {kind: self._counts.get(kind, 0) + count for kind, count in self._summary.items()}
        return ModelUsage.from_json(self._counts | summary)

    def feed(self, event: Mapping[str, Any]) -> ToolUse | None:
        """Process the next event. Returns a tool call as soon as it is known to be complete.

        Unknown events and deltas are ignored: the API adds types without a new version.

        Raises:
            StreamBroken: the event is an `error` that may be transient, or is invalid at this point of the stream.
            ModelError: the message has more than `MAX_BLOCKS` blocks, or the `error` is permanent.
        """
        if event.get("type") == "content_block_delta":
            self._extend(event.get("index"), event.get("delta"))
            return None
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self.model = model if isinstance(model := message.get("model"), str) else ""
                self._update_counts(message.get("usage"))
                self._update_container(message.get("container"))
                self._id = name if isinstance(name := message.get("id"), str) else ""
                self._cache_miss = _cache_miss(message.get("diagnostics"))
            case {"type": "content_block_start", "index": int(index), "content_block": dict(block)} if _is_block(block):
                complete = self._pop_closed_call()
                self._open(index, block)
                return complete
            case {"type": "content_block_stop", "index": int(index)} if index in self._blocks:
                if self._blocks[index]["type"] == "tool_use":
                    self._closed_call = index
            case {"type": "message_delta", "delta": dict(delta)}:
                self._stop = delta
                self._update_counts(event.get("usage"))
                self._update_container(delta.get("container"))
                return self._pop_closed_call() if delta.get("stop_reason") == "tool_use" else None
            case {"type": "message_stop"}:
                self._ended = True
            case {"type": "error"}:
                error = event.get("error")
                raise error_of_event(error if isinstance(error, dict) else {})
            case {"type": str(kind)} if kind in _KNOWN:
                raise _unreadable(kind)
        return None

    def _open(self, index: int, block: Block) -> None:
        if len(self._blocks) >= MAX_BLOCKS:
            raise ModelError(f"The model's message has more than {MAX_BLOCKS:,} blocks.")
        self._blocks[index] = dict(block)
        self._pieces[index] = {}
        self._uses.pop(index, None)

    def finish(self) -> Turn:
        """The complete turn.

        Raises:
            StreamBroken: the stream ended before `message_stop` or gave no stop reason.
        """
        reason = self._stop.get("stop_reason")
        if not self._ended or reason is None:
            raise StreamBroken("The response of the Messages API ended before it was complete.")
        if not isinstance(reason, str):
            raise _unreadable("message_delta")
        details = self._stop.get("stop_details")
        texts = details.items() if isinstance(details, dict) else ()
        return Turn(
            content=tuple(self._finished(index) for index in sorted(self._blocks)),
            stop_reason=reason,
            tool_uses=tuple(self._tool_use(i) for i in sorted(self._blocks) if self._blocks[i]["type"] == "tool_use"),
            stop_details={name: text for name, text in texts if isinstance(text, str)} or None,
            model=self.model,
            usage=self.usage,
            container=self._container,
            id=self._id,
            cache_miss=self._cache_miss,
        )

    def _update_counts(self, counts: object) -> None:
        """Update the token counts of the message. Counts that have not changed are null or absent.

        What it took to summarize the conversation comes beside the other counts, which do not include it.
        """
        given = counts if isinstance(counts, dict) else {}
        known = {kind: count for kind, count in given.items() if _is_count(count)}
        parts = given.get("iterations")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "compaction":
                self._summary = {kind: part[kind] for kind in TOKENS if _is_count(part.get(kind))}
        server_tools = given.get("server_tool_use")
        searches = server_tools.get(_SEARCHES) if isinstance(server_tools, dict) else None
        if _is_count(searches):
            known[_SEARCHES] = searches
        self._counts |= known | {"requests": 1}

    def _update_container(self, container: object) -> None:
        name = container.get("id") if isinstance(container, dict) else None
        self._container = name if isinstance(name, str) else self._container

    def _extend(self, index: Any, delta: Any) -> None:
        """Store a delta of a block. The deltas are joined at the end, because joining each one takes quadratic time."""
        if type(index) is not int or index not in self._blocks or not isinstance(delta, dict):
            raise _unreadable("content_block_delta")
        kind = delta.get("type")
        if kind == "citations_delta":
            citations = self._blocks[index].get("citations")
            self._blocks[index]["citations"] = [
                *(citations if isinstance(citations, list) else []),
                delta.get("citation"),
            ]
        elif kind == _SUMMARY:
            self._blocks[index] |= {name: value for name, value in delta.items() if name != "type"}
        elif isinstance(kind, str) and kind in _PIECES:
            target, source = _PIECES[kind]
            piece = delta.get(source)
            is_text = target == "input" or isinstance(self._blocks[index].get(target) or "", str)
            if not isinstance(piece, str) or not is_text:
                raise _unreadable("content_block_delta")
            self._pieces[index].setdefault(target, []).append(piece)

    def _pop_closed_call(self) -> ToolUse | None:
        index, self._closed_call = self._closed_call, None
        return None if index is None else self._tool_use(index)

    def _tool_use(self, index: int) -> ToolUse:
        """The call in a complete block."""
        known = self._uses.get(index)
        if known is not None:
            return known
        block = self._blocks[index]
        pieces = self._pieces[index].get("input")
        raw = None if pieces is None else "".join(pieces)
        if raw is None and block.get("input"):
            # Some compatible servers send the complete input with the block and no deltas.
            raw = exact_json.dumps(block["input"])
        use = self._uses[index] = ToolUse(id=block["id"], name=block["name"], raw=raw or "")
        return use

    def _finished(self, index: int) -> Block:
        block = self._blocks[index]
        if block["type"] == "tool_use":
            return block | {"input": self._tool_use(index).input}
        joined: Block = {}
        for target, pieces in self._pieces[index].items():
            if target == "input":  # of a server tool
                joined[target] = ToolUse("", "", "".join(pieces)).input
            else:
                joined[target] = "".join([block.get(target) or "", *pieces])
        return block | joined


def _is_block(block: Block) -> bool:
    match block:
        case {"type": "tool_use"}:
            return isinstance(block.get("id"), str) and isinstance(block.get("name"), str)
        case {"type": str(kind)}:
            return isinstance(block.get(_TEXTS.get(kind, "")) or "", str)
    return False


def _cache_miss(diagnostics: object) -> str:
    match diagnostics:
        case {"cache_miss_reason": {"type": str(kind), "cache_missed_input_tokens": tokens}} if _is_count(tokens):
            return f"{kind[:MAX_NAME]}, {tokens:,} tokens"
        case {"cache_miss_reason": {"type": str(kind)}}:
            return kind[:MAX_NAME]
    return ""


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_TOKENS


def _unreadable(kind: str) -> StreamBroken:
    return StreamBroken(f"The Messages API sent an invalid `{kind}` event.")


def error_of_event(error: Mapping[str, Any]) -> ModelError:
    """The exception for the `error` object of an `error` event."""
    kind, message = (value if isinstance(value := error.get(name), str) else None for name in ("type", "message"))
    text = f"The Messages API ended the stream with an error: {message or kind or 'no reason given'}"
    return StreamBroken(text, kind=kind) if kind in _TRANSIENT else ModelError(text, kind=kind)
