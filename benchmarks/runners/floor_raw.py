"""The floor: bare sockets, hand-written HTTP/1.1, `json`, tools started as their blocks are complete.

What a Python process cannot do without when it reads the streams itself: a bound for goals, not a peer.
`BENCH_STREAM=0`: not streamed, so tools start after the whole reply.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

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

STREAM = os.environ.get("BENCH_STREAM") != "0"

Block = dict[str, Any]
Call = Callable[[str, Any], Awaitable[Any]]


class Pool:
    """Connections that are kept, each for one request at a time."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        self._address = (url.hostname, url.port)
        self._head = (
            f"POST {url.path.rstrip('/')}/v1/messages HTTP/1.1\r\nhost: {url.hostname}\r\nx-api-key: fake\r\n"
            "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: "
        )
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: dict[str, Any], on_tool: Callable[[Block], None]) -> list[Block]:
        """The reply's blocks. `on_tool` is called with each call as soon as its block is complete."""
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            reader, writer = await asyncio.open_connection(*self._address, limit=2**22)
        data = json.dumps(body).encode()
        writer.write(f"{self._head}{len(data)}\r\n\r\n".encode() + data)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.partition(b"\r\n")[0].decode())
        if b"text/event-stream" in head:
            blocks = await _streamed(reader, on_tool)
        else:
            size = int(head.lower().split(b"content-length:")[1].partition(b"\r\n")[0])
            blocks = json.loads(await reader.readexactly(size))["content"]
            for block in blocks:
                if block["type"] == "tool_use":
                    on_tool(block)
        self.idle.append((reader, writer))
        return blocks


async def _streamed(reader: asyncio.StreamReader, on_tool: Callable[[Block], None]) -> list[Block]:
    blocks: list[Block] = []
    parts: list[str] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        event = (await reader.readexactly(size + 2))[:-2]
        data = json.loads(event[event.index(b"data: ") + 6 :])
        match data["type"]:
            case "content_block_delta":
                delta = data["delta"]
                parts.append(delta["text"] if delta["type"] == "text_delta" else delta["partial_json"])
            case "content_block_start":
                blocks.append(data["content_block"])
                parts = []
            case "content_block_stop":
                block = blocks[-1]
                if block["type"] == "tool_use":
                    block["input"] = json.loads("".join(parts))
                    on_tool(block)
                else:
                    block["text"] = "".join(parts)
    await reader.readexactly(2)
    return blocks


async def loop(pool: Pool, system: str, tools: list[Any], call: Call, prompt: str) -> str:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    request = {"model": MODEL, "max_tokens": MAX_TOKENS, "system": system, "tools": tools, "messages": messages}
    while True:
        running: dict[str, asyncio.Future[Any]] = {}

        def start(block: Block, running: dict[str, asyncio.Future[Any]] = running) -> None:
            running[block["id"]] = asyncio.ensure_future(call(block["name"], block["input"]))

        blocks = await pool.post({**request, "stream": STREAM}, start)
        if not running:
            return str(blocks[-1]["text"])
        values = await asyncio.gather(*running.values())
        results = [
            {"type": "tool_result", "tool_use_id": use, "content": str(value)}
            for use, value in zip(running, values, strict=True)
        ]
        messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]


async def maths(name: str, arguments: Any) -> float:
    return BY_NAME[name](**arguments)


@asynccontextmanager
async def session(base_url: str) -> AsyncIterator[Ask]:
    pool = Pool(base_url)

    async def calculator(_name: str, arguments: Any) -> str:
        return await loop(pool, CALC_SYSTEM, TOOL_PARAMS, maths, arguments["problem"])

    async def ask(prompt: str) -> str:
        return await loop(pool, ORCH_SYSTEM, [CALC_TOOL_PARAM], calculator, prompt)

    yield ask
    for _, writer in pool.idle:
        writer.close()


if __name__ == "__main__":
    main(session)
