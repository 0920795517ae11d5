"""MCP Inspector's command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.interop.clients import (
    CALLED,
    HANDSHAKE,
    MODERN,
    PROMPT,
    TOOLS,
    check_answer,
    check_product,
    npm_command,
    npm_version,
    output,
    scratch_home,
    served,
)
from tests.interop.conftest import Begin

INSPECTOR = "@modelcontextprotocol/inspector"


@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
@pytest.mark.parametrize("transport", ["stdio", "HTTP", "SSE"])
async def test_the_inspector_uses_the_server(row: Begin, transport: str, revision: str, tmp_path: Path) -> None:
    report = row(f"MCP Inspector {npm_version(INSPECTOR)}", transport, revision, CALLED.replace(",", " --strict,", 1))
    command = npm_command(INSPECTOR, "clients/launcher/build/index.js")
    era = "modern" if revision == MODERN else "legacy"
    async with served(transport, revision, tmp_path) as server:
        target = [server["url"]] if "url" in server else [server["command"], *server["args"]]

        async def inspect(*method: str) -> Any:
            line = [*command, "--cli", "--protocol-era", era, *target, "--format", "json", *method]
            return json.loads(await output(line, env=scratch_home(tmp_path)))["result"]

        listed = await inspect("--method", "tools/list", "--strict")
        call = ("--method", "tools/call", "--tool-name")
        product = await inspect(*call, "multiply_numbers", "--tool-arg", 'numbers=[4,"9.75"]')
        answer = await inspect(*call, "calculator_assistant_agent", "--tool-arg", f"prompt={PROMPT}")
    assert len(listed["tools"]) == TOOLS
    check_product(product["structuredContent"])
    check_answer(answer["structuredContent"])
    report("7 tools, 39, 39")
