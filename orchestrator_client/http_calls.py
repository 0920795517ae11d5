"""Requests of the MCP SDK's HTTP client over `aiohttp`.

What `httpx2` has under it looks at every connection for every request: with 500 calls under way that is most of what a
call costs. See docs/performance.md.
"""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx2

CONNECT_TIMEOUT = 30.0
KEPT = 4.0
"""Seconds an idle connection is kept: servers close theirs after 5."""


def http_client(headers: dict[str, str]) -> httpx2.AsyncClient:
    """A client for calls that take as long as they take, any number at once."""
    timeout = httpx2.Timeout(CONNECT_TIMEOUT, read=None, pool=None)
    if urllib.request.getproxies().keys() - {"no"}:
        return httpx2.AsyncClient(headers=headers, timeout=timeout, limits=httpx2.Limits(max_connections=None))
    return httpx2.AsyncClient(headers=headers, timeout=timeout, transport=AiohttpTransport())


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends over connections of one event loop. Redirects, cookies and encodings are left to `httpx2`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and answer as soon as the response has begun.

        Raises:
            httpx2.ConnectError: nobody could be reached, or nobody answered.
        """
        with _as_httpx2(httpx2.ConnectError):
            response = await self._opened(request.url).request(
                request.method,
                str(request.url.copy_with(userinfo=b"")),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
            )
        return httpx2.Response(response.status, headers=list(response.raw_headers), stream=_Body(response))

    def _opened(self, url: httpx2.URL) -> aiohttp.ClientSession:
        if self._session is None:
            tls = httpx2.create_ssl_context() if url.scheme == "https" else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=KEPT),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                auto_decompress=False,
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx2(httpx2.ReadError):
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        self._response.release()


@contextmanager
def _as_httpx2(kind: type[httpx2.TransportError]) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise kind(f"{error}" or type(error).__name__) from error
