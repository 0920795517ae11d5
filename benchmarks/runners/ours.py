"""This project, as users have it: streaming, events, usage and eager start on.

OURS = async | sync: both agents in this process, the sub-agent through the async or the sync wrapper
       stdio | http: the sub-agents in mcp-calc-server, as orchestrator-client uses it
Only the bounds are raised that would keep 2,000 sub-agents from running at once.
"""

import _path
import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

from agentloop.collecting import starting
from agentloop import Agent, Limits, create_agent_tool_async, create_agent_tool_sync
from agentloop.narration import Narrator
from mcp_calc_server.calculator import AGENT_TOOL, CALCULATOR_MODEL, calculator_assistant
from mcp_calc_server.contract import load_specs
from orchestrator_client.config import ServerEntry
from orchestrator_client.orchestrator import ORCHESTRATOR_MODEL, SYSTEM_PROMPT, Session, Setup
from orchestrator_client.report import Report
from offline_model.choice import claude_client

from measuring import main

HOW = os.environ["OURS"]
AT_ONCE = 5000
LIMITS = Limits(max_tool_calls=AT_ONCE, threads=AT_ONCE)
SERVER = ("-m", "mcp_calc_server", "--max-agents", str(AT_ONCE), "--calls-per-minute", "1000000")


def observer():
    """What orchestrator-client does with each event: the report, and a line for a person."""
    report, narrator = Report(), Narrator()

    def observe(event):
        report.observe(event)
        narrator.tell(event)

    return observe


@asynccontextmanager
async def in_process():
    calculator = calculator_assistant(model=CALCULATOR_MODEL, client=claude_client)
    wrap = create_agent_tool_async if HOW == "async" else create_agent_tool_sync
    tool = wrap(calculator, spec=load_specs()[AGENT_TOOL])
    yield Agent("orchestrator", SYSTEM_PROMPT, [tool], client=claude_client, limits=LIMITS)


@asynccontextmanager
async def over_mcp():
    async with server() as entry:
        setup = Setup(ORCHESTRATOR_MODEL, claude_client, {"calculator": entry}, [], max_calls=AT_ONCE)
        async with Session(setup, lambda text: print(text, file=sys.stderr)) as session:
            yield replace(session.orchestrator(), limits=LIMITS)


@asynccontextmanager
async def server():
    if HOW == "stdio":
        yield ServerEntry(command=sys.executable, args=SERVER, env=dict(os.environ), trusted=True)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, *SERVER, "--transport", "streamable-http", "--port", "0", stderr=asyncio.subprocess.PIPE
    )
    try:
        url = (await process.stderr.readline()).decode().split()[-1]
        yield ServerEntry(url=url, trusted=True)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def session(_base_url):
    async with in_process() if HOW in {"async", "sync"} else over_mcp() as agent:

        async def ask(prompt):
            return (await agent.run(prompt, observe=observer())).answer

        yield ask


if __name__ == "__main__":
    with starting():  # as both commands do
        pass
    main(f"ours_{HOW}", session, ["mcp", "aiohttp"])
