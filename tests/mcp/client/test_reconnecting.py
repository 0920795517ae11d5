"""Connections that are lost and come back, with real servers."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
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


@asynccontextmanager
async def legacy_server() -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """A server of an older revision: its address, and what makes it forget its sessions, as a restart would."""
    sessions: set[str] = set()

    async def answer(request: Request) -> Response:
        message = await request.json() if request.method == "POST" else {}
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            name = f"s{len(sessions)}{id(message)}"
            sessions.add(name)
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"},
            }
            return reply(number, {"result": result}, {"mcp-session-id": name})
        if method == "server/discover":
            return reply(number, {"error": {"code": -32601, "message": "no such method"}})
        if request.headers.get("mcp-session-id") not in sessions:
            return Response(status_code=404)
        if number is None:
            return Response(status_code=202 if message else 405)
        if method == "tools/list":
            return reply(number, {"result": {"tools": [{"name": "fail", "inputSchema": {"type": "object"}}]}})
        return reply(number, {"error": {"code": -32000, "message": "out of paper"}})

    def reply(number: object, rest: dict[str, object], headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(json.loads(json.dumps({"jsonrpc": "2.0", "id": number, **rest})), headers=headers)

    app = Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST", "DELETE"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    config_socket = server.config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[config_socket]))
    try:
        yield f"http://127.0.0.1:{config_socket.getsockname()[1]}/mcp", sessions.clear
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 60)


async def test_a_session_that_a_restarted_server_forgot_is_a_loss_and_begun_anew() -> None:
    async with legacy_server() as (url, forget):
        entry = ServerEntry(url=url)
        async with Connection("old", entry, connect_timeout=20, server_log=sys.stderr) as connection:
            assert connection.error is None
            forget()
            with pytest.raises(ToolUnavailable):
                await connection.call("fail", {}, no_progress)
            await back(connection)
            with pytest.raises(ToolError, match="out of paper"):
                await connection.call("fail", {}, no_progress)


@pytest.mark.requirement("breaker-visible")
async def test_a_server_that_keeps_failing_is_left_alone_then_probed_and_every_change_is_told() -> None:
    told: list[tuple[bool, str]] = []
    async with legacy_server() as (url, forget):
        entry = ServerEntry(url=url)
        async with Connection(
            "old",
            entry,
            connect_timeout=20,
            server_log=sys.stderr,
            changed=lambda connection: told.append((connection.is_up, connection.breaker.state)),
        ) as connection:
            for losses in range(1, FAILURES + 1):
                forget()
                with pytest.raises(ToolUnavailable):
                    await connection.call("fail", {}, no_progress)
                await back(connection, losses)
            with pytest.raises(ToolUnavailable, match="keeps failing and is left alone for a while: connection closed"):
                await connection.call("fail", {}, no_progress)
            assert connection.to_json()["breaker"] == "open"
            async with asyncio.timeout(BACK):
                while connection.breaker.state == "open":  # noqa: ASYNC110 - time has to pass
                    await asyncio.sleep(0.01)
            with pytest.raises(ToolError, match="out of paper"):
                await connection.call("fail", {}, no_progress)
    assert told == [
        (True, "closed"),
        *[(False, "closed"), (True, "closed")] * (FAILURES - 1),
        (False, "open"),
        (True, "open"),
        (True, "half-open"),
        (True, "closed"),
    ]


async def test_a_servers_own_error_is_an_answer_although_the_sdk_has_the_same_code_for_a_lost_connection() -> None:
    async with legacy_server() as (url, _forget):
        entry = ServerEntry(url=url)
        async with Connection("old", entry, connect_timeout=20, server_log=sys.stderr) as connection:
            with pytest.raises(ToolError, match="out of paper") as caught:
                await connection.call("fail", {}, no_progress)
            assert not isinstance(caught.value, ToolUnavailable)
            assert connection.is_up
