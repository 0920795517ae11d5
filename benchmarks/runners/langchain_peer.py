"""(d) LangChain create_agent on LangGraph with langchain-anthropic; the sub-agent is an async tool."""

import _path
import os
from contextlib import asynccontextmanager

os.environ.setdefault("LANGSMITH_TRACING", "false")

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import StructuredTool, tool

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, main


def as_tool(f):
    async def run(**kwargs):
        return f(**kwargs)

    return StructuredTool.from_function(func=f, coroutine=run, name=f.__name__, description=f.__doc__)


@asynccontextmanager
async def session(base_url: str):
    model = ChatAnthropic(model=MODEL, base_url=base_url, api_key="fake", max_tokens=MAX_TOKENS)
    calc = create_agent(model, tools=[as_tool(f) for f in TOOLS], system_prompt=CALC_SYSTEM)

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        state = await calc.ainvoke({"messages": [{"role": "user", "content": problem}]})
        return state["messages"][-1].text

    orchestrator = create_agent(model, tools=[calculator], system_prompt=ORCH_SYSTEM)

    async def ask(prompt: str) -> str:
        state = await orchestrator.ainvoke({"messages": [{"role": "user", "content": prompt}]})
        return state["messages"][-1].text

    yield ask


if __name__ == "__main__":
    main("langchain", session, ["langchain", "langgraph", "langchain-anthropic", "langchain-core", "httpx2"])
