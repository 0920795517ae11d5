"""strands-agents on its AnthropicModel; the sub-agent is an async tool that makes a fresh Agent for each call.

Its own adapter, `Agent.as_tool`, refuses to run the same agent twice at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from strands import Agent, tool
from strands.models.anthropic import AnthropicModel

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
    client = {"api_key": "fake", "base_url": base_url}
    model = AnthropicModel(client_args=client, model_id=MODEL, max_tokens=MAX_TOKENS)
    maths = [tool(as_async(function)) for function in TOOLS]

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        """Solve one maths problem.

        Args:
            problem: The problem, with every number it needs.
        """
        agent = Agent(model=model, system_prompt=CALC_SYSTEM, tools=maths, callback_handler=None, name="calculator")
        return str(await agent.invoke_async(problem))

    async def ask(prompt: str) -> str:
        agent = Agent(model=model, system_prompt=ORCH_SYSTEM, tools=[calculator], callback_handler=None)
        return str(await agent.invoke_async(prompt))

    yield ask


if __name__ == "__main__":
    main(session, ["strands-agents"])
