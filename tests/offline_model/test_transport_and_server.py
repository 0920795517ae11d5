import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from agentloop.testing.in_process import answer_transport, application, respond
from offline_model import MODEL
from offline_model.answering import answer

QUESTION = "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. Book Barn: an atlas at $34.20."


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "offline_model", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    name, _, url = process.stdout.readline().strip().partition("=")
    assert name == "ANTHROPIC_BASE_URL"
    return url


@pytest.mark.requirement("offline-wire")
async def test_the_server_answers_the_sdk_streamed_and_plain(kit: Any, server: subprocess.Popen[str]) -> None:
    async with AsyncAnthropic(api_key="any", base_url=address(server), max_retries=0) as client:
        for stream in (True, False):
            calculators = kit.Calculators(client)
            run = await kit.converse(client, QUESTION, tools=[kit.agent_tool], tool=calculators, stream=stream)
            assert run.answer == "$94.19"
        ask: Any = [{"role": "user", "content": "one two, three"}]
        counted = await client.messages.count_tokens(model="any", messages=ask)
        assert counted.input_tokens > 4
        with pytest.raises(anthropic.NotFoundError):
            await client.models.retrieve("any")


@pytest.mark.slow  # a process of its own
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_cleanly_on_a_signal(server: subprocess.Popen[str], name: signal.Signals) -> None:
    url = address(server)
    assert httpx2.get(url).status_code == 404
    server.send_signal(name)
    out, err = server.communicate(timeout=20)
    assert server.returncode == 0
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.requirement("offline-wire")
async def test_the_stream_arrives_event_by_event() -> None:
    body = {"model": "any", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "?"}]}
    headers = {"x-api-key": "any", "anthropic-version": "2026-10-21"}
    async with (
        httpx2.AsyncClient(transport=answer_transport(answer)) as client,
        client.stream("POST", "http://offline.invalid/v1/messages", json=body, headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        pieces = [piece async for piece in response.aiter_raw()]
    assert len(pieces) > 10
    assert all(piece.startswith(b"event: ") and piece.count(b"event: ") == 1 for piece in pieces)


async def test_a_bad_request_is_the_error_the_sdk_expects(client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        await client.messages.create(
            model="any", max_tokens=9, messages=[{"role": "user", "content": "1+1"}], extra_body={"temperature": 0}
        )


async def test_a_body_that_is_not_json_is_400() -> None:
    async with httpx2.AsyncClient(transport=answer_transport(answer)) as client:
        response = await client.post("http://offline.invalid/v1/messages", content=b"{")
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_the_answer_names_the_offline_model_and_its_usage(client: AsyncAnthropic) -> None:
    asked: Any = [{"role": "user", "content": "hello"}]
    message = await client.messages.create(model="claude-sonnet-5-5", max_tokens=9, messages=asked)
    assert message.model == MODEL
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


@pytest.mark.requirement("offline-hostile")
def test_a_request_of_more_than_32_mb_is_refused_as_the_api_does() -> None:
    headers = {"x-api-key": "any", "anthropic-version": "2026-10-21"}
    reply = respond(answer, "POST", "/v1/messages", headers, b" " * 32_000_001)
    assert (reply.status, json.loads(b"".join(reply.pieces))["error"]["type"]) == (413, "request_too_large")


@pytest.mark.requirement("offline-hostile")
@pytest.mark.parametrize(("headers", "most"), [([(b"content-length", b"40000000")], 0), ([], 33)])
async def test_the_server_reads_no_more_of_a_body_than_it_would_answer(
    headers: list[tuple[bytes, bytes]], most: int
) -> None:
    read, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1_000_000, "more_body": read < 40}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "query_string": b"", "headers": headers}
    await application(answer)({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["type"] == "request_too_large"
    assert read <= most
