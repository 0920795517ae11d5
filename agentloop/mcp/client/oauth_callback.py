"""The end of a login in a browser: the redirect to a port of this computer, or its address pasted by the user."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthFlowError
from mcp.shared.auth import AuthorizationCodeResult

HOST = "127.0.0.1"
PATH = "/callback"
MAX_REQUEST = 16 * 1024
"""Bytes of the browser's request line and headers."""
READ_TIMEOUT = 10.0
"""Seconds a connection has to send its request."""
_PAGE = "<!doctype html><meta charset=utf-8><title>Login</title><p>{}"


class LoopbackCallback:
    """Receives one redirect that carries `state`; requests without it are answered with an error and ignored."""

    def __init__(self) -> None:
        self.state: str | None = None
        self.redirect_uri = ""
        self._result: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int = 0) -> AsyncIterator[LoopbackCallback]:
        """Listen on this port within the block; 0 takes any free one.

        Raises:
            OSError: the port is in use.
        """
        callback = cls()
        server = await asyncio.start_server(callback._on_connection, HOST, port, limit=MAX_REQUEST)
        callback.redirect_uri = f"http://{HOST}:{server.sockets[0].getsockname()[1]}{PATH}"
        try:
            yield callback
        finally:
            server.close()
            callback._result.cancel()

    async def result(self) -> AuthorizationCodeResult:
        """Wait for the redirect.

        Raises:
            OAuthFlowError: the authorization server refused the login.
        """
        return await asyncio.shield(self._result)

    def receive(self, address: str) -> str | None:
        """Take the address of a redirect. Returns what is wrong with it, or None."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address.strip()).query).items()}
        if self.state is None or query.get("state") != self.state:
            return "This address does not belong to the login that is under way."
        if self._result.done():
            return None
        if "error" in query:
            reason = query["error"] + (f": {query['error_description']}" if "error_description" in query else "")
            self._result.set_exception(OAuthFlowError(f"the authorization server refused the login: {reason[:300]}"))
            self._result.exception()  # it may be that nobody waits any more
            return None
        if "code" not in query:
            return "This address has no authorization code."
        self._result.set_result(AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query.get("iss")))
        return None

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            method, target, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            is_redirect = method == "GET" and urlsplit(target).path == PATH
            problem = self.receive(target) if is_redirect else "Nothing is here."
            text = problem or "You can close this window and go back to the terminal."
            page = _PAGE.format(html.escape(text)).encode()
            status = "404 Not Found" if not is_redirect else "400 Bad Request" if problem else "200 OK"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
                "Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n".encode()
                + page
            )
            await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not a browser that follows the redirect
        finally:
            writer.close()
