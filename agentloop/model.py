"""What is asked of a model, and the turn that comes back.

The raw events of the answer's stream go into a `TurnBuilder`. The SDK's stream helpers are not used: they parse tool
input in a mode in which a cut-off number looks complete, and cost more than the loop itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Union
from weakref import WeakKeyDictionary

from pydantic_core import from_json

from agentloop import exact_json
from agentloop.conversation import Message
from agentloop.errors import ConfigurationError, ModelError, StreamBroken
from agentloop.imports import lazy
from agentloop.tools import ToolSpec
from agentloop.turn import ToolUse, Turn, TurnBuilder
from agentloop.wire import Direct, Head, Refusal, ThroughSdk, Wire

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic import AsyncAnthropic
else:
    anthropic, httpx2 = lazy("anthropic"), lazy("httpx2")

UNAUTHORIZED = 401
_DELTA, _INPUT = "content_block_delta", "input_json_delta"

Effort = Literal["low", "medium", "high", "xhigh", "max"]
ClientSource = Union["AsyncAnthropic", Callable[[], "AsyncAnthropic"]]
Hear = Callable[[Mapping[str, Any], ToolUse | None], None]


def sdk_client() -> AsyncAnthropic:
    """An SDK client as the environment configures it."""
    return anthropic.AsyncAnthropic()


def prepare() -> None:
    """Import what the first request would import: for a thread, while something else is waited for."""
    httpx2.AsyncHTTPTransport()  # imports what it is made of
    for name in ("aiohttp", "anthropic", "agentloop.validation"):
        import_module(name)


@dataclass(frozen=True)
class ModelSettings:
    """Everything of a request that stays the same through a conversation."""

    model: str
    system_prompt: str
    tools: Sequence[ToolSpec]
    effort: Effort | None = None
    parallel_tool_calls: bool = True

    @cached_property
    def fingerprint(self) -> str:
        """Names what thinking blocks are bound to: model, system prompt and tools."""
        bound = [self.model, self.system_prompt, [tool.for_model() for tool in self.tools]]
        return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()

    @cached_property
    def frame(self) -> dict[str, Any]:
        """The arguments of `messages.create` that stay the same."""
        frame: dict[str, Any] = {"model": self.model}
        if self.system_prompt:
            frame["system"] = self.system_prompt
        if self.tools:
            frame["tools"] = [tool.for_model() for tool in self.tools]
            if not self.parallel_tool_calls:
                frame["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        if self.effort:
            frame["output_config"] = {"effort": self.effort}
        return frame

    @cached_property
    def encoded_frame(self) -> str:
        return exact_json.dumps(self.frame)[:-1]


@dataclass(frozen=True)
class Request:
    """One request for a turn, as arguments for the SDK and as bytes."""

    settings: ModelSettings
    messages: Sequence[Message]
    max_tokens: int

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `messages.create`."""
        return {**self.settings.frame, "max_tokens": self.max_tokens, "messages": list(self.messages)}

    @cached_property
    def body(self) -> bytes:
        """What is sent for a streamed answer."""
        messages = exact_json.dumps(self.messages)
        text = (
            f'{self.settings.encoded_frame}, "max_tokens": {self.max_tokens}, "stream": true, "messages": {messages}}}'
        )
        return text.encode("utf-8", "replace")


class Clients:
    """Where the SDK clients of an agent come from, and the wires of its runs.

    Connections belong to the event loop that opened them: there is one wire for each event loop while any run on that
    loop needs it. A plain client (see `wire`) that a factory makes is only asked what a request looks like, once; it is
    made again when the API no longer takes its credentials. Any other serves one wire and is closed with it. A client
    that is given instead of a factory is left open: its owner closes it.
    """

    def __init__(self, source: ClientSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._leases: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Wire, int]] = WeakKeyDictionary()
        self._head: Head | None = None
        self._asked: list[AsyncAnthropic] = []

    def require_factory(self, purpose: str) -> None:
        """Refuse a ready-made client where a new event loop is about to run.

        Raises:
            ConfigurationError: says what to pass instead.
        """
        if not callable(self._source):
            raise ConfigurationError(
                f"{purpose} runs the agent in an event loop of its own, and a client belongs to the loop that uses it "
                "first. Pass a function that makes one, for example client=lambda: AsyncAnthropic(...)."
            )

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Wire]:
        """The wire of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            wire, holders = self._leases.get(loop) or (self._open(), 0)
            self._leases[loop] = (wire, holders + 1)
        try:
            await self._close_asked()
            yield wire
        except ModelError as error:
            if error.status == UNAUTHORIZED:
                self._head = None
            raise
        finally:
            with self._lock:
                wire, holders = self._leases[loop]
                if holders > 1:
                    self._leases[loop] = (wire, holders - 1)
                else:
                    del self._leases[loop]
            if holders == 1 and (isinstance(wire, Direct) or callable(self._source)):
                await wire.close()

    def _open(self) -> Wire:
        if self._head is not None:
            return Direct(self._head)
        client = self._source() if callable(self._source) else self._source
        head = Head.of(client)
        if head is None:
            return ThroughSdk(client)
        if callable(self._source):
            self._head = head
            self._asked.append(client)
        return Direct(head)

    async def _close_asked(self) -> None:
        while self._asked:
            await self._asked.pop().close()


async def stream_turn(
    wire: Wire,
    request: Request,
    builder: TurnBuilder,
    *,
    hear: Hear,
    answered: Callable[[Mapping[str, str]], None],
) -> Turn:
    """Send one request and put the turn together in `builder`.

    `answered` is called with the headers of the response, whatever its status; `hear` with every event of the stream
    but pieces of a tool's input, and with the tool call the model has thereby moved on from, if any.

    Raises:
        ModelError: the API refused the request or could not be reached.
        StreamBroken: the answer began and did not end.
        ConfigurationError: there are no credentials.
    """
    try:
        async with wire.send(request) as answer:
            answered(answer.headers)
            async for data_that_came in answer:
                for data in data_that_came:
                    event = _parsed(data)
                    moved_on = builder.feed(event)
                    if moved_on is None and event.get("type") == _DELTA and event["delta"].get("type") == _INPUT:
                        continue
                    hear(event, moved_on)
        return builder.finish()
    except Refusal as refusal:
        answered(refusal.headers)
        raise


def _parsed(data: str | bytes) -> Mapping[str, Any]:
    try:
        event = from_json(data or "{}")
    except ValueError:
        raise StreamBroken(f"The Messages API sent an event that is not JSON: {data[:200]!r}") from None
    return event if isinstance(event, dict) else {}
