"""What the README shows is what happens: its commands are run, in its order, where a fresh clone would be."""

import asyncio
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.journeys.test_main_job import ANSWER
from tests.processes import environment, finished, started
from tests.surface import ROOT
from tests.terminals import on_terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(console|python|markdown)\n(.*?)```", re.DOTALL)
NO_INSTALLING = "make -o .venv/run.stamp"
"""What the demo needs is installed here already."""
SHOWN = {
    "make demo": ANSWER,
    '"What is (2 + 3) ^ 2 / 5?"': "Answer: 5\n",
    "install claude-code": "Wrote the entry greeter to ",
    "orchestrator-client tools": "mcp-calc-server: up, 1 tool",
}
"""A part of each command, and of what it prints; the last that fits counts."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def commands_of(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


async def run(command: str, clone: Path) -> None:
    if command == ".venv/bin/orchestrator-client":  # a chat
        async with on_terminal("sh", "-c", f"cd {clone}; exec {command}", env=environment()) as terminal:
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            terminal.type("/help\r")
            await terminal.until_shown("/timeline [FILE]")
            terminal.type("/quit\r")
            assert await terminal.ended() == 0
        return
    env = environment(HOME=str(clone))
    line = re.sub(r"^make\b", NO_INSTALLING, command)
    async with started(["bash", "-c", line], env=env, cwd=clone) as process:
        end = await finished(process, seconds=60)
    assert end.code == 0, f"{command}: {end.err}"
    *_, shown = (shown for part, shown in SHOWN.items() if part in command)
    assert shown in end.out, command


@pytest.mark.slow
@pytest.mark.requirement("readme")
async def test_every_command_works_in_the_order_printed(clone: Path) -> None:
    ran: list[str] = []
    async with asyncio.timeout(150):
        for language, block in BLOCK.findall(README):
            if language == "markdown":
                (clone / "agents").mkdir()
                (clone / "agents" / "greeter.md").write_text(block, encoding="utf-8")
            for command in commands_of(block):
                ran.append(command)
                await run(command, clone)
    assert len(ran) == 5
    assert (clone / "demo-timeline.html").exists()
    written = json.loads((clone / ".claude.json").read_text(encoding="utf-8"))["mcpServers"]["greeter"]
    assert written["args"][2:] == ["--agents", str(clone / "agents"), "--no-calculator"]
    assert written["env"] == {"ANTHROPIC_API_KEY": "sk-..."}


@pytest.mark.requirement("readme")
def test_the_page_is_short() -> None:
    assert len(README.splitlines()) < 80


@pytest.mark.requirement("readme")
def test_nothing_says_to_install_this_project_from_an_index_where_it_is_not() -> None:
    folders = ("agentloop", "mcp_calc_server", "orchestrator_client", "offline_model", "docs", "deploy")
    files = [ROOT / "README.md", *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    wrong = re.compile(r"(pip|pipx|uv) (tool )?(install|run|add) \S*mcp-calc-server|uvx \S*mcp-calc-server")
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.suffix in {".py", ".md", ".toml", ".yml"}}
    assert [str(path) for path, text in texts.items() if wrong.search(text)] == []
