"""Authentication of HTTP clients.

On a loopback address none is needed. On any other address clients need a token: one shared secret, or a token of an
OAuth authorization server, for which this server is a resource server (RFC 9728, RFC 8707).
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jwt
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter, ValidationError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentloop import ConfigurationError
from agentloop.mcp.exact_arguments import BODY
from agentloop.mcp.server.jwks import KeySet, algorithms_for

_TOKEN = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, 3.3


@dataclass(frozen=True, slots=True)
class Scopes:
    """`always` are needed for every request, `of_tools` are pairs of a tool's name or pattern and a scope."""

    always: tuple[str, ...] = ()
    of_tools: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Sequence[str]) -> Scopes:
        """Read `SCOPE` and `TOOL=SCOPE`.

        Raises:
            ConfigurationError: one is neither.
        """
        pairs = [each.rpartition("=") for each in given]
        for (tool, equals, scope), text in zip(pairs, given, strict=True):
            if not _SCOPE.fullmatch(scope) or bool(equals) != bool(tool):
                raise ConfigurationError(f"--oauth-scope {text!r}: give SCOPE or TOOL=SCOPE, without blanks.")
        return cls(
            tuple(scope for tool, _, scope in pairs if not tool),
            tuple((tool, scope) for tool, _, scope in pairs if tool),
        )

    @property
    def all(self) -> list[str]:
        return list(dict.fromkeys((*self.always, *(scope for _, scope in self.of_tools))))

    def check_tools(self, published: Sequence[str]) -> None:
        """Find a misspelt tool, whose calls would need no scope.

        Raises:
            ConfigurationError: nothing is published under a name. A pattern with `*` may match nothing.
        """
        for tool, scope in self.of_tools:
            if "*" not in tool and not any(fnmatchcase(name, tool) for name in published):
                known = ", ".join(published)
                raise ConfigurationError(
                    f"The scope {scope} is for {tool}, which is not published. There are: {known}."
                )

    def of_tool(self, name: str | None) -> list[str]:
        return [scope for pattern, scope in self.of_tools if name is not None and fnmatchcase(name, pattern)]


class RequireScopes:
    """Answers 401 to requests without a valid token, and 403 to those whose token lacks a scope.

    Within `JsonBody`, which keeps the body, the scopes of the tool that is called are needed too. The
    `WWW-Authenticate` header says where the resource metadata is and which scopes to ask for (RFC 6750, RFC 9728).
    """

    def __init__(self, app: ASGIApp, scopes: Scopes, metadata: AnyHttpUrl | None) -> None:
        self._app = app
        self._scopes = scopes
        self._metadata = metadata

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        needed = [*self._scopes.always, *self._scopes.of_tool(_called_tool(scope.get(BODY)))]
        user = scope.get("user")
        app = self._app
        if not isinstance(user, AuthenticatedUser):
            app = self._challenge(401, "invalid_token", "A valid token is needed.", needed)
        elif not set(needed) <= set(user.scopes):
            app = self._challenge(403, "insufficient_scope", f"The token needs the scope {' '.join(needed)}.", needed)
        await app(scope, receive, send)

    def _challenge(self, status: int, error: str, description: str, scopes: Sequence[str]) -> JSONResponse:
        parts = [f'error="{error}"', f'error_description="{description}"']
        parts += [f'scope="{" ".join(scopes)}"'] if scopes else []
        parts += [f'resource_metadata="{self._metadata}"'] if self._metadata else []
        return JSONResponse(
            {"error": error, "error_description": description},
            status_code=status,
            headers={"www-authenticate": f"Bearer {', '.join(parts)}"},
        )


def _called_tool(body: bytes | None) -> str | None:
    """The name of the tool that a request calls; None if it is another request."""
    match json.loads(body or "null"):
        case {"method": "tools/call", "params": {"name": str(name)}}:
            return name
    return None


SHORTEST_TOKEN = 16
"""Characters of a shared token, at least."""
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

    Raises:
        ConfigurationError: one of the first three is not a URL.
    """

    issuer: str
    audience: str
    jwks: str
    scopes: Scopes = field(default_factory=Scopes)

    def __post_init__(self) -> None:
        for name, url in (("issuer", self.issuer), ("audience", self.audience), ("jwks", self.jwks)):
            try:
                _URL.validate_python(url)
            except ValidationError:
                raise ConfigurationError(
                    f"OAuth: the {name} is {url!r}: give a whole URL, such as https://login.example.com."
                ) from None


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

    def of_tools(self, app: ASGIApp) -> ASGIApp:
        """The application within `JsonBody`, to which only calls of tools come whose scopes the token has."""
        return RequireScopes(app, self.scopes, self.metadata) if self.scopes.of_tools else app

    def verifying(self) -> AbstractAsyncContextManager[None]:
        """A block in which tokens can be verified."""
        return self.verifier.keys.running() if isinstance(self.verifier, OAuthTokens) else nullcontext()


def access_for(host: str, *, token: str | None = None, oauth: OAuth | None = None) -> Access:
    """Decide who may call a server bound to `host`.

    Raises:
        ConfigurationError: anyone could, from another machine; or the token is too short to be a secret, or cannot be
            sent in a header.
    """
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(f"The token has {len(token)} characters; use at least {SHORTEST_TOKEN}.")
    if token is not None and not _TOKEN.fullmatch(token):
        raise ConfigurationError("The token has characters that no client can send: use ASCII characters, no blanks.")
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
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def read_token(path: Path) -> str:
    """The token in a file, without surrounding blanks.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not text")
        raise ConfigurationError(f"Cannot read the token from {path}: {reason}.") from None
