"""agno: an async tool that runs another Agent. A Team would delegate through tools of agno's own names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.tools import tool

from benchmarks.measuring import (
    CALC_DESCRIPTION,
    CALC_SYSTEM,
    MAX_TOKENS,
    MODEL,
    ORCH_SYSTEM,
    TOOLS,
    Ask,
    as_async,
    main,
)


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    def model() -> Claude:
        return Claude(id=MODEL, api_key="fake", max_tokens=MAX_TOKENS, client_params={"base_url": base_url})

    maths = [as_async(function) for function in TOOLS]
    sub_agent = Agent(model=model(), instructions=CALC_SYSTEM, tools=maths, telemetry=False)

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        return (await sub_agent.arun(problem)).content

    orchestrator = Agent(model=model(), instructions=ORCH_SYSTEM, tools=[calculator], telemetry=False)

    async def ask(prompt: str) -> str:
        return (await orchestrator.arun(prompt)).content

    yield ask


if __name__ == "__main__":
    main(session, ["agno"])
