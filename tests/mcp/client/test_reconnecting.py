"""Connections that are lost and come back, with real servers."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop import ToolError, ToolUnavailable
from agentloop.mcp.client.breaker import FAILURES
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.testing import ScriptedMessages, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.processes import SERVER

BACK = 30.0


async def no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message


def telling_its_pid(file: Path, **env: str) -> ServerEntry:
    command = ("-c", 'echo $$ >"$0"; exec "$@"', str(file), *SERVER)
    return ServerEntry(command="sh", args=command, env=env)


async def back(connection: Connection, times: int = 1) -> None:
    async with asyncio.timeout(BACK):
        while connection.reconnects < times:  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.01)


async def test_the_death_of_a_server_nobody_is_calling_is_noticed_and_repaired(tmp_path: Path) -> None:
    entry = telling_its_pid(tmp_path / "pid")
    async with Connection("calc", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        await back(connection)
        result = await connection.call("sum_numbers", {"numbers": [1, 2]}, no_progress)
        assert result.structured_content == {"result": "3", "exact": True}


@pytest.mark.slow
async def test_one_loss_is_one_failure_however_many_calls_it_had(
    scripted_messages: Callable[..., ScriptedMessages], tmp_path: Path
) -> None:
    model = scripted_messages(lambda _request: asyncio.sleep(60, says("too late")))
    entry = telling_its_pid(tmp_path / "pid", ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    async with Connection("calc", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        calls = [asyncio.create_task(connection.call(AGENT_TOOL, {"prompt": "1"}, no_progress)) for _ in range(8)]
        await model.until(lambda: len(model.requests) == 8)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        await asyncio.wait(calls, timeout=10)
        assert [type(call.exception()) for call in calls] == [ToolUnavailable] * 8
        assert connection.breaker.state == "closed"
        await back(connection)
        await connection.call("sum_numbers", {"numbers": [1]}, no_progress)


NOT_FOUND = JSONResponse({"jsonrpc": "2.0", "id": "x", "error": {"code": -32600, "message": "x"}}, status_code=404)
NO_SESSION = JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "x"}}, status_code=400)
Answer = Callable[[dict[str, Any]], Response]


class LegacyServer:
    """A server of an older revision, with sessions. `refusal` answers requests of sessions it does not know."""

    def __init__(self, answer: Answer, refusal: Response) -> None:
        self.url = ""
        self.sessions: set[str] = set()
        self.initialized = 0
        self.ran: list[str] = []
        self._answer = answer
        self._refusal = refusal

    def forget(self) -> None:
        """As a restart would."""
        self.sessions.clear()

    async def handle(self, request: Request) -> Response:
        message = await request.json() if request.method == "POST" else {}
        match message.get("method"):
            case "initialize":
                return self._initialize(message)
            case "server/discover":
                return reply(message, error={"code": -32601, "message": "no such method"})
        if request.headers.get("mcp-session-id") not in self.sessions:
            return self._refusal
        if message.get("id") is None:
            return Response(status_code=202 if message else 405)
        if message["method"] == "tools/list":
            return reply(message, result={"tools": [{"name": "use", "inputSchema": {"type": "object"}}]})
        self.ran.append(request.headers["mcp-session-id"])
        return self._answer(message)

    def _initialize(self, message: dict[str, Any]) -> Response:
        self.initialized += 1
        session = f"s{self.initialized}"
        self.sessions.add(session)
        result = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"},
        }
        return reply(message, {"mcp-session-id": session}, result=result)


def reply(message: dict[str, Any], headers: dict[str, str] | None = None, **rest: Any) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], **rest}, headers=headers)


def out_of_paper(message: dict[str, Any]) -> Response:
    """An error of its own, with the SDK's code for a lost connection, and what the SDK says then."""
    return reply(message, error={"code": -32000, "message": "Connection closed: out of paper"})


def fine(message: dict[str, Any]) -> Response:
    return reply(message, result={"content": [{"type": "text", "text": "fine"}]})


@asynccontextmanager
async def legacy_server(answer: Answer = out_of_paper, refusal: Response = NOT_FOUND) -> AsyncIterator[LegacyServer]:
    legacy = LegacyServer(answer, refusal)
    async with http_server(Route("/mcp", legacy.handle, methods=["GET", "POST", "DELETE"])) as base:
        legacy.url = f"{base}/mcp"
        yield legacy


@asynccontextmanager
async def http_server(*routes: Route) -> AsyncIterator[str]:
    app = Starlette(routes=routes)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    bound = server.config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 60)


def connect(url: str, **more: Any) -> Connection:
    return Connection("old", ServerEntry(url=url, **more), connect_timeout=20, server_log=sys.stderr)


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.slow
@pytest.mark.requirement("lost-session")
@pytest.mark.parametrize("refusal", [NOT_FOUND, Response(status_code=404), NO_SESSION, Response("x", status_code=400)])
async def test_calls_that_a_restarted_server_refused_are_made_again_in_one_new_session(refusal: Response) -> None:
    async with legacy_server(fine, refusal) as server, connect(server.url) as connection:
        assert connection.error is None
        server.forget()
        results = await asyncio.gather(*(connection.call("use", {}, no_progress) for _ in range(6)))
        assert [text_of(result) for result in results] == ["fine"] * 6
        assert server.ran == ["s2"] * 6
        assert (connection.reconnects, server.initialized) == (1, 2)
        assert connection.is_up


async def test_other_calls_of_a_session_that_ended_may_still_be_answered() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    def answer(message: dict[str, Any]) -> Response:
        async def body() -> AsyncIterator[bytes]:
            arrived.set()
            await go_on.wait()
            yield bytes(fine(message).body)

        is_slow = message["params"]["arguments"].get("slow")
        return StreamingResponse(body(), media_type="application/json") if is_slow else fine(message)

    async with legacy_server(answer) as server, connect(server.url) as connection:
        slow = asyncio.create_task(connection.call("use", {"slow": True}, no_progress))
        await arrived.wait()
        server.forget()
        refused = asyncio.create_task(connection.call("use", {}, no_progress))
        async with asyncio.timeout(BACK):
            while connection.is_up:  # noqa: ASYNC110 - a state, not an event
                await asyncio.sleep(0.01)
        go_on.set()
        assert [text_of(await call) for call in (slow, refused)] == ["fine", "fine"]
        assert server.ran == ["s1", "s2"]


async def test_a_400_that_answers_the_request_is_an_error_of_the_call_and_ends_no_session() -> None:
    def answer(message: dict[str, Any]) -> Response:
        error = {"code": -32602, "message": "Session terminated: no such parameter"}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, status_code=400)

    async with legacy_server(answer) as server, connect(server.url) as connection:
        with pytest.raises(ToolError, match="no such parameter"):
            await connection.call("use", {}, no_progress)
        assert (connection.reconnects, server.ran) == (0, ["s1"])
        assert connection.is_up


async def test_a_call_that_a_new_session_refuses_too_is_an_error_of_the_call() -> None:
    async with legacy_server(lambda _message: Response(status_code=404)) as server, connect(server.url) as connection:
        with pytest.raises(ToolError, match="old refused the call") as caught:
            await connection.call("use", {}, no_progress)
        assert not isinstance(caught.value, ToolUnavailable)
        assert server.ran == ["s1", "s2"]


async def test_a_request_whose_new_session_is_cut_off_finds_the_server_unavailable() -> None:
    async def cut() -> AsyncIterator[str]:
        yield "event: message\n"
        raise ConnectionResetError

    def answer(_message: dict[str, Any]) -> Response:
        return StreamingResponse(cut(), media_type="text/event-stream")

    async with legacy_server(answer) as server, connect(server.url) as connection:
        server.forget()
        with pytest.raises(ToolUnavailable, match="old went away"):
            await connection.request(lambda client: client.get_prompt("review"))
        assert server.ran == ["s2"]


async def test_a_post_that_an_sse_server_refuses_is_made_again_on_a_new_stream() -> None:
    """The SDK's SSE transport stops sending then, and the call would wait for its timeout."""
    streams: list[asyncio.Queue[dict[str, Any]]] = []
    refused: set[str] = set()

    async def stream(_request: Request) -> Response:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        streams.append(queue)

        async def events() -> AsyncIterator[str]:
            yield f"event: endpoint\ndata: /messages?session_id={len(streams) - 1}\n\n"
            while True:
                yield f"event: message\ndata: {json.dumps(await queue.get())}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    async def post(request: Request) -> Response:
        session, message = request.query_params["session_id"], await request.json()
        if session in refused:
            return Response("Could not find session", status_code=404)
        if "id" in message:
            results = {
                "initialize": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "s", "version": "1"},
                },
                "tools/list": {"tools": [{"name": "use", "inputSchema": {"type": "object"}}]},
                "tools/call": {"content": [{"type": "text", "text": session}]},
            }
            answer = {"result": results.get(message["method"])}
            answer = answer if answer["result"] else {"error": {"code": -32601, "message": "no"}}
            streams[int(session)].put_nowait({"jsonrpc": "2.0", "id": message["id"], **answer})
        return Response(status_code=202)

    routes = Route("/sse", stream), Route("/messages", post, methods=["POST"])
    async with http_server(*routes) as base, connect(f"{base}/sse", type="sse") as connection:
        assert connection.error is None
        refused.add("0")
        async with asyncio.timeout(BACK):
            assert text_of(await connection.call("use", {}, no_progress)) == "1"
        assert connection.reconnects == 1


@pytest.mark.requirement("breaker-visible")
async def test_a_server_that_keeps_failing_is_left_alone_then_probed_and_every_change_is_reported() -> None:
    reported: list[tuple[bool, str]] = []
    hang_up = True

    def answer(message: dict[str, Any]) -> Response:
        return Response(media_type="text/event-stream") if hang_up else out_of_paper(message)

    async with (
        legacy_server(answer) as server,
        Connection(
            "old",
            ServerEntry(url=server.url),
            connect_timeout=20,
            server_log=sys.stderr,
            changed=lambda connection: reported.append((connection.is_up, connection.breaker.state)),
        ) as connection,
    ):
        for losses in range(1, FAILURES + 1):
            with pytest.raises(ToolUnavailable):
                await connection.call("use", {}, no_progress)
            await back(connection, losses)
        with pytest.raises(
            ToolUnavailable, match="keeps failing, so no calls are sent to it for a while: connection closed"
        ):
            await connection.call("use", {}, no_progress)
        assert connection.to_json()["breaker"] == "open"
        hang_up = False
        async with asyncio.timeout(BACK):
            while connection.breaker.state == "open":  # noqa: ASYNC110 - time has to pass
                await asyncio.sleep(0.01)
        with pytest.raises(ToolError, match="out of paper"):
            await connection.call("use", {}, no_progress)
    assert reported == [
        (True, "closed"),
        *[(False, "closed"), (True, "closed")] * (FAILURES - 1),
        (False, "open"),
        (True, "open"),
        (True, "half-open"),
        (True, "closed"),
    ]


async def test_a_servers_own_error_is_an_answer_although_it_has_the_code_and_words_of_a_lost_connection() -> None:
    async with legacy_server() as server, connect(server.url) as connection:
        with pytest.raises(ToolError, match="out of paper") as caught:
            await connection.call("use", {}, no_progress)
        assert not isinstance(caught.value, ToolUnavailable)
        assert connection.is_up
