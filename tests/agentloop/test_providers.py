"""Every client of the anthropic SDK sends an agent's requests: its address, its credentials, its framing."""

import json
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from anthropic import (
    AsyncAnthropic,
    AsyncAnthropicBedrock,
    AsyncAnthropicBedrockMantle,
    AsyncAnthropicFoundry,
    AsyncAnthropicVertex,
)

from agentloop import Agent, ConfigurationError, Limits, ModelError, StreamBroken, Tool, sdk_client
from agentloop.events import Event, TurnRetried
from agentloop.testing.wire import sse_events
from agentloop.wire import PROVIDERS, Provider, SdkClient, provider_client
from tests.providers import EVENT_STREAM, frame, framed

pytestmark = pytest.mark.requirement("sdk-sends")

KEY = "a-key-that-is-long-enough"


def message(*content: dict[str, Any], stop_reason: str) -> list[bytes]:
    usage = {"input_tokens": 10, "output_tokens": 5}
    return list(sse_events({"id": "m", "model": "m", "content": content, "stop_reason": stop_reason, "usage": usage}))


CALL = {"type": "tool_use", "id": "toolu_1", "name": "note", "_raw": '{"number": 12345678901234567890.5}'}
TURNS = [message(CALL, stop_reason="tool_use"), message({"type": "text", "text": "done"}, stop_reason="end_turn")]


class FakeProvider:
    """Answers requests, as its provider frames them, and keeps them."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.answers.pop(0)


def api(http: httpx2.AsyncClient) -> SdkClient:
    return AsyncAnthropic(api_key=KEY, base_url="http://api.invalid", http_client=http)


def bedrock(http: httpx2.AsyncClient) -> SdkClient:
    pytest.importorskip("botocore", reason="the extra `bedrock` is not installed: the SDK reads streams with botocore")
    return AsyncAnthropicBedrock(api_key=KEY, aws_region="eu-west-1", http_client=http)


def mantle(http: httpx2.AsyncClient) -> SdkClient:
    return AsyncAnthropicBedrockMantle(api_key=KEY, aws_region="eu-west-1", http_client=http)


def vertex(http: httpx2.AsyncClient) -> SdkClient:
    return AsyncAnthropicVertex(access_token=KEY, project_id="p", region="r", http_client=http)


def foundry(http: httpx2.AsyncClient) -> SdkClient:
    return AsyncAnthropicFoundry(api_key=KEY, resource="r", http_client=http)


PATHS: dict[Callable[[httpx2.AsyncClient], SdkClient], str] = {
    api: "/v1/messages",
    mantle: "/anthropic/v1/messages",
    bedrock: "/model/m/invoke-with-response-stream",
    vertex: "/v1/projects/p/locations/r/publishers/anthropic/models/m:streamRawPredict",
    foundry: "/anthropic/v1/messages",
}
each_provider = pytest.mark.parametrize("provider", PATHS, ids=[provider.__name__ for provider in PATHS])


def streamed(events: list[bytes], provider: Any) -> httpx2.Response:
    if provider is bedrock:
        return httpx2.Response(200, headers={"content-type": EVENT_STREAM}, content=b"".join(map(framed, events)))
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(events))


@each_provider
async def test_an_agent_works_with_it_and_reads_every_digit(provider: Any) -> None:
    noted: list[Any] = []

    def note(number: Any) -> str:
        noted.append(number)
        return "noted"

    server = FakeProvider(*(streamed(events, provider) for events in TURNS))
    agent = Agent("tester", "Test.", [Tool.from_function(note)], model="m", client=provider(server.http))
    assert (await agent.run("go")).answer == "done"
    assert [str(number) for number in noted] == ["12345678901234567890.5"]
    assert [request.url.path for request in server.requests] == [PATHS[provider]] * 2
    assert KEY in " ".join(server.requests[0].headers.values())


@each_provider
async def test_its_errors_are_typed_and_what_may_pass_is_asked_again(provider: Any) -> None:
    received: list[Event] = []
    error = {"type": "error", "error": {"type": "overloaded_error", "message": f"busy, {KEY}"}}
    busy = httpx2.Response(529, json=error, headers={"retry-after": "0.01"})
    denied = httpx2.Response(403, json={"error": {"type": "permission_error", "message": f"not you, {KEY}"}})
    server = FakeProvider(busy, denied)
    agent = Agent("tester", "Test.", model="m", client=provider(server.http))
    with pytest.raises(ModelError, match=r"answered 403: not you, \[secret\]") as failed:
        await agent.run("go", on_event=received.append)
    assert (failed.value.status, failed.value.kind) == (403, "permission_error")
    (retried,) = [event for event in received if isinstance(event, TurnRetried)]
    assert (retried.attempt, retried.reason) == (1, "overloaded")
    assert 0 < retried.next_try_in < 1
    assert retried.error == "The Messages API answered 529: busy, [secret]"


@each_provider
async def test_a_stream_that_it_breaks_off_is_a_broken_stream(provider: Any) -> None:
    server = FakeProvider(streamed(TURNS[1][:4], provider))
    agent = Agent("tester", "Test.", model="m", client=provider(server.http), limits=Limits(attempts=1))
    with pytest.raises(StreamBroken, match="ended before it was complete"):
        await agent.run("go")


async def test_an_exception_in_bedrocks_stream_is_an_error_of_the_api() -> None:
    payload = json.dumps({"message": f"slow down, {KEY}"}).encode()
    exception = frame(
        payload, exception_type="throttlingException", content_type="application/json", message_type="exception"
    )
    begun = b"".join(map(framed, TURNS[1][:3]))
    server = FakeProvider(httpx2.Response(200, headers={"content-type": EVENT_STREAM}, content=begun + exception))
    agent = Agent("tester", "Test.", model="m", client=bedrock(server.http), limits=Limits(attempts=1))
    with pytest.raises(ModelError, match="ended the stream with an error: slow down, ") as failed:
        await agent.run("go")
    assert KEY not in str(failed.value)


async def test_a_package_that_a_provider_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "botocore", None)
    client = AsyncAnthropicBedrock(
        api_key=KEY, aws_region="eu-west-1", http_client=FakeProvider(streamed([], api)).http
    )
    with pytest.raises(ConfigurationError, match="needs botocore, which is not installed"):
        await Agent("tester", "Test.", client=client).run("go")


@pytest.mark.requirement("no-redirects")
async def test_redirects_are_refused_also_by_a_client_that_follows_them() -> None:
    redirect = httpx2.Response(307, headers={"location": "http://elsewhere.invalid/v1/messages"})
    http = httpx2.AsyncClient(follow_redirects=True, transport=httpx2.MockTransport(lambda _: redirect))
    agent = Agent("tester", "Test.", client=AsyncAnthropic(api_key=KEY, base_url="http://m.invalid", http_client=http))
    with pytest.raises(ModelError, match=r"m\.invalid redirects to elsewhere\.invalid"):
        await agent.run("go")


async def test_what_the_client_is_set_to_is_sent() -> None:
    seen: list[str] = []

    async def between(request: Any, call_next: Any) -> Any:
        seen.append(request.url)
        return await call_next(request)

    server = FakeProvider(streamed(TURNS[1], api))
    options: Any = {"default_headers": {"x-team": "blue"}, "default_query": {"beta": "true"}, "middleware": [between]}
    client = sdk_client(api_key=KEY, base_url="http://m.invalid", http_client=server.http, max_retries=5, **options)
    await Agent("tester", "Test.", client=client).run("go")
    (request,) = server.requests
    assert (request.headers["x-team"], request.url.params["beta"], seen) == ("blue", "true", ["/v1/messages"])
    assert json.loads(request.content)["stream"] is True


def test_every_client_and_every_function_that_makes_one_has_the_type_of_a_client() -> None:
    options: Any = {"base_url": "http://m.invalid", "api_key": KEY}
    made = [
        Agent("tester", "", client=AsyncAnthropic(**options)),
        Agent("tester", "", client=AsyncAnthropicBedrock(**options, aws_region="r")),
        Agent("tester", "", client=AsyncAnthropicVertex(access_token=KEY, project_id="p", region="r")),
        Agent("tester", "", client=AsyncAnthropicFoundry(**options)),
        Agent("tester", "", client=AsyncAnthropic),
        Agent("tester", "", client=AsyncAnthropicBedrock),
        Agent("tester", "", client=AsyncAnthropicVertex),
        Agent("tester", "", client=AsyncAnthropicFoundry),
        Agent("tester", "", client=lambda: provider_client("vertex", region="r")),
    ]
    assert len(made) == 9


SETTINGS: dict[Provider, tuple[dict[str, str], type, str]] = {
    "anthropic": ({}, AsyncAnthropic, "https://api.anthropic.com"),
    "bedrock": ({"AWS_REGION": "eu-west-1"}, AsyncAnthropicBedrock, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
    "vertex": (
        {"CLOUD_ML_REGION": "europe-west1", "ANTHROPIC_VERTEX_PROJECT_ID": "p"},
        AsyncAnthropicVertex,
        "https://europe-west1-aiplatform.googleapis.com/v1/",
    ),
    "foundry": (
        {"ANTHROPIC_FOUNDRY_RESOURCE": "r", "ANTHROPIC_FOUNDRY_API_KEY": KEY},
        AsyncAnthropicFoundry,
        "https://r.services.ai.azure.com/anthropic/",
    ),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_configured_by_its_own_variables_and_what_is_missing_is_said(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = {"bedrock": "botocore", "vertex": "google.auth"}.get(provider)
    if package is not None:
        pytest.importorskip(package, reason=f"the extra `{provider}` is not installed")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    for variables, _, _ in SETTINGS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    for name in ("ANTHROPIC_BASE_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    variables, kind, url = SETTINGS[provider]
    if variables:
        with pytest.raises(ConfigurationError, match=f"{provider} is not configured: set {next(iter(variables))}"):
            provider_client(provider)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = provider_client(provider)
    assert isinstance(client, kind)
    assert str(client.base_url).rstrip("/") == url.rstrip("/")


def test_a_provider_whose_package_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    providers: list[tuple[Provider, str]] = [("bedrock", "botocore"), ("vertex", "google.auth")]
    for provider, package in providers:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            ConfigurationError, match=rf"needs {package}, of the extra `{provider}`\..* '\.\[{provider}\]'"
        ):
            provider_client(provider)
    with pytest.raises(ConfigurationError, match="'nobody' is not a provider: use one of anthropic, bedrock"):
        provider_client("nobody")  # type: ignore[arg-type]
