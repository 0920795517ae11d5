"""LangChain's `create_agent` with the caching middleware of langchain-anthropic."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_anthropic.middleware import AnthropicPromptCachingMiddleware
from langchain_core.tools import StructuredTool

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, main


async def run(system: str, tools: list[Function], prompt: str) -> str:
    given = [StructuredTool.from_function(coroutine=tool, name=tool.__name__, parse_docstring=True) for tool in tools]
    model = ChatAnthropic(model=MODEL, max_tokens=MAX_TOKENS)
    agent = create_agent(
        model, tools=given, system_prompt=system, middleware=[AnthropicPromptCachingMiddleware(ttl="5m")]
    )
    messages = [{"role": "user", "content": prompt}]
    state = await agent.ainvoke({"messages": messages}, {"recursion_limit": 200})
    return state["messages"][-1].text


if __name__ == "__main__":
    main(run)
