"""Prompt caching: where requests are marked, for how long, and which of them wait for another one to write the prefix.

The Messages API caches a prompt up to each mark in it. Writing costs 1.25 times the price of input (2 times if it is to
last an hour), reading a tenth. History only grows and tools are fixed, so every turn can read what the turn before it
wrote. Reference: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from agentloop.context_editing import Method
from agentloop.errors import ConfigurationError
from agentloop.messages import THINKING, Block, Message

CachePolicy = Literal["auto", "5m", "1h", "off"]
"""How long what is cached lasts after its last use. `auto`: 5 minutes, and 1 hour once a run has waited longer."""
Ttl = Literal["5m", "1h"]
Style = Literal["automatic", "blocks", "none"]
"""How the end of a prompt is marked: the API finds it, its last block is marked, or not at all."""

CACHE_VARIABLE = "AGENTLOOP_CACHE"
"""The environment variable that says what `auto` means in this process: `5m`, `1h` or `off`."""
DIAGNOSTICS_VARIABLE = "AGENTLOOP_CACHE_DIAGNOSTICS"
"""The environment variable that, if not empty, makes requests ask why a prompt was not read from the cache."""
LIFETIME = {"5m": 300.0, "1h": 3600.0}
"""Seconds since the last use."""
SHORTEST = 512
"""Tokens that are cached at least."""
WARMED_FROM = 2048
"""Tokens of a prefix for which it pays to wait until another run has written it."""
LONGEST_WAIT = 10.0
"""Seconds that other runs wait at most."""
LOOKBACK = 20
"""Blocks before a mark in which the API looks for what an earlier request wrote."""

WEAKER_STYLE: Mapping[Style, Style] = {"automatic": "blocks", "blocks": "none", "none": "none"}


@dataclass(slots=True)
class ServerSupport:
    """What is known of one server. Bedrock and Vertex take marked blocks only, other servers may take no marks."""

    style: Style = "automatic"
    is_known: bool = False
    """Whether it has accepted this style."""
    editing: Method = "compact"
    """Who shortens long prompts, as far as that is known."""
    adds_tools: bool = True
    """Whether it takes tools in messages, as far as that is known."""


_servers: dict[str, ServerSupport] = {}


def support_of(base_url: str) -> ServerSupport:
    """What this process knows of the server at that address."""
    return _servers.setdefault(base_url, ServerSupport())


@dataclass(frozen=True, slots=True)
class CacheMarks:
    """The marks of one request: after system prompt and tools (`prefix`), at its `end`, and after message `written`.

    `diagnostics` asks why it could not read what an earlier one wrote. Only servers that take the style `automatic`
    are asked.
    """

    ttl: Ttl
    style: Style
    prefix: bool
    end: bool
    written: int | None = None
    diagnostics: Mapping[str, Any] | None = None

    def applied_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body with its marks."""
        mark = {"type": "ephemeral"} | ({"ttl": self.ttl} if self.ttl != "5m" else {})
        marked = dict(body)
        if self.prefix and body.get("system"):
            marked["system"] = [{"type": "text", "text": body["system"], "cache_control": mark}]
        elif self.prefix:
            marked["tools"] = [*body["tools"][:-1], body["tools"][-1] | {"cache_control": mark}]
        messages: list[Message] = list(body["messages"])
        if self.end and self.style == "automatic":
            marked["cache_control"] = mark
        elif self.end:
            messages[-1] = _marked(messages[-1], mark)
        if self.written is not None:
            messages[self.written] = _marked(messages[self.written], mark)
        if self.diagnostics is not None and self.style == "automatic":
            marked["diagnostics"] = self.diagnostics
        return marked | {"messages": messages}


def _marked(message: Message, mark: Mapping[str, str]) -> Message:
    """The message with a mark on the last block that can have one."""
    blocks: list[Block] = list(message["content"])
    for number in reversed(range(len(blocks))):
        if blocks[number].get("type") not in THINKING:
            blocks[number] = blocks[number] | {"cache_control": mark}
            break
    return message | {"content": blocks}


class PromptCache:
    """What the runs of one agent know of their common prefix. They may be in different threads."""

    def __init__(self, policy: CachePolicy) -> None:
        """Raise ConfigurationError if there is no such policy, by the agent or by `AGENTLOOP_CACHE`."""
        chosen = os.environ.get(CACHE_VARIABLE) or "auto" if policy == "auto" else policy
        if chosen not in get_args(CachePolicy):
            raise ConfigurationError(f"Prompts are cached for {', '.join(get_args(CachePolicy))}, not {chosen!r}.")
        self.policy = chosen
        self.is_diagnosed = bool(os.environ.get(DIAGNOSTICS_VARIABLE))
        self._lock = threading.Lock()
        self._cached_until = 0.0
        self._used_until = 0.0
        self._writing: Future[None] | None = None

    def is_worth_marking(self, ttl: Ttl) -> bool:
        """Whether another run has just sent the same prefix. Counts this one as sent."""
        now = time.monotonic()
        with self._lock:
            was_used = now < self._used_until
            self._used_until = now + LIFETIME[ttl]
        return was_used

    @asynccontextmanager
    async def written_once(self, ttl: Ttl) -> AsyncIterator[Callable[[], None]]:
        """Wait while another run writes the prefix, unless it is cached.

        The block sends a request and calls the function it is given when the answer begins, because the API reads a
        prefix from its cache no sooner.
        """
        mine = await self._wait()

        def begun() -> None:
            with self._lock:
                self._cached_until = time.monotonic() + LIFETIME[ttl]
            self._release(mine)

        try:
            yield begun
        finally:
            self._release(mine)

    async def _wait(self) -> Future[None] | None:
        """Return when the prefix is cached, or with a future that others wait for until this request has written it."""
        give_up = time.monotonic() + LONGEST_WAIT
        while True:
            with self._lock:
                now = time.monotonic()
                if now < self._cached_until or now >= give_up:
                    return None
                if self._writing is None:
                    self._writing = Future()
                    return self._writing
                writing = self._writing
            await asyncio.wait({asyncio.wrap_future(writing)}, timeout=give_up - now)

    def _release(self, mine: Future[None] | None) -> None:
        with self._lock:
            if mine is None or self._writing is not mine:
                return
            self._writing = None
        if mine.set_running_or_notify_cancel():
            mine.set_result(None)


class RunCache:
    """The marks of the requests of one run."""

    def __init__(self, shared: PromptCache) -> None:
        self._shared = shared
        self._ttl: Ttl = "1h" if shared.policy == "1h" else "5m"
        self._sent: tuple[float, int] | None = None
        self._message_id: str | None = None

    def marks(
        self, style: Style, messages: Sequence[Message], *, prefix_tokens: int, has_tools: bool
    ) -> CacheMarks | None:
        """The marks of the next request, None if it is to have none. `prefix_tokens` is an estimate.

        A prompt that nobody will send again is not marked, because writing costs more than not caching.
        """
        if self._shared.policy == "off" or style == "none":
            return None
        if self._shared.policy == "auto" and self._sent and time.monotonic() - self._sent[0] > LIFETIME["5m"]:
            self._ttl = "1h"
        was_used = self._shared.is_worth_marking(self._ttl)
        prefix = prefix_tokens >= SHORTEST and (has_tools or was_used)
        end = has_tools or len(messages) > 1
        diagnostics = {"previous_message_id": self._message_id} if self._shared.is_diagnosed else None
        if not prefix and not end:
            return None
        return CacheMarks(self._ttl, style, prefix, end, self._written(messages), diagnostics)

    def sent(self, messages: Sequence[Message], message_id: str) -> None:
        """The API has answered a request with these messages."""
        self._sent = (time.monotonic(), len(messages))
        self._message_id = message_id or None

    def _written(self, messages: Sequence[Message]) -> int | None:
        """The last message of the request before, if the API would not look that far back from the end."""
        count = self._sent[1] if self._sent else 0
        if not 0 < count <= len(messages):
            return None
        since = sum(len(message["content"]) for message in messages[count:])
        return count - 1 if since >= LOOKBACK else None

    @asynccontextmanager
    async def turn(self, marks: CacheMarks | None, prefix_tokens: int) -> AsyncIterator[Callable[[], None]]:
        """Wait, if it pays, for another run to write the common prefix: see `PromptCache.written_once`."""
        if marks is None or not marks.prefix or prefix_tokens < WARMED_FROM:
            yield lambda: None
            return
        async with self._shared.written_once(marks.ttl) as begun:
            yield begun
