"""Authentication of HTTP clients.

On a loopback address none is needed. On any other address clients need a token: one shared secret, or a token of an
OAuth authorization server, for which this server is a resource server (RFC 9728, RFC 8707).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter

from agentloop import ConfigurationError
from agentloop.mcp.server.jwks import KeySet, algorithms_for
from agentloop.mcp.server.scopes import Scopes

SHORTEST_TOKEN = 16
MAX_TOKEN = 16_000
"""Characters of a token. Longer ones are refused unread."""

# As it was given: clients compare it with what the authorization server says, and a slash more is another URL.
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


@dataclass(frozen=True, slots=True)
class OAuth:
    """An authorization server: its URL, and that of its keys. `audience` is this server's own URL as clients know it.

    `scopes` are what tokens need.

    Example:
        oauth = OAuth("https://login.example", "https://agents.example/mcp", "https://login.example/jwks")
        serve(writer, transport="http", host="0.0.0.0", allow_hosts=["agents.example"], oauth=oauth)
    """

    issuer: str
    audience: str
    jwks: str
    scopes: Scopes = field(default_factory=Scopes)


class SharedToken(TokenVerifier):
    """Accepts one secret token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if hmac.compare_digest(token.encode(), self._token):
            return AccessToken(token="", client_id="shared-token", scopes=[])
        return None


class OAuthTokens(TokenVerifier):
    """Accepts JWTs that `oauth.issuer` signed for `oauth.audience`. Use it inside the block of `keys.running`."""

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self.keys = KeySet(oauth.jwks)

    async def verify_token(self, token: str) -> AccessToken | None:
        if len(token) > MAX_TOKEN:
            return None
        try:
            name = jwt.get_unverified_header(token).get("kid")
            key = await self.keys.key(name) if isinstance(name, str) else None
            return None if key is None else self._access_token(token, key)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # Malformed tokens raise more than the library's own errors.
            return None

    def _access_token(self, token: str, key: jwt.PyJWK) -> AccessToken:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=algorithms_for(key),
            audience=self._oauth.audience,
            issuer=self._oauth.issuer,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return AccessToken(
            token="",
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            resource=self._oauth.audience,
            subject=str(claims["sub"]),
        )


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """RFC 9068 has text in `scope`; some authorization servers have a list, or call it `scp`."""
    value = claims.get("scope") or claims.get("scp") or ()
    return value.split() if isinstance(value, str) else [str(each) for each in value]


@dataclass(frozen=True, slots=True)
class Access:
    """How clients authenticate. Without a verifier they do not."""

    verifier: TokenVerifier | None = None
    resource: AnyHttpUrl | None = None
    issuers: list[AnyHttpUrl] = field(default_factory=list)
    scopes: Scopes = field(default_factory=Scopes)

    @property
    def metadata(self) -> AnyHttpUrl | None:
        """Where clients find the protected resource metadata."""
        return build_resource_metadata_url(self.resource) if self.resource else None

    @asynccontextmanager
    async def verifying(self) -> AsyncIterator[None]:
        """Tokens can be verified in the block."""
        if isinstance(self.verifier, OAuthTokens):
            async with self.verifier.keys.running():
                yield
        else:
            yield


def access_for(host: str, *, token: str | None = None, oauth: OAuth | None = None) -> Access:
    """Decide who may call a server bound to `host`.

    Raises:
        ConfigurationError: anyone could, from another machine; or the token is too short to be a secret.
    """
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(f"The token has {len(token)} characters; use at least {SHORTEST_TOKEN}.")
    if token is not None and oauth is not None:
        raise ConfigurationError("Give a token or an OAuth issuer, not both.")
    if oauth is not None:
        issuer, audience = (_URL.validate_python(each) for each in (oauth.issuer, oauth.audience))
        return Access(OAuthTokens(oauth), audience, [issuer], oauth.scopes)
    if token is not None:
        return Access(SharedToken(token))
    if not is_loopback(host):
        raise ConfigurationError(
            f"{host} can be reached from other machines, and anyone there could call the agents at your expense. "
            "Give a token (--token-file, or MCP_CALC_TOKEN in the environment; in Python token=) or --oauth-issuer "
            "(oauth=), or bind to 127.0.0.1."
        )
    return Access()


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> str:
    """The token in a file, without surrounding blanks.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"Cannot read the token from {path}: {reason}.") from None
