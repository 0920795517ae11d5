"""(g3) Google ADK on its AnthropicLlm. BENCH_ADK = agent_tool (default) | single_turn (sub_agents, mode="single_turn")."""

import _path
import os
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main

SINGLE = os.environ.get("BENCH_ADK") == "single_turn"


@asynccontextmanager
async def session(base_url: str):
    model = AnthropicLlm(model=MODEL, max_tokens=MAX_TOKENS, client=AsyncAnthropic(base_url=base_url))
    mode = {"mode": "single_turn"} if SINGLE else {}
    calc = LlmAgent(
        name="calculator",
        model=model,
        instruction=CALC_SYSTEM,
        description=CALC_DESCRIPTION,
        tools=[as_async(f) for f in TOOLS],
        **mode,
    )
    attach = {"sub_agents": [calc]} if SINGLE else {"tools": [AgentTool(calc)]}
    orchestrator = LlmAgent(name="orchestrator", model=model, instruction=ORCH_SYSTEM, **attach)
    runner = InMemoryRunner(orchestrator, app_name="bench")

    async def ask(prompt: str) -> str:
        s = await runner.session_service.create_session(app_name="bench", user_id="u")
        text = ""
        async for event in runner.run_async(
            user_id="u",
            session_id=s.id,
            new_message=types.Content(role="user", parts=[types.Part(text=prompt)]),
            run_config=RunConfig(max_llm_calls=0),
        ):
            if event.is_final_response() and event.content and event.content.parts:
                text = "".join(p.text or "" for p in event.content.parts) or text
        return text

    yield ask


if __name__ == "__main__":
    main("adk_single_turn" if SINGLE else "adk", session, ["google-adk"])
