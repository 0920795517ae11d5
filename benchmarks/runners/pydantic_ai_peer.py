"""(c) pydantic-ai: agent delegation through a tool. UsageLimits(request_limit=None): its default of 50 requests per
run would stop a fan-out of 17 sub-agents when usage is shared, as its own documentation advises."""

import _path
import os
from contextlib import asynccontextmanager

from pydantic_ai import Agent, RunContext
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.usage import UsageLimits

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MODEL, ORCH_SYSTEM, TOOLS, as_async, main

LIMITS = None if os.environ.get("BENCH_DEFAULT_LIMITS") == "1" else UsageLimits(request_limit=None)


@asynccontextmanager
async def session(base_url: str):
    model = AnthropicModel(MODEL, provider=AnthropicProvider(base_url=base_url, api_key="fake"))
    calc = Agent(model, instructions=CALC_SYSTEM, tools=[as_async(f) for f in TOOLS])
    orchestrator = Agent(model, instructions=ORCH_SYSTEM)

    @orchestrator.tool(description=CALC_DESCRIPTION)
    async def calculator(ctx: RunContext[None], problem: str) -> str:
        return (await calc.run(problem, usage=ctx.usage, usage_limits=LIMITS)).output

    async def ask(prompt: str) -> str:
        return (await orchestrator.run(prompt, usage_limits=LIMITS)).output

    yield ask


if __name__ == "__main__":
    main("pydantic_ai", session, ["pydantic-ai-slim", "httpx2"])
