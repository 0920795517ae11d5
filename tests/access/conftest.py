"""Servers that ask for a token, and an authorization server."""

import json
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.surface import Held, Served, serving


@dataclass
class Issuer:
    """An authorization server on loopback. `token` makes one; keywords replace claims, None leaves one out."""

    url: str
    key: rsa.RSAPrivateKey
    audience: str = "https://calc.example/mcp"

    @property
    def jwks(self) -> str:
        return f"{self.url}/jwks"

    @property
    def public_pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form)

    def claims(self, **changed: Any) -> dict[str, Any]:
        claims = {"iss": self.url, "aud": self.audience, "sub": "somebody", "exp": int(time.time()) + 600}
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), self.key, algorithm="RS256", headers={"kid": "one"})


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "one", "use": "sig"}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [jwk]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Issuer(f"http://127.0.0.1:{server.server_port}", key)
        server.shutdown()
        thread.join(5)


@pytest.fixture(scope="session")
def token() -> str:
    return f"planted-token-{secrets.token_hex(8)}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_servers() -> AsyncIterator[dict[str, Served]]:
    """On 127.0.0.1, for everyone on this machine."""
    async with Held(serving("streamable-http", "--offline")) as http, Held(serving("sse", "--offline")) as sse:
        yield {"streamable-http": http, "sse": sse}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded(token: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """On another address than 127.0.0.1, for those who have the token."""
    path = tmp_path_factory.mktemp("secret") / "token"
    path.write_text(f"{token}\n", encoding="utf-8")
    arguments = ("--offline", "--host", "127.0.0.2", "--token-file", str(path))
    async with Held(serving("streamable-http", *arguments)) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def resource_server(issuer: Issuer) -> AsyncIterator[Served]:
    oauth = ("--oauth-issuer", issuer.url, "--oauth-audience", issuer.audience, "--oauth-jwks", issuer.jwks)
    async with Held(serving("streamable-http", "--offline", *oauth)) as served:
        yield served


@pytest.fixture(scope="session")
def elsewhere() -> str:
    """An address that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        return "0.0.0.0"  # noqa: S104 - that it is refused is the point
