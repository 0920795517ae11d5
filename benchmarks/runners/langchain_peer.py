"""LangChain's `create_agent` on LangGraph with langchain-anthropic; the sub-agent is an async tool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import StructuredTool, tool

from benchmarks.measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, Ask, main


def as_tool(function: Callable[..., float]) -> StructuredTool:
    async def run(**arguments: Any) -> float:
        return function(**arguments)

    name, description = function.__name__, function.__doc__
    return StructuredTool.from_function(func=function, coroutine=run, name=name, description=description)


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    model = ChatAnthropic(model=MODEL, base_url=base_url, api_key="fake", max_tokens=MAX_TOKENS)
    sub_agent = create_agent(model, tools=[as_tool(function) for function in TOOLS], system_prompt=CALC_SYSTEM)

    @tool(description=CALC_DESCRIPTION)
    async def calculator(problem: str) -> str:
        state = await sub_agent.ainvoke({"messages": [{"role": "user", "content": problem}]})
        return state["messages"][-1].text

    orchestrator = create_agent(model, tools=[calculator], system_prompt=ORCH_SYSTEM)

    async def ask(prompt: str) -> str:
        state = await orchestrator.ainvoke({"messages": [{"role": "user", "content": prompt}]})
        return state["messages"][-1].text

    yield ask


if __name__ == "__main__":
    main(session, ["langchain", "langgraph", "langchain-anthropic", "langchain-core"])
