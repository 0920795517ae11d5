"""The signing keys of an authorization server, fetched from its JWKS URL (RFC 7517) and cached.

Not with `jwt.PyJWKClient`: its lookups hold a lock while they fetch, so tokens with unknown key ids would delay all
others while the authorization server hangs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import jwt

from agentloop.dispatch import cancel_and_wait

FRESH = 300.0
"""Seconds after which keys are fetched again, while the cached ones are used."""
KEPT = 24 * 3600.0
"""Seconds for which keys are used when they cannot be fetched again."""
INTERVAL = 10.0
"""Seconds between two attempts to fetch them."""
TIMEOUT = 5.0
"""Seconds that one attempt may take."""
MAX_JWKS = 1024 * 1024
"""Bytes of a key set."""

_log = logging.getLogger(__name__)


class KeySet:
    """The keys at a URL, by id. A known key is returned at once, even while the authorization server hangs.

    At most one fetch is under way, and one begins at most every `INTERVAL` seconds; lookups of unknown keys wait for
    it. Use it inside the block of `running`, which ends the last fetch.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched = self._attempted = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self._fetching is not None:
                await cancel_and_wait([self._fetching])

    async def key(self, name: str) -> jwt.PyJWK | None:
        """The key with that id, or None: there is none, or the keys cannot be fetched."""
        if name not in self._keys or self._age > FRESH:
            self._fetch()
            if self._fetching is not None and (name not in self._keys or self._age > KEPT):
                await asyncio.wait({self._fetching})
        return self._keys.get(name) if self._age <= KEPT else None

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fetched

    def _fetch(self) -> None:
        """Begin a fetch, unless one is under way or the last one began just now."""
        now = time.monotonic()
        if (self._fetching is None or self._fetching.done()) and now >= self._attempted + INTERVAL:
            self._attempted = now
            self._fetching = asyncio.create_task(self._fetch_now())

    async def _fetch_now(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                document = json.loads(await _body(self._url))
            keys = jwt.PyJWKSet.from_dict(document).keys
        except Exception as error:  # noqa: BLE001 - a key set that is none raises all kinds
            _log.warning("The keys of the authorization server cannot be fetched: %s: %s", type(error).__name__, error)
            return
        self._keys = {key.key_id: key for key in keys if key.key_id and key.public_key_use in ("sig", None)}
        self._fetched = time.monotonic()


async def _body(url: str) -> bytes:
    body = b""
    async with httpx2.AsyncClient(timeout=TIMEOUT) as http, http.stream("GET", url) as response:
        response.raise_for_status()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_JWKS:
                raise ValueError(f"more than {MAX_JWKS} bytes")
    return body


def algorithms_for(key: jwt.PyJWK) -> list[str]:
    """The signature algorithms for the type of a public key; none for a shared secret."""
    families: dict[Any, list[str]] = {
        "RSA": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        "EC": ["ES256", "ES384", "ES512"],
        "OKP": ["EdDSA"],
    }
    return families.get(key.key_type, [])
