"""Claude Code, its model played by a script: it starts the server, or connects to it, and calls the tools."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentloop.testing import Reply, calls, says
from tests.interop.clients import (
    HANDSHAKE,
    MODERN,
    PROMPT,
    check_answer,
    check_product,
    claude_code_home,
    npm_command,
    npm_version,
    output,
    served,
)
from tests.interop.conftest import Begin
from tests.interop.messages import Body, LenientMessages

CLAUDE_CODE = "@anthropic-ai/claude-code"
MULTIPLY, AGENT = "mcp__calculator__multiply_numbers", "mcp__calculator__calculator_assistant_agent"


def script(body: Body) -> Reply:
    offered = {tool["name"] for tool in body.get("tools", ())}
    last = body["messages"][-1]["content"]
    if isinstance(last, list) and any(block["type"] == "tool_result" for block in last):
        return says("The product is 39.")
    if {MULTIPLY, AGENT} <= offered:
        return calls((MULTIPLY, {"numbers": [4, "9.75"]}), (AGENT, {"prompt": PROMPT}))
    return says("There is no calculator.")


def said(block: Body) -> Any:
    """What a tool_result says: Claude Code passes structured content on as JSON text."""
    content = block["content"]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    assert not block.get("is_error"), text
    return json.loads(text)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("transport", "revision"),
    # Over SSE it always shakes hands.
    [("stdio", MODERN), ("stdio", HANDSHAKE), ("HTTP", MODERN), ("HTTP", HANDSHAKE), ("SSE", HANDSHAKE)],
)
async def test_claude_code_calls_the_tools(row: Begin, transport: str, revision: str, tmp_path: Path) -> None:
    report = row(
        f"Claude Code {npm_version(CLAUDE_CODE)}", transport, revision, "multiply_numbers, calculator_assistant_agent"
    )
    command = npm_command(CLAUDE_CODE, "cli-wrapper.cjs")
    with LenientMessages(script) as model:
        async with served(transport, revision, tmp_path) as server:
            entry = {"type": server.pop("transport"), **server}
            config = tmp_path / "mcp.json"
            config.write_text(json.dumps({"mcpServers": {"calculator": entry}}), encoding="utf-8")
            env = claude_code_home(
                tmp_path,
                model.url,
                MCP_PROTOCOL_NEGOTIATION="auto" if revision == MODERN else "legacy",
            )
            options = ("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", f"{MULTIPLY},{AGENT}")
            reported = await output([*command, "-p", PROMPT, *options, "--output-format", "json"], env=env, seconds=120)
    assert json.loads(reported)["result"] == "The product is 39."
    product, answer = model.results().values()
    check_product(said(product))
    check_answer(said(answer))
    report("39, 39")
