"""What the README shows is what happens: its commands are run, in its order, where a fresh clone would be."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.journeys.test_main_job import ANSWER
from tests.processes import environment, finished, started
from tests.surface import ROOT
from tests.terminals import on_terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
NO_INSTALLING = "make -o .venv/run.stamp"
"""What the demo needs is installed here already."""
SHOWN = {
    "make demo": ANSWER,
    '"What is (2 + 3) ^ 2 / 5?"': "Answer: 5\n",
    "--json -": 'shipping $5.99\\nTotal: $43.49"',
    "What is 3 times 12.50": "Answer: 37.5\n",
    "orchestrator-client tools": "mcp-calc-server: up, 7 tools",
    '"What is 6 * 7?"': "Answer: 42\n",
    "--dry-run": '"mcpServers"',
    "--publish my_agents:writer": "writer_agent ",
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


@asynccontextmanager
async def in_background(command: str, clone: Path) -> AsyncIterator[None]:
    """A server, once it says that it listens."""
    async with started(["sh", "-c", f"exec {command.removesuffix(' &')}"], env=environment(), cwd=clone) as process:
        assert process.stderr is not None
        while b"listening at" not in (line := await asyncio.wait_for(process.stderr.readline(), 30)):
            assert line, "the server ended"
        yield


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
    async with asyncio.timeout(150), AsyncExitStack() as background:
        for language, block in BLOCK.findall(README):
            if language == "python":
                (clone / block.split()[1]).write_text(block, encoding="utf-8")
                continue
            for command in commands_of(block):
                ran.append(command)
                if command.endswith(" &"):
                    await background.enter_async_context(in_background(command, clone))
                else:
                    await run(command, clone)
    assert len(ran) == 10
    assert (clone / "run.html").exists()
    assert (clone / "demo-timeline.html").exists()
    assert not (clone / ".config").exists(), "a dry run writes nothing"


@pytest.mark.requirement("readme")
def test_the_output_of_the_demo_is_the_real_one_and_the_page_is_short() -> None:
    (demo,) = (block for _, block in BLOCK.findall(README) if block.startswith("$ make demo\n"))
    assert demo == f"$ make demo\n{ANSWER}"
    assert len(README.splitlines()) < 80


@pytest.mark.requirement("readme")
def test_nothing_says_to_install_this_project_from_an_index_where_it_is_not() -> None:
    folders = ("agentloop", "mcp_calc_server", "orchestrator_client", "offline_model", "docs", "deploy")
    files = [ROOT / "README.md", *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    wrong = re.compile(r"(pip|pipx|uv) (tool )?(install|run|add) \S*mcp-calc-server|uvx \S*mcp-calc-server")
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.suffix in {".py", ".md", ".toml", ".yml"}}
    assert [str(path) for path, text in texts.items() if wrong.search(text)] == []
