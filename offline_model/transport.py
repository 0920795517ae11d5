"""The offline model behind an httpx2 transport: the SDK talks to it without a socket."""

from collections.abc import AsyncIterator, Iterable

import anyio.lowlevel
import httpx2

from offline_model.service import respond


class OfflineTransport(httpx2.AsyncBaseTransport):
    """For `httpx2.AsyncClient(transport=OfflineTransport())`, given to `AsyncAnthropic` as its http_client."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        reply = respond(request.method, request.url.path, request.headers, content)
        return httpx2.Response(reply.status, headers=dict(reply.headers), stream=_Pieces(reply.pieces))


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await anyio.lowlevel.checkpoint()
            yield piece
