"""(b') A hand loop that streams and starts each tool at its own content_block_stop. No peer does this; it is the
reference for what eager dispatch costs and brings on top of anthropic's own client."""

import _path
import asyncio
import os
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic, DefaultAioHttpClient

from measuring import BY_NAME, CALC_SYSTEM, CALC_TOOL_PARAM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOL_PARAMS, main


async def loop(client, system, tools, call, prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    while True:
        running: dict[str, asyncio.Task] = {}
        async with client.messages.stream(
            model=MODEL, max_tokens=MAX_TOKENS, system=system, tools=tools, messages=messages
        ) as stream:
            async for event in stream:
                if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                    block = event.content_block
                    running[block.id] = asyncio.create_task(call(block.name, block.input))
            reply = await stream.get_final_message()
        if not running:
            return "".join(b.text for b in reply.content if b.type == "text")
        messages.append({"role": "assistant", "content": reply.content})
        results = await asyncio.gather(*running.values())
        messages.append(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": i, "content": str(r)} for i, r in zip(running, results)
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
    main("hand_loop_eager", session, ["httpx2"])
