"""What the fake Messages server says, and what it makes of what it is told: a script instead of a model.

Roles, by the tools of a request: one whose name has `calculator` in it makes it the orchestrator's; else one whose name
has `multiply_numbers` in it a sub-agent's, `calc`; else it is `other` and gets a short text.

    orch  turn 0: about 20 tokens of text, then N calls of about 60 tokens, one store's problem each, in the tool's own
                  required text parameter.  turn 1: about 80 tokens of text
    calc  turn 0: three products, about 25 tokens each.  turn 1: their sum, about 30 tokens.  turn 2: about 25 tokens of
                  text with the total

The turn is read from the ids of the calls in the conversation, so that a client that splits one answer into several
messages is still understood. Every result that comes back is checked: the products, the sum, each sub-agent's total.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from benchmarks.scenarios import TOKENS

Role = Literal["orch", "calc", "other"]
Knobs = Mapping[str, float]

_STORE = re.compile(r"Store (\d+) of (\d+)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TURN = re.compile(r"toolu_t(\d+)x")
_IDS = itertools.count(1)


def items(store: int) -> list[tuple[int, float]]:
    """Three quantities and unit prices of a store. Prices are multiples of 0.25, so that floats are exact."""
    return [(3 + (store * 7 + item * 5) % 40, 0.25 * (5 + (store * 3 + item * 11) % 60)) for item in range(3)]


def products(store: int) -> list[float]:
    return [quantity * price for quantity, price in items(store)]


def total(store: int) -> float:
    return sum(products(store))


def problem(store: int, n: int) -> str:
    (a, p), (b, q), (c, r) = items(store)
    return (
        f"Store {store} of {n}: it sold {a} notebooks at {p:.2f} each, {b} pens at {q:.2f} each and {c} folders "
        f"at {r:.2f} each. Work out the store's total revenue with your tools and give it as one number."
    )


class BadRequest(Exception):
    """What the API would refuse."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code = status, kind, code


@dataclass(frozen=True, slots=True)
class State:
    """How far a conversation is. `bad` counts results that are errors or not what they should be.

    `tool` is the one the script calls, `adder` the one that sums; `open` are the ids of calls without a result.
    """

    role: Role
    tool: Mapping[str, Any] | None = None
    adder: Mapping[str, Any] | None = None
    turn: int = 0
    store: int | None = None
    open: tuple[str, ...] = ()
    bad: int = 0
    results: int = 0

    @classmethod
    def of(cls, request: Mapping[str, Any], threads: Mapping[str, State]) -> State:
        """Read a request, after checking it as the API would. `threads` are states by the ids of what was answered.

        Raises:
            BadRequest: the API would refuse it.
        """
        messages = request.get("messages")
        if not isinstance(messages, list):
            raise BadRequest("messages: Field required")
        thread = request.get("thread") or {}
        if thread.get("type") == "continue":
            before = threads.get(str(thread.get("previous_message_id")))
            if before is None:
                raise BadRequest("thread not found", status=404, kind="not_found_error", code="thread_not_found")
        else:
            before = cls._at_the_start(request.get("tools") or ())
        return _Reading(before).through(messages)

    @classmethod
    def _at_the_start(cls, tools: Sequence[Mapping[str, Any]]) -> State:
        def named(part: str) -> Mapping[str, Any] | None:
            return next((tool for tool in tools if part in str(tool.get("name"))), None)

        if (calculator := named("calculator")) is not None:
            return cls("orch", calculator)
        if (multiply := named("multiply_numbers")) is not None:
            return cls("calc", multiply, named("sum_numbers"))
        return cls("other")


@dataclass(slots=True)
class _Reading:
    """Goes through the messages of a request. `results` are the texts of results, by the turn of their calls."""

    state: State
    results: dict[int, list[str]] = field(default_factory=dict)

    def through(self, messages: Sequence[Mapping[str, Any]]) -> State:
        for message in messages:
            content = message.get("content")
            blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
            if message.get("role") == "assistant":
                self._take_calls([block["id"] for block in blocks if block.get("type") == "tool_use"])
            else:
                self._take_results([block for block in blocks if block.get("type") == "tool_result"])
                if self.state.store is None and (found := _STORE.search(_texts(content))):
                    self.state = replace(self.state, store=int(found.group(1)))
        self._nothing_open()
        return self._checked()

    def _nothing_open(self) -> None:
        if self.state.open:
            raise BadRequest(f"messages: tool_use ids without tool_result: {', '.join(self.state.open)}")

    def _take_calls(self, calls: list[str]) -> None:
        self._nothing_open()
        if calls:
            turn = max(self.state.turn, 1 + max(map(_turn_of, calls)))
            self.state = replace(self.state, open=tuple(calls), turn=turn)

    def _take_results(self, blocks: list[Mapping[str, Any]]) -> None:
        is_open = dict.fromkeys(self.state.open)
        for block in blocks:
            call = block["tool_use_id"]
            if call not in is_open:
                raise BadRequest(f"unexpected tool_result {call}")
            self.results.setdefault(_turn_of(call), []).append(_texts(block.get("content")))
        for block in blocks:
            is_open.pop(block["tool_use_id"], None)
        bad = sum(bool(block.get("is_error")) for block in blocks)
        self.state = replace(self.state, open=tuple(is_open), bad=self.state.bad + bad)

    def _checked(self) -> State:
        """With the last results, the answers to the turn that was played before, compared with what they should be."""
        state = self.state
        texts = self.results.get(state.turn - 1, [])
        if not texts:
            return state
        if state.role == "orch":
            wrong = sum(not _has_number(text, total(store)) for store, text in enumerate(texts, 1))
            return replace(state, bad=state.bad + wrong, results=len(texts))
        if state.role == "calc" and state.store is not None:
            wanted = products(state.store) if state.turn == 1 else [total(state.store)]
            is_right = len(texts) == len(wanted) and all(map(_has_number, texts, wanted))
            return replace(state, bad=state.bad + (not is_right))
        return state


def _turn_of(call: str) -> int:
    found = _TURN.match(call)
    return int(found.group(1)) if found else 0


def _texts(content: Any) -> str:
    """All the text of a message or a result."""
    if isinstance(content, str):
        return content
    parts = []
    for block in content or ():
        if isinstance(block, str):
            parts.append(block)
        elif block.get("type") == "text":
            parts.append(block.get("text") or "")
        elif block.get("type") == "tool_result":
            parts.append(_texts(block.get("content")))
    return "\n".join(parts)


def _has_number(text: str, value: float) -> bool:
    return any(abs(float(found) - value) < 1e-6 for found in _NUMBER.findall(text))


@dataclass(frozen=True, slots=True)
class Block:
    """A block of an answer and how many tokens it has; a call if it has a tool."""

    tokens: int
    text: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _turn(state: State, n: int, skew: int) -> tuple[list[Block], str]:
    """What is said next, and the stop reason."""
    if state.role == "other" or state.tool is None:
        return [Block(5, "OK.")], "end_turn"
    if state.role == "orch":
        return _orchestrators(state, state.tool, n)
    return _calculators(state, state.tool, skew)


def _orchestrators(state: State, tool: Mapping[str, Any], n: int) -> tuple[list[Block], str]:
    if state.turn == 0:
        text = "I'll hand each store to a calculator agent and then combine the totals they report."
        name = _text_parameter(tool)
        parts = [Block(TOKENS["orch_tool"], "", tool["name"], {name: problem(store, n)}) for store in range(1, n + 1)]
        return [Block(TOKENS["orch_text"], text), *parts], "tool_use"
    grand = sum(map(total, range(1, state.results + 1)))
    text = f"All {state.results} stores are in. Grand total: {grand:.2f}. " + "ok " * 60
    return [Block(TOKENS["orch_answer"], text)], "end_turn"


def _calculators(state: State, tool: Mapping[str, Any], skew: int) -> tuple[list[Block], str]:
    store = state.store or 1
    if state.turn == 0:
        pairs = [_arguments(tool, [quantity, price]) for quantity, price in items(store)]
        return [Block(TOKENS["mult"], "", tool["name"], pair) for pair in pairs], "tool_use"
    if state.turn == 1 and state.adder is not None:
        arguments = _arguments(state.adder, products(store))
        return [Block(TOKENS["sum"], "", state.adder["name"], arguments)], "tool_use"
    extra = skew if store == 1 else 0
    text = "so " * extra + f"Store {store} total revenue: {total(store):.2f}"
    return [Block(TOKENS["calc_text"] + extra, text)], "end_turn"


def _properties(tool: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = (tool.get("input_schema") or {}).get("properties") or {}
    return found


def _text_parameter(tool: Mapping[str, Any]) -> str:
    """The first that is required and a text, or else the first text."""
    properties = _properties(tool)
    required = (tool.get("input_schema") or {}).get("required") or ()
    names = [name for name in required if properties.get(name, {}).get("type") in {"string", None}]
    names += [name for name, each in properties.items() if each.get("type") == "string"]
    return str(next(iter([*names, *properties, "input"])))


def _arguments(tool: Mapping[str, Any], values: list[float]) -> dict[str, Any]:
    """The values in the form the tool's schema asks for: one list, or a parameter for each."""
    properties = _properties(tool)
    for name, each in properties.items():
        if "array" in [each.get("type"), *(other.get("type") for other in each.get("anyOf") or ())]:
            return {name: values}
    return dict(zip(properties, values, strict=False))


class Reply:
    """One answer: its blocks, how many tokens it has and, for a stream, when each event is due."""

    def __init__(self, request: Mapping[str, Any], state: State, knobs: Knobs) -> None:
        self.id = f"msg_fake{next(_IDS):010d}"
        self._model = request.get("model") or "claude-fake"
        self._blocks, self._stop = _turn(state, int(knobs["n"]), int(knobs["skew"]))
        self.tokens = sum(block.tokens for block in self._blocks)
        self._prompt_tokens = 400 + 40 * state.turn
        is_first = state.role == "orch" and state.turn == 0
        self._rate = knobs["tps_orch"] if is_first and knobs["tps_orch"] >= 0 else knobs["tps"]
        self._per_delta = max(1, int(knobs["per_delta"]))
        self._ids = [f"toolu_t{state.turn}x{next(_IDS):09d}" if block.tool else "" for block in self._blocks]

    @property
    def calls(self) -> tuple[str, ...]:
        return tuple(filter(None, self._ids))

    @property
    def seconds(self) -> float:
        return self.tokens / self._rate if self._rate > 0 else 0.0

    def _usage(self, output: int) -> dict[str, Any]:
        return {
            "input_tokens": self._prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
            "service_tier": "standard",
        }

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(1),
        }

    def message(self) -> dict[str, Any]:
        content = [
            {"type": "tool_use", "id": call, "name": block.tool, "input": block.arguments}
            if block.tool
            else {"type": "text", "text": block.text}
            for block, call in zip(self._blocks, self._ids, strict=True)
        ]
        return {**self._head(), "content": content, "stop_reason": self._stop, "usage": self._usage(self.tokens)}

    def events(self) -> Iterator[tuple[float, bytes]]:
        """Chunks of a chunked body, and how many seconds after the first each is due."""
        each = 1.0 / self._rate if self._rate > 0 else 0.0
        yield 0.0, _sse("message_start", message=self._head())
        done = 0
        for index, (block, call) in enumerate(zip(self._blocks, self._ids, strict=True)):
            if block.tool:
                begun = {"type": "tool_use", "id": call, "name": block.tool, "input": {}}
                text, kind, key = json.dumps(block.arguments), "input_json_delta", "partial_json"
            else:
                begun, text, kind, key = {"type": "text", "text": ""}, block.text, "text_delta", "text"
            yield done * each, _sse("content_block_start", index=index, content_block=begun)
            if index == 0:
                yield done * each, _sse("ping")
            deltas = _pieces(text, -(-block.tokens // self._per_delta))
            for number, piece in enumerate(deltas, 1):
                due = (done + block.tokens * number / len(deltas)) * each
                yield due, _sse("content_block_delta", index=index, delta={"type": kind, key: piece})
            done += block.tokens
            yield done * each, _sse("content_block_stop", index=index)
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        last = _sse("message_delta", delta=delta, usage={"output_tokens": self.tokens})
        yield done * each, last + _sse("message_stop") + b"0\r\n\r\n"


def _pieces(text: str, count: int) -> list[str]:
    """The text in `count` nearly equal pieces, or in fewer if it is shorter."""
    count = max(1, min(count, len(text)))
    size, larger = divmod(len(text), count)
    ends = list(itertools.accumulate(size + (number < larger) for number in range(count)))
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _sse(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    payload = f"event: {kind}\ndata: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(payload), payload)
