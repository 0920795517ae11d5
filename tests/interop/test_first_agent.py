"""From a wheel in a fresh environment, with nothing but the README: an agent of one file that Claude Code calls."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from agentloop.testing import Reply, calls, says
from tests.interop.clients import ROOT, claude_code_home, npm_command, npm_version, output
from tests.interop.conftest import Begin
from tests.interop.messages import Body, LenientMessages
from tests.interop.test_claude_code import CLAUDE_CODE
from tests.processes import finished, started

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOOL = "mcp__greeter__greeter_agent"
MAX_LINES = 10


def script(body: Body) -> Reply:
    if "Write a greeting of one sentence." in str(body["system"]):
        return says("Salut, Ada!")
    last = body["messages"][-1]["content"]
    if isinstance(last, list) and any(block["type"] == "tool_result" for block in last):
        return says("Done.")
    if TOOL in {tool["name"] for tool in body.get("tools", ())}:
        return calls((TOOL, {"prompt": "Greet Ada in French."}))
    return says(f"There is no greeter: {[tool['name'] for tool in body.get('tools', ())]}")


async def installed(folder: Path) -> Path:
    """The `bin` of a new environment with the wheel and what it requires, from where this machine has packages."""
    env = dict(os.environ)
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder / "wheels"), str(ROOT))
    venv = (sys.executable, "-m", "venv", str(folder / "venv"))
    await output(build, env=env, seconds=120)
    await output(venv, env=env, seconds=120)
    (wheel,) = (folder / "wheels").glob("*.whl")
    await output((folder / "venv/bin/pip", "install", "--quiet", str(wheel)), env=env, seconds=400)
    return folder / "venv/bin"


@pytest.mark.timeout(600)
async def test_claude_code_calls_an_agent_that_the_readme_describes(row: Begin, tmp_path: Path) -> None:
    report = row(f"Claude Code {npm_version(CLAUDE_CODE)}", "stdio", "auto", "greeter_agent, installed from the wheel")
    claude = npm_command(CLAUDE_CODE, "cli-wrapper.cjs")
    (file,) = re.findall(r"Save this as `agents/greeter\.md`:\n```markdown\n(.*?)```", README, re.DOTALL)
    (install,) = re.findall(r"^\$ (?:\.venv/bin/)?(mcp-calc-server install claude-code .*)$", README, re.MULTILINE)
    assert len([*file.splitlines(), install]) <= MAX_LINES
    commands = await installed(tmp_path)
    work = tmp_path / "work"
    (work / "agents").mkdir(parents=True)
    (work / "agents/greeter.md").write_text(file, encoding="utf-8")
    with LenientMessages(script) as model:
        env = claude_code_home(
            tmp_path,
            model.url,
            # Without these, `-p` goes on after 5 s without a server that is still starting.
            MCP_CONNECTION_NONBLOCKING="0",
            MCP_STARTUP_WAIT_MS="60000",
            MCP_CONNECT_TIMEOUT_MS="60000",
        )
        program, *arguments = shlex.split(install)
        # The server asks the scripted model too; the README's key is of nobody.
        arguments += ["--env", f"ANTHROPIC_BASE_URL={model.url}"]
        async with started([str(commands / program), *arguments], env=env, cwd=work) as process:
            end = await finished(process)
        assert end.code == 0, end.err
        prompt = ("-p", "Greet Ada.", "--allowedTools", TOOL, "--output-format", "json")
        async with started([*claude, *prompt], env=env, cwd=work) as process:
            end = await finished(process, seconds=120)
    assert end.code == 0, end.err
    assert json.loads(end.out)["result"] == "Done."
    (result,) = model.results().values()
    assert "Salut, Ada!" in str(result["content"])
    assert not [body for body in model.bodies if "calculator" in json.dumps(body).lower()]
    report("Salut, Ada!")
