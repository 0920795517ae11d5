"""OAuth for the requests to one MCP server, on the SDK's provider.

The provider holds a lock from a request to its response, so that calls would run one after another, and forgets with
the process when a token expires and where it is refreshed. Here the provider only obtains tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.oauth2 import OAuthContext
from mcp.client.auth.utils import extract_field_from_www_auth, extract_scope_from_www_auth
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from agentloop import ConfigurationError
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.call_state import current_call
from agentloop.mcp.client.oauth_callback import HOST, PATH, LoopbackCallback
from agentloop.mcp.client.oauth_settings import MACHINE, OAuthSettings
from agentloop.mcp.client.oauth_store import Login, LoginStore

LOGIN_TIMEOUT = 300.0
"""Seconds a person has for a login."""
REVOKE_TIMEOUT = 10.0
"""Seconds for each step of a request that revokes a token."""
MAX_FLOWS = 2
"""Times one request obtains a token: by a refresh, and by a login."""
CLIENT_NAME = "orchestrator-client"

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Browser(Protocol):
    """Shows a person where to log in."""

    async def open(self, server: str, url: str, paste: Callable[[str], str | None]) -> None:
        """Show the address `url`; it is cancelled when the login is over.

        `paste` takes the address at which the browser ended, if it runs on another computer, and returns what is wrong
        with it, or None.
        """
        ...


class ServerLogin(httpx2.Auth):
    """Adds the server's token to requests, refreshes it, and obtains one when the server asks for it.

    With a `browser` a person is asked to log in if a tool call needs it; during the connection only if `at_once`.
    Without, `is_needed` is set and the request fails with the status that the server gave. `error` says why a login
    failed. Nothing here raises into a request.
    """

    def __init__(
        self,
        name: str,
        address: str,
        settings: OAuthSettings,
        store: LoginStore,
        *,
        browser: Browser | None = None,
        at_once: bool = False,
    ) -> None:
        self.is_needed = False
        self.error: str | None = None
        self._name = name
        self._settings = settings
        self._browser = browser
        self._at_once = at_once
        self._tokens = _Tokens(store, address, _registered_by_hand(settings))
        self._provider = _provider(settings, address, self._tokens, self._show, self._result)
        self._context = self._tokens.context = self._provider.context
        self._lock = asyncio.Lock()
        self._callback: LoopbackCallback | None = None
        self._opening: asyncio.Task[None] | None = None
        self._asked_for: set[str] = set()

    @property
    def login(self) -> Login | None:
        """The login as it was last read or obtained."""
        return self._tokens.login

    @property
    def not_kept(self) -> str | None:
        """Why the login holds for this process only; None if it was stored."""
        return self._tokens.not_kept

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        refused: httpx2.Response | None = None
        for _ in range(MAX_FLOWS + 1):
            if refused is not None or not self._is_ready:
                is_asked = False
                obtaining = self._obtain(request, refused)
                try:
                    outgoing = await anext(obtaining, None)
                    while outgoing is not None:
                        is_asked = True
                        response = yield outgoing
                        outgoing = await obtaining.asend(response)
                except StopAsyncIteration:
                    pass
                except (OSError, ValueError, httpx2.HTTPError, OAuthFlowError, ConfigurationError) as error:
                    self.is_needed, self.error = True, str(error) or type(error).__name__
                finally:
                    await obtaining.aclose()
                if refused is not None and self.is_needed and not is_asked:
                    return
            if self._context.current_tokens is not None and self._context.is_token_valid():
                request.headers["Authorization"] = _header(self._context.current_tokens)
            refused = yield request
            if self.is_needed or not _wants_token(refused):
                return

    async def revoke(self) -> str | None:
        """Revoke the tokens at the authorization server (RFC 7009). Returns why that was not done, or None."""
        await self._tokens.load()
        context = self._context
        endpoint = context.oauth_metadata.revocation_endpoint if context.oauth_metadata else None
        tokens, client = context.current_tokens, context.client_info
        if endpoint is None or tokens is None or client is None:
            return "the authorization server does not offer that"
        if not _is_safe(str(endpoint)):
            return f"its address for that is not an https address: {str(endpoint)[:200]}"
        try:
            async with httpx2.AsyncClient(timeout=REVOKE_TIMEOUT) as http:
                for kind in ("refresh_token", "access_token"):
                    if token := getattr(tokens, kind):
                        form = {"token": token, "token_type_hint": kind, "client_id": client.client_id}
                        data, headers = context.prepare_token_auth(form, {})
                        async with http.stream("POST", str(endpoint), data=data, headers=headers) as response:
                            if not response.is_success:
                                return f"HTTP {response.status_code}"
        except (OSError, httpx2.HTTPError, OAuthFlowError) as error:
            return str(error) or type(error).__name__
        return None

    @property
    def _is_ready(self) -> bool:
        """Whether a request can be sent without obtaining a token first."""
        return self._tokens.is_loaded and (self._context.current_tokens is None or self._context.is_token_valid())

    async def _obtain(
        self, request: httpx2.Request, refused: httpx2.Response | None
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Make requests until there is a token. Without one at the end, `is_needed` is set."""
        async with self._lock, AsyncExitStack() as stack:
            await self._tokens.load()
            self.is_needed = False
            before = self._context.current_tokens
            if refused is None and self._is_ready:
                return
            if refused is not None and before is not None and request.headers.get("Authorization") != _header(before):
                return  # another request or another process has obtained one
            if self._context.can_refresh_token() and not _wants_scope(refused):
                self._context.token_expiry_time = 1.0  # a refused token is as good as expired
            may_log_in = self._may_log_in(refused)
            if may_log_in and self._settings.grant != MACHINE:
                await self._prepare_redirect(stack, extract_scope_from_www_auth(refused) if refused else None)
            flow = self._provider.async_auth_flow(request)
            stack.push_async_callback(flow.aclose)
            outgoing = await anext(flow)
            while outgoing is not request or not self._has_other_token(before):
                if outgoing is request and before is not None and self._context.current_tokens is None:
                    self._tokens.login = None
                if outgoing is not request:
                    response = yield outgoing
                elif refused is None:
                    return
                elif may_log_in:
                    response, may_log_in = refused, False
                else:
                    self.is_needed = True
                    return
                outgoing = await flow.asend(response)
            self.error = None

    def _has_other_token(self, before: OAuthToken | None) -> bool:
        return self._context.is_token_valid() and self._context.current_tokens is not before

    def _may_log_in(self, refused: httpx2.Response | None) -> bool:
        if refused is None:
            return False
        if _wants_scope(refused):
            scope = extract_scope_from_www_auth(refused) or ""
            if scope in self._asked_for:
                self.error = f"the server asks again for the scope {scope!r}, which the login has"
                return False
            self._asked_for.add(scope)
        if self._settings.grant == MACHINE:
            return True
        call = current_call.get()
        return self._browser is not None and (self._at_once or (call is not None and call.may_ask))

    async def _prepare_redirect(self, stack: AsyncExitStack, scope: str | None) -> None:
        """Listen for the redirect, at the port that the client is registered with if it is free.

        A client that is registered with another port, or without the scope that is wanted now, registers again.
        """
        client = self._context.client_info
        registered = client.redirect_uris[0] if client is not None and client.redirect_uris else None
        port = self._settings.callback_port or (registered.port if registered is not None else None) or 0
        try:
            self._callback = await stack.enter_async_context(LoopbackCallback.opened(port))
        except OSError:
            if self._settings.callback_port:
                raise OAuthFlowError(f"port {port}, the login's `callback_port`, is in use") from None
            self._callback = await stack.enter_async_context(LoopbackCallback.opened())
        stack.push_async_callback(self._stop_browser)
        uri = AnyUrl(self._callback.redirect_uri)
        self._context.client_metadata.redirect_uris = [uri]
        if client is None or self._settings.client_id is not None:
            return
        has_scope = client.scope is None or set((scope or "").split()) <= set(client.scope.split())
        if registered not in {None, uri} or not has_scope:
            self._tokens.forget_client()

    async def _show(self, url: str) -> None:
        assert self._browser is not None
        assert self._callback is not None
        metadata = self._context.oauth_metadata
        if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise OAuthFlowError("the authorization server does not support PKCE")
        if not _is_safe(url):
            raise OAuthFlowError(f"the login page {url[:200]!r} is not an https address")
        self._callback.state = httpx2.URL(url).params.get("state")
        self._opening = asyncio.create_task(self._browser.open(self._name, url, self._callback.receive))

    async def _result(self) -> AuthorizationCodeResult:
        assert self._callback is not None
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                return await self._callback.result()
        except TimeoutError:
            raise OAuthFlowError(f"nobody logged in within {LOGIN_TIMEOUT:g} s") from None
        finally:
            await self._stop_browser()

    async def _stop_browser(self) -> None:
        if self._opening is not None:
            await cancel_and_wait([self._opening])
            self._opening = None


class _Tokens:
    """The SDK's `TokenStorage` on a `LoginStore`. It also keeps and restores what the SDK's `context` forgets.

    `client` is one that was registered by hand.
    """

    context: OAuthContext

    def __init__(self, store: LoginStore, address: str, client: OAuthClientInformationFull | None) -> None:
        self.login: Login | None = None
        self.not_kept: str | None = None
        self.is_loaded = False
        self._store = store
        self._address = address
        self._last_read: OAuthToken | None = None
        self._client = client
        self._is_fixed = client is not None

    async def load(self) -> None:
        """Take over the stored login if it is another one than before."""
        login = await self._store.read(self._address)
        self.is_loaded = True
        if login is None or login.tokens == self._last_read:
            return
        self.login, self._last_read = login, login.tokens
        self._client = self._client if self._is_fixed else login.client
        context = self.context
        context.current_tokens, context.token_expiry_time = login.tokens, login.expires_at
        context.client_info = self._client
        context.protected_resource_metadata, context.oauth_metadata = login.resource, login.authorization_server
        if login.resource is not None and login.authorization_server is not None:
            context.auth_server_url = str(login.authorization_server.issuer)

    async def get_tokens(self) -> OAuthToken | None:
        return None if self.login is None else self.login.tokens

    def forget_client(self) -> None:
        """The registered client cannot be used for what is wanted now."""
        self._client = self.context.client_info = None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        context = self.context
        self.login = Login(
            address=self._address,
            tokens=tokens,
            expires_at=context.token_expiry_time,
            client=context.client_info,
            resource=context.protected_resource_metadata,
            authorization_server=context.oauth_metadata,
        )
        self._last_read = tokens
        try:
            await self._store.write(self.login)
        except OSError as error:
            self.not_kept = error.strerror or str(error) or type(error).__name__
        else:
            self.not_kept = None

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Stored together with the tokens."""
        self._client = client_info


def _provider(
    settings: OAuthSettings,
    address: str,
    tokens: _Tokens,
    show: Callable[[str], Awaitable[None]],
    result: Callable[[], Awaitable[AuthorizationCodeResult]],
) -> OAuthClientProvider:
    if settings.grant == MACHINE:
        return _machine(settings, address, tokens)
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(f"http://{HOST}{PATH}")], client_name=CLIENT_NAME)
    return OAuthClientProvider(address, metadata, tokens, show, result, settings.client_metadata_url)


def _registered_by_hand(settings: OAuthSettings) -> OAuthClientInformationFull | None:
    if settings.client_id is None or settings.grant == MACHINE:
        return None
    return OAuthClientInformationFull(
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        token_endpoint_auth_method=settings.token_endpoint_auth_method if settings.client_secret else "none",
        issuer=settings.issuer,
    )


def _machine(settings: OAuthSettings, address: str, tokens: _Tokens) -> OAuthClientProvider:
    # Loading them takes four times as long as the rest of the SDK's OAuth client.
    from mcp.client.auth.extensions.client_credentials import (  # noqa: PLC0415
        ClientCredentialsOAuthProvider,
        PrivateKeyJWTOAuthProvider,
        SignedJWTParameters,
    )

    client_id, issuer = settings.client_id or "", settings.issuer
    if settings.private_key_file is None:
        return ClientCredentialsOAuthProvider(
            address, tokens, client_id, settings.client_secret or "", settings.token_endpoint_auth_method, issuer=issuer
        )
    try:
        key = settings.private_key_file.expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Cannot read the private key {settings.private_key_file}: {error}") from None
    signed = SignedJWTParameters(
        issuer=client_id, subject=client_id, signing_key=key, signing_algorithm=settings.signing_algorithm
    )
    return PrivateKeyJWTOAuthProvider(address, tokens, client_id, signed.create_assertion_provider(), issuer=issuer)


def _is_safe(url: str) -> bool:
    """Whether secrets may be sent to an address: by https, or to this computer."""
    parts = httpx2.URL(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.host in _LOOPBACK)


def _header(tokens: OAuthToken) -> str:
    return f"Bearer {tokens.access_token}"


def _wants_token(response: httpx2.Response) -> bool:
    return response.status_code == httpx2.codes.UNAUTHORIZED or _wants_scope(response)


def _wants_scope(response: httpx2.Response | None) -> bool:
    if response is None or response.status_code != httpx2.codes.FORBIDDEN:
        return False
    return extract_field_from_www_auth(response, "error") == "insufficient_scope"
