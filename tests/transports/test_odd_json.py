"""JSON that libraries read in different ways, or not at all: an error for its sender, never a failure of the server."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from tests.mcp.server.wire import Wire
from tests.processes import SERVER, finished, started
from tests.surface import Held, Served, serving

on_one_loop = pytest.mark.asyncio(loop_scope="module")

UNREADABLE = {"deep", "very deep", "5,000 digits", "cut off", "not UTF-8"}
REFUSED = {
    "deeper than arguments may be": '{"numbers": ' + "[" * 160 + "]" * 160 + "}",
    "deep": '{"numbers": ' + "[" * 1000 + "]" * 1000 + "}",
    "very deep": '{"numbers": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "surrogate": '{"numbers": ["\\ud800"]}',
    "surrogate in a key": '{"\\uDFFF": 1}',
    "same key twice": '{"numbers": [1], "numbers": [2]}',
    "5,000 digits": '{"numbers": [' + "9" * 5000 + "]}",
    "cut off": '{"numbers": [1',
    "not UTF-8": '{"numbers": ["\udcff"]}',
}
"""By JSON-RPC."""
ERRORS = {
    "NaN": '{"numbers": [NaN]}',
    "infinity": '{"numbers": [-Infinity]}',
    "nested": '{"numbers": ' + "[" * 40 + "]" * 40 + "}",
}
"""As a result of the tool."""
ANSWERED = {
    "minus zero": '{"numbers": [-0, 1]}',
    "tiny": '{"numbers": [5e-324, 1]}',
    "beyond a float": '{"numbers": [1e400]}',
}


def message(arguments: str, *, meta: str = "{}") -> bytes:
    params = f'{{"name": "sum_numbers", "arguments": {arguments}, "_meta": {meta}}}'
    text = f'{{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {params}}}'
    return text.encode("utf-8", "surrogateescape")


def refusals(name: str) -> set[tuple[int, int | None]]:
    """Code and id of the answer: without the id if the message cannot be read. How deep that is depends on Python."""
    parse_error, invalid_request = (-32700, None), (-32600, 7)
    if name == "deep":
        return {parse_error, invalid_request}
    return {parse_error if name in UNREADABLE else invalid_request}


META = json.dumps(
    {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
)
HEADERS = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "sum_numbers",
}


async def test_over_stdio_each_line_has_an_answer_and_the_server_goes_on() -> None:
    async with started([*SERVER, "--offline"]) as process:
        wire = Wire(process)
        await wire.initialize()
        for name, arguments in REFUSED.items():
            answer = await wire.raw(message(arguments))
            assert (answer["error"]["code"], answer["id"]) in refusals(name), (name, answer)
        neither = await wire.raw(b'{"jsonrpc": "2.0", "id": 7}')  # no request and no response
        assert (neither["error"]["code"], neither["id"]) == (-32700, None)
        for unusable in (b"null", b"2.0", b"true", b"[7]"):
            answer = await wire.raw(b'{"jsonrpc": "2.0", "id": %s, "method": "ping"}' % unusable)
            assert "the id of a request is an integer or a text" in answer["error"]["message"]
        for name, arguments in (ERRORS | ANSWERED).items():
            answer = await wire.raw(message(arguments))
            assert answer["result"]["isError"] is (name in ERRORS), (name, answer)
        end = await finished(process)
    assert (end.code, end.err) == (0, "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[Served]:
    async with Held(serving("streamable-http", "--offline")) as served:
        yield served


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
@on_one_loop
async def test_over_http_each_request_has_an_answer_and_the_server_goes_on(http: Served, revision: str) -> None:
    async with httpx2.AsyncClient(timeout=20, headers=HEADERS | {"mcp-protocol-version": revision}) as client:
        if revision == "2025-11-25":
            about = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}}
            opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
            opened = await client.post(http.url, json=opening)
            client.headers["mcp-session-id"] = opened.headers["mcp-session-id"]
        for name, arguments in REFUSED.items():
            answer = await client.post(http.url, content=message(arguments, meta=META))
            refused = answer.json()
            assert answer.status_code == 400
            assert (refused["error"]["code"], refused["id"]) in refusals(name), (name, refused)
        for name, arguments in (ERRORS | ANSWERED).items():
            answer = await client.post(http.url, content=message(arguments, meta=META))
            result = json.loads(answer.text[answer.text.index("{") : answer.text.rindex("}") + 1])["result"]
            assert result["isError"] is (name in ERRORS), (name, result)
    assert "Traceback" not in http.stderr


async def test_over_sse_what_is_no_message_is_refused_without_a_traceback() -> None:
    async with Held(serving("sse", "--offline")) as served, httpx2.AsyncClient(timeout=20) as client:
        async with client.stream("GET", served.url) as stream:
            lines = stream.aiter_lines()
            place = await anext(line.removeprefix("data: ") async for line in lines if line.startswith("data: "))
            for arguments in REFUSED.values():
                answer = await client.post(f"{served.base}{place}", content=message(arguments), headers=HEADERS)
                assert answer.status_code == 400
            answer = await client.post(f"{served.base}{place}", content=b'{"jsonrpc": "2.0"}', headers=HEADERS)
            assert (answer.status_code, "not a JSON-RPC message" in answer.text) == (400, True)
        assert "Traceback" not in served.stderr
