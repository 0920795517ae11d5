"""Google ADK on its AnthropicLlm, the sub-agent as an `AgentTool`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types

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
    model = AnthropicLlm(model=MODEL, max_tokens=MAX_TOKENS, client=AsyncAnthropic(base_url=base_url))
    calculator = LlmAgent(
        name="calculator",
        model=model,
        instruction=CALC_SYSTEM,
        description=CALC_DESCRIPTION,
        tools=[as_async(function) for function in TOOLS],
    )
    orchestrator = LlmAgent(name="orchestrator", model=model, instruction=ORCH_SYSTEM, tools=[AgentTool(calculator)])
    runner = InMemoryRunner(orchestrator, app_name="bench")

    async def ask(prompt: str) -> str:
        opened = await runner.session_service.create_session(app_name="bench", user_id="u")
        text = ""
        async for event in runner.run_async(
            user_id="u",
            session_id=opened.id,
            new_message=types.Content(role="user", parts=[types.Part(text=prompt)]),
            run_config=RunConfig(max_llm_calls=0),  # no bound
        ):
            if event.is_final_response() and event.content and event.content.parts:
                text = "".join(part.text or "" for part in event.content.parts) or text
        return text

    yield ask


if __name__ == "__main__":
    main(session, ["google-adk"])
