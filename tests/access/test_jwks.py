"""The keys of an authorization server: asked for seldom, and never waited for by those whose key is known."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from agentloop.mcp.server import jwks
from agentloop.mcp.server.jwks import KeySet

PUBLIC = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
JWK = jwt.algorithms.RSAAlgorithm.to_jwk(PUBLIC, as_dict=True) | {"kid": "one", "use": "sig"}


class Issuer:
    """An authorization server; `answers` is what it says, and None that it hangs."""

    def __init__(self) -> None:
        self.answers: bytes | None = json.dumps({"keys": [JWK]}).encode()
        self.asked = 0
        self.was_asked = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.was_asked.set()
        if self.answers is None:
            await reader.read()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(self.answers), self.answers))
        writer.close()


@asynccontextmanager
async def issuing() -> AsyncIterator[tuple[Issuer, KeySet]]:
    issuer = Issuer()
    async with await asyncio.start_server(issuer.handle, "127.0.0.1", 0) as server:
        keys = KeySet(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks")
        async with keys.running():
            yield issuer, keys


@pytest.mark.requirement("oauth")
async def test_while_the_authorization_server_hangs_known_keys_answer_and_unknown_ones_ask_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks, "INTERVAL", 0.0)
    async with asyncio.timeout(20), issuing() as (issuer, keys):
        assert await keys.key("one") is not None
        assert issuer.asked == 1
        issuer.answers = None
        issuer.was_asked.clear()
        strangers = [asyncio.create_task(keys.key(f"unknown {number}")) for number in range(50)]
        await issuer.was_asked.wait()
        assert await keys.key("one") is not None
        assert not any(stranger.done() for stranger in strangers)
        assert issuer.asked == 2
        for stranger in strangers:
            stranger.cancel()
        await asyncio.wait(strangers)


@pytest.mark.requirement("oauth")
async def test_unknown_keys_are_not_asked_for_again_at_once() -> None:
    async with asyncio.timeout(20), issuing() as (issuer, keys):
        for number in range(50):
            assert await keys.key(f"unknown {number}") is None
        assert await keys.key("one") is not None
        assert issuer.asked == 1


@pytest.mark.requirement("oauth")
@pytest.mark.parametrize(
    "answer", [b"", b"[" * 5000, b"[]", b'{"keys": 1}', b'{"keys": [1]}', b'{"keys": [{"kty": 1}]}']
)
async def test_what_is_no_key_set_is_no_key(answer: bytes) -> None:
    async with asyncio.timeout(20), issuing() as (issuer, keys):
        issuer.answers = answer
        assert await keys.key("one") is None


@pytest.mark.requirement("oauth")
async def test_old_keys_answer_at_once_and_are_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asyncio.timeout(20), issuing() as (issuer, keys):
        assert await keys.key("one") is not None
        monkeypatch.setattr(jwks, "FRESH", 0.0)
        monkeypatch.setattr(jwks, "INTERVAL", 0.0)
        issuer.answers = None
        issuer.was_asked.clear()
        assert await keys.key("one") is not None
        await issuer.was_asked.wait()
        assert issuer.asked == 2
