"""The published examples, called by FastMCP's client."""

import json
import sys
from pathlib import Path

import pytest

from agentloop.testing import ScriptedMessages
from tests.examples.test_examples import EXAMPLES, FINDINGS, answer
from tests.interop.clients import PROGRAMS, ROOT, output, pip_version, python_of
from tests.interop.conftest import Begin
from tests.surface import scripted_env, serving

AGENTS = ("--no-calculator", "--agents", "agents")


@pytest.mark.parametrize("transport", ["stdio", "HTTP"])
async def test_fastmcp_calls_the_examples(row: Begin, transport: str, tmp_path: Path) -> None:
    report = row(f"FastMCP {pip_version('fastmcp')}", transport, "-", "examples: tools, prompts, resources")
    (tmp_path / "drinks").mkdir()
    (tmp_path / "drinks" / "hot.md").write_text("Tea at 80 degrees.", encoding="utf-8")
    client = [python_of("fastmcp"), str(PROGRAMS / "fastmcp_examples.py")]
    with ScriptedMessages(answer) as model:
        env = scripted_env(model.url, PYTHONPATH=str(ROOT), RESEARCH_FOLDER=str(tmp_path))
        if transport == "stdio":
            args = ["-m", "mcp_calc_server", *AGENTS]
            server = {"command": sys.executable, "args": args, "env": env, "cwd": str(EXAMPLES)}
            reported = await output([*client, json.dumps(server)])
        else:
            async with serving("streamable-http", *AGENTS, env=env, cwd=EXAMPLES) as served:
                reported = await output([*client, json.dumps({"url": served.url})])
    assert json.loads(reported.strip().splitlines()[-1]) == {
        "tools": ["researcher_agent", "reviewer_agent", "historian_agent"],
        "found": "Tea at 80 degrees.",
        "reviewed": FINDINGS,
        "prompts": ["review-changes"],
        "resource": "# Severities of findings",
    }
    report("3 agents, a prompt, a resource")
