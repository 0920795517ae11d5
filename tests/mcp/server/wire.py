"""A client over stdio made by hand, which sees the raw lines."""

import asyncio
import json
from typing import Any


class Wire:
    """A client made by hand, which sees the raw lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0
        self.lines: list[bytes] = []

    async def send(self, method: str, params: dict[str, Any], **more: Any) -> None:
        assert self._process.stdin is not None
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def request(self, method: str, params: dict[str, Any]) -> None:
        self._number += 1
        await self.send(method, params, id=self._number)

    async def answer(self, method: str, params: dict[str, Any]) -> Any:
        await self.request(method, params)
        assert self._process.stdout is not None
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), 20)
            assert line, "the server ended"
            self.lines.append(line)
            message = json.loads(line)
            if message.get("id") == self._number:
                return message["result"]

    async def raw(self, line: bytes) -> Any:
        """Send a line as it is; the next message that comes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), 20))

    async def initialize(self) -> None:
        client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}}
        await self.answer("initialize", client)
        await self.send("notifications/initialized", {})
