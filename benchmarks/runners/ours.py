"""This project, as users have it: streamed, with events, usage and early start.

`OURS` = async or sync: both agents in this process, the sub-agent through the async or the sync wrapper;
stdio or http: the sub-agents in `mcp-calc-server`, as `orchestrator-client` uses it.
`VIEWS`, names with commas between, says who watches; without it, what the command does where there is no terminal.
Only the bounds are raised that would keep 2,000 sub-agents from running at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from agentloop import Agent, CallContext, Limits, RunScope, create_agent_tool_async, create_agent_tool_sync, sdk_client
from agentloop.events import Event, EventHandler
from agentloop.gc_pause import gc_paused
from agentloop.mcp.client.config import ServerEntry
from agentloop.narration import Narrator
from benchmarks.measuring import Ask, main
from benchmarks.watching import watched
from mcp_calc_server.calculator import AGENT_TOOL, CALCULATOR_MODEL, calculator_assistant
from mcp_calc_server.contract import load_specs
from orchestrator_client.orchestrator import ORCHESTRATOR_MODEL, SYSTEM_PROMPT, Session
from orchestrator_client.report import Report

HOW = os.environ["OURS"]
VIEWS = os.environ.get("VIEWS")
AT_ONCE = 5000
LIMITS = Limits(max_tool_calls=AT_ONCE, threads=AT_ONCE)
SERVER = ("-m", "mcp_calc_server", "--max-agents", str(AT_ONCE), "--calls-per-minute", "1000000")


def lines() -> EventHandler:
    """What orchestrator-client does with each event where there is no terminal: the report, and a line for a person."""
    report, narrator = Report(), Narrator()

    def on_event(event: Event) -> None:
        report.on_event(event)
        narrator.describe(event)

    return on_event


@asynccontextmanager
async def in_process() -> AsyncIterator[Agent]:
    calculator = calculator_assistant(model=CALCULATOR_MODEL, client=sdk_client)
    wrap = create_agent_tool_async if HOW == "async" else create_agent_tool_sync
    tool = wrap(calculator, spec=load_specs()[AGENT_TOOL])
    yield Agent("orchestrator", SYSTEM_PROMPT, [tool], client=sdk_client, limits=LIMITS)


@asynccontextmanager
async def over_mcp() -> AsyncIterator[Agent]:
    async with (
        server() as entry,
        Session(
            {"calculator": entry},
            model=ORCHESTRATOR_MODEL,
            client=sdk_client,
            max_calls=AT_ONCE,
            warn=lambda text: print(text, file=sys.stderr),
        ) as opened,
    ):
        yield replace(opened.orchestrator(), limits=LIMITS)


@asynccontextmanager
async def server() -> AsyncIterator[ServerEntry]:
    if HOW == "stdio":
        yield ServerEntry(command=sys.executable, args=SERVER, env=dict(os.environ), trusted=True)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, *SERVER, "--transport", "streamable-http", "--port", "0", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        url = (await process.stderr.readline()).decode().split()[-1]
        yield ServerEntry(url=url, trusted=True)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def session(_base_url: str) -> AsyncIterator[Ask]:
    async with in_process() if HOW in {"async", "sync"} else over_mcp() as agent:

        async def ask(prompt: str) -> str:
            if VIEWS is None:
                return (await agent.run(prompt, on_event=lines())).answer
            async with watched(VIEWS.split(",")) as (emit, trace):
                context = CallContext(scope=RunScope(emit=emit, trace=trace))
                return (await agent.run(prompt, context=context)).answer

        yield ask


if __name__ == "__main__":
    with gc_paused():  # as both commands do
        pass
    main(session, ["mcp", "aiohttp"])
