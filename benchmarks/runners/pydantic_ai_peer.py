"""pydantic-ai: delegation through a tool, with the usage shared, as its documentation advises.

`request_limit=None`, because the default of 50 requests a run would then end a fan-out at 17 sub-agents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic_ai import Agent, RunContext
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.usage import UsageLimits

from benchmarks.measuring import CALC_DESCRIPTION, CALC_SYSTEM, MODEL, ORCH_SYSTEM, TOOLS, Ask, as_async, main

LIMITS = UsageLimits(request_limit=None)


async def calculator(context: RunContext[Agent], problem: str) -> str:
    return (await context.deps.run(problem, usage=context.usage, usage_limits=LIMITS)).output


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    model = AnthropicModel(MODEL, provider=AnthropicProvider(base_url=base_url, api_key="fake"))
    sub_agent = Agent(model, instructions=CALC_SYSTEM, tools=[as_async(function) for function in TOOLS])
    orchestrator = Agent(model, instructions=ORCH_SYSTEM, deps_type=Agent)
    orchestrator.tool(description=CALC_DESCRIPTION)(calculator)

    async def ask(prompt: str) -> str:
        return (await orchestrator.run(prompt, deps=sub_agent, usage_limits=LIMITS)).output

    yield ask


if __name__ == "__main__":
    main(session, ["pydantic-ai-slim"])
