"""Microsoft agent-framework: `Agent.as_tool` on its AnthropicClient."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent_framework import Agent
from agent_framework_anthropic import AnthropicClient

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
    client = AnthropicClient(model=MODEL, base_url=base_url, api_key="fake")
    options = {"max_tokens": MAX_TOKENS}
    maths = [as_async(function) for function in TOOLS]
    calculator = Agent(client, CALC_SYSTEM, name="calculator", tools=maths, default_options=options)
    orchestrator = Agent(
        client,
        ORCH_SYSTEM,
        name="orchestrator",
        default_options=options,
        tools=[calculator.as_tool(name="calculator", description=CALC_DESCRIPTION, arg_name="problem")],
    )

    async def ask(prompt: str) -> str:
        return (await orchestrator.run(prompt)).text

    yield ask


if __name__ == "__main__":
    main(session, ["agent-framework-core", "agent-framework-anthropic"])
