"""(b) A plain hand loop: AsyncAnthropic messages.create (not streamed) and asyncio.gather. BENCH_AIOHTTP=1: aiohttp."""

import _path
import asyncio
import os
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic, DefaultAioHttpClient

from measuring import BY_NAME, CALC_SYSTEM, CALC_TOOL_PARAM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOL_PARAMS, main


async def loop(client, system, tools, call, prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    while True:
        reply = await client.messages.create(
            model=MODEL, max_tokens=MAX_TOKENS, system=system, tools=tools, messages=messages
        )
        uses = [b for b in reply.content if b.type == "tool_use"]
        if not uses:
            return "".join(b.text for b in reply.content if b.type == "text")
        messages.append({"role": "assistant", "content": reply.content})
        results = await asyncio.gather(*(call(u.name, u.input) for u in uses))
        messages.append(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": u.id, "content": str(r)} for u, r in zip(uses, results)
                ],
            }
        )


async def maths(name, args):
    return BY_NAME[name](**args)


@asynccontextmanager
async def session(base_url: str):
    extra = {"http_client": DefaultAioHttpClient(base_url=base_url)} if os.environ.get("BENCH_AIOHTTP") == "1" else {}
    async with AsyncAnthropic(base_url=base_url, **extra) as client:

        async def calculator(name, args):
            return await loop(client, CALC_SYSTEM, TOOL_PARAMS, maths, args["problem"])

        async def ask(prompt: str) -> str:
            return await loop(client, ORCH_SYSTEM, [CALC_TOOL_PARAM], calculator, prompt)

        yield ask


if __name__ == "__main__":
    main("hand_loop", session, ["httpx2"])
