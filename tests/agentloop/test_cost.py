"""What a run costs, in calls of our own functions and in memory: counted, so a slow or busy machine changes nothing.

Coroutines and generators are left out: how often they are resumed depends on how the network cuts the stream.
"""

import asyncio
import inspect
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import pytest

import agentloop
from agentloop import Agent, Tool, ToolSpec, create_agent_tool_async
from agentloop.testing import Reply, Request, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
OURS = str(Path(agentloop.__file__).parent)
RESUMED = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
BY_CHUNK = {"feed", "<listcomp>", "headers"}
"""Called for what comes together from the network (`sse`), or inlined by newer Pythons."""

MOST_MEMORY = 28_000
"""Bytes."""
CHARACTERS = 12
"""Of text in one event of the scripted server."""


class Counting:
    """Counts calls in this thread during the block, by module and function."""

    def __enter__(self) -> Counter[str]:
        self.counted: Counter[str] = Counter()
        sys.setprofile(self._see)
        return self.counted

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_flags & RESUMED or not code.co_filename.startswith(OURS):
            return
        name = Path(code.co_filename).stem
        if not (name in {"sse", "wire"} and code.co_name in BY_CHUNK) and "testing" not in code.co_filename:
            self.counted[f"{name}.{code.co_name}"] += 1


async def cost_of_run(agent: Agent) -> Counter[str]:
    await agent.run("warm")
    with Counting() as counted:
        await agent.run("go")
    return counted


@pytest.mark.requirement("costs-are-bounded")
async def test_an_event_of_a_stream_costs_a_handful_of_calls(scripted_messages: Serve) -> None:
    async def cost(events: int) -> Counter[str]:
        server = scripted_messages(lambda _: says("x" * CHARACTERS * events))
        return await cost_of_run(Agent("writer", "Write.", client=server.client))

    few, many = await cost(10), await cost(210)
    each = Counter({name: (many[name] - few[name]) / 200 for name in many if many[name] != few[name]})
    assert sum(each.values()) <= 10, each


@pytest.mark.requirement("costs-are-bounded")
async def test_a_sub_agent_with_three_turns_and_four_calls_costs_so_many_calls(scripted_messages: Serve) -> None:
    spec = ToolSpec("add", "Adds.", {"type": "object"}, read_only=True)

    async def add(**_numbers: int) -> str:
        return "3"

    def script(request: Request) -> Reply:
        tools = {tool["name"] for tool in request.body["tools"]}
        if "add" not in tools:
            asked = [("calculator_agent", {"prompt": f"part {number}"}) for number in range(int(request.prompt))]
            return says("done") if request.results else calls(*asked)
        turn: int = sum(message["role"] == "assistant" for message in request.body["messages"])
        adds = [("add", {"a": number, "b": 1}) for number in range(4)]
        replies: list[Reply] = [calls(*adds[:3]), calls(adds[3]), says("3")]
        reply: Reply = replies[turn]
        return reply

    server = scripted_messages(script)
    calculator = Agent("calculator", "Add.", [Tool(spec, add)], client=server.client)
    boss = Agent("boss", "Delegate.", [create_agent_tool_async(calculator)], client=server.client)

    async def cost(parts: int) -> Counter[str]:
        await boss.run(f"{parts}")
        with Counting() as counted:
            await boss.run(f"{parts}")
        return counted

    few, many = await cost(2), await cost(12)
    each = Counter({name: (many[name] - few[name]) / 10 for name in many if many[name] != few[name]})
    assert sum(each.values()) <= 860, each.most_common(40)


@pytest.mark.requirement("costs-are-bounded")
async def test_a_sub_agent_that_waits_for_its_model_holds_so_much_memory(scripted_messages: Serve) -> None:
    """Counted where it is allocated, in our own modules and aiohttp's: the scripted server is in this process too."""
    everybody = asyncio.Event()
    crowd = 30
    inside = 0
    held: list[int] = []

    async def script(request: Request) -> Reply:
        nonlocal inside
        if request.body.get("system") == "boss":
            asked = [("child_agent", {"prompt": f"part {number}"}) for number in range(int(request.prompt))]
            return says("done") if request.results else calls(*asked)
        inside += 1
        if request.prompt != "part 0" or inside > 1:
            if inside == 1 + crowd:
                held.append(allocated())
                everybody.set()
            await everybody.wait()
        return says("done")

    server = scripted_messages(script)
    child = Agent("child", "child", client=server.client)
    boss = Agent("boss", "boss", [create_agent_tool_async(child)], client=server.client)
    await boss.run("1")
    tracemalloc.start()
    try:
        await boss.run(f"{crowd}")
    finally:
        tracemalloc.stop()
    assert held[0] / crowd <= MOST_MEMORY


def allocated() -> int:
    """Bytes that our modules and aiohttp's hold."""
    patterns = [f"{OURS}/*", f"{Path(aiohttp.__file__).parent}/*"]
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=pattern) for pattern in patterns]
    testing = tracemalloc.Filter(inclusive=False, filename_pattern=f"{OURS}/testing/*")
    traces = tracemalloc.take_snapshot().filter_traces(ours).filter_traces([testing])
    return sum(statistic.size for statistic in traces.statistics("filename"))
