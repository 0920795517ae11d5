"""The floor: no SDK, no framework, no validation. asyncio streams, hand-written HTTP/1.1, json, eager dispatch.

What a Python process cannot do without when it reads the streams itself. A bound for goals, not a peer.
BENCH_STREAM=0: not streamed (then tools start after the whole reply).
"""

import _path
import asyncio
import json
import os
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from measuring import BY_NAME, CALC_SYSTEM, CALC_TOOL_PARAM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOL_PARAMS, main

STREAM = os.environ.get("BENCH_STREAM") != "0"


class Pool:
    def __init__(self, base_url: str):
        url = urlsplit(base_url)
        self.address = (url.hostname, url.port)
        self.path = url.path.rstrip("/") + "/v1/messages"
        self.idle: list = []

    async def post(self, body: dict, on_tool) -> list[dict]:
        """The reply's blocks. on_tool(block) is called when a tool_use block is complete."""
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(*self.address, limit=2**22)
        data = json.dumps(body).encode()
        writer.write(
            f"POST {self.path} HTTP/1.1\r\nhost: {self.address[0]}\r\nx-api-key: fake\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
        if b"text/event-stream" not in head:
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
            blocks = json.loads(await reader.readexactly(size))["content"]
            self.idle.append((reader, writer))
            for block in blocks:
                if block["type"] == "tool_use":
                    on_tool(block)
            return blocks
        blocks, parts = [], []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            event = (await reader.readexactly(size + 2))[:-2]
            data = json.loads(event[event.index(b"data: ") + 6 :])
            kind = data["type"]
            if kind == "content_block_delta":
                delta = data["delta"]
                parts.append(delta["text"] if delta["type"] == "text_delta" else delta["partial_json"])
            elif kind == "content_block_start":
                blocks.append(data["content_block"])
                parts = []
            elif kind == "content_block_stop":
                block = blocks[-1]
                if block["type"] == "tool_use":
                    block["input"] = json.loads("".join(parts))
                    on_tool(block)
                else:
                    block["text"] = "".join(parts)
        await reader.readexactly(2)
        self.idle.append((reader, writer))
        return blocks


async def loop(pool, system, tools, call, prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    while True:
        running: dict[str, asyncio.Task] = {}
        start = lambda b: running.__setitem__(b["id"], asyncio.ensure_future(call(b["name"], b["input"])))  # noqa: E731
        blocks = await pool.post(
            {
                "model": MODEL,
                "max_tokens": MAX_TOKENS,
                "system": system,
                "tools": tools,
                "messages": messages,
                "stream": STREAM,
            },
            start,
        )
        if not running:
            return blocks[-1]["text"]
        results = await asyncio.gather(*running.values())
        messages.append({"role": "assistant", "content": blocks})
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
    pool = Pool(base_url)

    async def calculator(name, args):
        return await loop(pool, CALC_SYSTEM, TOOL_PARAMS, maths, args["problem"])

    async def ask(prompt: str) -> str:
        return await loop(pool, ORCH_SYSTEM, [CALC_TOOL_PARAM], calculator, prompt)

    yield ask
    for _, writer in pool.idle:
        writer.close()


if __name__ == "__main__":
    main("floor_raw" if STREAM else "floor_raw_plain", session)
