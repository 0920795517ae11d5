"""How a request gets to the Messages API and its answer back.

`ThroughSdk` sends it with the SDK's client, whatever that is made of. `Direct` sends what the SDK's client would send
over `aiohttp`, for a sixth of the time. It is used for clients that are as the SDK makes them and have a key or a token
of their own; see docs/decisions/direct-wire.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from opentelemetry import trace

from agentloop.errors import ConfigurationError, ModelError, StreamBroken
from agentloop.imports import lazy
from agentloop.sse import EventData

if TYPE_CHECKING:
    import ssl

    import aiohttp
    import anthropic
    import httpx2
    from anthropic import AsyncAnthropic
    from opentelemetry import propagate

    from agentloop.model import Request
else:
    # Together they take a process as long to import as everything else, and it may never ask a model.
    aiohttp, anthropic, httpx2 = lazy("aiohttp"), lazy("anthropic"), lazy("httpx2")
    propagate = lazy("opentelemetry.propagate")

SHORTEST_SECRET = 16
"""Characters of a credential at least."""
MAX_ERROR = 100_000
"""Bytes of an error's body that are read."""


class Answer(Protocol):
    """An answer that has begun. Iterating gives the data of its events, those that came together at once."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def __aiter__(self) -> AsyncIterator[Iterable[str | bytes]]: ...


class Wire(Protocol):
    """A way to the Messages API, for one event loop."""

    def send(self, request: Request) -> AbstractAsyncContextManager[Answer]:
        """Send a request and stream its answer.

        Raises:
            Refusal: the API answered with an error.
            ModelError: it could not be reached.
            StreamBroken: the answer broke off.
            ConfigurationError: there are no credentials.
        """

    async def close(self) -> None: ...


class Refusal(ModelError):
    """The API's answer is an error; `headers` are the answer's."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str | None]) -> None:
        error = _error(body)
        should_retry = headers.get("x-should-retry")
        reason = _without(secrets, str(error.get("message") or body[:1000].decode(errors="replace") or "no reason"))
        super().__init__(
            f"The Messages API answered {status}: {reason}",
            status=status,
            kind=None if error.get("type") is None else str(error["type"]),
            request_id=headers.get("request-id"),
            is_passing=should_retry == "true" if should_retry in {"true", "false"} else _may_pass(status),
            retry_after=_seconds(headers.get("retry-after-ms"), 1000) or _seconds(headers.get("retry-after"), 1),
        )
        self.headers = headers


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _without(secrets: Iterable[str | None], text: str) -> str:
    """The text without the client's credentials, should whoever answers repeat them.

    What is shorter than any credential is a placeholder for a server that wants none, and may be an ordinary word.
    """
    for secret in secrets:
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


class ThroughSdk:
    """The SDK's client sends."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self.client = client.with_options(max_retries=0)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        create = self.client.messages.with_streaming_response.create
        try:
            async with create(**request.arguments(), stream=True) as response:
                yield _SdkAnswer(response.http_response)
        except anthropic.APIStatusError as error:
            secrets = (self.client.api_key, self.client.auth_token)
            raise Refusal(error.status_code, error.response.headers, error.response.content, secrets) from error
        except anthropic.AnthropicError as error:
            raise ModelError(f"The Messages API could not be reached: {error}", is_passing=True) from error
        except httpx2.TransportError as error:
            raise StreamBroken(f"The Messages API's answer was cut off: {error!r}") from error
        except TypeError as error:
            if "authentication" not in str(error):
                raise
            raise ConfigurationError("No credentials for the Messages API: set ANTHROPIC_API_KEY.") from None

    async def close(self) -> None:
        await self.client.close()


@dataclass(frozen=True, slots=True)
class _SdkAnswer:
    response: httpx2.Response

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def __aiter__(self) -> AsyncIterator[Iterable[str]]:
        async for event in anthropic.AsyncStream.raw_events(self.response):
            yield (event.data,)


@dataclass(frozen=True)
class Head:
    """Everything of a request but its body, as one client of the SDK has it. Any number of event loops may share it."""

    url: str
    headers: Mapping[str, str]
    connect_timeout: float | None
    read_timeout: float | None
    secrets: tuple[str | None, ...]
    sends_trace_context: bool

    @classmethod
    def of(cls, client: AsyncAnthropic) -> Head | None:
        """The client's; None if it does more than send what it is given with a key or a token."""
        if not _is_plain(client):
            return None
        timeout = client.timeout if isinstance(client.timeout, httpx2.Timeout) else httpx2.Timeout(client.timeout)
        return cls(
            url=f"{str(client.base_url).rstrip('/')}/v1/messages",
            headers={name: value for name, value in client.default_headers.items() if isinstance(value, str)},
            connect_timeout=timeout.connect,
            read_timeout=timeout.read,
            secrets=(client.api_key, client.auth_token),
            sends_trace_context=_is_traced_as_ever(client),
        )

    @cached_property
    def tls(self) -> ssl.SSLContext | bool:
        """With the certificates the SDK would use."""
        return httpx2.create_ssl_context() if self.url.startswith("https:") else True


def _is_plain(client: AsyncAnthropic) -> bool:
    """Whether the client is as the SDK makes it: no HTTP client of its owner's, and nothing between or looking on."""
    return (
        type(client) is anthropic.AsyncAnthropic
        and bool(client.api_key or client.auth_token)
        and client.credentials is None
        and type(getattr(client, "_client", None)).__name__ == "AsyncHttpxClientWrapper"
        and not getattr(client, "_middleware", True)
        and not client.default_query
        and not client.is_closed()
        and not urllib.request.getproxies().keys() - {"no"}
        and not os.environ.get("ANTHROPIC_LOG")
        and (isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) or _is_traced_as_ever(client))
    )


def _is_traced_as_ever(client: AsyncAnthropic) -> bool:
    """Whether nobody wants the SDK's spans otherwise than by default: without content, their context sent on."""
    options: Any = getattr(client, "open_telemetry", {})
    traces = options.get("traces", {})
    return bool(options.get("propagation") and traces.get("enabled") and traces.get("content_mode") == "metadata_only")


class Direct:
    """Connections of one event loop over which requests with one head go."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=head.tls),
            headers=head.headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=head.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        try:
            async with asyncio.timeout(self._head.read_timeout):
                response = await self._session.post(self._head.url, data=request.body, headers=self._trace_context())
                if not response.ok:
                    async with response:
                        body = await response.content.read(MAX_ERROR)
                    raise Refusal(response.status, response.headers, body, self._head.secrets)
        except (aiohttp.ClientError, OSError) as error:
            raise ModelError(f"The Messages API could not be reached: {error!r}", is_passing=True) from error
        async with response:
            with _Silence(response, self._head.read_timeout) as silence:
                yield _DirectAnswer(response, silence)

    def _trace_context(self) -> Mapping[str, str] | None:
        """The headers that name the span a request belongs to: its turn's."""
        if not self._head.sends_trace_context or not trace.get_current_span().get_span_context().is_valid:
            return None
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    async def close(self) -> None:
        await self._session.close()


class _Silence:
    """Closes a response in the block when nothing has come for `seconds`; `since` is when something came.

    The timer looks when the last piece came. aiohttp's own, set anew for each piece, takes as long as reading it.
    """

    def __init__(self, response: aiohttp.ClientResponse, seconds: float | None) -> None:
        self._response = response
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.since = time.monotonic()
        self.reason: str | None = None

    def __enter__(self) -> Self:
        self._look()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._seconds is None:
            return
        left = self.since + self._seconds - time.monotonic()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
        else:
            self.reason = f"nothing came for {self._seconds:g} s"
            self._response.close()


@dataclass(frozen=True, slots=True)
class _DirectAnswer:
    response: aiohttp.ClientResponse
    silence: _Silence

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def __aiter__(self) -> AsyncIterator[Iterable[bytes]]:
        data = EventData()
        try:
            while chunk := await self.response.content.readany():
                self.silence.since = time.monotonic()
                yield data.feed(chunk)
        except ValueError as error:
            raise StreamBroken(f"The Messages API sent an event that cannot be read: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            reason = self.silence.reason or repr(error)
            raise StreamBroken(f"The Messages API's answer was cut off: {reason}") from error
