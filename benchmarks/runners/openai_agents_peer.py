"""openai-agents: `Agent.as_tool`, both agents on `LitellmModel("anthropic/...")`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents import Agent, ModelSettings, Runner, function_tool, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel

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
    set_tracing_disabled(disabled=True)
    model = LitellmModel(model=f"anthropic/{MODEL}", base_url=base_url, api_key="fake")
    settings = ModelSettings(max_tokens=MAX_TOKENS)
    calculator = Agent(
        name="calculator",
        instructions=CALC_SYSTEM,
        model=model,
        model_settings=settings,
        tools=[function_tool(as_async(function)) for function in TOOLS],
    )
    orchestrator = Agent(
        name="orchestrator",
        instructions=ORCH_SYSTEM,
        model=model,
        model_settings=settings,
        tools=[calculator.as_tool("calculator", CALC_DESCRIPTION)],
    )

    async def ask(prompt: str) -> str:
        return (await Runner.run(orchestrator, prompt)).final_output

    yield ask


if __name__ == "__main__":
    main(session, ["openai-agents", "litellm"])
