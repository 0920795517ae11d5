"""A bell that a tool in another process rings, so that a test knows when it runs, and says when it goes on."""

import asyncio
from collections.abc import Callable
from typing import Self


class Bell:
    """Counts who rang. `holds` says which ring is not answered: it stays until its process is gone."""

    def __init__(self, holds: Callable[[str], bool] = lambda _name: False) -> None:
        self.rung: list[str] = []
        self.holds = holds
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        async with self._changed:
            self.rung.append(name)
            self._changed.notify_all()
        if self.holds(name):
            await reader.read()
        else:
            writer.write(b"go\n")
        writer.close()


async def ring(port: int, name: str) -> None:
    """Ring and wait until the test lets it go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(name.encode() + b"\n")
    await reader.readline()
    writer.close()
