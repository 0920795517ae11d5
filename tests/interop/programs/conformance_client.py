"""Our client as the conformance suite wants it: the URL is the last argument, what to do is in the environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
from mcp.types import Tool

from agentloop import Accepted, Answer, Question, ToolError
from agentloop.mcp.client.call_state import Asker
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.oauth import ServerLogin
from agentloop.mcp.client.oauth_settings import MACHINE, OAuthSettings
from agentloop.mcp.client.oauth_store import LoginStore

EXAMPLES: Mapping[str, Any] = {"integer": 1, "number": 2, "boolean": True, "object": {}, "array": []}
CLIENT_METADATA = "https://conformance-test.local/client-metadata.json"
"""The document that the suite expects of a client that has one."""


async def main(url: str) -> None:
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    entry = ServerEntry(url=url)
    with tempfile.TemporaryDirectory() as folder:
        settings = await settings_of(url, context, Path(folder))
        login = ServerLogin("suite", url, settings, LoginStore(Path(folder)), browser=Browser(), at_once=True)
        async with Connection("suite", entry, connect_timeout=20, server_log=sys.stderr, login=login) as connection:
            if connection.error:
                sys.exit(f"{connection.error} {login.error or ''}")
            for name, arguments in wanted_calls(scenario, context, connection.tools):
                try:
                    await connection.call(name, arguments, receive, asker=Asker(accept, ""))
                except ToolError as error:
                    print(f"{name}: {error} {login.error or ''}", file=sys.stderr)  # noqa: T201


class Browser:
    """Follows the redirects of the login page, which asks nobody anything, to the client's own port."""

    async def open(self, server: str, url: str, paste: Callable[[str], str | None]) -> None:
        del server, paste
        async with httpx2.AsyncClient(follow_redirects=True) as client:
            await client.get(url)


async def settings_of(url: str, context: Mapping[str, Any], folder: Path) -> OAuthSettings:
    """What the suite says of the client, and the issuer, which the operator of a machine client knows."""
    if "client_id" not in context:
        return OAuthSettings(client_metadata_url=CLIENT_METADATA)
    client_id, secret = context["client_id"], context.get("client_secret")
    if not os.environ["MCP_CONFORMANCE_SCENARIO"].startswith("auth/client-credentials"):
        return OAuthSettings(client_id=client_id, client_secret=secret, issuer=context.get("issuer"))
    async with httpx2.AsyncClient() as client:
        found = await client.get(urljoin(url, "/.well-known/oauth-protected-resource/mcp"))
    issuer = found.json()["authorization_servers"][0]
    if secret is not None:
        return OAuthSettings(grant=MACHINE, client_id=client_id, client_secret=secret, issuer=issuer)
    key = folder / "key.pem"
    key.write_text(context["private_key_pem"], encoding="ascii")
    algorithm = context["signing_algorithm"]
    return OAuthSettings(
        grant=MACHINE, client_id=client_id, private_key_file=key, signing_algorithm=algorithm, issuer=issuer
    )


def wanted_calls(
    scenario: str, context: Mapping[str, Any], tools: Iterable[Tool]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if context.get("toolCalls"):
        return [(call["name"], call.get("arguments") or {}) for call in context["toolCalls"]]
    if scenario.startswith("json-schema-2020-12"):
        focal, echo = sorted(tools, key=lambda tool: "schema" in (tool.input_schema.get("properties") or {}))
        return [(echo.name, {"schema": focal.input_schema})]
    return [(tool.name, example(tool)) for tool in tools]


def example(tool: Tool) -> dict[str, Any]:
    properties: Mapping[str, Any] = tool.input_schema.get("properties") or {}
    return {name: EXAMPLES.get(schema.get("type"), "x") for name, schema in properties.items()}


async def accept(_question: Question) -> Answer[Any]:
    """Leaves every field to its default."""
    return Accepted({})


async def receive(progress: float, total: float | None, message: str | None) -> None:
    """Nobody listens."""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
