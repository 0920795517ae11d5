"""A server that is asked to end is gone within 2 s, whatever it is doing, and leaves nothing behind.

The rows are slow, as each has processes of its own; `make matrix` runs them, `make tables` writes what they measure.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from mcp import Client

from agentloop.testing import ScriptedMessages
from tests.processes import Lifeline, started
from tests.promptly import time_limit
from tests.surface import ROOT, Held, Served, scripted_env, serving, text
from tests.transports.conftest import PUBLISH
from tests.transports.scripted import about, held
from tests.transports.tables import record

on_one_loop = pytest.mark.asyncio(loop_scope="session")
WRAPPER = {"looped_agent": "async", "threaded_agent": "sync"}
LONGEST = 2.0
ENDS = [
    (transport, end)
    for transport in ("stdio", "streamable-http", "sse")
    for end in ("SIGTERM", "SIGINT", "end of stdin")
    if transport == "stdio" or end != "end of stdin"
]

_numbers = itertools.count()


async def _wait(call: Awaitable[Any]) -> None:
    with suppress(Exception):
        await call


async def ask_to_end(served: Served, end: str) -> None:
    if end == "end of stdin":
        assert served.process.stdin is not None
        served.process.stdin.close()
    else:
        served.process.send_signal(signal.Signals[end])


@pytest.mark.slow
@pytest.mark.requirement("ends-within-2-s")
@pytest.mark.parametrize("tool", list(WRAPPER), ids=["async", "sync"])
@pytest.mark.parametrize(("transport", "end"), ENDS)
@on_one_loop
async def test_a_server_with_calls_in_flight_is_gone_within_2_s(
    transport: str, end: str, tool: str, model: ScriptedMessages
) -> None:
    async def attempt() -> float:
        prompt = f"hold until {end} on {transport} with {tool} {next(_numbers)}"
        async with serving(transport, *PUBLISH, env=scripted_env(model.url)) as served, AsyncExitStack() as stack:
            client = await stack.enter_async_context(Held(served.client()))
            finished = await client.call_tool(tool, {"prompt": "before"})
            assert text(finished) == "Answer: done: before"
            call = asyncio.create_task(_wait(client.call_tool(tool, {"prompt": prompt})))
            listening = asyncio.create_task(_listen(client))
            await model.until(held(model, prompt))
            began = time.monotonic()
            await ask_to_end(served, end)
            code = await asyncio.wait_for(served.process.wait(), 60)
            took = time.monotonic() - began
            await model.until(lambda: about(model, prompt)[-1].outcome is not None)
            listening.cancel()
            await asyncio.wait({call, listening}, timeout=5)
            with suppress(Exception):
                await stack.aclose()
        assert code == 0, served.stderr
        assert [request.outcome for request in about(model, prompt)] == ["complete", "cancelled"]
        assert [line for line in served.said if "listening at" not in line] == []
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in served.wire)
        return took

    record("shutdown", f"{transport}, {end}", f"{WRAPPER[tool]} call in flight", await time_limit(LONGEST, attempt))


async def _listen(client: Client) -> None:
    with suppress(Exception):
        async with client.listen(tools_list_changed=True) as events:
            async for _ in events:
                pass


@pytest.mark.slow
@pytest.mark.requirement("ends-within-2-s")
@pytest.mark.parametrize("tool", list(WRAPPER), ids=["async", "sync"])
@on_one_loop
async def test_a_stdio_server_whose_parent_is_killed_is_gone_within_2_s(
    tool: str, model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def attempt() -> float:
        prompt = f"hold until the parent of {tool} is killed {next(_numbers)}"
        lifeline = Lifeline(tmp_path_factory.mktemp("run"))
        server = json.dumps(lifeline.command(sys.executable, "-m", "mcp_calc_server", *PUBLISH))
        command = [sys.executable, "-m", "tests.transports.leaving_client", "stdio", "auto", server, tool, prompt]
        async with lifeline.held() as line, started(command, env=scripted_env(model.url), cwd=ROOT) as parent:
            pid = await line.pid()
            await model.until(held(model, prompt))
            began = time.monotonic()
            parent.kill()
            try:
                await line.ended(20)
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return time.monotonic() - began

    record("shutdown", "stdio, parent killed", f"{WRAPPER[tool]} call in flight", await time_limit(LONGEST, attempt))


@pytest.mark.slow
@pytest.mark.requirement("ends-within-2-s")
@pytest.mark.parametrize("end", ["SIGTERM", "end of stdin"])
@on_one_loop
async def test_a_reply_that_was_finished_is_delivered_although_the_client_reads_late(end: str) -> None:
    """The reply is larger than the pipe: its first bytes are there when the server is asked to end, the rest is not."""
    large = "x" * 90_000
    call = {"name": "sum_numbers", "arguments": {"numbers": [1], large: 1}}
    async with serving("stdio", "--offline") as served:
        process = served.process
        assert process.stdin is not None
        assert process.stdout is not None
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call | {"_meta": meta}}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        first = await asyncio.wait_for(process.stdout.read(1), 60)
        await ask_to_end(served, end)
        rest = await asyncio.wait_for(process.stdout.read(), 60)
        assert json.loads(first + rest)["id"] == 1
        assert await asyncio.wait_for(process.wait(), 60) == 0
