"""The code blocks of the documentation: Python runs, files are read by their readers, commands are ones that exist.

A Python block that cannot run stands below a comment `<!-- not run: why -->`; it is compiled, and its imports run. Of
the commands, those run that end by themselves and need no other program.
"""

import ast
import asyncio
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest
from PIL import Image

from agentloop import Agent, prices
from agentloop.agent_files import load_agents
from agentloop.mcp.client.config_file import read_config
from agentloop.mcp.server.prompts import prompt_of_file
from agentloop.testing import ScriptedMessages, says
from agentloop.testing.server import Script
from mcp_calc_server.cli import main as server_command
from orchestrator_client import configuration, options
from orchestrator_client.cli import main as client_command
from tests.in_process import server
from tests.journeys.test_cli import invoke
from tests.surface import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
OTHER_PROGRAMS = {
    *("cd", "chmod", "echo", "eval", "mkdir", "printf", "vi"),
    *("curl", "docker", "llama-server", "lms", "ollama", "pipx", "uvx", "vllm"),
}
ANSWER = '{"items": ["coat"], "needs_umbrella": false}'


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    reason: str | None


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(each["language"], each["text"], each["reason"]) for each in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages take for granted: a folder of agents, and files of a user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("REPORTS_SECRET", "planted")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "one.md").write_text("---\nname: one\ndescription: One.\n---\nAnswer.\n", encoding="utf-8")
    (tmp_path / "config" / "Claude").mkdir(parents=True)
    mine = {"mcpServers": {"notes": {"command": "uvx", "args": ["notes"]}}}
    (tmp_path / "config" / "Claude" / "claude_desktop_config.json").write_text(json.dumps(mine), encoding="utf-8")
    (tmp_path / "token").write_text("a token of enough characters", encoding="utf-8")
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    (tmp_path / "contract.pdf").write_bytes(b"%PDF-1.4\n")
    return tmp_path


@pytest.fixture
def names(scripted_messages: Callable[[Script], ScriptedMessages], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Python blocks use without defining it. The model answers everything in the same way."""
    model = scripted_messages(lambda _request: says(ANSWER))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", model.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "scripted")
    return {"agent": Agent("agent", "Answer."), "lead": Agent("lead", "Delegate."), "tools": []}


@pytest.mark.requirement("code-blocks")
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "\n```" in page.read_text(encoding="utf-8")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_code_blocks_of_a_page_are_right(page: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    found = blocks(page)
    assert page.read_text(encoding="utf-8").count("\n```") == 2 * len(found), "a block that is not read here"
    for block in found:
        match block.language:
            case "python":
                names = request.getfixturevalue("names")
                run_python(block, names)
                run_tests(block, names, request)
            case "console":
                for command in commands(block.text):
                    check_command(command)
            case "json" | "toml" | "markdown":
                read_file(block, folder)
            case language:
                assert language == "text", f"{language!r}: name the language, or text for a drawing"


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run it as a module's text, with `await` where the page leaves out the function round it."""
    text = block.text.replace("127.0.0.1:8000", "127.0.0.1:9")  # where nobody listens
    if named := re.match(r"# (\w+\.py)", text):
        Path(named[1]).write_text(text, encoding="utf-8")
    tree = ast.parse(text)
    if block.reason:
        tree.body = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    code = compile(tree, "block", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names["__name__"] = "block"
    result = eval(code, names)  # noqa: S307 - the documentation's own
    if result is not None:
        asyncio.run(result)


def run_tests(block: Block, names: dict[str, Any], request: pytest.FixtureRequest) -> None:
    for name in re.findall(r"^async def (test_\w+)", block.text, re.MULTILINE):
        asyncio.run(names[name](request.getfixturevalue("scripted_messages")))


def read_file(block: Block, folder: Path) -> None:
    path = folder / f"block.{block.language}"
    path.write_text(block.text, encoding="utf-8")
    if block.language == "json":
        read_config(path) if "mcpServers" in json.loads(block.text) else None
    elif block.language == "markdown":
        named = re.search(r"^name: (\S+)$", block.text, re.MULTILINE)
        if named is None:
            prompt_of_file(path)
            return
        loaded = load_agents(path.rename(folder / "agents" / f"{named[1]}.md"))
        assert [problem for problem in loaded.problems if "weather" not in str(problem)] == []
    elif tomllib.loads(block.text).keys() & {"defaults", "servers"}:
        user_file = configuration.user_file()
        user_file.parent.mkdir(exist_ok=True)
        path.rename(user_file)
        ignored: list[str] = []
        assert configuration.defaults([each.name for each in fields(options.Options)])
        assert configuration.user_servers(ignored.append)
        assert ignored == []
    else:
        prices.register_file(path)


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a console's text, without assignments before them and what is printed below them."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.startswith("$ "):
            continue
        words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if word in {";", "&", "&&", "|"}:
                if command:
                    yield command
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):
                command.append(word)


def check_command(command: list[str]) -> None:
    program, *arguments = command
    match Path(program).name:
        case "orchestrator-client":
            context = client_command.make_context(program, list(arguments))
            if context.params.get("offline") or context.info_name != program:
                run_client(arguments)
        case "mcp-calc-server":
            check_server_command(arguments)
        case "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert arguments[-1] in targets
        case "pip":
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            extras = re.findall(r"\[(\w+)\]", " ".join(arguments))
            assert set(extras) <= project["optional-dependencies"].keys()
        case other:
            assert other in OTHER_PROGRAMS, f"{other}: add it to OTHER_PROGRAMS if it is not one of ours"


def run_client(arguments: list[str]) -> None:
    if arguments[0] in {"login", "logout", "resume", "timeline", "tools"}:
        return  # these need a server, or what another run has written
    home = {"HOME": str(Path.cwd()), "XDG_CONFIG_HOME": "config"}
    ended = invoke(*arguments, *(["--local"] if "--offline" in arguments else []), **home)
    assert ended.exit_code == 0, ended.output


def check_server_command(arguments: list[str]) -> None:
    context = server_command.make_context("mcp-calc-server", list(arguments))
    rest = [*context._protected_args, *context.args]  # noqa: SLF001 - click's name for what follows a group's options
    if not rest:
        return
    name, command, others = server_command.resolve_command(context, rest)
    assert isinstance(command, click.Command)
    command.make_context(name, list(others), parent=context)
    if name in {"check", "install"}:
        ended = server(*arguments, HOME=str(Path.cwd()), XDG_CONFIG_HOME="config")
        assert ended.exit_code == 0, ended.output
