"""(a) anthropic's own beta tool runner; the sub-agent is an async tool that runs another tool runner.

BENCH_EAGER=1: stream=True, run_tools_eagerly=True.  BENCH_THREAD=0: thread=False (send the full history every turn).
"""

import _path
import os
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic, beta_async_tool

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main

EAGER = os.environ.get("BENCH_EAGER") == "1"
EXTRA = {"thread": False} if os.environ.get("BENCH_THREAD") == "0" else {}


MATHS = [beta_async_tool(as_async(f, str)) for f in TOOLS]


@asynccontextmanager
async def session(base_url: str):
    async with AsyncAnthropic(base_url=base_url) as client:

        async def run(system: str, tools: list, prompt: str) -> str:
            params = dict(
                model=MODEL,
                max_tokens=MAX_TOKENS,
                system=system,
                tools=tools,
                messages=[{"role": "user", "content": prompt}],
                **EXTRA,
            )
            if EAGER:
                runner = client.beta.messages.tool_runner(stream=True, run_tools_eagerly=True, **params)
                async for stream in runner:
                    async for _ in stream:
                        pass
            else:
                runner = client.beta.messages.tool_runner(**params)
            message = await runner.until_done()
            return "".join(b.text for b in message.content if b.type == "text")

        @beta_async_tool(description=CALC_DESCRIPTION)
        async def calculator(problem: str) -> str:
            return await run(CALC_SYSTEM, MATHS, problem)

        async def ask(prompt: str) -> str:
            return await run(ORCH_SYSTEM, [calculator], prompt)

        yield ask


if __name__ == "__main__":
    main("tool_runner_eager" if EAGER else "tool_runner", session, ["httpx2"])
