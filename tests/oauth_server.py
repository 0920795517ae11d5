"""An MCP server that wants a login, with its own authorization server: the SDK's, on loopback, in a thread."""

import asyncio
import json
import secrets
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp.types import ToolAnnotations
from pydantic import AnyHttpUrl
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCOPES = ["read", "write"]
BROWSER = f"{shlex.join([sys.executable, str(Path(__file__).with_name('follow.py'))])} %s"
"""A browser for the variable BROWSER: opens the page and follows its redirects."""


class Users(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Everybody who asks is logged in, without a page to type at."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.asked: list[AuthorizationParams] = []
        self.refreshed = 0
        self.denies = False

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.asked.append(params)
        if self.denies:
            uri = str(params.redirect_uri)
            return construct_redirect_uri(uri, error="access_denied", error_description="Not you", state=params.state)
        code = AuthorizationCode(
            code=secrets.token_urlsafe(20),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        del client
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._tokens(client, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        del client
        return self.refresh_tokens.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refresh_tokens[refresh_token.token]
        self.refreshed += 1
        return self._tokens(client, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access_tokens.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access_tokens.pop(token.token, None)
        self.refresh_tokens.pop(token.token, None)

    def _tokens(self, client: OAuthClientInformationFull, scopes: list[str], resource: str | None) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(20), secrets.token_urlsafe(20)
        self.access_tokens[access] = AccessToken(
            token=access, client_id=client.client_id, scopes=scopes, resource=resource
        )
        self.refresh_tokens[refresh] = RefreshToken(
            token=refresh, client_id=client.client_id, scopes=scopes, resource=resource
        )
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=3600, scope=" ".join(scopes))


class WritersOnly:
    """Answers calls of `write_note` without the scope `write` with a challenge for it."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self._app = app
        self._users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/mcp":
            await self._app(scope, receive, send)
            return
        message = await receive()
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        token = self._users.access_tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        call = json.loads(message.get("body") or b"{}").get("params") or {}
        if token is not None and call.get("name") == "write_note" and "write" not in token.scopes:
            challenge = b'Bearer error="insufficient_scope", scope="write"'
            await send({"type": "http.response.start", "status": 403, "headers": [(b"www-authenticate", challenge)]})
            await send({"type": "http.response.body", "body": b""})
            return
        first = [message]

        async def again() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, again, send)


class Protected:
    """The running server. `url` is its address, `users` its authorization server."""

    def __init__(self, url: str, users: Users) -> None:
        self.url = url
        self.users = users


@contextmanager
def protected(*, together: int = 1) -> Iterator[Protected]:
    """Serve within the block. Calls of `meet` are answered when `together` of them are there."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    users = Users()
    server = uvicorn.Server(
        uvicorn.Config(
            WritersOnly(_app(origin, users, together), users), log_level="critical", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Protected(f"{origin}/mcp", users)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def _app(origin: str, users: Users, together: int) -> ASGIApp:
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(origin),
        resource_server_url=AnyHttpUrl(f"{origin}/mcp"),
        validate_token_resource=True,
        required_scopes=["read"],
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES),
        revocation_options=RevocationOptions(enabled=True),
    )
    app = MCPServer("notes", auth_server_provider=users, auth=auth)
    arrived: list[str] = []
    all_there = asyncio.Event()
    only_reads = ToolAnnotations(read_only_hint=True)

    @app.tool(annotations=only_reads)
    async def meet(name: str) -> str:
        """Wait for the others."""
        arrived.append(name)
        if len(arrived) >= together:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 30)
        return f"{name} met {len(arrived)}"

    @app.tool()
    async def write_note(text: str) -> str:
        """Write a note."""
        return f"written: {text}"

    return app.streamable_http_app()
