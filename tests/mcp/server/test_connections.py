"""What strangers can take of an HTTP server: connections, sessions, bytes, lines of its log."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest

from agentloop.mcp.server import connections as limits
from agentloop.mcp.server.connections import REQUEST_TIMEOUT, Connections, GuardedProtocol, Proxies
from agentloop.mcp.server.requests import MAX_DISCARDED
from agentloop.mcp.server.sessions import MAX_OWNER_SESSIONS
from tests.processes import SERVER
from tests.surface import Served, serving

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}},
}
ACCEPT = {"accept": "application/json, text/event-stream"}


class Flood(asyncio.Protocol):
    """Sends more than anybody's buffers hold, on the first byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, _data: bytes) -> None:
        self.transport.write(b"x" * 20_000_000)


@asynccontextmanager
async def listening(
    connections: Connections, protocol: type[asyncio.Protocol] = Flood
) -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(protocol(), connections), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


async def until_closed(reader: asyncio.StreamReader, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass


@pytest.mark.requirement("connection-limits")
async def test_a_connection_without_a_request_is_closed_also_if_it_sends_something_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "REQUEST_TIMEOUT", 0.2)
    async with listening(Connections(10, Proxies()), asyncio.Protocol) as place:
        reader, writer = await asyncio.open_connection(*place)
        trickling = asyncio.create_task(_trickle(writer))
        await until_closed(reader)
        trickling.cancel()
        writer.close()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await asyncio.sleep(0.05)
            writer.write(b"G")


@pytest.mark.slow
@pytest.mark.requirement("connection-limits")
async def test_a_connection_is_kept_between_two_requests_for_longer_than_clients_pause_between_polls() -> None:
    async with serving("streamable-http", "--offline") as served:
        limits = httpx2.Limits(max_connections=1, keepalive_expiry=60)
        async with httpx2.AsyncClient(timeout=20, limits=limits) as http:
            local = []
            for pause in (REQUEST_TIMEOUT + 2, 0):
                response = await http.post(served.url, json=INITIALIZE, headers=ACCEPT)
                assert response.status_code == 200
                local.append(response.extensions["network_stream"].get_extra_info("client_addr"))
                await asyncio.sleep(pause)  # the time that has to pass
        assert local[0] == local[1]


@pytest.mark.requirement("connection-limits")
async def test_a_connection_whose_peer_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_TIMEOUT", 0.2)
    connections = Connections(10, Proxies())
    async with listening(connections) as place:
        reader, writer = await asyncio.open_connection(*place, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"go")
        async with asyncio.timeout(10):
            while connections.count != 1:  # noqa: ASYNC110 - no event of ours says so
                await asyncio.sleep(0.01)
            while connections.count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.close()
        del reader


@pytest.mark.requirement("connection-limits")
async def test_a_new_connection_takes_the_place_of_the_oldest_without_a_request() -> None:
    async with listening(Connections(3, Proxies())) as place, AsyncExitStack() as stack:
        readers = []
        for _ in range(4):
            reader, writer = await asyncio.open_connection(*place)
            stack.callback(writer.close)
            readers.append(reader)
        await until_closed(readers[0])
        assert not any(reader.at_eof() for reader in readers[1:])


@pytest.mark.requirement("connection-limits")
def test_one_address_has_half_of_the_places_but_for_proxies_and_this_machine() -> None:
    connections = Connections(132, Proxies(["10.0.0.0/8"]))
    for address, places in [("192.0.2.1", 50), ("10.1.2.3", 50), ("127.0.0.1", 0)]:
        with contextlib.ExitStack() as stack:
            granted = [stack.enter_context(connections.request((address, number))) for number in range(100)]
            assert granted == [number < (places if address == "192.0.2.1" else 100) for number in range(100)], address


@pytest.mark.slow
@pytest.mark.requirement("connection-limits")
async def test_more_idle_connections_than_descriptors_do_not_keep_anybody_out() -> None:
    command = ["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *SERVER]
    async with serving("streamable-http", "--offline", command=command) as served, AsyncExitStack() as stack:
        host, port = httpx2.URL(served.url).host, httpx2.URL(served.url).port
        for _ in range(400):
            _, writer = await asyncio.open_connection(host, port)
            stack.callback(writer.close)
        async with httpx2.AsyncClient(timeout=20) as http:
            assert (await http.get(f"{served.base}/health")).status_code == 200
            assert (await http.post(served.url, json=INITIALIZE, headers=ACCEPT)).status_code == 200
        assert "Traceback" not in served.stderr
        assert len(served.said) < 10


@pytest.mark.slow
@pytest.mark.requirement("connection-limits")
@pytest.mark.parametrize(
    "head", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"], ids=["length", "chunks"]
)
async def test_a_body_that_is_far_too_large_is_not_read_to_its_end(head: bytes) -> None:
    async with serving("streamable-http", "--offline") as served:
        url = httpx2.URL(served.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + head + b"\r\n\r\n"
        )
        sent, piece = 0, b"x" * 100_000
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(30):
                while sent < 100_000_000:
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if b"chunked" in head else piece)
                    await writer.drain()
                    sent += len(piece)
        assert sent < MAX_DISCARDED + 20_000_000
        await until_closed(reader)
        writer.close()


@pytest.mark.slow
@pytest.mark.requirement("session-limits")
async def test_an_owner_with_too_many_sessions_loses_the_oldest_that_is_idle() -> None:
    async with serving("streamable-http", "--offline") as served, httpx2.AsyncClient(timeout=20) as http:

        async def opened() -> str:
            answer = await http.post(served.url, json=INITIALIZE, headers=ACCEPT)
            assert answer.status_code == 200
            session: str = answer.headers["mcp-session-id"]
            return session

        async def is_there(session: str) -> bool:
            note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            answer = await http.post(served.url, json=note, headers=ACCEPT | {"mcp-session-id": session})
            return answer.status_code == 202

        streaming = await opened()
        headers = ACCEPT | {"mcp-session-id": streaming, "mcp-protocol-version": "2025-11-25"}
        async with http.stream("GET", served.url, headers=headers) as stream:
            assert stream.status_code == 200
            first, *others = [await opened() for _ in range(MAX_OWNER_SESSIONS)]
            assert not await is_there(first)
            assert await is_there(others[0])
            assert await is_there(others[-1])
            assert await is_there(streaming)
        assert "Traceback" not in served.stderr


@pytest.mark.requirement("session-limits")
async def test_sessions_and_lists_have_a_rate() -> None:
    async with serving("streamable-http", "--offline", "--calls-per-minute", "3") as served:
        async with httpx2.AsyncClient(timeout=20) as http:
            statuses = [(await http.post(served.url, json=INITIALIZE, headers=ACCEPT)).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        async with served.client(cache=None) as client:
            for _ in range(3):
                await client.list_tools()
            with pytest.raises(Exception, match="3 a minute are allowed"):
                await client.list_tools()


async def _called(served: Served, forwarded: str) -> bool:
    """Whether a call that says it comes from `forwarded` is answered."""
    async with served.client(headers={"x-forwarded-for": forwarded}) as client:
        return not (await client.call_tool("sum_numbers", {"numbers": [1, 2]})).is_error


@pytest.mark.slow
@pytest.mark.requirement("trusted-proxy")
@pytest.mark.parametrize(
    ("options", "is_believed"),
    [((), False), (("--trusted-proxy", "127.0.0.0/8"), True), (("--trusted-proxy", "10.0.0.1"), False)],
)
async def test_where_a_call_comes_from_is_believed_of_trusted_proxies_only(
    options: tuple[str, ...], *, is_believed: bool
) -> None:
    async with serving("streamable-http", "--offline", "--calls-per-minute", "1", *options) as served:
        assert await _called(served, "192.0.2.1")
        assert await _called(served, "192.0.2.2") is is_believed
        assert not await _called(served, "192.0.2.1")


@pytest.mark.requirement("safe-log")
async def test_what_strangers_send_goes_to_the_log_on_one_printable_line_and_not_often() -> None:
    async with serving("streamable-http", "--offline") as served:
        url = httpx2.URL(served.url)
        for _ in range(40):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(
                b"POST /mcp HTTP/1.1\r\nHost: \xc2\x9b31m.example/http://me:planted@\r\n"
                b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            )
            assert (await reader.readline()).startswith(b"HTTP/1.1 421")
            writer.close()
    assert 0 < len(served.said[1:]) <= 10
    for line in served.said:
        assert line.rstrip("\n").isprintable()
        assert "planted" not in line
    assert re.search(r"Invalid Host header: ", json.dumps(served.said))
