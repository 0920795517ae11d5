"""The clients of other SDKs: list the tools, call a function and the agent."""

from pathlib import Path

import pytest

from tests.interop.clients import (
    CALLED,
    HANDSHAKE,
    MODERN,
    PROGRAMS,
    check_program,
    node,
    npm_command,
    npm_version,
    pip_version,
    python_of,
)
from tests.interop.conftest import Begin

TRANSPORTS = ("stdio", "HTTP", "SSE")
V2, V1 = "@modelcontextprotocol/client", "@modelcontextprotocol/sdk"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_mcp_1_uses_the_server(row: Begin, transport: str, tmp_path: Path) -> None:
    report = row(f"mcp (Python) {pip_version('mcp1')}", transport, HANDSHAKE, CALLED)
    report(await check_program([python_of("mcp1"), str(PROGRAMS / "mcp1_client.py")], transport, HANDSHAKE, tmp_path))


@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_fastmcp_uses_the_server(row: Begin, transport: str, revision: str, tmp_path: Path) -> None:
    report = row(f"FastMCP {pip_version('fastmcp')}", transport, revision, CALLED)
    report(
        await check_program([python_of("fastmcp"), str(PROGRAMS / "fastmcp_client.py")], transport, revision, tmp_path)
    )


@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_typescript_sdk_2_uses_the_server(row: Begin, transport: str, revision: str, tmp_path: Path) -> None:
    report = row(f"TypeScript SDK {npm_version(V2)}", transport, revision, CALLED)
    npm_command(V2, "package.json")
    report(await check_program([node(), str(PROGRAMS / "typescript_v2.mjs")], transport, revision, tmp_path))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_typescript_sdk_1_uses_the_server(row: Begin, transport: str, tmp_path: Path) -> None:
    report = row(f"TypeScript SDK {npm_version(V1)}", transport, HANDSHAKE, CALLED)
    npm_command(V1, "package.json")
    report(await check_program([node(), str(PROGRAMS / "typescript_v1.mjs")], transport, HANDSHAKE, tmp_path))
