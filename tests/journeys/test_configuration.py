"""Servers that are configured once: `add`, `remove`, `list`, config.toml, a folder's .mcp.json, .env."""

import asyncio
import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentloop.testing import ScriptedMessages, says
from orchestrator_client.cli import main
from tests.processes import CLIENT, Finished, environment, finished, started
from tests.terminals import on_terminal

NOTES = Path(__file__).parents[1] / "notes_server.py"
COMMAND = shlex.join([sys.executable, str(NOTES)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


async def client(folder: Path, *arguments: str, **more: str) -> Finished:
    """The command in a folder whose parent is the home."""
    env = environment(**more) | {"HOME": str(folder.parent), "PYTHONPATH": str(Path(__file__).parents[2])}
    async with started([*CLIENT, *arguments], env=env, cwd=folder) as process:
        return await finished(process)


@pytest.mark.slow
@pytest.mark.requirement("configuration")
async def test_a_server_is_added_listed_used_and_removed(folder: Path) -> None:
    added = await client(folder, "add", "notes", "--env", "A=${SET}", "--", sys.executable, str(NOTES))
    assert added.code == 0, added.err
    file = folder.parent / ".config/orchestrator-client/config.toml"
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("# mine\n[defaults]\nmax-turns = 1\nno-cache = true\ndeny = ['power']\n\n" + file.read_text())
    again = await client(folder, "add", "notes", "sh")
    assert (again.code, "has a server 'notes'" in again.err) == (2, True)
    listed = await client(folder, "list")
    assert listed.out == f"notes (yours): {COMMAND}\n"
    unset = await client(folder, "tools", "--server", "notes")
    assert "config.toml: servers.notes.env.A: the environment variable SET is not set." in unset.err
    other = await client(folder, "tools", "--server", "mcp-calc-server")
    assert (other.code, "mcp-calc-server: up" in other.out) == (0, True), "the variable of another server is not needed"
    unreadable = await client(folder, "add", "other", "--force", "--", "x", "b\udcff")
    assert unreadable.err.endswith(f"add: Cannot change {file}: a name or value is not UTF-8 text.\n")
    tools = await client(folder, "tools", SET="1")
    assert "notes: up, 1 tool\n" in tools.out
    assert "mcp-calc-server: up, 7 tools, trusted" in tools.out, "the calculator is there besides"
    with ScriptedMessages([says("hello")]) as model:
        asked = await client(folder, "Hi", SET="1", ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    assert asked.out == "hello\n", asked.err
    names = {tool["name"] for tool in model.requests[0].body["tools"]}
    assert {"write_note", "sum_numbers"} <= names
    assert "power" not in names, "a default of the configuration"
    assert "cache_control" not in model.requests[0].body, "another one"
    assert (await client(folder, "remove", "notes")).code == 0
    assert file.read_text().startswith("# mine\n")
    assert "has no server 'notes'" in (await client(folder, "remove", "notes")).err


def test_a_program_that_is_not_there_is_added_only_with_force(tmp_path: Path) -> None:
    runner = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)})
    done = runner.invoke(main, ["add", "2", "and", "3"])
    assert done.exit_code == 2
    assert "There is no program 'and' here." in done.stderr
    assert "If this is a question, quote it." in done.stderr
    assert not list(tmp_path.iterdir())
    assert runner.invoke(main, ["add", "--force", "x", "no-such-command"]).exit_code == 0


@pytest.mark.requirement("configuration")
async def test_servers_that_are_added_at_once_are_all_there(folder: Path) -> None:
    names = ["one", "two", "three", "four"]
    added = await asyncio.gather(*(client(folder, "add", name, "sh") for name in names))
    assert [done.code for done in added] == [0] * 4
    listed = await client(folder, "list")
    assert sorted(listed.out.splitlines()) == sorted(f"{name} (yours): sh" for name in names)


@pytest.mark.requirement("configuration")
def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    file, real = tmp_path / "orchestrator-client/config.toml", tmp_path / "dotfiles.toml"
    file.parent.mkdir()
    real.write_text("# mine\n")
    file.symlink_to(real)
    for arguments in (["add", "notes", "sh"], ["add", "others", "sh"], ["remove", "others"]):
        assert CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(main, arguments).exit_code == 0
    assert file.is_symlink()
    assert "[servers.notes]" in real.read_text()


@pytest.mark.requirement("configuration")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[defaults]\nmodle = 'x'\n", "config.toml: defaults.modle: use one of agent, allow, answers"),
        ("[defaults]\nmax_usd = 'much'\n", "config.toml: defaults.max_usd: 'much' is not an amount of money"),
        ("[defaults]\ndeny = 'git'\n", "config.toml: defaults.deny: Value must be an iterable"),
        ("[default]\nmax-usd = 1\n", "config.toml: default: use one of defaults, servers"),
        ("[servers.a\n", "config.toml: not TOML: "),
        ("[servers.a]\nargs = []\n", "config.toml: servers.a: needs either a `command` to start or a `url`"),
    ],
)
@pytest.mark.slow
async def test_what_is_wrong_in_the_file_is_one_sentence(folder: Path, text: str, problem: str) -> None:
    file = folder.parent / ".config/orchestrator-client/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    done = await client(folder, "What is 2 + 2?")
    assert (done.code, problem in done.err, done.err.count("\n")) == (2, True, 1), done.err


@pytest.mark.requirement("configuration")
@pytest.mark.slow
async def test_servers_are_taken_from_other_programs(folder: Path) -> None:
    desktop = folder.parent / ".config/Claude/claude_desktop_config.json"
    desktop.parent.mkdir(parents=True)
    servers = {"notes": {"command": sys.executable, "args": [str(NOTES)], "env": {"A": None}}}
    wrong = {"bad": {"args": []}, "worse": "uvx mcp-server-git"}
    desktop.write_text(json.dumps({"mcpServers": wrong | servers}))
    done = await client(folder, "add", "--from", "claude-desktop")
    assert done.code == 0
    assert "added: notes" in done.err
    assert f"not added: bad: {desktop}: servers.bad: needs either" in done.err
    assert f"not added: worse: {desktop}: servers.worse: an object is needed" in done.err
    (folder / ".vscode").mkdir()
    (folder / ".vscode/mcp.json").write_text(
        json.dumps({"inputs": [], "servers": {"api": {"type": "http", "url": "http://127.0.0.1:1/mcp"}}})
    )
    assert (await client(folder, "add", "--from", "vscode", "api")).code == 0
    listed = await client(folder, "list")
    assert listed.out == f"notes (yours): {COMMAND}\napi (yours): http://127.0.0.1:1/mcp\n"


@pytest.mark.slow
@pytest.mark.requirement("project-servers")
async def test_a_folders_servers_are_used_after_one_confirmation_that_names_the_commands(folder: Path) -> None:
    marker = folder / "started"
    file = folder / ".mcp.json"
    command = {"command": "sh", "args": ["-c", f"touch {marker}; exec {COMMAND}"]}
    file.write_text(json.dumps({"mcpServers": {"notes": command}}))
    unseen = await client(folder, "tools")
    assert "is not used: nobody has confirmed its servers" in unseen.err
    assert "notes" not in unseen.out

    env = environment() | {"HOME": str(folder.parent)}
    for answer, is_used in [("n", False), ("y", True)]:
        shell = ("sh", "-c", f"cd {folder} && exec {shlex.quote(sys.executable)} -m orchestrator_client tools")
        async with on_terminal(*shell, env=env, columns=200) as terminal:
            await terminal.until_shown("Start and use them, now and later? [y/N]:")
            assert f"notes: sh -c 'touch {marker}; exec " in terminal.text.replace("\n", "")
            assert not marker.exists()
            terminal.type(f"{answer}\r")
            assert await terminal.ended() == 0, terminal.text
            assert ("notes: up, 1 tool" in terminal.text) is is_used
    assert "notes: up, 1 tool" in (await client(folder, "tools")).out, "it was confirmed"
    file.write_text(json.dumps({"mcpServers": {"notes": command | {"args": ["-c", "false"]}}}))
    assert "is not used" in (await client(folder, "tools")).err, "it has changed"


@pytest.mark.requirement("configuration")
@pytest.mark.slow
async def test_a_file_of_variables_is_read_if_asked(folder: Path) -> None:
    (folder / ".env").write_text(f'SERVER={NOTES}\nexport HOME="elsewhere"\n')
    (folder / "servers.toml").write_text(f"[servers.notes]\ncommand = '{sys.executable}'\nargs = ['${{SERVER}}']\n")
    without = await client(folder, "tools", "--config", "servers.toml")
    assert "the environment variable SERVER is not set" in without.err
    done = await client(folder, "tools", "--config", "servers.toml", "--env-file", ".env")
    assert "notes: up, 1 tool" in done.out
