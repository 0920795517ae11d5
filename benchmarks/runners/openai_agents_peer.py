"""(e) openai-agents: Agent.as_tool, both agents on LitellmModel("anthropic/...")."""

import _path
import os
from contextlib import asynccontextmanager

os.environ.setdefault("OPENAI_AGENTS_DISABLE_TRACING", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download at import
os.environ.setdefault("LITELLM_TELEMETRY", "False")

from agents import Agent, ModelSettings, Runner, function_tool, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main

set_tracing_disabled(True)


@asynccontextmanager
async def session(base_url: str):
    model = LitellmModel(model=f"anthropic/{MODEL}", base_url=base_url, api_key="fake")
    settings = ModelSettings(max_tokens=MAX_TOKENS)
    calc = Agent(
        name="calculator",
        instructions=CALC_SYSTEM,
        model=model,
        model_settings=settings,
        tools=[function_tool(as_async(f)) for f in TOOLS],
    )
    orchestrator = Agent(
        name="orchestrator",
        instructions=ORCH_SYSTEM,
        model=model,
        model_settings=settings,
        tools=[calc.as_tool("calculator", CALC_DESCRIPTION)],
    )

    async def ask(prompt: str) -> str:
        return (await Runner.run(orchestrator, prompt)).final_output

    yield ask


if __name__ == "__main__":
    main("openai_agents", session, ["openai-agents", "litellm", "openai", "httpx"])
