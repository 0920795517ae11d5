"""The anthropic SDK's own beta tool runner; the sub-agent is an async tool that runs another tool runner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from anthropic import AsyncAnthropic, beta_async_tool

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

MATHS: list[Any] = [beta_async_tool(cast("Any", as_async(function, str))) for function in TOOLS]


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    async with AsyncAnthropic(base_url=base_url) as client:

        async def run(system: str, tools: list[Any], prompt: str) -> str:
            runner = client.beta.messages.tool_runner(
                model=MODEL,
                max_tokens=MAX_TOKENS,
                system=system,
                tools=tools,
                messages=[{"role": "user", "content": prompt}],
            )
            message = await runner.until_done()
            return "".join(block.text for block in message.content if block.type == "text")

        @beta_async_tool(description=CALC_DESCRIPTION)
        async def calculator(problem: str) -> str:
            return await run(CALC_SYSTEM, MATHS, problem)

        async def ask(prompt: str) -> str:
            return await run(ORCH_SYSTEM, [calculator], prompt)

        yield ask


if __name__ == "__main__":
    main(session)
