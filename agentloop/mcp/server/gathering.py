"""HTTP answers that go out in as few pieces as there are moments at which something is sent.

uvicorn sends an answer's head, each part of its body and its end by themselves. To send takes a tenth of what a call
costs, and each piece wakes the client.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol


class GatheringProtocol(H11Protocol):
    """uvicorn's protocol on a transport that gathers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", GatheringTransport(cast("asyncio.Transport", transport))))


class GatheringTransport:
    """Sends what is written in one go of the event loop together, at the end of it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        if not piece:
            return
        if not self._pieces:
            asyncio.get_running_loop().call_soon(self._send)
        self._pieces.append(piece)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._pieces:
            together = b"".join(self._pieces)
            self._pieces.clear()
            self._transport.write(together)
