"""What clients see of a server: its name is that of what it publishes, and the options of the model hold for that."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agentloop import Agent, sdk_client
from agentloop.prices import price_of
from mcp_calc_server import publishing
from mcp_calc_server.cli import main
from mcp_calc_server.options import Options
from tests.in_process import server
from tests.processes import environment
from tests.surface import ROOT, serving

AGENT = "---\nname: greeter\ndescription: Greets.\nmodel: haiku\n---\nGreet."
MODULE = """
from agentloop import Agent, tool

@tool
def shout(text: str) -> str:
    "Write in capitals."
    return text.upper()

writer = Agent("writer", "Write.", tools=[shout], model="claude-opus-5-5")
both = [writer, shout]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "greeter.md").write_text(AGENT, encoding="utf-8")
    (tmp_path / "our_own.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


async def seen(folder: Path, *arguments: str, tool: str = "greeter_agent") -> tuple[dict[str, Any], str]:
    """How the server introduces itself, and everything that a client sees of it, a failed call included."""
    env = environment(PYTHONPATH=str(ROOT), ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    async with serving("stdio", *arguments, env=env, cwd=folder) as served, served.client() as client:
        await client.list_tools()
        await client.list_resources()
        result = await client.call_tool(tool, {"prompt": "x"})
        assert result.is_error
        about = client.server_info
        assert about is not None
        return about.model_dump(exclude_none=True) | {"instructions": client.instructions}, b"".join(
            served.wire
        ).decode()


@pytest.mark.slow
@pytest.mark.requirement("identity")
async def test_nothing_that_clients_see_of_other_agents_is_about_the_calculator(folder: Path) -> None:
    about, everything = await seen(folder, "--agents", "agents")
    assert about == {"name": "greeter", "version": "0", "instructions": None}
    assert "greeter_agent" in everything
    assert "calc" not in everything.lower()


@pytest.mark.requirement("identity")
@pytest.mark.slow
async def test_the_options_say_who_the_server_is(folder: Path) -> None:
    given = ("--name", "desk", "--title", "Front desk", "--instructions", "Greet first.", "--version-label", "3")
    about, _ = await seen(folder, "--agents", "agents", *given)
    assert about == {"name": "desk", "title": "Front desk", "version": "3", "instructions": "Greet first."}
    about, _ = await seen(folder, "--calculator", "--agents", "agents")
    assert (about["name"], about["title"]) == ("mcp-calc-server", "Calculator")


def options(context_params: dict[str, Any]) -> Options:
    defaults = main.make_context("mcp-calc-server", []).params
    return Options(**{**defaults, **context_params})


@pytest.mark.requirement("publish")
@pytest.mark.parametrize(
    ("given", "own_model", "model"),
    [
        ({}, False, "claude-opus-5-5"),
        ({"model": "claude-x"}, True, "claude-x"),
        ({"offline": True}, False, "offline-rule-based"),
        ({"base_url": "http://127.0.0.1:9"}, False, "claude-opus-5-5"),
    ],
)
def test_options_of_the_model_hold_for_published_agents(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], *, own_model: bool, model: str
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    published = publishing.published(
        options({"publish": ("our_own:both",), **given}), lambda _line: None, own_model=own_model
    )
    agent, tool = published.items
    assert isinstance(agent, Agent)
    assert (agent.model, tool.name) == (model, "shout")
    assert published.info(options({})).name == "agents"
    sys.modules.pop("our_own")


@pytest.mark.requirement("base-url")
@pytest.mark.parametrize(("url", "price"), [("http://127.0.0.1:9", 0), ("https://models.example.com", None)])
def test_the_models_that_agents_name_cost_nothing_on_this_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, price: int | None
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    named = f"model-at-{len(url)}"
    (folder / "agents/greeter.md").write_text(AGENT.replace("haiku", f"{named}-of-a-file"), encoding="utf-8")
    (folder / "our_own.py").write_text(MODULE.replace("claude-opus-5-5", f"{named}-of-python"), encoding="utf-8")
    given = options({"agents": (folder / "agents",), "publish": ("our_own:writer",), "base_url": url})
    publishing.published(given, lambda _line: None)
    sys.modules.pop("our_own")
    for model in (f"{named}-of-a-file", f"{named}-of-python"):
        known = price_of(model)
        assert (None if known is None else known.input) == price


@pytest.mark.requirement("base-url")
async def test_agents_need_no_key_if_a_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    assert sdk_client().api_key == "none-needed", "named by ANTHROPIC_BASE_URL"
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    assert sdk_client(base_url="http://127.0.0.1:9").api_key == "none-needed"
    assert sdk_client().api_key is None


@pytest.mark.requirement("install")
def test_install_writes_what_it_is_told_and_says_what_it_did(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    home = folder / "home"
    done = server("install", "cursor", "--agents", "agents", HOME=str(home))
    path = home / ".cursor/mcp.json"
    assert done.stdout == f"Wrote the entry greeter to {path}.\nRestart cursor to use it.\n"
    done = server(
        *("install", "cursor", "--publish", "our_own:both", "--name", "desk", "--title", "Front desk", "--offline"),
        *("--env", "A=1"),
        HOME=str(home),
    )
    assert done.exit_code == 0, done.output
    entries = json.loads(path.read_text(encoding="utf-8"))["mcpServers"]
    assert list(entries) == ["greeter", "desk"]
    assert entries["greeter"]["args"] == [
        "-m",
        "mcp_calc_server",
        "--agents",
        str(folder / "agents"),
    ]
    assert "env" not in entries["greeter"], "agents without functions need no module of this folder"
    assert entries["desk"]["args"][2:] == [
        *("--offline", "--publish", "our_own:both", "--name", "desk", "--title", "Front desk"),
    ]
    assert entries["desk"]["env"] == {"A": "1", "PYTHONPATH": str(folder)}
    sys.modules.pop("our_own")


@pytest.mark.requirement("install")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["install", "cursor", "--agents", "none"], "Path 'none' does not exist"),
        (["install", "cursor", "--publish", "our_own:none"], "our_own has no none"),
        (["install", "cursor", "--env", "A=b\udcff"], "a path or value of the new entry is not UTF-8 text. Nothing"),
        (["install", "cursor", "--name", "a\nb"], "The name of the server is 'a ⏎ b': use printable characters."),
        (["--name", " "], "The name of the server is '': use printable characters."),
        (["--title", "b\udcff"], "The title of the server is not UTF-8 text: b\ufffd."),
        (["--agents", "agents", "install", "cursor"], "--agents stands after the word `install`"),
    ],
)
def test_install_refuses_what_would_not_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(folder)
    done = server(*arguments, HOME=str(folder / "home"))
    assert (done.exit_code in {1, 2}, done.stdout) == (True, "")
    assert said in " ".join(done.stderr.split())
    assert not (folder / "home").exists()
    sys.modules.pop("our_own", None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--publish", "our_own:both"],
        ["--publish", "our_own:both", "--transport", "sse", "--port", "0"],
        ["install", "cursor", "--publish", "our_own:both"],
        ["bundle", "--agents", "{folder}/agents", "-o", "{folder}/a.mcpb"],
    ],
)
def test_a_folder_that_was_deleted_meanwhile_gets_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    end = server(*(each.format(folder=folder) for each in arguments), ANTHROPIC_API_KEY="none", HOME=str(folder))
    assert (end.exit_code, end.stdout) == (1, "")
    assert end.stderr == "The current folder does not exist any more. Go to another one.\n"
