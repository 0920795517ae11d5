"""pydantic-ai with `anthropic_cache`, its setting for automatic caching, and with instructions and tools cached."""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, main

SETTINGS = AnthropicModelSettings(
    max_tokens=MAX_TOKENS,
    anthropic_cache=True,
    anthropic_cache_instructions=True,
    anthropic_cache_tool_definitions=True,
)


async def run(system: str, tools: list[Function], prompt: str) -> str:
    agent = Agent(AnthropicModel(MODEL), instructions=system, tools=tools, model_settings=SETTINGS)
    return (await agent.run(prompt)).output


if __name__ == "__main__":
    main(run)
