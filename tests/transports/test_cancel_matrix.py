"""However a client stops waiting, its agents stop, the open model request is closed and none is sent after.

The columns that need processes of their own, or time to run out, are slow. `make matrix` runs them, and `make tables`
writes what they measure.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable

import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult

from agentloop.testing import ScriptedMessages
from tests.processes import started
from tests.promptly import time_limit
from tests.surface import MODES, ROOT, TRANSPORTS, Held, Served, scripted_env, serving
from tests.transports.conftest import PUBLISH
from tests.transports.scripted import about, held
from tests.transports.tables import record

on_one_loop = pytest.mark.asyncio(loop_scope="session")
each_wrapper = pytest.mark.parametrize("tool", ["looped_agent", "threaded_agent"], ids=["async", "sync"])
each_way = pytest.mark.parametrize(("transport", "mode"), list(itertools.product(TRANSPORTS, MODES)))

WRAPPER = {"looped_agent": "async", "threaded_agent": "sync"}
LONGEST = 1.0
"""Seconds until an open model request is closed."""

_numbers = itertools.count()


def new_prompt() -> str:
    return f"hold {next(_numbers)}"


async def _call(call: Awaitable[CallToolResult]) -> CallToolResult:
    return await call


async def closed(model: ScriptedMessages, prompt: str, left: float) -> float:
    """Seconds from `left` to the end of the open request, which was cancelled; its caller's was answered before."""
    await model.until(lambda: about(model, prompt)[-1].outcome is not None)
    above, open_one = about(model, prompt)
    assert (above.outcome, open_one.outcome) == ("complete", "cancelled")
    assert open_one.ended is not None
    return max(0.0, open_one.ended - left)


@pytest.mark.slow
@pytest.mark.requirement("cancel-reaches-the-model")
@each_wrapper
@on_one_loop
async def test_a_cancelled_call_stops_its_agents(
    client: Client, way: tuple[str, str], tool: str, model: ScriptedMessages
) -> None:
    async def attempt() -> float:
        prompt = new_prompt()
        call = asyncio.create_task(_call(client.call_tool(tool, {"prompt": prompt})))
        await model.until(held(model, prompt))
        left = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        took = await closed(model, prompt, left)
        await client.call_tool(tool, {"prompt": "after"})
        assert len(about(model, prompt)) == 2
        return took

    took = await time_limit(LONGEST, attempt)
    record("cancel", ", ".join(way), f"task cancelled, {WRAPPER[tool]}", took)


@pytest.mark.slow
@pytest.mark.requirement("cancel-reaches-the-model")
@each_wrapper
@on_one_loop
async def test_a_call_that_times_out_stops_its_agents(
    client: Client, way: tuple[str, str], tool: str, model: ScriptedMessages
) -> None:
    async def attempt() -> float:
        prompt = new_prompt()
        await client.call_tool(tool, {"prompt": "after"})  # the first call of a server imports the model's SDK
        call = asyncio.create_task(_call(client.call_tool(tool, {"prompt": prompt}, read_timeout_seconds=5)))
        await model.until(held(model, prompt))
        with pytest.raises(MCPError):
            await call
        took = await closed(model, prompt, time.monotonic())
        await client.call_tool(tool, {"prompt": "after"})
        assert len(about(model, prompt)) == 2
        return took

    took = await time_limit(LONGEST, attempt)
    record("cancel", ", ".join(way), f"read timeout, {WRAPPER[tool]}", took)


@pytest.fixture
def shared(transport: str, http: Served, sse: Served) -> Served | None:
    """The server that outlives its client; on stdio there is none."""
    return {"stdio": None, "streamable-http": http, "sse": sse}[transport]


@pytest.mark.slow
@pytest.mark.requirement("cancel-reaches-the-model")
@each_wrapper
@each_way
@on_one_loop
async def test_a_client_that_is_closed_stops_its_agents(
    transport: str, mode: str, tool: str, shared: Served | None, model: ScriptedMessages
) -> None:
    async def attempt() -> float:
        prompt = new_prompt()
        if shared is None:
            async with serving(transport, *PUBLISH, env=scripted_env(model.url)) as served:
                took = await _closed_in_the_middle(served, mode, tool, prompt, model)
                assert await asyncio.wait_for(served.process.wait(), 60) == 0
        else:
            took = await _closed_in_the_middle(shared, mode, tool, prompt, model)
            await _another_call(shared, tool)
        assert len(about(model, prompt)) == 2
        return took

    took = await time_limit(LONGEST, attempt)
    record("cancel", f"{transport}, {mode}", f"client closed, {WRAPPER[tool]}", took)


async def _closed_in_the_middle(served: Served, mode: str, tool: str, prompt: str, model: ScriptedMessages) -> float:
    holder = Held(served.client(mode))
    client = await holder.__aenter__()
    call = asyncio.create_task(_call(client.call_tool(tool, {"prompt": prompt})))
    await model.until(held(model, prompt))
    left = time.monotonic()
    await holder.__aexit__()
    took = await closed(model, prompt, left)
    with pytest.raises((MCPError, asyncio.CancelledError)):
        await asyncio.wait_for(call, 30)
    return took


async def _another_call(served: Served, tool: str) -> None:
    async with served.client() as client:
        result = await client.call_tool(tool, {"prompt": "after"})
        assert not result.is_error


@pytest.mark.slow
@pytest.mark.requirement("cancel-reaches-the-model")
@each_wrapper
@each_way
@on_one_loop
async def test_a_client_that_is_killed_stops_its_agents(
    transport: str, mode: str, tool: str, shared: Served | None, model: ScriptedMessages
) -> None:
    async def attempt() -> float:
        prompt = new_prompt()
        url = shared.url if shared else "-"
        command = [sys.executable, "-m", "tests.transports.leaving_client", transport, mode, url, tool, prompt]
        async with started(command, env=scripted_env(model.url), cwd=ROOT) as client:
            await model.until(held(model, prompt))
            left = time.monotonic()
            client.kill()
            took = await closed(model, prompt, left)
        if shared is not None:
            await _another_call(shared, tool)
        assert len(about(model, prompt)) == 2
        return took

    took = await time_limit(LONGEST, attempt)
    record("cancel", f"{transport}, {mode}", f"client killed, {WRAPPER[tool]}", took)
