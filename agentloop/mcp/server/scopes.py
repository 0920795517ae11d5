"""Scopes that OAuth tokens need: for every request, and for the calls of single tools."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from pydantic import AnyHttpUrl
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentloop import ConfigurationError
from agentloop.mcp.exact_arguments import BODY

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

    def of_tool(self, name: str) -> tuple[str, ...]:
        return tuple(scope for pattern, scope in self.of_tools if fnmatchcase(name, pattern))


class RequireScopes:
    """Answers 401 to requests without a valid token, and 403 to those whose token lacks a scope.

    With `of_tools` the scopes of the tool that is called are needed too; that reads the body that `JsonBody` keeps. The
    `WWW-Authenticate` header says where the resource metadata is and which scopes to ask for (RFC 6750, RFC 9728).
    """

    def __init__(self, app: ASGIApp, scopes: Scopes, metadata: AnyHttpUrl | None, *, of_tools: bool = False) -> None:
        self._app = app
        self._scopes = scopes
        self._metadata = metadata
        self._of_tools = of_tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_tool = self._scopes.of_tool(_called_tool(scope.get(BODY))) if self._of_tools else ()
        needed = (*self._scopes.always, *of_tool)
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


def _called_tool(body: bytes | None) -> str:
    """The name of the tool that a request calls; empty if it is another request."""
    message = json.loads(body) if body else None
    if not isinstance(message, dict) or message.get("method") != "tools/call":
        return ""
    parameters = message.get("params")
    return str(parameters.get("name", "")) if isinstance(parameters, dict) else ""
