"""openai-agents on `LitellmModel`, with LiteLLM's marks on the system prompt and the last message."""

from __future__ import annotations

import os

from agents import Agent, ModelSettings, Runner, function_tool, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, main

POINTS = [{"location": "message", "role": "system"}, {"location": "message", "index": -1}]


async def run(system: str, tools: list[Function], prompt: str) -> str:
    set_tracing_disabled(disabled=True)
    model = LitellmModel(model=f"anthropic/{MODEL}", base_url=os.environ["ANTHROPIC_BASE_URL"], api_key="fake")
    settings = ModelSettings(max_tokens=MAX_TOKENS, extra_args={"cache_control_injection_points": POINTS})
    agent = Agent(
        name="agent",
        instructions=system,
        model=model,
        model_settings=settings,
        tools=[function_tool(tool) for tool in tools],
    )
    return str((await Runner.run(agent, prompt, max_turns=100)).final_output)


if __name__ == "__main__":
    main(run)
