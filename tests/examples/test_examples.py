"""The agents in `examples/`, published over stdio and HTTP and called by the SDK's client, with a scripted model."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import PromptReference, TextResourceContents

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import run
from tests.surface import ROOT, scripted_env, serving, text

EXAMPLES = ROOT / "examples"
FINDINGS = {"findings": [{"file": "a.py", "line": 3, "severity": "error", "text": "Divides by zero."}]}


def answer(request: RecordedRequest) -> Reply:
    system = str(request.body["system"])
    if system.startswith("Review"):
        assert "a.py" in request.prompt
        return says(json.dumps(FINDINGS))
    if system.startswith("Answer from the log"):
        return says(result(request)) if request.results else calls(("git_log", {"repo_path": request.prompt}))
    if not request.results:
        return calls(("search_files", {"text": "tea"}), ("read_file", {"path": "../outside.md"}))
    if len(request.results) == 2:
        assert "There is no file" in str(request.results[1])
        return calls(("read_file", {"path": "drinks/hot.md"}))
    return says(result(request))


def result(request: RecordedRequest) -> str:
    return "\n".join(str(block["text"]) for block in request.results[0]["content"])


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library" / "drinks").mkdir(parents=True)
    (tmp_path / "library" / "drinks" / "hot.md").write_text("# Hot\nTea at 80 degrees.\n", encoding="utf-8")
    (tmp_path / "outside.md").write_text("tea: not for everybody", encoding="utf-8")
    return tmp_path / "library"


@pytest.mark.slow
@pytest.mark.requirement("examples")
@pytest.mark.parametrize("transport", ["stdio", "streamable-http"])
async def test_the_researcher_and_the_reviewer_are_published(transport: str, library: Path) -> None:
    with ScriptedMessages(answer) as model:
        env = scripted_env(model.url, PYTHONPATH=str(ROOT), RESEARCH_FOLDER=str(library))
        arguments = ("--agents", "agents")
        async with (
            serving(transport, *arguments, env=env, cwd=EXAMPLES) as served,
            served.client() as client,
        ):
            await check(client)


async def check(client: Client) -> None:
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(listed) == ["researcher_agent", "reviewer_agent", "historian_agent"]
    research, review, history = (tool.annotations for tool in listed.values())
    assert research is not None
    assert history is not None
    assert (research.read_only_hint, history.read_only_hint) == (True, None)
    assert review is not None
    found = await client.call_tool("researcher_agent", {"prompt": "How hot is tea?"})
    assert text(found) == "# Hot\nTea at 80 degrees."
    reviewed = await client.call_tool("reviewer_agent", {"diff": "+++ a.py", "focus": "tests"})
    assert reviewed.structured_content == FINDINGS
    (prompt,) = (await client.list_prompts()).prompts
    completed = await client.complete(PromptReference(name=prompt.name), {"name": "focus", "value": "s"})
    assert completed.completion.values == ["security"]
    (content,) = (await client.read_resource("resource://agents/severities.md")).contents
    assert isinstance(content, TextResourceContents)
    assert content.text.startswith("# Severities")


@pytest.mark.slow
@pytest.mark.requirement("examples")
@pytest.mark.skipif(shutil.which("uvx") is None, reason="uvx, which starts mcp-server-git, is not installed")
async def test_the_historian_asks_mcp_server_git(tmp_path: Path) -> None:
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-C", str(tmp_path))
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "The first step")):
        assert (await run(*git, *command)).code == 0
    with ScriptedMessages(answer) as model:
        env = scripted_env(model.url, PYTHONPATH=str(ROOT), HOME=str(Path.home()))
        env["PATH"] = f"{as_configured_here(tmp_path)}:{env['PATH']}"
        arguments = ("--agents", "agents/historian.md")
        async with (
            serving("stdio", *arguments, env=env, cwd=EXAMPLES) as served,
            served.client() as client,
        ):
            told = await client.call_tool("historian_agent", {"prompt": str(tmp_path)})
    assert "The first step" in text(told)


def as_configured_here(folder: Path) -> Path:
    """A folder with an `uvx` that has the certificates and the index of this machine: a started server gets neither."""
    found = shutil.which("uvx")
    assert found is not None
    names = [name for name in os.environ if name.startswith(("UV_", "SSL_", "PIP_")) or name.lower().endswith("_proxy")]
    settings = [f"export {name}={shlex.quote(os.environ[name])}" for name in names]
    (folder / "bin").mkdir()
    shim = folder / "bin" / "uvx"
    shim.write_text("\n".join(["#!/bin/sh", *settings, f'exec {found} "$@"']), encoding="utf-8")
    shim.chmod(0o755)
    return shim.parent
