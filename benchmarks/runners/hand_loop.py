"""A plain hand loop: `messages.create`, not streamed, and `asyncio.gather`. `BENCH_AIOHTTP=1`: over aiohttp.

`BENCH_EARLY_CALLS=1` streams, and starts each tool as its block is complete. No peer does this; it is the reference for what
an early start costs and brings on the SDK's own client.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from anthropic import AsyncAnthropic, DefaultAioHttpClient

from benchmarks.measuring import (
    BY_NAME,
    CALC_SYSTEM,
    CALC_TOOL_PARAM,
    MAX_TOKENS,
    MODEL,
    ORCH_SYSTEM,
    TOOL_PARAMS,
    Ask,
    main,
)

Call = Callable[[str, Any], Awaitable[Any]]
Turn = Callable[[AsyncAnthropic, Mapping[str, Any], Call], Awaitable[tuple[Any, dict[str, asyncio.Future[Any]]]]]


async def whole_turn(
    client: AsyncAnthropic, request: Mapping[str, Any], call: Call
) -> tuple[Any, dict[str, asyncio.Future[Any]]]:
    """The model's message, and the calls it made, under way, by their ids."""
    reply = await client.messages.create(**request)
    uses = [block for block in reply.content if block.type == "tool_use"]
    return reply, {use.id: asyncio.ensure_future(call(use.name, use.input)) for use in uses}


async def early_turn(
    client: AsyncAnthropic, request: Mapping[str, Any], call: Call
) -> tuple[Any, dict[str, asyncio.Future[Any]]]:
    running: dict[str, asyncio.Future[Any]] = {}
    async with client.messages.stream(**request) as stream:
        async for event in stream:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                use = event.content_block
                running[use.id] = asyncio.ensure_future(call(use.name, use.input))
        return await stream.get_final_message(), running


async def loop(
    client: AsyncAnthropic, system: str, tools: list[Any], call: Call, prompt: str, *, turn: Turn = whole_turn
) -> str:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    request = {"model": MODEL, "max_tokens": MAX_TOKENS, "system": system, "tools": tools, "messages": messages}
    while True:
        reply, running = await turn(client, request, call)
        if not running:
            return "".join(block.text for block in reply.content if block.type == "text")
        values = await asyncio.gather(*running.values())
        results = [
            {"type": "tool_result", "tool_use_id": use, "content": str(value)}
            for use, value in zip(running, values, strict=True)
        ]
        messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]


async def maths(name: str, arguments: Any) -> float:
    return BY_NAME[name](**arguments)


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    turn = early_turn if os.environ.get("BENCH_EARLY_CALLS") == "1" else whole_turn
    over_aiohttp = os.environ.get("BENCH_AIOHTTP") == "1"
    http = DefaultAioHttpClient(base_url=base_url) if over_aiohttp else None
    async with AsyncAnthropic(base_url=base_url, http_client=http) as client:

        async def calculator(_name: str, arguments: Any) -> str:
            return await loop(client, CALC_SYSTEM, TOOL_PARAMS, maths, arguments["problem"], turn=turn)

        async def ask(prompt: str) -> str:
            return await loop(client, ORCH_SYSTEM, [CALC_TOOL_PARAM], calculator, prompt, turn=turn)

        yield ask


if __name__ == "__main__":
    main(session)
