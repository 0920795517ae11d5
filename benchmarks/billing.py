"""What the Messages API bills for a request: a simple tokenizer, and a prefix cache that works as its documentation says.

A prompt is a row of blocks: tools, then the system prompt, then the messages. A mark (`cache_control` on a block, or at the
top level for the last one) writes the prompt up to there, if it has 512 tokens. A request reads the longest prefix that
was written, is not older than its lifetime, and ends at one of its marks or at most 20 blocks before one. What is
written can be read once the answer that wrote it has begun.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

SHORTEST = 512
LOOKBACK = 20
LIFETIME = {"5m": 300.0, "1h": 3600.0}
PRICES = {"input": 2.0, "output": 10.0, "5m": 2.5, "1h": 4.0, "read": 0.2}
"""Of Claude Sonnet 5.5, in USD for a million tokens."""

_TOKEN = re.compile(r"\w{1,4}|[^\w\s]|\s{2,}")


@lru_cache(maxsize=4096)
def count_tokens(text: str) -> int:
    """Tokens of a text: four letters or digits at most, or one other character."""
    return sum(1 for _ in _TOKEN.finditer(text))


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of a prompt: the prompt's tokens up to its end, a hash of all that, and the lifetime its mark asks for."""

    tokens: int
    prefix: str
    ttl: str | None


@dataclass(slots=True)
class PrefixCache:
    """What the API keeps of the prompts of one account. `clock` gives seconds."""

    clock: Callable[[], float] = time.monotonic
    _written: dict[str, tuple[str, float]] = field(default_factory=dict)

    def prompt(self, request: Mapping[str, Any]) -> dict[str, int]:
        """The usage of a request's prompt, as the API reports it. Call `begun` when the answer begins."""
        blocks = list(_blocks(request))
        marks = [at for at, block in enumerate(blocks) if block.ttl and block.tokens >= SHORTEST]
        read = max((self._found(blocks, at) for at in marks), default=0)
        written = max((blocks[at].tokens for at in marks), default=read) - read
        total = blocks[-1].tokens if blocks else 0
        return {
            "input_tokens": total - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
        }

    def begun(self, request: Mapping[str, Any]) -> None:
        """The answer to the request begins: what its marks write can be read."""
        now = self.clock()
        for block in _blocks(request):
            if block.ttl and block.tokens >= SHORTEST:
                self._written[block.prefix] = (block.ttl, now)

    def _found(self, blocks: Sequence[_Block], mark: int) -> int:
        """Tokens of the longest prefix that can be read at that mark. Reading renews it."""
        now = self.clock()
        for block in reversed(blocks[max(0, mark - LOOKBACK) : mark + 1]):
            ttl, at = self._written.get(block.prefix, ("5m", -1e9))
            if now - at < LIFETIME[ttl]:
                self._written[block.prefix] = (ttl, now)
                return block.tokens
        return 0


def cost(usage: Mapping[str, int], ttl: str = "5m") -> float:
    """USD for the usage of one request. `ttl` is that of what it wrote."""
    return (
        usage["input_tokens"] * PRICES["input"]
        + usage["cache_creation_input_tokens"] * PRICES[ttl]
        + usage["cache_read_input_tokens"] * PRICES["read"]
        + usage["output_tokens"] * PRICES["output"]
    ) / 1e6


def ttl_of(request: Mapping[str, Any]) -> str:
    """The lifetime that a request's marks ask for."""
    return next((block.ttl for block in _blocks(request) if block.ttl), "5m")


def _blocks(request: Mapping[str, Any]) -> Iterator[_Block]:
    parts = list(_parts(request))
    digest, tokens = hashlib.sha256(), 0
    for number, (kind, value) in enumerate(parts):
        mark = value.get("cache_control")
        if mark is None and number == len(parts) - 1:
            mark = request.get("cache_control")
        text = json.dumps([kind, _without_marks(value)], sort_keys=True)
        digest.update(text.encode())
        tokens += count_tokens(text)
        yield _Block(tokens, digest.hexdigest(), None if mark is None else mark.get("ttl") or "5m")


def _parts(request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("tool", tool) for tool in request.get("tools") or ())
    yield from (("system", block) for block in _as_blocks(request.get("system") or ()))
    for message in request.get("messages") or ():
        yield from ((message["role"], _short(block)) for block in _as_blocks(message["content"]))


def _as_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _short(block: dict[str, Any]) -> dict[str, Any]:
    """The block in the shorter of two forms that mean the same, so that no client pays for how it writes a result."""
    if block.get("type") != "tool_result":
        return block
    block = {key: value for key, value in block.items() if (key, value) != ("is_error", False)}
    content = block.get("content")
    if isinstance(content, list) and len(content) == 1 and set(content[0]) == {"type", "text"}:
        block["content"] = content[0]["text"]
    return block


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(each) for key, each in value.items() if key != "cache_control"}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value
