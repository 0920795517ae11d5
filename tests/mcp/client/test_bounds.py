"""What a server lists, answers and says is bounded, and none of it can steer a terminal."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop import Agent, ToolError, ToolUnavailable
from agentloop.mcp.client.catalog import MAX_SERVER, MAX_TOOLS
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from agentloop.mcp.client.sdk_session import MAX_REASON

HOSTILE = Path(__file__).with_name("hostile_server.py")
OBJECT = {"type": "object"}
MIB = 1024 * 1024


async def no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message


def hostile(name: str = "fat", env: dict[str, str] | None = None, **wish: Any) -> Connection:
    entry = ServerEntry(command=sys.executable, args=(str(HOSTILE), json.dumps(wish)), env=env or {})
    return Connection(name, entry, connect_timeout=30, server_log=sys.stderr)


@pytest.mark.requirement("bounded-lists")
@pytest.mark.parametrize(
    ("wish", "used", "said"),
    [
        (
            {"tools": 100, "characters": 99_000},
            0,
            "Tools t1_0, t1_1, t1_2, t1_3, t1_4 and 95 more are left out: a tool may have 32,000 characters",
        ),
        ({"tools": 100, "characters": 20_000}, 12, "all tools of a server may have 256,000 characters"),
        ({"endless": True, "tools": 100}, MAX_TOOLS, "Its list of tools does not end"),
        ({"endless": True, "cursor": "same"}, 2, "Its list of tools does not end"),
        ({"endless": True, "tools": 0}, 0, "Its list of tools does not end"),
    ],
    ids=["long tools", "many long tools", "endless pages", "one cursor again and again", "empty pages"],
)
async def test_a_servers_list_is_bounded_and_what_is_left_out_is_said(
    wish: dict[str, Any], used: int, said: str
) -> None:
    warnings: list[str] = []
    async with hostile(**wish) as connection:
        assert connection.error is None
        tools = remote_tools([connection], warnings.append)
    assert len(tools) == used
    assert sum(len(json.dumps(tool.spec.for_model())) for tool in tools) <= MAX_SERVER
    assert [warning for warning in warnings if said in warning]
    assert all(warning.startswith("fat: ") and len(warning) < 500 for warning in warnings)


async def test_all_servers_together_are_bounded() -> None:
    warnings: list[str] = []
    async with (
        hostile("a", tools=10, characters=25_000) as a,
        hostile("b", tools=10, characters=25_000) as b,
        hostile("c", tools=10, characters=25_000) as c,
    ):
        tools = remote_tools([a, b, c], warnings.append)
    assert sum(len(json.dumps(tool.spec.for_model())) for tool in tools) <= 512_000
    assert len(tools) == 20
    assert any("the tools of all servers may have 512,000 characters" in warning for warning in warnings)


@pytest.mark.requirement("tool-names")
async def test_a_server_that_lists_anothers_names_gets_none_of_them() -> None:
    warnings: list[str] = []
    names = ["sum_numbers", "mcp-calc-server__sum_numbers"]
    async with hostile("evil", names=names) as evil, hostile("mcp-calc-server", names=["sum_numbers"]) as honest:
        tools = remote_tools([evil, honest], warnings.append)
    assert [(tool.name, tool.served_by) for tool in tools] == [
        ("evil__sum_numbers", "evil"),
        ("evil__mcp-calc-server__sum_numbers", "evil"),
        ("mcp-calc-server__sum_numbers", "mcp-calc-server"),
    ]
    assert warnings == []


@pytest.mark.requirement("terminal-safe")
@pytest.mark.requirement("config-secrets")
async def test_a_servers_error_is_one_short_line_without_escapes_and_secrets() -> None:
    async with hostile(env={"API_KEY": "planted-secret"}) as connection:
        with pytest.raises(ToolError) as caught:
            await connection.call("t1_0", {"secret": "planted-secret"}, no_progress)
    text = str(caught.value)
    assert text.startswith("fat refused the call: ")
    assert text.isprintable()
    assert len(text) < MAX_REASON + 50
    assert "planted-secret" not in text
    assert "***" in text


@pytest.mark.requirement("allow")
async def test_a_tool_that_may_change_things_is_called_only_if_it_is_allowed() -> None:
    warnings: list[str] = []
    entry = ServerEntry(command=sys.executable, args=(str(HOSTILE), json.dumps({"names": ["git_reset", "git_add"]})))
    async with Connection("git", entry, connect_timeout=30, server_log=sys.stderr) as connection:
        agent = Agent("caller", "Call.", remote_tools([connection], warnings.append))
        output = await agent.call_tool("git_reset", {"hard": True})
        assert output.is_error
        assert "the user has not allowed it" in output.text
        (line,) = warnings
        assert line.startswith("git: git_reset was not called: it may change things, and nobody allowed it. ")
        assert line.endswith("To allow it: --allow git_reset (in Python allow=['git_reset'])")
        for pattern in ("git_reset", "git_*", "git__git_reset", "*"):
            agent = Agent("caller", "Call.", remote_tools([connection], warnings.append, allow=[pattern]))
            assert "git refused the call" in (await agent.call_tool("git_reset", {})).text  # by the server itself
        assert len(warnings) == 1
        refused = await Agent(
            "caller", "Call.", remote_tools([connection], warnings.append, allow=["git_add", "other__*"])
        ).call_tool("git_reset", {})
        assert "the user has not allowed it" in refused.text


@pytest.mark.requirement("allow")
async def test_a_configuration_and_trust_allow_tools_too() -> None:
    args = (str(HOSTILE), json.dumps({"names": ["write", "erase"]}))
    for more, allowed in (({"allow": ("write",)}, {"write"}), ({"trusted": True}, {"write", "erase"})):
        entry = ServerEntry(command=sys.executable, args=args).model_copy(update=more)
        async with Connection("files", entry, connect_timeout=30, server_log=sys.stderr) as connection:
            agent = Agent("caller", "Call.", remote_tools([connection], lambda _text: None))
            outputs = {name: (await agent.call_tool(name, {})).text for name in ("write", "erase")}
        assert {name for name, text in outputs.items() if "files refused the call" in text} == allowed


Answer = Callable[[Request, dict[str, Any]], Response]


@asynccontextmanager
async def web_server(call: Answer) -> AsyncIterator[tuple[str, list[Request]]]:
    """A server with one tool whose calls are answered by `call`: its address, and the requests."""
    requests: list[Request] = []

    async def answer(request: Request) -> Response:
        requests.append(request)
        message = await request.json() if request.method == "POST" else {}
        if message.get("method") == "initialize":
            result: Any = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "w", "version": "1"},
            }
        elif message.get("method") == "tools/list":
            result = {"tools": [{"name": "read", "inputSchema": OBJECT, "annotations": {"readOnlyHint": True}}]}
        elif message.get("method") == "server/discover":
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}})
        elif message.get("id") is None:
            return Response(status_code=202 if message else 405)
        else:
            return call(request, message)
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})

    app = Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST", "DELETE"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    bound = server.config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp", requests
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


def web(url: str, **more: Any) -> Connection:
    return Connection("web", ServerEntry(url=url, **more), connect_timeout=20, server_log=sys.stderr)


async def endless(piece: bytes = b" " * MIB) -> AsyncIterator[bytes]:
    """Far more than is taken; it ends, because a server is not told that nobody listens any more."""
    for _ in range(100 * MIB // len(piece)):
        yield piece
        await asyncio.sleep(0)


def json_without_end(_request: Request, _message: dict[str, Any]) -> Response:
    return StreamingResponse(endless(), media_type="application/json")


def bomb(_request: Request, _message: dict[str, Any]) -> Response:
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    return Response(gzip.compress(b" " * 100 * MIB), headers=headers)


def failing_without_end(_request: Request, _message: dict[str, Any]) -> Response:
    return StreamingResponse(endless(), media_type="application/json", status_code=500)


def line_without_end(_request: Request, _message: dict[str, Any]) -> Response:
    return StreamingResponse(endless(), media_type="text/event-stream")


def event_without_end(_request: Request, _message: dict[str, Any]) -> Response:
    return StreamingResponse(endless(b"data: " + b"x" * MIB + b"\n"), media_type="text/event-stream")


@pytest.mark.requirement("bounded-answers")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (json_without_end, "web refused the call: .*more than 16,777,216 bytes"),
        (bomb, "web refused the call: .*compressed its answer"),
        (failing_without_end, "web refused the call: "),
        (line_without_end, "web refused the call: .*exceeded the 16777216 byte limit"),
        (event_without_end, "web refused the call: .*exceeded the 16777216 byte limit"),
    ],
)
async def test_an_answer_that_does_not_end_is_a_typed_error_that_names_the_server(call: Answer, said: str) -> None:
    async with web_server(call) as (url, _requests), web(url) as connection:
        assert connection.error is None
        async with asyncio.timeout(60):
            with pytest.raises((ToolError, ToolUnavailable), match=said):
                await connection.call("read", {}, no_progress)


@pytest.mark.parametrize("path", ["/mcp", "/sse"])
async def test_a_stream_that_never_gets_to_the_point_is_given_up_while_connecting(path: str) -> None:
    async def answer(_request: Request) -> Response:
        return StreamingResponse(endless(), media_type="text/event-stream")

    app = Starlette(routes=[Route(path, answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    bound = server.config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}{path}"
        async with web(url, type="sse" if path == "/sse" else "http") as connection:
            assert not connection.is_up
            assert connection.error is not None
            assert "no connection within" not in connection.error
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


@pytest.mark.requirement("config-secrets")
async def test_credentials_are_sent_to_the_server_and_not_to_where_it_redirects() -> None:
    elsewhere: list[str] = []

    def elsewhere_too(_request: Request, _message: dict[str, Any]) -> Response:
        return Response()

    async with web_server(elsewhere_too) as (other, others):

        def redirect(_request: Request, _message: dict[str, Any]) -> Response:
            elsewhere.append(other)
            return RedirectResponse(other, status_code=307)

        async with web_server(redirect) as (url, requests):
            address = url.replace("//", "//me:planted-secret@") + "?key=planted-key"
            async with web(address, headers={"X-Key": "planted-header"}) as connection:
                assert connection.error is None
                with pytest.raises(ToolError, match="not followed") as caught:
                    await connection.call("read", {}, no_progress)
                state = json.dumps(connection.to_json())
    assert elsewhere
    assert others == []
    assert {request.headers["authorization"] for request in requests} == {"Basic bWU6cGxhbnRlZC1zZWNyZXQ="}
    assert {request.headers["x-key"] for request in requests} == {"planted-header"}
    assert "planted" not in str(caught.value) + state


@pytest.mark.requirement("config-secrets")
@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_credentials_of_a_url_are_in_no_error(kind: str) -> None:
    async def answer(_request: Request) -> Response:
        return Response(status_code=401)

    app = Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    bound = server.config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        url = f"http://me:planted-secret@127.0.0.1:{bound.getsockname()[1]}/mcp?key=planted-key"
        async with web(url, type=kind) as connection:
            assert not connection.is_up
            assert connection.error
            assert "planted" not in json.dumps(connection.to_json())
            with pytest.raises(ToolUnavailable) as caught:
                await connection.call("read", {}, no_progress)
            assert "planted" not in str(caught.value)
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


async def test_any_number_of_calls_is_under_way_at_once() -> None:
    arrived, all_there = 0, asyncio.Event()
    at_once = 120

    def call(_request: Request, message: dict[str, Any]) -> Response:
        async def body() -> AsyncIterator[bytes]:
            nonlocal arrived
            arrived += 1
            if arrived == at_once:
                all_there.set()
            await all_there.wait()
            result = {"content": [{"type": "text", "text": "x"}]}
            yield json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()

        return StreamingResponse(body(), media_type="application/json")

    async with web_server(call) as (url, _requests):
        entry = ServerEntry(url=url)
        async with Connection("web", entry, connect_timeout=20, server_log=sys.stderr, max_calls=200) as connection:
            async with asyncio.timeout(60):
                await asyncio.gather(*(connection.call("read", {}, no_progress) for _ in range(at_once)))
