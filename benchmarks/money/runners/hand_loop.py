"""A plain loop on the SDK. `BENCH_CACHE=1`: with the top-level `cache_control` that the API's documentation recommends."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.money.scenarios import MAX_TOKENS, MODEL, Function, definition, main

CACHE: Any = {"cache_control": {"type": "ephemeral"}} if os.environ.get("BENCH_CACHE") else {}


async def run(system: str, tools: list[Function], prompt: str) -> str:
    by_name = {tool.__name__: tool for tool in tools}
    definitions: Any = [definition(tool) for tool in tools]
    messages: list[Any] = [{"role": "user", "content": prompt}]
    async with AsyncAnthropic() as client:
        while True:
            reply = await client.messages.create(
                model=MODEL, max_tokens=MAX_TOKENS, system=system, tools=definitions, messages=messages, **CACHE
            )
            uses: list[Any] = [block for block in reply.content if block.type == "tool_use"]
            if not uses:
                return "".join(block.text for block in reply.content if block.type == "text")
            values = await asyncio.gather(*[by_name[use.name](use.input["prompt"]) for use in uses])
            results = [
                {"type": "tool_result", "tool_use_id": use.id, "content": str(value)}
                for use, value in zip(uses, values, strict=True)
            ]
            messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]


if __name__ == "__main__":
    main(run)
