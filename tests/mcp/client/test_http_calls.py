"""Requests of the MCP SDK's HTTP client: what `aiohttp` sends for it, and what it hears of what goes wrong."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from agentloop.mcp.client.http_calls import http_client

AT_ONCE = 250
"""More than any client keeps connections by default."""

Answer = Callable[[bytes, bytes], Awaitable[bytes]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """The URL of a server that answers each request, its head and its body, with the bytes of `answer`, and closes."""

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
        writer.write(await answer(head, await reader.readexactly(int(length))))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(visited, "127.0.0.1", 0, backlog=AT_ONCE) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_request_is_what_httpx2_made_of_it() -> None:
    heads: list[bytes] = []

    async def answer(head: bytes, body: bytes) -> bytes:
        heads.append(head)
        return ok(gzip.compress(body), "Content-Encoding: gzip", "Content-Type: application/json")

    async with answering(answer) as url, http_client({"x-key": "k"}) as http:
        request = http.build_request("POST", url.replace("//", "//user:secret@"), json={"a": 1})
        assert (await http.send(request)).json() == {"a": 1}
    lines = heads[0].decode().strip().split("\r\n")
    assert lines[0] == "POST /mcp HTTP/1.1"
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert sent == {name.lower(): value for name, value in request.headers.items()}
    assert (sent["x-key"], sent["authorization"]) == ("k", "Basic dXNlcjpzZWNyZXQ=")


async def test_redirects_are_left_to_the_caller() -> None:
    async def answer(_head: bytes, _body: bytes) -> bytes:
        return b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    async with answering(answer) as url, http_client({}) as http:
        response = await http.post(url, json={})
    assert response.next_request is not None
    assert response.next_request.url.path == "/elsewhere"


async def test_any_number_of_calls_is_under_way_at_once() -> None:
    arrived = 0
    all_there = asyncio.Event()

    async def answer(_head: bytes, body: bytes) -> bytes:
        nonlocal arrived
        arrived += 1
        if arrived == AT_ONCE:
            all_there.set()
        await all_there.wait()
        return ok(body)

    async with answering(answer) as url, http_client({}) as http, asyncio.timeout(60):
        answers = await asyncio.gather(*(http.post(url, json=number) for number in range(AT_ONCE)))
    assert [response.json() for response in answers] == [*range(AT_ONCE)]


async def test_what_goes_wrong_is_said_in_the_words_of_httpx2() -> None:
    async def answer(head: bytes, _body: bytes) -> bytes:
        return ok(b"whole")[:-1] if b"POST" in head else b""

    async with answering(answer) as url, http_client({}) as http:
        with pytest.raises(httpx2.ReadError):
            await http.post(url, json={})
        with pytest.raises(httpx2.ConnectError):
            await http.get(url)
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with pytest.raises(httpx2.ConnectError, match=str(port)):
            await http.get(f"http://127.0.0.1:{port}")


async def test_a_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(head: bytes, _body: bytes) -> bytes:
        return ok(head.split(b"\r\n")[0])

    async with answering(answer) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        async with http_client({}) as http:
            assert (await http.get("http://calc.example/mcp")).text == "GET http://calc.example/mcp HTTP/1.1"
