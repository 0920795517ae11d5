"""(g1) strands-agents on its AnthropicModel.

Default: the sub-agent is an async @tool that makes a fresh Agent for each call.
BENCH_STRANDS=as_tool: Agent.as_tool(), the library's own adapter.
"""

import _path
import os
from contextlib import asynccontextmanager

from strands import Agent, tool
from strands.models.anthropic import AnthropicModel

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main

AS_TOOL = os.environ.get("BENCH_STRANDS") == "as_tool"


@asynccontextmanager
async def session(base_url: str):
    model = AnthropicModel(client_args={"api_key": "fake", "base_url": base_url}, model_id=MODEL, max_tokens=MAX_TOKENS)
    maths = [tool(as_async(f)) for f in TOOLS]

    def calc_agent() -> Agent:
        return Agent(model=model, system_prompt=CALC_SYSTEM, tools=maths, callback_handler=None, name="calculator")

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        """Solve one maths problem.

        Args:
            problem: The problem, with every number it needs.
        """
        return str(await calc_agent().invoke_async(problem))

    async def ask(prompt: str) -> str:
        sub = calc_agent().as_tool(name="calculator", description=CALC_DESCRIPTION) if AS_TOOL else calculator
        return str(
            await Agent(model=model, system_prompt=ORCH_SYSTEM, tools=[sub], callback_handler=None).invoke_async(prompt)
        )

    yield ask


if __name__ == "__main__":
    main("strands_as_tool" if AS_TOOL else "strands", session, ["strands-agents"])
