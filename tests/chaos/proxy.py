"""A TCP proxy that does to each connection what its dice say."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

from agentloop.dispatch import cancel_and_wait

Harm = Literal["none", "delay", "cut", "truncate", "corrupt", "stall"]
FIRST_BYTES = 6000
"""The harm begins within so many bytes of what the server sends."""


class Proxy:
    """Listens on a free port of its own and passes on to `port`.

    `delay` holds every piece back for up to 0.2 s; `cut` resets both sides; `truncate` ends both sides orderly, with
    part of the answer sent; `corrupt` flips the top bit of one byte in sixty-four; `stall` passes on nothing more and
    leaves the connection open. A flipped lower bit could turn one digit into another, which only TLS would notice.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._rng = random.Random(seed)  # noqa: S311 - seeded, so that a run can be had again
        self._links: set[asyncio.Task[None]] = set()
        self.kinds: tuple[Harm, ...] = ("none",)
        self.done: Counter[str] = Counter()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.close()
        await cancel_and_wait([*self._links])

    async def drop_all(self) -> None:
        """End every connection, so that the next ones get new dice."""
        await cancel_and_wait([*self._links])

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        harm = self._rng.choice(self.kinds)
        after = self._rng.randrange(FIRST_BYTES)
        far_writer: asyncio.StreamWriter | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            up = asyncio.create_task(self._pump(reader, far_writer))
            down = asyncio.create_task(self._harmed(far_reader, writer, harm, after))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait([up, down])
        except OSError:
            pass  # the server is down
        finally:
            for each in (writer, far_writer):
                if each is not None:
                    each.transport.abort() if harm == "cut" else each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()

    async def _harmed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, harm: Harm, after: int) -> None:
        sent = 0
        with suppress(OSError):
            while piece := await reader.read(65_536):
                if sent + len(piece) > after and harm != "none":
                    self.done[harm] += 1 if sent <= after else 0
                    if harm in {"cut", "truncate"}:
                        writer.write(piece[: max(0, after - sent)])
                        await writer.drain()
                        return
                    piece = await self._with(harm, piece)
                writer.write(piece)
                await writer.drain()
                sent += len(piece)

    async def _with(self, harm: Harm, piece: bytes) -> bytes:
        if harm == "stall":
            await asyncio.Event().wait()
        if harm == "delay":
            await asyncio.sleep(self._rng.uniform(0, 0.2))
        if harm == "corrupt":
            return bytes(byte ^ 0x80 if self._rng.randrange(64) == 0 else byte for byte in piece)
        return piece
