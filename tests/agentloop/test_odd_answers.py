"""Odd but legal answers of a compatible Messages API, and answers that never end."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic

from agentloop import Agent, Limits, ModelError, RunError, RunResult, StreamBroken, Tool, sdk_client
from agentloop.bounded import MAX_ANSWER, MAX_EVENT
from agentloop.event_json import event_to_json
from agentloop.events import Event
from agentloop.testing import calls, says
from agentloop.turn import MAX_BLOCKS
from tests.raw_http import STREAM, RawRequest, RawServer, raw_server, stream_of

odd = pytest.mark.requirement("odd-answers")
bounded = pytest.mark.requirement("bounded-answers")


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **piece: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **piece}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str) -> list[dict[str, Any]]:
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    about = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
    return [{"type": "message_delta", "delta": about, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]


USAGE = {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 0, "cache_creation": {"ephemeral_5m": 0}}
BEGUN = {
    "type": "message_start",
    "message": {"id": "m", "role": "assistant", "model": "m", "content": [], "usage": USAGE},
}
BLOCKS = [
    start(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="hm"),
    delta(0, "signature_delta", signature="c2ln"),
    stop(0),
    start(1, type="text", text="", citations=None),
    delta(1, "text_delta", text="so"),
    delta(1, "citations_delta", citation={"type": "char_location", "cited_text": "x"}),
    stop(1),
    start(2, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    delta(2, "input_json_delta", partial_json='{"query": "x"}'),
    stop(2),
]
CALL = [
    start(3, type="tool_use", id="toolu_1", name="note", input={}),
    delta(3, "input_json_delta", partial_json='{"number": 1.5}'),
    stop(3),
]
RECORDED = [BEGUN, *BLOCKS, *CALL, {"type": "ping"}, *ended("tool_use")]
REFUSED = [BEGUN, *ended("refusal")]
ERROR = [BEGUN, {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}]
DONE = [BEGUN, start(0, type="text", text="done"), stop(0), *ended("end_turn")]

deep: Any = []
for _ in range(450):
    deep = [deep]
VALUES: list[Any] = [None, True, -1, 7.5, 10**4290, "\ud800", ["x"], {"x": 1}, deep]
"""Of every JSON type."""
PYTHONS = re.compile(
    r"unhashable|NoneType|not subscriptable|KeyError|TypeError|ValueError|expected str|recursion depth|digits"
)


def encoded(event: Any) -> bytes:
    return f"event: any\ndata: {json.dumps(event)}\n\n".encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))


def with_value(event: Any, path: tuple[Any, ...], value: Any) -> Any:
    return {**event, path[0]: with_value(event[path[0]], path[1:], value)} if path else value


def without(event: Any, path: tuple[Any, ...]) -> Any:
    if len(path) == 1:
        return {name: value for name, value in event.items() if name != path[0]}
    return {**event, path[0]: without(event[path[0]], path[1:])}


def variants(recording: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """The recording with one field replaced by each value, or left out."""
    for number, event in enumerate(recording):
        for path in places(event):
            odd_ones = [with_value(event, path, value) for value in VALUES] + ([without(event, path)] if path else [])
            for each, value in zip(odd_ones, [*VALUES, "left out"], strict=False):
                name = f"{number} {'.'.join(map(str, path))} = {str(value)[:20]!r}"
                events = [*recording[:number], each, *recording[number + 1 :]]
                yield name, b"".join(map(encoded, events))


@odd
@pytest.mark.parametrize("recording", [RECORDED, REFUSED, ERROR], ids=["tool_use", "refusal", "error"])
async def test_every_field_of_every_event_may_be_of_every_json_type(recording: list[dict[str, Any]]) -> None:
    whole, done = b"".join(map(encoded, recording)), b"".join(map(encoded, DONE))
    todo = dict(variants(recording))
    bodies: Iterator[bytes]

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=next(bodies, done))

    def note(number: Any) -> str:
        return str(number)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = AsyncAnthropic(base_url="http://m.invalid", api_key="scripted", http_client=http)
    agent = Agent("tester", "Test.", [Tool.from_function(note)], client=client, limits=Limits(attempts=1))
    failures = []
    bodies = iter([whole])
    if recording is RECORDED:
        assert (await agent.run("go")).answer == "done"
    for name, body in todo.items():
        bodies = iter([body])
        problem = await problem_of(agent)
        if problem is not None:
            failures.append(f"{name}: {problem}")
    await client.close()
    assert failures == []
    assert len(todo) > 100


async def problem_of(agent: Agent) -> str | None:
    received: list[Event] = []
    try:
        result: RunResult | RunError = await agent.run("go", on_event=received.append)
    except RunError as error:
        result = error
    except Exception as error:  # noqa: BLE001 - which is what must not happen
        return f"a bare {error!r}"
    said = " ".join([str(result), *(json.dumps(event_to_json(event), allow_nan=False) for event in received)])
    found = PYTHONS.search(said)
    return None if found is None else f"{found[0]!r} in {said}"


async def answered_with(*bodies: bytes, tools: Any = ()) -> tuple[RunResult, RawServer]:
    left = iter(bodies)

    async def answer(_request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(next(left))
        await writer.drain()

    async with raw_server(answer) as server:
        agent = Agent("tester", "Test.", tools, client=lambda: sdk_client(base_url=server.url, api_key="scripted"))
        return await agent.run("go"), server


@odd
async def test_a_whole_input_that_comes_with_its_block_keeps_every_digit() -> None:
    noted: list[Any] = []

    def note(number: Any) -> str:
        noted.append(number)
        return "noted"

    block = b'{"type": "tool_use", "id": "t", "name": "note", "input": {"number": 12345678901234567890.5}}'
    call = b'event: x\ndata: {"type": "content_block_start", "index": 0, "content_block": %b}\n\n' % block
    body = stream_of(encoded(BEGUN), call, encoded(stop(0)), *map(encoded, ended("tool_use")))
    await answered_with(body, stream_of(*map(encoded, DONE)), tools=[Tool.from_function(note)])
    assert [str(number) for number in noted] == ["12345678901234567890.5"]


@odd
async def test_halves_of_characters_are_replaced_on_both_ways(scripted_messages: Any) -> None:
    server = scripted_messages(
        [calls(("show", {"text": "\ud83d"})), calls(("show", {"text": "x"})), says("a\ud800b \U0001f642")]
    )

    def show(text: str) -> str:
        """Show \ud801."""
        return f"{text}\udc00"

    agent = Agent("tester", "Test \udfff.", [Tool.from_function(show)], client=server.client)
    result = await agent.run("go \ud83d")
    assert result.answer == "a\N{REPLACEMENT CHARACTER}b \U0001f642"
    sent = server.requests[-1].body
    assert sent["system"] == "Test \N{REPLACEMENT CHARACTER}."
    texts = [
        block["content"][0]["text"]
        for message in sent["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    ]
    assert "unpaired surrogate" in texts[0]
    assert texts[1] == "x?"


async def endless(head: bytes, begun: bytes, piece: bytes) -> tuple[ModelError, int]:
    """What a run raises for an answer that goes on and on, and how many bytes of it were sent."""
    sent = 0

    async def answer(_request: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head + begun)
        await writer.drain()
        while piece and sent < 20 * MAX_ANSWER:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    async with raw_server(answer) as server:
        agent = Agent("tester", "Test.", client=lambda: sdk_client(base_url=server.url, api_key="scripted"))
        with pytest.raises(ModelError) as failed:
            await agent.run("go")
    assert len(server.requests) == 1, "asked again"
    return failed.value, sent


PLAIN = STREAM + b"\r\n"
BEGINNING = b"".join(map(encoded, [BEGUN, start(0, type="text", text="")]))


@bounded
@pytest.mark.parametrize(
    ("piece", "bound"),
    [
        (encoded(delta(0, "text_delta", text="x" * 50_000)) * 20, MAX_ANSWER),
        (encoded(delta(0, "input_json_delta", partial_json="x" * 50_000)) * 20, MAX_ANSWER),
        ((b": ping" + b" " * 5_000 + b"\n\n") * 200, MAX_ANSWER),
        (b"data: " + b"x" * 1_000_000 + b"\n", MAX_EVENT),
        (b"x" * 1_000_000, MAX_EVENT),
    ],
    ids=["text", "tool input", "pings", "lines", "one line"],
)
async def test_an_answer_that_never_ends_is_given_up(piece: bytes, bound: int) -> None:
    error, sent = await endless(PLAIN, BEGINNING, piece)
    assert f"more than {bound:,} bytes" in str(error)
    assert sent < bound + 8 * 1024 * 1024


@bounded
async def test_blocks_without_end_are_given_up() -> None:
    blocks = b"".join(encoded(start(index, type="text", text="")) for index in range(1, MAX_BLOCKS + 10))
    error, _ = await endless(PLAIN, BEGINNING, blocks)
    assert f"more than {MAX_BLOCKS:,} blocks" in str(error)


@bounded
async def test_a_small_gzip_of_a_huge_answer_is_given_up() -> None:
    bomb = gzip.compress(BEGINNING + (b": " + b" " * 998 + b"\n\n") * 80_000)
    assert len(bomb) < MAX_ANSWER / 20
    error, _ = await endless(STREAM + b"content-encoding: gzip\r\n\r\n", bomb, b"")
    assert f"more than {MAX_ANSWER:,} bytes" in str(error)


@bounded
async def test_an_error_without_end_is_read_as_far_as_it_is_quoted() -> None:
    error, sent = await endless(b"HTTP/1.1 400 X\r\n\r\n", b"", b"no " * 100_000)
    assert str(error).startswith("The Messages API answered 400: no no no")
    assert len(str(error)) < 2_000
    assert sent < 10_000_000


@odd
@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b'{"type": "message", "content": []}'])
async def test_an_answer_that_is_no_stream_is_a_broken_stream(body: bytes) -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body) as server:
        agent = Agent("tester", "Test.", client=lambda: sdk_client(base_url=server.url, api_key="scripted"))
        with pytest.raises(StreamBroken, match="ended before it was complete"):
            await agent.run("go")
