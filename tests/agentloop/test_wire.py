"""Both ways to the Messages API send the same and fail alike; server-sent events are read as the SDK reads them."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from agentloop import ModelError, StreamBroken
from agentloop.model import ModelSettings, Request
from agentloop.sse import EventData
from agentloop.testing import ScriptedMessages, cut, fails, says
from agentloop.testing.server import Script
from agentloop.tools import ToolSpec
from agentloop.wire import Direct, Head, ThroughSdk, Wire

Serve = Callable[[Script], ScriptedMessages]
KEY = "a-key-that-is-long-enough"
REQUEST = Request(
    ModelSettings("m", "Test.", (ToolSpec("t", "Does.", {"type": "object"}),), effort="low", parallel_tool_calls=False),
    ({"role": "user", "content": [{"type": "text", "text": "G\u00f6 \U0001f642 \u2028"}]},),
    77,
)

NOT_SENT = {"x-stainless-raw-response", "x-stainless-read-timeout", "x-stainless-retry-count", "x-stainless-timeout"}
"""What the SDK says of its own retries and timeouts, which are ours here."""
VARY = {"content-length", "host", "connection", "accept-encoding", "transfer-encoding"}
"""Headers that belong to the connection, or to what the HTTP client can unpack."""


def plain(url: str, **more: Any) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0, **more)


def head(client: AsyncAnthropic) -> Head:
    found = Head.of(client)
    assert found is not None
    return found


def as_text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()


async def said(wire: Wire) -> list[str]:
    try:
        async with wire.send(REQUEST) as answer:
            return [as_text(data) async for came in answer for data in came]
    finally:
        await wire.close()


@pytest.mark.requirement("direct-wire")
async def test_a_request_sent_directly_is_the_one_the_sdk_sends(scripted_messages: Serve) -> None:
    server = scripted_messages([says("hello \u00e9"), says("hello \u00e9")])
    client = plain(server.url, default_headers={"x-team": "blue"})
    direct, through_sdk = await said(Direct(head(client))), await said(ThroughSdk(client))
    assert len(direct) == len(through_sdk) > 5
    one, other = server.requests
    assert one.body == other.body
    sent = {name: value for name, value in one.headers.items() if name not in VARY}
    by_sdk = {name: value for name, value in other.headers.items() if name not in VARY}
    assert set(by_sdk) - set(sent) <= NOT_SENT
    assert sent == {name: by_sdk[name] for name in sent}
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["x-team"] == "blue"


def different() -> Iterator[tuple[str, Callable[[], AsyncAnthropic]]]:
    def subclass() -> AsyncAnthropic:
        class Own(AsyncAnthropic):
            pass

        return Own(api_key=KEY)

    async def between(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    yield "own HTTP client", lambda: plain("http://x.invalid", http_client=httpx2.AsyncClient())
    yield "middleware", lambda: plain("http://x.invalid", middleware=[between])
    yield "query", lambda: plain("http://x.invalid", default_query={"beta": "true"})
    yield "subclass", subclass
    yield "token provider", lambda: AsyncAnthropic(credentials=lambda **_: anthropic.AccessToken(token=KEY))


@pytest.mark.requirement("direct-wire")
@pytest.mark.parametrize("make", [each for _, each in different()], ids=[name for name, _ in different()])
def test_a_client_that_does_more_than_send_is_left_to_the_sdk(make: Callable[[], AsyncAnthropic]) -> None:
    assert Head.of(make()) is None


@pytest.mark.requirement("direct-wire")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY", "ANTHROPIC_LOG"])
def test_proxies_and_the_sdks_log_are_left_to_the_sdk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    client = plain("http://x.invalid")
    assert Head.of(client) is not None
    monkeypatch.setenv(name, "http://proxy.invalid:3128")
    assert Head.of(client) is None


@pytest.mark.requirement("direct-wire")
async def test_a_traced_request_names_the_span_it_is_part_of(
    scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    server = scripted_messages([says("one"), says("two")])
    with provider.get_tracer("test").start_as_current_span("turn") as span:
        await said(Direct(head(plain(server.url))))
    await said(Direct(head(plain(server.url))))
    within, outside = server.requests
    context = span.get_span_context()
    assert within.headers["traceparent"].split("-")[1:3] == [f"{context.trace_id:032x}", f"{context.span_id:016x}"]
    assert "traceparent" not in outside.headers


@pytest.mark.requirement("direct-wire")
@pytest.mark.parametrize(
    "wanted", [{"propagation": False}, {"traces": False}, {"traces": {"content_mode": "content"}}], ids=str
)
def test_spans_that_are_wanted_otherwise_are_left_to_the_sdk(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = plain("http://x.invalid", open_telemetry=wanted)
    untraced = Head.of(client)
    assert untraced is not None
    assert not untraced.sends_trace_context
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert Head.of(client) is None


@pytest.mark.requirement("direct-wire")
async def test_refusals_say_the_same_on_both_ways_and_never_the_key(scripted_messages: Serve) -> None:
    refusal = fails(429, "rate_limit_error", retry_after=2)
    refusal.error["message"] = f"slow down, {KEY}"  # type: ignore[index]
    server = scripted_messages(lambda _: refusal)
    client = plain(server.url)
    found = []
    for wire in (Direct(head(client)), ThroughSdk(client)):
        with pytest.raises(ModelError) as caught:
            await said(wire)
        error = caught.value
        found.append((str(error), error.status, error.kind, error.is_passing, error.retry_after, error.is_overload))
    assert found[0] == found[1]
    assert found[0][1:] == (429, "rate_limit_error", True, 2.0, True)
    assert KEY not in found[0][0]


@pytest.mark.requirement("direct-wire")
async def test_an_answer_that_is_dropped_is_a_broken_stream(scripted_messages: Serve) -> None:
    server = scripted_messages([cut(says("hello"), after=2, by="reset")])
    with pytest.raises(StreamBroken, match="cut off"):
        await said(Direct(head(plain(server.url))))


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.requirement("direct-wire")
@pytest.mark.parametrize(
    ("begun", "told"),
    [
        (b"", "could not be reached"),
        (HEAD, r"cut off: nothing came for 0\.1 s"),
        (HEAD + b"8\r\ndata: {}\r\n", r"cut off: nothing came for 0\.1 s"),
    ],
)
async def test_an_answer_that_stalls_is_given_up(begun: bytes, told: str) -> None:
    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await ended.wait()
        writer.close()

    ended = asyncio.Event()
    silent = await asyncio.start_server(stall, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    try:
        with pytest.raises(ModelError, match=told) as failed:
            await said(Direct(head(plain(url, timeout=0.1))))
        assert failed.value.is_passing
    finally:
        ended.set()
        silent.close()
        await silent.wait_closed()


line = st.sampled_from(
    ["data: a", "data:b", "data", "data:", "event: x", ": c", "id: 1", "data: \u00e9\u2028", "", "dataset: 1"]
)


@given(
    st.lists(st.tuples(line, st.sampled_from(["\n", "\r\n", "\r"])), max_size=30),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_events_are_read_as_the_sdk_reads_them_wherever_they_are_cut(
    lines: list[tuple[str, str]], cuts: list[int]
) -> None:
    whole = "".join(text + end for text, end in lines).encode()
    at = sorted({min(each, len(whole)) for each in cuts} | {0, len(whole)})
    ours = EventData()
    found = [data.decode() for a, b in itertools.pairwise(at) for data in ours.feed(whole[a:b])]
    response = httpx2.Response(200, content=whole)
    by_sdk = [event.data for event in anthropic.Stream.raw_events(response) if event.data]
    assert [data for data in found if data] == by_sdk[: len(found)]
    assert len(by_sdk) - len(found) <= 1  # the SDK takes what is cut off at the end of the stream for an event
