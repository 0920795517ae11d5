"""What the README shows is what happens."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.journeys.test_main_job import ANSWER
from tests.processes import environment
from tests.surface import ROOT, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = str(Path(sys.executable).with_name("mcp-calc-server"))


def blocks(language: str) -> list[str]:
    """The code blocks in that language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.requirement("readme")
def test_the_output_of_the_demo_is_the_real_one() -> None:
    (demo,) = (block for block in blocks("console") if block.startswith("$ make demo\n"))
    assert demo == f"$ make demo\n{ANSWER}"


@pytest.mark.requirement("readme")
async def test_the_entry_for_claude_desktop_starts_a_server() -> None:
    (entry,) = (json.loads(block)["mcpServers"]["calculator"] for block in blocks("json") if "mcpServers" in block)
    assert set(entry) == {"command", "env"}
    assert Path(entry["command"]).name == Path(COMMAND).name
    env = environment(**entry["env"])
    async with serving("stdio", command=[COMMAND], env=env) as served, served.client("legacy") as client:
        assert len((await client.list_tools()).tools) == 7


@pytest.mark.requirement("readme")
async def test_the_agent_of_ones_own_is_published(tmp_path: Path) -> None:
    (module,) = (block for block in blocks("python") if block.startswith("# my_agents.py"))
    (tmp_path / "my_agents.py").write_text(module, encoding="utf-8")
    (line,) = re.findall(r"mcp-calc-server (--publish \S+)", README)
    async with (
        serving("stdio", *line.split(), "--offline", command=[COMMAND], cwd=tmp_path) as served,
        served.client() as client,
    ):
        assert (await client.list_tools()).tools[-1].name == "writer_agent"


@pytest.mark.requirement("readme")
def test_nothing_says_to_install_this_project_from_an_index_where_it_is_not() -> None:
    folders = ("agentloop", "mcp_calc_server", "orchestrator_client", "offline_model", "docs", "deploy")
    files = [ROOT / "README.md", *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    wrong = re.compile(r"(pip|pipx|uv) (tool )?(install|run|add) \S*mcp-calc-server|uvx \S*mcp-calc-server")
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.suffix in {".py", ".md", ".toml", ".yml"}}
    assert [str(path) for path, text in texts.items() if wrong.search(text)] == []
