"""The one wire to a model: the Messages API, streamed, through the `anthropic` SDK.

The SDK's client sends the request, with its typed errors and timeouts; repeating it is `asking`'s, which counts every
request. Its stream helpers are not used: they
parse tool input in a mode in which a cut-off number looks complete, and cost more than the loop itself. The raw events
go into a `TurnBuilder` instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Union
from weakref import WeakKeyDictionary

from agentloop.conversation import Message
from agentloop.errors import ConfigurationError, ModelError, StreamBroken
from agentloop.imports import lazy
from agentloop.tools import ToolSpec
from agentloop.turn import ToolUse, Turn, TurnBuilder

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic import APIStatusError, AsyncAnthropic
else:
    # Together they take a process as long to import as everything else, and it may never ask a model.
    anthropic = lazy("anthropic")
    httpx2 = lazy("httpx2")

Effort = Literal["low", "medium", "high", "xhigh", "max"]
ClientSource = Union["AsyncAnthropic", Callable[[], "AsyncAnthropic"]]
Hear = Callable[[Mapping[str, Any], ToolUse | None], None]

SHORTEST_SECRET = 16
"""Characters of a credential at least."""


def sdk_client() -> AsyncAnthropic:
    """An SDK client as the environment configures it."""
    return anthropic.AsyncAnthropic()


def prepare() -> None:
    """Import what the first request would import: for a thread, while something else is waited for."""
    for name in ("anthropic.resources.messages", "stamina", "agentloop.validation"):
        import_module(name)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Everything of a request that stays the same through a conversation."""

    model: str
    system_prompt: str
    tools: Sequence[ToolSpec]
    effort: Effort | None = None
    parallel_tool_calls: bool = True

    def fingerprint(self) -> str:
        """Names what thinking blocks are bound to: model, system prompt and tools."""
        bound = [self.model, self.system_prompt, [tool.for_model() for tool in self.tools]]
        return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()

    def request(self, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        """The keyword arguments of `messages.create`."""
        request: dict[str, Any] = {"model": self.model, "max_tokens": max_tokens, "messages": list(messages)}
        if self.system_prompt:
            request["system"] = self.system_prompt
        if self.tools:
            request["tools"] = [tool.for_model() for tool in self.tools]
            if not self.parallel_tool_calls:
                request["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        if self.effort:
            request["output_config"] = {"effort": self.effort}
        return request


class Clients:
    """Where an agent's SDK clients come from.

    A client's connections belong to the event loop that opened them. Given a factory, there is one client for each
    event loop while any run on that loop needs it; it is closed with the last of them. Given a client, it is used as it
    is and left open: its owner closes it, and it cannot follow the agent into another event loop.
    """

    def __init__(self, source: ClientSource) -> None:
        self._source = source
        self._leases: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[AsyncAnthropic, int]] = WeakKeyDictionary()

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
    async def lease(self) -> AsyncIterator[AsyncAnthropic]:
        """The client of the running event loop."""
        if not callable(self._source):
            yield _without_retries(self._source)
            return
        loop = asyncio.get_running_loop()
        client, holders = self._leases.get(loop) or (_without_retries(self._source()), 0)
        self._leases[loop] = (client, holders + 1)
        try:
            yield client
        finally:
            client, holders = self._leases[loop]
            if holders > 1:
                self._leases[loop] = (client, holders - 1)
            else:
                del self._leases[loop]
                await client.close()


def _without_retries(client: AsyncAnthropic) -> AsyncAnthropic:
    return client.with_options(max_retries=0)


async def stream_turn(
    client: AsyncAnthropic,
    request: Mapping[str, Any],
    builder: TurnBuilder,
    *,
    hear: Hear,
    answered: Callable[[Mapping[str, str]], None],
) -> Turn:
    """Send one request and put the turn together in `builder`.

    `answered` is called with the headers of the response, whatever its status; `hear` with every event of the stream
    and the tool call the model has thereby moved on from, if any.

    Raises:
        ModelError: the API refused the request or could not be reached.
        StreamBroken: the answer began and did not end.
        ConfigurationError: there are no credentials.
    """
    try:
        async with client.messages.with_streaming_response.create(**request, stream=True) as response:
            answered(response.headers)
            async for sse in anthropic.AsyncStream.raw_events(response.http_response):
                event = _parsed(sse.data)
                hear(event, builder.feed(event))
        return builder.finish()
    except anthropic.APIStatusError as error:
        answered(error.response.headers)
        raise _refused(error, client) from error
    except anthropic.AnthropicError as error:
        raise ModelError(f"The Messages API could not be reached: {error}", is_passing=True) from error
    except httpx2.TransportError as error:
        raise StreamBroken(f"The Messages API's answer was cut off: {error!r}") from error
    except TypeError as error:
        if "authentication" not in str(error):
            raise
        raise ConfigurationError("No credentials for the Messages API: set ANTHROPIC_API_KEY.") from None


def _refused(error: APIStatusError, client: AsyncAnthropic) -> ModelError:
    headers = error.response.headers
    should_retry = headers.get("x-should-retry")
    return ModelError(
        f"The Messages API answered {error.status_code}: {_without_secrets(_reason(error), client)}",
        status=error.status_code,
        kind=error.type,
        request_id=error.request_id,
        is_passing=should_retry == "true" if should_retry in {"true", "false"} else _may_pass(error.status_code),
        retry_after=_seconds(headers.get("retry-after-ms"), 1000) or _seconds(headers.get("retry-after"), 1),
    )


def _without_secrets(text: str, client: AsyncAnthropic) -> str:
    """The text without the client's credentials, should whoever answers repeat them.

    What is shorter than any credential is a placeholder for a server that wants none, and may be an ordinary word.
    """
    for secret in (client.api_key, client.auth_token):
        if secret and len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "[secret]")
    return text


def _may_pass(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500  # noqa: PLR2004


def _seconds(header: str | None, unit: int) -> float | None:
    """The header's number in seconds. A date, which the API does not send, is not read."""
    try:
        return None if header is None else max(0.0, float(header) / unit)
    except ValueError:
        return None


def _parsed(data: str) -> Mapping[str, Any]:
    try:
        event = json.loads(data or "{}")
    except ValueError:
        raise StreamBroken(f"The Messages API sent an event that is not JSON: {data[:200]!r}") from None
    return event if isinstance(event, dict) else {}


def _reason(error: APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return str(body["error"].get("message"))
    return error.message
