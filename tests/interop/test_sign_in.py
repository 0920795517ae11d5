"""The official client signs in as hosted clients do: a real authorization server, the resource server is ours."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.interop.clients import MODERN, NODE_MODULES, PROGRAMS, PROMPT, check_answer, check_product, node, npm_version
from tests.interop.conftest import Begin
from tests.processes import started
from tests.surface import Served, serving

CALLBACK = "https://claude.ai/api/mcp/auth_callback"
CLIENT_ID = "https://client.example/metadata.json"


@dataclass
class Issuer:
    """The running authorization server; `did` is what it has registered and granted."""

    url: str = ""
    did: list[str] = field(default_factory=list)


@asynccontextmanager
async def authorization_server(resource: str) -> AsyncIterator[Issuer]:
    if not (NODE_MODULES / "oidc-provider").exists():
        pytest.skip("oidc-provider is not installed: npm is missing")
    program = PROGRAMS / "authorization_server.mjs"
    async with started([node(), str(program), resource, CLIENT_ID, CALLBACK]) as process, asyncio.TaskGroup() as group:
        assert process.stdout is not None
        issuer, ready = Issuer(), asyncio.Event()

        async def read(lines: asyncio.StreamReader) -> None:
            while line := (await lines.readline()).decode().strip():
                if line.startswith("listening at "):
                    issuer.url = line.removeprefix("listening at ")
                    ready.set()
                elif line.startswith(("registered", "granted", "failed")):
                    issuer.did.append(line)

        reading = group.create_task(read(process.stdout))
        await asyncio.wait_for(ready.wait(), 30)
        yield issuer
        reading.cancel()


@asynccontextmanager
async def resource_server() -> AsyncIterator[tuple[Served, Issuer]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    audience = f"http://127.0.0.1:{port}/mcp"
    async with authorization_server(audience) as issuer:
        oauth = ("--oauth-issuer", issuer.url, "--oauth-audience", audience, "--oauth-jwks", f"{issuer.url}/jwks")
        scopes = ("--oauth-scope", "use", "--oauth-scope", "*_agent=run")
        async with serving("streamable-http", "--offline", "--port", str(port), *oauth, *scopes) as served:
            yield served, issuer


@dataclass
class Person:
    """Signs in and consents in a browser without scripts, and keeps tokens for the client."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    pages: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def open(self, url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        assert query["code_challenge_method"] == ["S256"]
        self.asked_for.append(query["scope"][0])
        self.pages.append(url)

    async def code(self) -> AuthorizationCodeResult:
        async with httpx2.AsyncClient(timeout=20) as browser:
            url = self.pages[-1]
            response = await browser.get(url)
            for _ in range(20):
                if response.is_redirect:
                    url = urljoin(url, response.headers["location"])
                    if url.startswith(CALLBACK):
                        query = parse_qs(urlsplit(url).query)
                        assert "error" not in query, (self.pages, query)
                        return AuthorizationCodeResult(**{name: query[name][0] for name in ("code", "state", "iss")})
                    response = await browser.get(url)
                else:
                    response = await browser.post(_form(response.text), data=_fields(response.text))
        raise AssertionError(response.text)


def _form(page: str) -> str:
    found = re.search(r'action="([^"]+)"', page)
    assert found, page
    return found[1]


def _fields(page: str) -> dict[str, str]:
    is_login = 'name="login"' in page
    return {"prompt": "login", "login": "me", "password": "any"} if is_login else {"prompt": "consent"}


@asynccontextmanager
async def signed_in(
    served: Served, person: Person, document: str | None
) -> AsyncIterator[tuple[Client, OAuthClientProvider]]:
    metadata = OAuthClientMetadata(redirect_uris=[CALLBACK], client_name="Hosted client")  # type: ignore[list-item]
    auth = OAuthClientProvider(served.url, metadata, person, person.open, person.code, client_metadata_url=document)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(served.url, http_client=http)) as client,
    ):
        yield client, auth


@pytest.mark.requirement("oauth-sign-in")
@pytest.mark.parametrize("document", [None, CLIENT_ID], ids=["registration", "CIMD"])
async def test_the_client_signs_in_and_refreshes(row: Begin, document: str | None) -> None:
    way = "CIMD" if document else "dynamic registration"
    report = row(f"oidc-provider {npm_version('oidc-provider')}", "HTTP", MODERN, f"sign-in by {way}, multiply_numbers")
    person = Person()
    async with resource_server() as (served, issuer), signed_in(served, person, document) as (client, auth):
        for _ in range(2):
            product = await client.call_tool("multiply_numbers", {"numbers": [4, "9.75"]})
            check_product(product.structured_content)
            auth.context.token_expiry_time = time.time() - 1
    assert person.asked_for == ["use"]
    registered = [] if document else ["registered"]
    assert issuer.did == [*registered, "granted authorization_code", "granted refresh_token"]
    assert person.client is not None
    assert (person.client.client_id == CLIENT_ID) == bool(document)
    report("discovery, PKCE, refresh; 39")


@pytest.mark.requirement("oauth-sign-in")
async def test_the_client_asks_for_the_scope_of_a_tool_when_it_calls_it(row: Begin) -> None:
    """With CIMD: this authorization server limits a client to the scopes it has registered with."""
    report = row(f"oidc-provider {npm_version('oidc-provider')}", "HTTP", MODERN, "calculator_assistant_agent")
    person = Person()
    async with resource_server() as (served, _), signed_in(served, person, CLIENT_ID) as (client, _):
        await client.list_tools()
        answer = await client.call_tool("calculator_assistant_agent", {"prompt": PROMPT})
        check_answer(answer.structured_content)
    assert [set(each.split()) for each in person.asked_for] == [{"use"}, {"use", "run"}]
    report("signed in again for the tool's scope; 39")
