"""strands-agents with `CacheConfig` for messages, system prompt and tools."""

from __future__ import annotations

from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.model import CacheConfig

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, main

CACHE = CacheConfig(strategy="auto", system_prompt_ttl=True, tools_ttl=True)


async def run(system: str, tools: list[Function], prompt: str) -> str:
    model = AnthropicModel(model_id=MODEL, max_tokens=MAX_TOKENS, cache_config=CACHE)
    agent = Agent(model=model, system_prompt=system, tools=[tool(each) for each in tools], callback_handler=None)
    return str(await agent.invoke_async(prompt))


if __name__ == "__main__":
    main(run)
