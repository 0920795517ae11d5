"""The server as a process on any transport, and clients of it in both of the protocol's eras."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import anyio
import httpx2
from mcp import Client, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp.types import CallToolResult, TextContent

from tests.processes import SERVER, environment, started

ROOT = Path(__file__).parent.parent
TRANSPORTS = ("stdio", "streamable-http", "sse")
MODES = ("auto", "legacy")


@dataclass
class Served:
    """A running server. `url` is empty on stdio, which takes one client; `wire` are the raw lines of its stdout."""

    transport: str
    process: asyncio.subprocess.Process
    url: str = ""
    said: list[str] = field(default_factory=list)
    wire: list[bytes] = field(default_factory=list)

    @property
    def stderr(self) -> str:
        return "".join(self.said)

    @property
    def base(self) -> str:
        """The URL without its path."""
        return self.url.rpartition("/")[0]

    def client(self, mode: str = "auto", *, headers: Mapping[str, str] | None = None, **options: Any) -> Client:
        """Not connected yet. Enter and leave it in the same task."""
        return Client(self._connect(headers or {}), mode=mode, **{"read_timeout_seconds": 60, **options})

    def _connect(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Any]:
        match self.transport:
            case "stdio":
                return _over_pipes(self)
            case "sse":
                return sse_client(self.url, headers=dict(headers), httpx_client_factory=_http_client)
            case _:
                return _over_http(self.url, headers)


@asynccontextmanager
async def serving(
    transport: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = SERVER,
    cwd: Path = ROOT,
) -> AsyncIterator[Served]:
    """Run the server with `arguments` until the end of the block; over HTTP at a port of its own choice."""
    where = [] if transport == "stdio" else ["--transport", transport, "--port", "0"]
    async with started([*command, *where, *arguments], env=env, cwd=cwd) as process:
        served = Served(transport, process)
        listening = asyncio.Event()
        reader = asyncio.create_task(_read_stderr(served, listening))
        try:
            if transport != "stdio":
                await asyncio.wait_for(listening.wait(), 60)
                assert served.url, served.stderr
            yield served
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader


async def _read_stderr(served: Served, listening: asyncio.Event) -> None:
    assert served.process.stderr is not None
    while line := (await served.process.stderr.readline()).decode():
        served.said.append(line)
        if found := re.search(r"listening at (\S+)", line):
            served.url = found[1]
            listening.set()
    listening.set()


def raw(number: str) -> str:
    """An argument that the clients of this module send as the JSON number `number`, with the characters it has here."""
    return f"raw:{number}"


def _as_sent(message: bytes) -> bytes:
    return re.sub(rb'"raw:([^"]*)"', rb"\1", message)


class _RawNumbers(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = _as_sent(await request.aread())
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        changed = httpx2.Request(
            request.method, request.url, headers=headers, content=content, extensions=request.extensions
        )
        return await super().handle_async_request(changed)


def _http_client(
    headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, transport=_RawNumbers())


@asynccontextmanager
async def _over_http(url: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
    timeout = httpx2.Timeout(30.0, read=None)
    async with (
        _http_client(headers=dict(headers), timeout=timeout) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


@asynccontextmanager
async def _over_pipes(served: Served) -> AsyncIterator[Any]:
    """Stdio with a process of our own: its pid, its exit status and every line it writes are seen."""
    stdin, stdout = served.process.stdin, served.process.stdout
    assert stdin is not None
    assert stdout is not None
    arrive, arriving = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    leave, leaving = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with arrive:
            while line := await stdout.readline():
                served.wire.append(line)
                with suppress(anyio.BrokenResourceError):
                    await arrive.send(SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False)))

    async def write() -> None:
        async with leaving:
            async for message in leaving:
                stdin.write(
                    _as_sent(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode()) + b"\n"
                )
                with suppress(ConnectionError):
                    await stdin.drain()

    async with anyio.create_task_group() as group, arriving, leave:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield arriving, leave
        finally:
            stdin.close()
            group.cancel_scope.cancel()


T = TypeVar("T")


class Held(Generic[T]):
    """An async context manager entered and left in a task of its own, so that fixtures of any scope can hold it."""

    def __init__(self, manager: AbstractAsyncContextManager[T]) -> None:
        self._manager = manager
        self._leave = asyncio.Event()

    async def __aenter__(self) -> T:
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready))
        self._owner.add_done_callback(lambda _owner: ready.cancel())
        try:
            return await asyncio.wait_for(ready, 60)
        except asyncio.CancelledError:
            if self._owner.done():
                self._owner.result()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._leave.set()
        await asyncio.wait_for(self._owner, 30)

    async def _own(self, ready: "asyncio.Future[T]") -> None:
        async with self._manager as value:
            ready.set_result(value)
            await self._leave.wait()


def scripted_env(url: str, **more: str) -> dict[str, str]:
    """The environment of a server whose model is the scripted one at `url`."""
    return environment(ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="scripted", **more)


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text
