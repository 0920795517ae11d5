"""The server process: what goes out of it, and how it ends."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from agentloop.mcp.stdio import MAX_LINE
from agentloop.testing import ScriptedMessages, says
from mcp_calc_server.calculator import AGENT_TOOL
from mcp_calc_server.cli import main
from tests.mcp.server.wire import Wire
from tests.processes import SERVER, environment, finished, started
from tests.promptly import time_limit

CHATTY_SERVER = """
import asyncio, os, sys
from agentloop import Tool
from agentloop.mcp.server.serving import serve

def chat() -> str:
    print("printed")
    sys.stdout.write("written without a line end")
    os.write(1, b"written past Python\\n")
    return "done"

asyncio.run(serve([Tool.from_function(chat)]))
"""


@pytest.mark.requirement("protocol-stdout")
async def test_stdout_carries_only_protocol_even_when_a_tool_prints() -> None:
    async with started([sys.executable, "-c", CHATTY_SERVER]) as process:
        wire = Wire(process)
        await wire.initialize()
        result = await wire.answer("tools/call", {"name": "chat", "arguments": {}})
        assert result["content"][0]["text"] == "done"
        end = await finished(process)
    for line in [*wire.lines, *end.out.encode().splitlines()]:
        assert json.loads(line)["jsonrpc"] == "2.0"
    assert end.code == 0
    assert "written past Python" in end.err


@pytest.mark.requirement("protocol-stdout")
async def test_a_line_that_is_not_protocol_does_not_end_the_server() -> None:
    async with started(SERVER) as process:
        wire = Wire(process)
        assert process.stdin is not None
        process.stdin.write(b"this is not JSON\n{}\n[]\n\xff\xfe\n\n")
        await wire.initialize()
        result = await wire.answer("tools/call", {"name": "sum_numbers", "arguments": {"numbers": [1, 2]}})
        assert result["structuredContent"]["result"] == "3"
        await finished(process)
    for line in wire.lines:
        assert json.loads(line)["jsonrpc"] == "2.0"


async def test_a_line_that_is_too_long_is_refused_and_the_server_goes_on() -> None:
    async with started([*SERVER, "--offline"]) as process:
        wire = Wire(process)
        await wire.initialize()
        for length in (MAX_LINE + 1, 3 * MAX_LINE):
            answer = await wire.raw(b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * length + b'"}')
            assert (answer["id"], answer["error"]["code"]) == (None, -32700)
            assert "more than 16 MiB" in answer["error"]["message"]
        result = await wire.answer("tools/call", {"name": "sum_numbers", "arguments": {"numbers": [1, 2]}})
        assert result["structuredContent"]["result"] == "3"
        end = await finished(process)
    assert end.code == 0
    assert len(end.err.splitlines()) == 2, end.err
    assert "a message has more than 16 MiB" in end.err


@pytest.mark.requirement("clean-end")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, None], ids=["SIGTERM", "SIGINT", "end of stdin"])
async def test_the_server_ends_cleanly_within_2_s_with_a_call_in_flight(
    scripted_messages: Callable[..., ScriptedMessages], stop: signal.Signals | None
) -> None:
    async def attempt() -> float:
        model = scripted_messages(lambda _request: replace(says("too late"), seconds_per_event=60))
        env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
        async with started(SERVER, env=env) as process:
            wire = Wire(process)
            await wire.initialize()
            await wire.request("tools/call", {"name": AGENT_TOOL, "arguments": {"prompt": "1 + 1"}})
            await model.until(lambda: len(model.requests) == 1)
            began = time.monotonic()
            if stop is None:
                assert process.stdin is not None
                process.stdin.close()
            else:
                process.send_signal(stop)
            assert await asyncio.wait_for(process.wait(), 60) == 0
            took = time.monotonic() - began
            end = await finished(process)
        await model.until(lambda: model.requests[0].outcome == "cancelled")
        assert len(model.requests) == 1
        assert end.err == ""
        return took

    await time_limit(2, attempt)


@pytest.mark.parametrize(("option", "shown"), [("--help", "--offline"), ("--version", "version 0.")])
def test_the_command_explains_itself(option: str, shown: str) -> None:
    result = CliRunner().invoke(main, [option])
    assert result.exit_code == 0
    assert shown in result.stdout


def test_an_unknown_option_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["--nonsense"])
    assert result.exit_code == 2
    assert result.stdout == ""
