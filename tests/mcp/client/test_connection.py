"""A connection to one server, and the ways it can fail."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agentloop import ToolError, ToolUnavailable
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.testing import ScriptedMessages, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.processes import SERVER, Lifeline

AGENT_CALL = {"prompt": "1 + 1"}

# Outlives both the end of its stdin and SIGTERM.
STUBBORN_SERVER = """
import asyncio, signal, threading
from mcp_calc_server.calculator import math_tools
from agentloop.mcp.server.serving import serve

asyncio.run(serve(math_tools()))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Event().wait()
"""


# Reads nothing more once it has listed its tools, and stays.
DEAF_SERVER = """
import json, os, sys, time

for line in iter(sys.stdin.readline, ""):
    message = json.loads(line)
    info = {"name": "deaf", "version": "1"}
    about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
    tools = {"tools": [{"name": "use", "inputSchema": {"type": "object"}}]}
    answer = {"initialize": {"result": about}, "tools/list": {"result": tools}}.get(message["method"])
    if message["method"] == "tools/list":
        os.close(0)
    if "id" in message:
        answer = answer or {"error": {"code": -32601, "message": "no"}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
    if message["method"] == "tools/list":
        time.sleep(60)
"""


async def no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message


def connect(command: tuple[str, ...] | list[str], *, seconds: float = 20, **env: str) -> Connection:
    entry = ServerEntry(command=command[0], args=tuple(command[1:]), env=env)
    return Connection("calc", entry, connect_timeout=seconds, server_log=sys.stderr)


def held_model(scripted_messages: Callable[..., ScriptedMessages]) -> ScriptedMessages:
    return scripted_messages(lambda _request: replace(says("too late"), seconds_per_event=60))


@pytest.mark.requirement("remote-tools")
async def test_tools_are_listed_and_called_and_leaving_ends_the_server(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path)
    async with lifeline.held() as line:
        async with connect(lifeline.command(*SERVER)) as connection:
            assert connection.is_up
            assert [tool.name for tool in connection.tools][::6] == ["sum_numbers", AGENT_TOOL]
            result = await connection.call("sum_numbers", {"numbers": [1, "0.5"]}, no_progress)
            assert result.structured_content == {"result": "1.5", "exact": True}
        await line.ended()
        assert not connection.is_up
        with pytest.raises(ToolUnavailable, match="calc went away: connection closed"):
            await connection.call("sum_numbers", {"numbers": [1]}, no_progress)


async def test_leaving_ends_a_server_that_ignores_every_request_to_end(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path)
    async with lifeline.held() as line:
        async with connect(lifeline.command(sys.executable, "-c", STUBBORN_SERVER)) as connection:
            assert connection.is_up
            began = time.monotonic()
        assert time.monotonic() - began < 30  # by itself it would stay for ever
        await line.ended()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("false",), "its program exited with status 1"),
        (("/nonexistent/server",), "/nonexistent/server: No such file or directory"),
        (("echo", "hello"), "its program exited with status 0"),
        (("cat",), "MCPError"),
    ],
    ids=["ends at once", "does not exist", "says something else", "echoes"],
)
async def test_a_command_that_is_no_server_is_an_error_and_not_an_exception(
    command: tuple[str, ...], reason: str
) -> None:
    async with connect(command) as connection:
        assert not connection.is_up
        assert connection.tools == ()
        assert connection.error is not None
        assert reason in connection.error
        with pytest.raises(ToolUnavailable, match="calc cannot be reached: "):
            await connection.call("sum_numbers", {"numbers": [1]}, no_progress)


@pytest.mark.parametrize(
    "command",
    [("sleep", "60"), ("sh", "-c", "trap '' TERM; exec sleep 60")],
    ids=["silent", "silent and stubborn"],
)
async def test_a_command_that_never_answers_is_given_up_in_time_and_ended(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    lifeline = Lifeline(tmp_path)
    async with lifeline.held() as line:
        began = time.monotonic()
        async with connect(lifeline.command(*command), seconds=0.5) as connection:
            assert not connection.is_up
            assert connection.error == "no connection within 0.5 s"
        assert time.monotonic() - began < 30
        await line.ended()


@pytest.mark.parametrize("kind", [None, "sse"])
async def test_a_url_where_nobody_listens_is_an_error_and_not_an_exception(kind: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    entry = ServerEntry.model_validate({"url": f"http://127.0.0.1:{port}/mcp", "type": kind})
    async with Connection("web", entry, connect_timeout=5, server_log=sys.stderr) as connection:
        assert not connection.is_up
        assert connection.error is not None
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_url_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = ServerEntry(url=f"http://127.0.0.1:{silent.getsockname()[1]}/mcp")
        began = time.monotonic()
        async with Connection("web", entry, connect_timeout=0.3, server_log=sys.stderr) as connection:
            assert connection.error == "no connection within 0.3 s"
        assert time.monotonic() - began < 30


async def test_a_killed_server_makes_calls_unavailable_and_cancels_no_caller(
    scripted_messages: Callable[..., ScriptedMessages], tmp_path: Path
) -> None:
    model = held_model(scripted_messages)
    lifeline = Lifeline(tmp_path)
    server = connect(lifeline.command(*SERVER), ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    async with lifeline.held() as line, server as connection:
        pid = await line.pid()
        calls = [asyncio.create_task(connection.call(AGENT_TOOL, AGENT_CALL, no_progress)) for _ in range(2)]
        await model.until(lambda: len(model.requests) == 2)
        os.kill(pid, signal.SIGKILL)
        await asyncio.wait(calls, timeout=5)
        for call in calls:
            assert not call.cancelled()
        calls.append(asyncio.create_task(connection.call("sum_numbers", {"numbers": [1]}, no_progress)))
        await asyncio.wait(calls[2:], timeout=5)
        failures = [call.exception() for call in calls]
        assert all(isinstance(failure, ToolUnavailable) for failure in failures)
        assert {str(failure) for failure in failures} == {"calc went away: its program was ended by signal 9"}
        assert not connection.is_up


async def test_a_server_that_reads_nothing_more_is_lost_although_it_stays() -> None:
    async with connect((sys.executable, "-c", DEAF_SERVER)) as connection:
        assert connection.is_up
        with pytest.raises(ToolUnavailable):
            await connection.call("use", {}, no_progress)
        assert not connection.is_up


async def test_a_callers_cancel_reaches_the_server_and_a_refused_call_does_not_end_the_connection(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = held_model(scripted_messages)
    async with connect(SERVER, ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted") as connection:
        call = asyncio.create_task(connection.call(AGENT_TOOL, AGENT_CALL, no_progress))
        await model.until(lambda: len(model.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await model.until(lambda: model.requests[0].outcome == "cancelled")
        result = await connection.call("divide_numbers", {"a": 1, "b": 0}, no_progress)
        assert result.is_error
        assert connection.is_up


async def test_calls_cancelled_at_any_moment_leave_the_server_as_it_was() -> None:
    async with connect([*SERVER, "--calls-per-minute", "100000"]) as connection:
        for tenths_of_ms in range(100):
            with suppress(TimeoutError):
                async with asyncio.timeout(tenths_of_ms / 10_000):
                    while True:
                        await connection.call("sum_numbers", {"numbers": [1, 2]}, no_progress)
        result = await connection.call("sum_numbers", {"numbers": [1, 2]}, no_progress)
        assert not result.is_error
        assert connection.reconnects == 0


async def test_a_call_the_server_takes_too_long_for_is_a_tool_error(
    scripted_messages: Callable[..., ScriptedMessages], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentloop.mcp.client.sdk_session.CALL_TIMEOUT", 0.2)
    model = held_model(scripted_messages)
    async with connect(SERVER, ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted") as connection:
        with pytest.raises(ToolError, match="calc returned no result in time: ") as caught:
            await connection.call(AGENT_TOOL, AGENT_CALL, no_progress)
        assert not isinstance(caught.value, ToolUnavailable)
        assert connection.is_up


async def test_being_cancelled_while_connecting_ends_the_process(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path)

    async def enter() -> None:
        async with connect(lifeline.command("sleep", "60"), seconds=30):
            pytest.fail("connected to a sleeper")

    async with lifeline.held() as line:
        entering = asyncio.create_task(enter())
        await line.pid()
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        await line.ended()


@pytest.mark.requirement("remote-tools")
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("exit 3", "its program exited with status 3"),
        ("read line; echo no; exit", "its program exited with status 0"),
        ("kill -9 $$", "its program was ended by signal 9"),
        ("exec 1>&-; cat >/dev/null", "connection closed"),
    ],
)
async def test_a_program_that_ends_before_it_is_connected_is_reported_with_its_status(
    command: str, reason: str
) -> None:
    async with connect(["sh", "-c", command]) as connection:
        assert connection.error == reason
