"""An answer that no JSON-RPC library reads ends its call at once, with a clear error, on every transport."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agentloop import Agent
from agentloop.mcp import json_check
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.resources import resource_tools
from tests.mcp.client.raw import call, raw
from tests.mcp.client.test_reconnecting import connect, http_server, legacy_server, reply

Opened = Callable[[str, Path], Any]
CALL_SECONDS = 30

NO_RESPONSE = "Its answer cannot be read: it is not a JSON-RPC response"
OTHER = "Its answer cannot be read: it is no response to this request"
DEEP = "Its answer cannot be read: it is nested too deeply"
ANSWERS = {
    "a list as result": ('{"jsonrpc": "2.0", "id": ID, "result": [5]}', NO_RESPONSE),
    "no version": ('{"id": ID, "result": {"content": []}}', NO_RESPONSE),
    "a word as code": (
        '{"jsonrpc": "2.0", "id": ID, "error": {"code": "ENOENT", "message": "no such file"}}',
        "Its answer cannot be read: no such file",
    ),
    "a word as error": ('{"id": ID, "error": "no such file"}', "Its answer cannot be read: no such file"),
    "a batch of one": (
        '[{"jsonrpc": "2.0", "id": ID, "result": {"content": [{"type": "text", "text": "fine"}]}}]',
        "fine",
    ),
    "half a character": (
        '{"jsonrpc": "2.0", "id": ID, "result": {"content": [{"type": "text", "text": "a\\ud83d"}]}}',
        "a\ufffd",
    ),
    "digits": ('{"jsonrpc": "2.0", "id": ID, "result": {"content": [], "n": ' + "9" * 5000 + "}}", NO_RESPONSE),
    **{
        f"nested {depth}": (
            '{"jsonrpc": "2.0", "result": {"a": "]\\"", "b": ' + "[" * depth + "]" * depth + '}, "id": ID}',
            DEEP,
        )
        for depth in (300, 3000, 100_000)
    },
}


def started(line: str, folder: Path) -> Connection:
    return raw("use", folder=folder, lines={"use": line})


@asynccontextmanager
async def with_json(line: str, _folder: Path) -> AsyncIterator[Connection]:
    def answer(message: dict[str, Any]) -> Response:
        return Response(line.replace("ID", str(message["id"])), media_type="application/json")

    async with legacy_server(answer) as server, connect(server.url) as connection:
        yield connection


@asynccontextmanager
async def with_events(line: str, _folder: Path) -> AsyncIterator[Connection]:
    """Lines end in different ways, and a message may have several."""

    def answer(message: dict[str, Any]) -> Response:
        data = line.replace("ID", str(message["id"])).replace(', "id"', ',\r\ndata: "id"')
        return Response(f": ping\n\r\nevent: message\r\ndata: {data}\r\n\n", media_type="text/event-stream")

    async with legacy_server(answer) as server, connect(server.url) as connection:
        yield connection


@asynccontextmanager
async def with_sse(line: str, _folder: Path, status: int = 202) -> AsyncIterator[Connection]:
    """The older transport, in which all answers come on one stream, but for those with another status."""
    answers: asyncio.Queue[str] = asyncio.Queue()
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "use", "inputSchema": {"type": "object"}}]},
    }

    async def stream() -> AsyncIterator[str]:
        yield "event: endpoint\ndata: /messages\n\n"
        while True:
            yield f"event: message\ndata: {await answers.get()}\n\n"

    async def opened(_request: Request) -> Response:
        return StreamingResponse(stream(), media_type="text/event-stream")

    async def posted(request: Request) -> Response:
        message = await request.json()
        if message["method"] == "tools/call" and status != 202:
            return Response(line.replace("ID", str(message["id"])), status, media_type="application/json")
        if message["method"] == "tools/call":
            answers.put_nowait(line.replace("ID", str(message["id"])))
        elif message["method"] in results:
            answers.put_nowait(bytes(reply(message, result=results[message["method"]]).body).decode())
        elif "id" in message:
            answers.put_nowait(bytes(reply(message, error={"code": -32601, "message": "no"}).body).decode())
        return Response(status_code=202)

    async with http_server(Route("/sse", opened), Route("/messages", posted, methods=["POST"])) as base:
        entry = ServerEntry(url=f"{base}/sse", type="sse")
        async with Connection("old", entry, connect_timeout=20, server_log=sys.stderr) as connection:
            yield connection


@pytest.mark.requirement("odd-results")
@pytest.mark.parametrize("opened", [started, with_json, with_events, with_sse])
@pytest.mark.parametrize(("line", "said"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_cannot_be_read_ends_its_call_and_no_other(
    opened: Opened, line: str, said: str, tmp_path: Path
) -> None:
    async with opened(line, tmp_path) as connection, asyncio.timeout(CALL_SECONDS):
        first = await call(connection, "use")
        assert first.text.removeprefix(f"{connection.name} refused the call: ") == said
        assert (await call(connection, "use")).text == first.text
        assert connection.is_up


@pytest.mark.requirement("odd-results")
@pytest.mark.parametrize("opened", [with_json, with_events])
@pytest.mark.parametrize("line", ["oops", "[]", '{"jsonrpc": "2.0", "id": null, "result": 5}'])
async def test_over_http_an_answer_needs_no_id_to_end_its_call(opened: Opened, line: str, tmp_path: Path) -> None:
    async with opened(line, tmp_path) as connection, asyncio.timeout(CALL_SECONDS):
        assert (await call(connection, "use")).text == f"old refused the call: {NO_RESPONSE}"


@pytest.mark.requirement("odd-results")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "busy"}}', "busy"),
        ('{"jsonrpc": "2.0", "id": 77, "result": {}}', OTHER),
        ('{"jsonrpc": "2.0", "id": ID, "method": "ping"}', OTHER),
        ('{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}', OTHER),
    ],
)
async def test_the_one_message_that_answers_a_request_over_http_ends_its_call(
    line: str, said: str, tmp_path: Path
) -> None:
    async with with_json(line, tmp_path) as connection, asyncio.timeout(CALL_SECONDS):
        assert (await call(connection, "use")).text == f"old refused the call: {said}"
        assert connection.is_up


@pytest.mark.requirement("http-reasons")
async def test_over_sse_an_error_with_an_http_status_gives_the_words_of_the_server(tmp_path: Path) -> None:
    error = '{"jsonrpc": "2.0", "id": ID, "error": {"code": -32602, "message": "x > 0\\nsee"}}'
    async with with_sse(error, tmp_path, 400) as connection, asyncio.timeout(CALL_SECONDS):
        assert (await call(connection, "use")).text == "old went away: HTTP 400: x > 0"


@pytest.mark.requirement("odd-results")
async def test_an_error_with_an_http_status_gives_the_words_of_the_server() -> None:
    def answer(message: dict[str, Any]) -> Response:
        body = reply(message, error={"code": "ENOENT", "message": "no such file"}).body
        return Response(body, status_code=400, media_type="application/json")

    async with legacy_server(answer) as server, connect(server.url) as connection:
        text = (await call(connection, "use")).text
    assert text == "old refused the call: HTTP 400: Its answer cannot be read: no such file"


@pytest.mark.requirement("odd-servers")
async def test_a_server_over_sse_that_wants_messages_elsewhere_is_told_at_once() -> None:
    async def stream() -> AsyncIterator[str]:
        yield "event: endpoint\ndata: http://elsewhere.example/messages\n\n"
        await asyncio.Event().wait()

    async def opened(_request: Request) -> Response:
        return StreamingResponse(stream(), media_type="text/event-stream")

    async with http_server(Route("/sse", opened)) as base:
        entry = ServerEntry(url=f"{base}/sse", type="sse")
        async with Connection("old", entry, connect_timeout=20, server_log=sys.stderr) as connection:
            said = "it wants messages at another address than its own: http://elsewhere.example/messages"
            assert connection.error == f"SSEError: {said}"


@pytest.mark.requirement("odd-servers")
async def test_a_handshake_that_cannot_be_read_is_told_with_the_place() -> None:
    async with raw("use", capabilities=[]) as connection:
        error = connection.error
    assert error is not None
    assert error.startswith("its answer cannot be read: capabilities: Input should be a valid dictionary")
    assert "⏎" not in error


@pytest.mark.requirement("odd-servers")
async def test_an_odd_resource_takes_no_tools_away_and_the_model_is_told_where_it_is_wrong() -> None:
    odd: dict[str, Any] = {"resources": [{"name": 5}], "contents": {"uri": "a://b", "text": 5}}
    async with raw("use", capabilities={"tools": {}, "resources": {}}, **odd) as connection:
        assert not (await call(connection, "use")).is_error
        agent = Agent("reader", "Read.", resource_tools([connection]))
        said = "raw returned a result that cannot be read: "
        listed = await agent.call_tool("list_mcp_resources", {"server": "raw"})
        assert listed.text == f"{said}resources.0.name: Input should be a valid string"
        read = await agent.call_tool("read_mcp_resource", {"server": "raw", "uri": "a://b"})
        assert read.text == f"{said}contents.0.TextResourceContents.text: Input should be a valid string"


def test_a_text_without_an_end_takes_linear_time() -> None:
    began = time.monotonic()
    assert json_check.repaired_response('{"id": 1, "result": "' + '\\"' * 1_000_000) is None
    assert time.monotonic() - began < 5
