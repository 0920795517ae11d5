"""What is asked of a model, and the clients that ask it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Literal
from weakref import WeakKeyDictionary, ref

from agentloop import exact_json, wire
from agentloop.api_errors import client_unusable
from agentloop.errors import ConfigurationError
from agentloop.media import pages_in
from agentloop.messages import Message
from agentloop.prompt_cache import CacheMarks
from agentloop.tools import ToolSpec
from agentloop.turn import ToolUse
from agentloop.typed import api_format
from agentloop.wire import ApiClient, SdkClient

TOOL_SEARCH = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
"""The search that the Messages API runs itself."""
SEARCH_FINDS = 5
"""Tools that one search of the Messages API returns at most."""
IN_WORDS = "Answer with one JSON object and nothing else. It has to fit this JSON Schema: "

IMAGE_TOKENS = 5_000
"""More than any image costs: the API makes large ones smaller."""
PAGE_TOKENS = IMAGE_TOKENS + 3_000
"""What a page of a PDF costs at most, unless it is unusually full: an image, and 1,500 to 3,000 tokens of text."""

MAX_SEARCHES = 10
"""Uses of server tools after which the API pauses a turn, unless they have limits of their own."""

_ONE_LOOP = (
    "a client belongs to the loop that uses it first. "
    "Pass a function that makes one, for example client=lambda: AsyncAnthropic(...)."
)

Effort = Literal["low", "medium", "high", "xhigh", "max"]
ClientSource = SdkClient | Callable[[], SdkClient]
OnStreamEvent = Callable[[Mapping[str, Any], ToolUse | None], None]


def prepare() -> None:
    """Import what the first request would import: for a thread, while something else is waited for."""
    for name in ("agentloop.bounded", "jsonschema"):
        import_module(name)
    with suppress(ValueError, ConfigurationError):  # for example a proxy's address, which the request will complain of
        wire.sdk_client(api_key="of nobody", base_url="http://127.0.0.1")


@dataclass(frozen=True)
class ModelSettings:
    """Everything of a request that stays the same through a conversation."""

    model: str
    system_prompt: str
    tools: Sequence[ToolSpec]
    effort: Effort | None = None
    parallel_tool_calls: bool = True
    output_schema: Mapping[str, Any] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Names what thinking blocks are bound to: model, system prompt, which may have an output schema, and tools."""
        bound = [self.model, self.frame.get("system"), self.frame.get("tools")]
        return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()

    @cached_property
    def frame(self) -> dict[str, Any]:
        """The part of a request's body that stays the same."""
        frame: dict[str, Any] = {"model": self.model}
        output_config: dict[str, Any] = {"effort": self.effort} if self.effort else {}
        system_prompt = self.system_prompt
        if self.output_schema is not None:
            output_format = api_format(self.output_schema)
            if output_format is not None:
                output_config["format"] = output_format
            else:
                system_prompt = f"{system_prompt}\n\n{IN_WORDS}{json.dumps(self.output_schema)}".lstrip()
        if system_prompt:
            frame["system"] = system_prompt
        if self.tools:
            search = [TOOL_SEARCH] if any(tool.deferred for tool in self.tools) else []
            frame["tools"] = [*search, *(tool.for_model() for tool in self.tools)]
            if not self.parallel_tool_calls:
                frame["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        if output_config:
            frame["output_config"] = output_config
        encodable: dict[str, Any] = exact_json.encodable(frame)
        return encodable

    @cached_property
    def most_searches(self) -> int:
        """Web searches that the API makes for one request at most."""
        tools = [tool.api_definition for tool in self.tools if tool.api_definition is not None]
        return sum(tool.get("max_uses") or MAX_SEARCHES for tool in tools if tool.get("name") == "web_search")

    @cached_property
    def frame_size(self) -> int:
        """Bytes, without the deferred tools: of those, as many of the longest as one search may add."""
        deferred = sorted((_size(tool.for_model()) for tool in self.tools if tool.deferred), reverse=True)
        return _size(self.frame) - sum(deferred[SEARCH_FINDS:])


def _size(value: Any) -> int:
    return len(exact_json.dumps(value).encode())


@dataclass(frozen=True)
class ModelRequest:
    """One request for a turn."""

    settings: ModelSettings
    messages: Sequence[Message]
    max_tokens: int
    container: str = ""
    context_management: Mapping[str, Any] | None = None
    marks: CacheMarks | None = None

    @cached_property
    def body(self) -> dict[str, Any]:
        """What is sent, but for how it is to be answered. Text that has no encoding is repaired."""
        messages = exact_json.encodable(list(self.messages))
        body = {**self.settings.frame, "max_tokens": self.max_tokens, "messages": messages}
        if self.container:
            body["container"] = self.container
        if self.context_management is not None:
            body["context_management"] = self.context_management
        return body if self.marks is None else self.marks.applied_to(body)

    @cached_property
    def size(self) -> int:
        """Bytes of the body, roughly; for an image or a PDF as many as it has tokens at most."""
        media = list(_media(self.messages))
        text = len(exact_json.dumps(self.body["messages"]).encode()) - sum(len(data) for _, data in media)
        return self.settings.frame_size + text + sum(_tokens(kind, data) for kind, data in media)


def _media(blocks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The kind and the base64 of the images and PDFs in the messages, also of those in tools' results."""
    for block in blocks:
        source, content = block.get("source"), block.get("content")
        if isinstance(source, dict) and source.get("type") == "base64":
            yield str(block.get("type")), str(source.get("data") or "")
        if isinstance(content, list):
            yield from _media(content)


def _tokens(kind: str, data: str) -> int:
    """What an image or a PDF costs at most; a PDF whose pages cannot be counted, a token for each byte."""
    if kind == "image":
        return IMAGE_TOKENS
    pages = pages_in(data)
    return len(data) if pages is None else pages * PAGE_TOKENS


class Clients:
    """The SDK clients of an agent: one for each event loop, for as long as any run on that loop needs it.

    Connections belong to the event loop that opened them. A client that a factory made is closed with the last run that
    uses it. A client that is given instead of a factory is left open: its owner closes it.
    """

    def __init__(self, source: ClientSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._leases: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[ApiClient, int]] = WeakKeyDictionary()
        self._first_loop: ref[asyncio.AbstractEventLoop] | None = None

    def require_factory(self, purpose: str) -> None:
        """Refuse a ready-made client where a new event loop is about to run.

        Raises:
            ConfigurationError: says what to pass instead.
        """
        if not callable(self._source):
            raise ConfigurationError(f"{purpose} runs the agent in an event loop of its own, and {_ONE_LOOP}")

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[ApiClient]:
        """The client of the running event loop.

        Raises:
            ConfigurationError: the SDK cannot make a client of what it finds in the environment; or a client that is
                given was used on another loop, or is closed.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            self._first_loop = self._first_loop or ref(loop)
            if not callable(self._source) and self._first_loop() is not loop:
                raise ConfigurationError(f"The agent was run in another event loop before, and {_ONE_LOOP}")
            client, holders = self._leases.get(loop) or (self._open(), 0)
            self._leases[loop] = (client, holders + 1)
        try:
            yield client
        finally:
            with self._lock:
                client, holders = self._leases[loop]
                if holders > 1:
                    self._leases[loop] = (client, holders - 1)
                else:
                    del self._leases[loop]
            if holders == 1 and callable(self._source):
                await client.close()

    def _open(self) -> ApiClient:
        import anthropic  # noqa: PLC0415 - both take long, and many processes send no request to a model
        import httpx2  # noqa: PLC0415

        if not callable(self._source):
            return ApiClient(self._source)
        try:
            return ApiClient(self._source())
        except ConfigurationError:
            raise
        except (ValueError, httpx2.InvalidURL, anthropic.AnthropicError) as error:
            raise client_unusable(error, "No client of the Messages API can be made") from None
