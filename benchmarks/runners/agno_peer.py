"""(g4) agno: an async tool that runs another Agent (a Team delegates through tools of agno's own names)."""

import _path
import os
from contextlib import asynccontextmanager

os.environ.setdefault("AGNO_TELEMETRY", "false")

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.tools import tool

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main


@asynccontextmanager
async def session(base_url: str):
    def model():
        return Claude(id=MODEL, api_key="fake", max_tokens=MAX_TOKENS, client_params={"base_url": base_url})

    calc = Agent(model=model(), instructions=CALC_SYSTEM, tools=[as_async(f) for f in TOOLS], telemetry=False)

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        return (await calc.arun(problem)).content

    orchestrator = Agent(model=model(), instructions=ORCH_SYSTEM, tools=[calculator], telemetry=False)

    async def ask(prompt: str) -> str:
        return (await orchestrator.arun(prompt)).content

    yield ask


if __name__ == "__main__":
    main("agno", session, ["agno"])
