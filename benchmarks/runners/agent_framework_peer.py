"""(g2) Microsoft agent-framework: Agent.as_tool on its AnthropicClient."""

import _path
from contextlib import asynccontextmanager

from agent_framework import Agent
from agent_framework_anthropic import AnthropicClient

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main


@asynccontextmanager
async def session(base_url: str):
    client = AnthropicClient(model=MODEL, base_url=base_url, api_key="fake")
    options = {"max_tokens": MAX_TOKENS}
    calc = Agent(client, CALC_SYSTEM, name="calculator", tools=[as_async(f) for f in TOOLS], default_options=options)
    orchestrator = Agent(
        client,
        ORCH_SYSTEM,
        name="orchestrator",
        default_options=options,
        tools=[calc.as_tool(name="calculator", description=CALC_DESCRIPTION, arg_name="problem")],
    )

    async def ask(prompt: str) -> str:
        return (await orchestrator.run(prompt)).text

    yield ask


if __name__ == "__main__":
    main("agent_framework", session, ["agent-framework-core", "agent-framework-anthropic"])
