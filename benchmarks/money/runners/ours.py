"""This project, as it is by default. `AGENTLOOP_CACHE=off` turns prompt caching off, `BENCH_SEARCH=1` tool search on."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from agentloop import Agent, Limits, Tool
from agentloop.tool_search import searchable
from benchmarks.money.scenarios import MAX_TOKENS, MODEL, PARAMETER, Function, main


def agent(system: str, tools: list[Tool]) -> Agent:
    about = "Does a part of a task. Calls are independent: make many at once."
    if os.environ.get("BENCH_SEARCH"):
        tools = searchable(tools, "local", Limits())
    return Agent("worker", system, tools, model=MODEL, max_tokens=MAX_TOKENS, description=about)


def as_tools(functions: list[Function]) -> list[Tool]:
    for each in functions:
        each.__annotations__["prompt"] = Annotated[str, Field(description=PARAMETER)]
    return [Tool.from_function(each, description=str(each.__doc__).partition("\n")[0]) for each in functions]


async def run(system: str, tools: list[Function], prompt: str) -> str:
    return (await agent(system, as_tools(tools)).run(prompt)).answer


async def lead(system: str, below: tuple[str, list[Function]], prompt: str) -> str:
    worker = agent(below[0], as_tools(below[1]))
    return (await agent(system, [worker.as_tool()]).run(prompt)).answer


if __name__ == "__main__":
    main(run, lead)
