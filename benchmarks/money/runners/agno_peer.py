"""agno with `cache_system_prompt` and `cache_tools`; it has no setting for messages."""

from __future__ import annotations

from agno.agent import Agent
from agno.models.anthropic import Claude

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, main


async def run(system: str, tools: list[Function], prompt: str) -> str:
    model = Claude(id=MODEL, max_tokens=MAX_TOKENS, cache_system_prompt=True, cache_tools=True)
    agent = Agent(model=model, instructions=system, tools=tools, telemetry=False)
    return str((await agent.arun(prompt)).content)


if __name__ == "__main__":
    main(run)
