"""Requests to the Messages API, sent by the anthropic SDK.

The SDK's client has the address, the credentials and the provider's stream format. This module adds, for every client:
no redirects, limited responses, error messages without credentials, and no retries, which `model_caller` does. See
docs/decisions/sdk-sends.md.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, get_args

from opentelemetry import propagate

from agentloop import exact_json
from agentloop.api_errors import broken_stream, failed_request, redacted_error
from agentloop.errors import ConfigurationError, StreamBroken
from agentloop.imports import lazy

if TYPE_CHECKING:
    import ssl

    import anthropic
    import httpx2

    from agentloop import bounded
else:
    # Importing them takes as long as everything else, and many processes never send a request to a model.
    anthropic, httpx2 = lazy("anthropic"), lazy("httpx2")
    bounded = lazy("agentloop.bounded")

SdkClient: TypeAlias = Union[
    "anthropic.AsyncAnthropic",
    "anthropic.AsyncAnthropicBedrock",
    "anthropic.AsyncAnthropicBedrockMantle",
    "anthropic.AsyncAnthropicVertex",
]
"""AsyncAnthropicFoundry and AsyncAnthropicAWS are kinds of AsyncAnthropic."""

_CREDENTIALS = ("api_key", "auth_token", "credentials")
_BEDROCK = "application/vnd.amazon.eventstream"


def sdk_client(**options: Any) -> anthropic.AsyncAnthropic:
    """A client of the anthropic SDK on the SDK's aiohttp transport, which takes half the time of its default.

    `options` are those of `AsyncAnthropic`; what they leave out is taken from the environment. A server that is named,
    here or by `ANTHROPIC_BASE_URL`, is taken to need no key if there is none.

    Example:
        local = Agent("writer", "Write.", model="qwen3", client=lambda: sdk_client(base_url="http://127.0.0.1:11434"))
    """
    options.setdefault("http_client", anthropic.DefaultAioHttpClient(verify=tls_context()))
    client = anthropic.AsyncAnthropic(**options)
    is_named = options.get("base_url") or os.environ.get("ANTHROPIC_BASE_URL")
    if is_named and not any(getattr(client, name) for name in _CREDENTIALS):
        client.api_key = "none-needed"
    return client


Provider = Literal["anthropic", "bedrock", "vertex", "foundry"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

_PACKAGES = {"bedrock": "botocore", "vertex": "google.auth"}
_SETTINGS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "bedrock": "AWS_REGION, and credentials that the AWS SDK finds or AWS_BEARER_TOKEN_BEDROCK",
    "vertex": "CLOUD_ML_REGION and ANTHROPIC_VERTEX_PROJECT_ID",
    "foundry": "ANTHROPIC_FOUNDRY_RESOURCE and ANTHROPIC_FOUNDRY_API_KEY",
}


def provider_client(provider: Provider, **options: Any) -> SdkClient:
    """A client of the anthropic SDK for Claude at Anthropic, Amazon Bedrock, Google Vertex AI or Microsoft Foundry.

    `options` are those of the SDK's class; what they leave out is taken from the environment. The agent's `model` has
    to be the provider's id of it. Bedrock and Vertex need the extra of that name.

    Example:
        client = partial(provider_client, "bedrock", aws_region="eu-west-1")
        writer = Agent("writer", "Write.", model="eu.anthropic.claude-haiku-5-5", client=client)

    Raises:
        ConfigurationError: a package or a setting is missing.
    """
    package = _PACKAGES.get(provider)
    if package is not None and not _is_installed(package):
        raise ConfigurationError(
            f"The provider {provider} needs {package}, of the extra `{provider}`. "
            f"Install it from the project's folder: pip install '.[{provider}]'"
        )
    try:
        match provider:
            case "anthropic":
                return sdk_client(**options)
            case "bedrock":
                return anthropic.AsyncAnthropicBedrock(**options)
            case "vertex":
                return anthropic.AsyncAnthropicVertex(**options)
            case "foundry":
                return anthropic.AsyncAnthropicFoundry(**options)
    except (ValueError, anthropic.AnthropicError):
        raise ConfigurationError(f"The provider {provider} is not configured: set {_SETTINGS[provider]}.") from None
    raise ConfigurationError(f"{provider!r} is not a provider: use one of {', '.join(PROVIDERS)}.")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package in which it would be
        return False


@cache
def tls_context() -> ssl.SSLContext:
    """Cached: loading the certificates takes 40 ms, and every event loop has its own client.

    Raises:
        ConfigurationError: the file that SSL_CERT_FILE names cannot be read.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        given = os.environ.get("SSL_CERT_FILE")
        raise ConfigurationError(
            f"The certificates in SSL_CERT_FILE={given} cannot be read ({error.strerror}): correct it or unset it."
        ) from None


@dataclass(frozen=True, slots=True)
class Answer:
    """A streamed response: the headers, and the events as they arrive."""

    headers: Mapping[str, str]
    events: AsyncIterator[Mapping[str, Any]]


def is_async_client(client: object) -> bool:
    return inspect.iscoroutinefunction(getattr(client, "post", None))


CLIENT_ADVICE = "give an async client of the anthropic SDK, such as AsyncAnthropic, or a function that makes one"


class ApiClient:
    """Sends requests with one client of the SDK, on one event loop."""

    def __init__(self, client: SdkClient) -> None:
        if not is_async_client(client):
            raise ConfigurationError(f"The client is {type(client).__name__}: {CLIENT_ADVICE}.")
        if client.is_closed():
            raise ConfigurationError(
                "The client is closed. What a function has made is closed after its last run: make a new one each time."
            )
        self._client = client.with_middleware(bounded.bound_answers)

    @asynccontextmanager
    async def send(self, body: Mapping[str, Any], betas: Sequence[str] = ()) -> AsyncIterator[Answer]:
        """Send a request with this body and stream its answer. `betas` are features of the API that it needs.

        Raises:
            ApiError: the API answered with an error.
            ModelError: it could not be reached, redirects, or sends more than the limit.
            StreamBroken: the response ended early.
            ConfigurationError: there are no credentials, or the client cannot be used.
        """
        try:
            # Not `messages.create`, because only this method can refuse redirects for any client.
            stream = await self._client.post(
                "/v1/messages",
                body={**body, "stream": True},
                cast_to=object,
                options={"follow_redirects": False, "max_retries": 0, "headers": self._headers(betas)},
                stream=True,
                stream_cls=anthropic.AsyncStream[object],
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the credentials
            has_credentials = any(getattr(self._client, name, None) for name in _CREDENTIALS)
            raise failed_request(error, self._client.base_url, has_credentials=has_credentials) from None
        async with stream:
            yield Answer(stream.response.headers, _events(stream))

    @property
    def base_url(self) -> str:
        """The address of the API."""
        return str(self._client.base_url)

    async def close(self) -> None:
        await self._client.close()

    def _headers(self, betas: Sequence[str]) -> dict[str, str]:
        """No compression, so that the limits apply to the received bytes; and the trace context of the turn."""
        headers = {"accept-encoding": "identity"}
        if betas:
            configured = self._client.default_headers.get("anthropic-beta")
            headers["anthropic-beta"] = ",".join([*([configured] if isinstance(configured, str) else []), *betas])
        if self._client.open_telemetry["propagation"]:
            propagate.inject(headers)
        return headers


async def _events(stream: anthropic.AsyncStream[object]) -> AsyncIterator[Mapping[str, Any]]:
    response = stream.response
    try:
        if response.headers.get("content-type", "").startswith(_BEDROCK):
            async for decoded in stream:
                event: Any = _checked(decoded)
                yield event if _is_event(event) else {}
        else:
            async for raw in anthropic.AsyncStream.raw_events(response):
                event = _parsed(raw.data)
                if event.get("type") == "error":
                    event["error"] = redacted_error(event, response.request)
                yield event
    except Exception as error:  # noqa: BLE001 - as above
        raise broken_stream(error, response) from None


def _parsed(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data or "{}")
        if data.count("{") + data.count("[") > exact_json.MAX_NESTING or "\\ud" in data or "\\uD" in data:
            event = _checked(event)
        if not _is_event(event):
            return {}
        block = event.get("content_block")
        if isinstance(block, dict) and block.get("type") == "tool_use" and block.get("input"):
            # Some compatible servers send the complete input with the block: its numbers stay exact.
            block["input"] = exact_json.loads(data)["content_block"]["input"]
    except (ValueError, RecursionError):
        raise StreamBroken("The Messages API sent an event that is not JSON, or nested too deeply.") from None
    parsed: dict[str, Any] = event
    return parsed


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _checked(event: Any) -> Any:
    """The event, if its nesting is limited, with text that can be encoded."""
    if exact_json.nesting(event, exact_json.MAX_NESTING) > exact_json.MAX_NESTING:
        raise ValueError("nested too deeply")
    return exact_json.encodable(event)
