"""Agents of the user's own, published by option."""

import re
from pathlib import Path

import pytest

from agentloop.delegation_context import SPENT
from agentloop.testing import ScriptedMessages, calls, says
from tests.in_process import server
from tests.surface import ROOT, scripted_env, serving, text

AGENTS = "tests.transports.published"


@pytest.mark.slow
@pytest.mark.requirement("publish")
async def test_the_example_of_the_page_is_published_and_answers(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "publish.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    command = re.search(r"^\$ mcp-calc-server (--publish .*?)$", page, re.MULTILINE)
    assert code is not None
    assert command is not None
    (tmp_path / "weather.py").write_text(code[1], encoding="utf-8")
    with ScriptedMessages([calls(("temperature", {"city": "Oslo"})), says("A coat: 4.5 degrees.")]) as model:
        env = scripted_env(model.url, PYTHONPATH=str(ROOT))
        async with serving("stdio", *command[1].split(), env=env, cwd=tmp_path) as served, served.client() as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["adviser_agent"]
            result = await client.call_tool("adviser_agent", {"prompt": "Oslo?"})
    assert text(result) == "A coat: 4.5 degrees."
    assert model.requests[1].results[0]["content"][0]["text"] == "4.5"
    assert not [line for line in served.wire if SPENT.encode() in line], "a client that did not ask is told nothing"


@pytest.mark.requirement("agents-option")
async def test_the_agent_file_of_the_page_is_published_and_answers(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "publish.md").read_text(encoding="utf-8")
    code, agent = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "markdown"))
    command = re.search(r"^\$ mcp-calc-server (--agents .*?)$", page, re.MULTILINE)
    assert code is not None
    assert agent is not None
    assert command is not None
    (tmp_path / "weather.py").write_text("print('imported')\n" + code[1], encoding="utf-8")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "adviser.md").write_text(agent[1].replace("maxTurns", "color: red\nmaxTurns"), "utf-8")
    with ScriptedMessages([calls(("temperature", {"city": "Oslo"})), says("A coat: 4.5 degrees.")]) as model:
        env = scripted_env(model.url, PYTHONPATH=str(ROOT))
        async with serving("stdio", *command[1].split(), env=env, cwd=tmp_path) as served, served.client() as client:
            (listed,) = (await client.list_tools()).tools
            result = await client.call_tool("adviser_agent", {"prompt": "Oslo?"})
    assert (listed.name, listed.description) == ("adviser_agent", "Says what to wear in a city.")
    assert text(result) == "A coat: 4.5 degrees."
    assert model.requests[0].body["model"] == "claude-haiku-5-5"
    assert model.requests[1].results[0]["content"][0]["text"] == "4.5"
    warning = "mcp-calc-server: agents/adviser.md:6: warning: color has no effect outside Claude Code\n"
    assert {"imported\n", warning} <= set(served.said)


@pytest.mark.requirement("publish")
async def test_what_a_published_module_prints_does_not_reach_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text(
        "import os\nfrom agentloop import Agent\nprint('printed')\n"
        "os.write(1, b'past Python\\n')\na = Agent('a', 'a')\n",
        encoding="utf-8",
    )
    arguments = ("--publish", "chatty:a", "--offline")
    env = scripted_env("http://127.0.0.1:9", PYTHONPATH=str(ROOT))
    async with serving("stdio", *arguments, env=env, cwd=tmp_path) as served, served.client("legacy") as client:
        assert (await client.list_tools()).tools[-1].name == "a_agent"
        assert all(line.startswith(b"{") for line in served.wire)
        assert {"printed\n", "past Python\n"} <= set(served.said)


@pytest.mark.requirement("publish")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--publish", f"{AGENTS}:looped"] * 2, "More than one tool is published as looped_agent"),
        (["--publish", f"{AGENTS}:looped", "--publish", f"{AGENTS}:agents"], "published as looped_agent"),
        (["--publish", "no_such_module:x"], "there is no module no_such_module"),
        (["--publish", f"{AGENTS}:nothing"], f"{AGENTS} has no nothing"),
        (["--publish", f"{AGENTS}:HELPER"], "is of type str, not an Agent, a Tool or a list of them"),
        (
            ["--publish", f"{AGENTS}:create_agent_tool_async"],
            "is of type function, not an Agent, a Tool or a list of them. Make",
        ),
        (
            ["--offline", "--publish", f"{AGENTS}:looped"],
            "its tool helper_agent is an agent that would ask its own model",
        ),
        (
            ["--base-url", "http://127.0.0.1:9", "--publish", f"{AGENTS}:looped"],
            "--base-url cannot be used with looped: its tool helper_agent is an agent that would ask its own model",
        ),
        (["--publish", AGENTS], "write module:attribute"),
    ],
)
def test_what_cannot_be_published_is_a_usage_error(arguments: list[str], said: str) -> None:
    end = server(*arguments)
    assert (end.exit_code, end.stdout) == (2, "")
    assert said in " ".join(end.stderr.split())
