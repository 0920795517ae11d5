"""Where logins to MCP servers are kept: one file for each server, with the secrets in the system keyring if it has one.

Logins are kept by the server's address, not by its name: another address never gets a login's token.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import BaseModel, ValidationError

from agentloop.imports import lazy
from agentloop.own_files import replace_own

if TYPE_CHECKING:
    import keyring
    import keyring.errors
else:
    # Finding the system's keyring takes a while, and few servers want a login.
    keyring = lazy("keyring")

SERVICE = "orchestrator-client"
"""The service under which the system keyring lists the secrets."""
KEYRING_TIMEOUT = 60.0
"""Seconds: the keyring may ask for its password."""


class Login(BaseModel):
    """A login at the server of `address`: tokens, and what has to be known to refresh them in another process."""

    address: str
    tokens: OAuthToken | None = None
    expires_at: float | None = None
    client: OAuthClientInformationFull | None = None
    resource: ProtectedResourceMetadata | None = None
    authorization_server: OAuthMetadata | None = None
    is_in_keyring: bool = False
    """Whether `tokens` and `client` are in the system keyring instead of in the file."""

    @property
    def issuer(self) -> str:
        return "" if self.authorization_server is None else str(self.authorization_server.issuer)

    def __str__(self) -> str:
        """`logged in at https://auth.example.com, scope read`, without secrets."""
        at = f" at {self.issuer.rstrip('/')}" if self.issuer else ""
        scope = f", scope {self.tokens.scope}" if self.tokens is not None and self.tokens.scope else ""
        is_over = self.expires_at is not None and self.expires_at < time.time()
        renewed = self.tokens is not None and self.tokens.refresh_token
        over = "" if not is_over else ", to be refreshed" if renewed else ", expired"
        return f"logged in{at}{scope}{over}"


class _Secrets(BaseModel):
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None


@dataclass(frozen=True, slots=True)
class LoginStore:
    """The logins in a folder, which need not exist. Files are readable by their owner only."""

    folder: Path

    async def read(self, address: str) -> Login | None:
        """The login at this address; None if there is none or it cannot be read."""
        return await asyncio.to_thread(self._read, self._path(address), address)

    async def write(self, login: Login) -> None:
        """Keep a login instead of an earlier one at the same address.

        Raises:
            OSError: the file cannot be written.
        """
        await asyncio.wait_for(asyncio.to_thread(self._write, login), KEYRING_TIMEOUT)

    async def remove(self, address: str) -> bool:
        """Forget a login. Returns whether there was one.

        Raises:
            OSError: the file or the keyring's entry cannot be removed.
        """
        return await asyncio.to_thread(self._remove, address)

    def _read(self, path: Path, address: str) -> Login | None:
        try:
            login = Login.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if login.address != address:
            return None
        if not login.is_in_keyring:
            return login
        try:
            secrets = _Secrets.model_validate_json(keyring.get_password(SERVICE, address) or "{}")
        except (keyring.errors.KeyringError, ValidationError):
            return None
        return login.model_copy(update={"tokens": secrets.tokens, "client": secrets.client})

    def _write(self, login: Login) -> None:
        secrets = _Secrets(tokens=login.tokens, client=login.client).model_dump_json(exclude_none=True)
        is_in_keyring = True
        try:
            keyring.set_password(SERVICE, login.address, secrets)
        except (keyring.errors.KeyringError, RuntimeError, OSError):  # none, locked, or the secrets are too long for it
            is_in_keyring = False
        hidden: dict[str, object] = {"tokens": None, "client": None} if is_in_keyring else {}
        kept = login.model_copy(update={"is_in_keyring": is_in_keyring, **hidden})
        replace_own(self._path(login.address), kept.model_dump_json(exclude_none=True))

    def _remove(self, address: str) -> bool:
        path = self._path(address)
        login = self._read(path, address)
        if login is not None and login.is_in_keyring:
            try:
                keyring.delete_password(SERVICE, address)
            except keyring.errors.KeyringError as error:
                raise OSError(f"the system keyring keeps the token: {error}") from None
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, address: str) -> Path:
        return self.folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.json"
