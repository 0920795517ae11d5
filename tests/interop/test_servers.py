"""Servers from the registries, and one of our own on FastMCP, with `orchestrator-client` between them and a model.

What the model got is compared with what the official client gets from the same server for the same calls.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from mcp.types import Tool as McpTool

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.interop.clients import PROGRAMS, npm_command, npm_version, output, pip_version, python_of
from tests.interop.comparison import missing
from tests.interop.conftest import Begin
from tests.processes import CLIENT, environment, run

Call = tuple[str, Mapping[str, Any]]
Command = Sequence[str | Path]

_NPM = "@modelcontextprotocol/server-"
_PAGE = "<!doctype html><title>Bulbs</title><link rel=icon href=data:,>"
_PAGE += "<h1>Bulbs</h1><p>Plant tulips in <b>November</b>.</p>"
_API_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_DATES = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}


@dataclass(frozen=True)
class Server:
    """A server from a registry: how it is started, and what is called, in a folder that `prepare` has filled."""

    command: Callable[[Path], Command]
    calls: Callable[[Path, str], Sequence[Call]]
    version: Callable[[], str]
    prepare: Callable[[Path], Any] = lambda _folder: None
    env: Callable[[Path], Mapping[str, str]] = lambda _folder: {}


def npm(package: str, program: str, *arguments: str) -> Callable[[Path], Command]:
    return lambda folder: [*npm_command(package, program), *(each.format(folder=folder) for each in arguments)]


def pip(name: str, *arguments: str, environment: str = "servers") -> Callable[[Path], Command]:
    return lambda folder: [_program(environment, name), *(each.format(folder=folder) for each in arguments)]


def _program(environment: str, name: str) -> Path:
    path = Path(python_of(environment)).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed")
    return path


def _files(folder: Path) -> None:
    (folder / "note.md").write_text("# Note\n\nZoë → 東京\n", encoding="utf-8")
    shutil.copy(PROGRAMS / "dot.png", folder / "dot.png")


def _repository(folder: Path) -> None:
    git = partial(_run_git, folder)
    _files(folder)
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.com")
    git("add", "note.md")
    git("commit", "--quiet", "--message=A note")
    (folder / "note.md").write_text("# Note\n\nChanged.\n", encoding="utf-8")


def _run_git(folder: Path, *arguments: str) -> None:
    import subprocess  # noqa: PLC0415

    subprocess.run(["git", *arguments], cwd=folder, check=True, env=environment(**_DATES), timeout=30)


def _chromium() -> str:
    return shutil.which("chromium") or pytest.skip("there is no chromium: `make browser` installs it")


PLAYWRIGHT = "@playwright/mcp"
SERVERS = {
    "server-everything": Server(
        npm(f"{_NPM}everything", "dist/index.js"),
        lambda _folder, _url: [
            ("echo", {"message": "Zoë → 東京"}),
            ("get-sum", {"a": 2.5, "b": 40}),
            ("get-tiny-image", {}),
            ("get-annotated-message", {"messageType": "error", "includeImage": True}),
            ("get-resource-links", {"count": 3}),
            ("get-resource-reference", {"resourceType": "Text", "resourceId": 1}),
            ("get-resource-reference", {"resourceType": "Blob", "resourceId": 2}),
            ("get-structured-content", {"location": "Chicago"}),
            ("trigger-long-running-operation", {"duration": 0.2, "steps": 2}),
            ("simulate-research-query", {"topic": "tulips"}),
        ],
        lambda: npm_version(f"{_NPM}everything"),
    ),
    "server-filesystem": Server(
        npm(f"{_NPM}filesystem", "dist/index.js", "{folder}"),
        lambda folder, _url: [
            ("list_directory", {"path": str(folder)}),
            ("read_text_file", {"path": f"{folder}/note.md"}),
            ("read_media_file", {"path": f"{folder}/dot.png"}),
            ("write_file", {"path": f"{folder}/new.txt", "content": "1.50"}),
            ("read_text_file", {"path": f"{folder}/new.txt"}),
            ("read_text_file", {"path": "/etc/passwd"}),
        ],
        lambda: npm_version(f"{_NPM}filesystem"),
        _files,
    ),
    "server-memory": Server(
        npm(f"{_NPM}memory", "dist/index.js"),
        lambda _folder, _url: [
            ("create_entities", {"entities": [{"name": "Zoë", "entityType": "person", "observations": ["likes 7"]}]}),
            ("search_nodes", {"query": "likes"}),
            ("read_graph", {}),
        ],
        lambda: npm_version(f"{_NPM}memory"),
        env=lambda folder: {"MEMORY_FILE_PATH": str(folder / "memory.jsonl")},
    ),
    "mcp-server-git": Server(
        pip("mcp-server-git", "--repository", "{folder}"),
        lambda folder, _url: [
            ("git_status", {"repo_path": str(folder)}),
            ("git_diff_unstaged", {"repo_path": str(folder)}),
            ("git_log", {"repo_path": str(folder), "max_count": 1}),
            ("git_show", {"repo_path": str(folder), "revision": "no-such-revision"}),
        ],
        lambda: pip_version("servers", "mcp-server-git"),
        _repository,
    ),
    "mcp-server-fetch": Server(
        pip("mcp-server-fetch", "--ignore-robots-txt"),
        lambda _folder, url: [("fetch", {"url": f"{url}/page.html"}), ("fetch", {"url": f"{url}/none.html"})],
        lambda: pip_version("servers", "mcp-server-fetch"),
    ),
    "markitdown-mcp": Server(
        pip("markitdown-mcp"),
        lambda _folder, url: [("convert_to_markdown", {"uri": f"{url}/page.html"})],
        lambda: pip_version("servers", "markitdown-mcp"),
    ),
    "mcp-server-time": Server(
        pip("mcp-server-time", "--local-timezone", "UTC"),
        lambda _folder, _url: [
            ("convert_time", {"source_timezone": "Asia/Tokyo", "time": "12:30", "target_timezone": "Asia/Kathmandu"}),
            ("get_current_time", {"timezone": "Nowhere/None"}),
        ],
        lambda: pip_version("servers", "mcp-server-time"),
    ),
    "mcp-server-sqlite": Server(
        pip("mcp-server-sqlite", "--db-path", "{folder}/shop.db", environment="mcp1"),  # it needs mcp 1
        lambda _folder, _url: [
            ("create_table", {"query": "CREATE TABLE bulbs (name TEXT, price REAL)"}),
            ("write_query", {"query": "INSERT INTO bulbs VALUES ('tulip', 0.75)"}),
            ("read_query", {"query": "SELECT * FROM bulbs"}),
            ("describe_table", {"table_name": "bulbs"}),
        ],
        lambda: pip_version("mcp1", "mcp-server-sqlite"),
    ),
    "playwright": Server(
        lambda folder: [
            *npm_command(PLAYWRIGHT, "cli.js"),
            *("--headless", "--isolated", "--no-sandbox", "--executable-path", _chromium()),
            *("--output-dir", str(folder)),
        ],
        lambda _folder, url: [
            ("browser_navigate", {"url": f"{url}/page.html"}),
            ("browser_snapshot", {}),
            ("browser_take_screenshot", {"filename": "page.png"}),
            ("browser_evaluate", {"function": "() => document.title"}),
            ("browser_close", {}),
        ],
        lambda: npm_version(PLAYWRIGHT),
    ),
}
TITLES = {"playwright": PLAYWRIGHT}
KINDS = Server(
    lambda _folder: [python_of("fastmcp"), PROGRAMS / "kinds_server.py"],
    lambda _folder, _url: [],
    lambda: pip_version("fastmcp"),
)


@contextmanager
def _pages(folder: Path) -> Iterator[str]:
    """A web server for a page."""
    folder.mkdir()
    (folder / "page.html").write_text(_PAGE, encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Sent:
    """What the official client gets: the tools, and the result of each call."""

    tools: Sequence[McpTool]
    results: Sequence[CallToolResult]


async def _sent(command: Command, env: Mapping[str, str], folder: Path, asked: Callable[..., Sequence[Call]]) -> Sent:
    parameters = StdioServerParameters(
        command=str(command[0]), args=[str(each) for each in command[1:]], env=dict(env), cwd=folder
    )
    async with Client(parameters, read_timeout_seconds=60) as client:
        tools: list[McpTool] = []
        cursor = None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            if (cursor := page.next_cursor) is None:
                break
        as_tasks = {each.name for each in tools if each.execution and each.execution.task_support == "required"}
        results = [
            await client.call_tool(name, dict(arguments)) for name, arguments in asked(tools) if name not in as_tasks
        ]
        return Sent(tools, results)


@dataclass(frozen=True)
class Got:
    """What the model gets: the definitions of tools, and the result block of each call."""

    tools: Sequence[Mapping[str, Any]]
    results: Sequence[Mapping[str, Any]]


async def _got(
    command: Command, env: Mapping[str, str], folder: Path, tools: Sequence[McpTool], asked: Sequence[Call]
) -> Got:
    entry = {"command": str(command[0]), "args": [str(each) for each in command[1:]], "env": dict(env)}
    config = folder.with_suffix(".json")
    config.write_text(json.dumps({"mcpServers": {"it": entry | {"cwd": str(folder)}}}))
    left = iter(asked)

    def script(request: RecordedRequest) -> Reply:
        call = next(left, None)
        return says("Done.") if call is None else calls((_shown(request.body["tools"], tools, call[0]), call[1]))

    with ScriptedMessages(script) as model:
        environ = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted", TMPDIR=str(folder.parent))
        options = ("--config", config, "--allow", "*", "--tool-search", "never", "--json")
        done = await run(*CLIENT, *options, "Go.", env=environ, seconds=150)  # it ends with 1 if a call failed
    assert model.refusals == []
    assert json.loads(done.out)["answer"] == "Done.", done.out
    last = model.requests[-1].body
    results = [
        block
        for message in last["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]
    return Got(last["tools"], results)


def _shown(defined: Sequence[Mapping[str, Any]], tools: Sequence[McpTool], name: str) -> str:
    """The name under which the model has a tool."""
    description = next(each.description for each in tools if each.name == name)
    found = [
        each["name"] for each in defined if name == each["name"] or (description and description == each["description"])
    ]
    assert len(found) == 1, f"{name}: {found}"
    return str(found[0])


def _check_tools(sent: Sequence[McpTool], got: Sequence[Mapping[str, Any]]) -> None:
    """Each tool is there, with its description and the names of its arguments where the API takes such."""
    by_name = {each["name"]: each for each in got}
    wrong = []
    for listed in sent:
        tool = by_name[_shown(got, sent, listed.name)]
        names = set(listed.input_schema.get("properties") or {})
        if (listed.description or "") not in tool.get("description", ""):
            wrong.append(f"{listed.name}: the description is another one")
        if all(map(_API_NAME.fullmatch, names)) and not names <= set(tool["input_schema"].get("properties") or {}):
            wrong.append(f"{listed.name}: arguments are missing")
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SERVERS)
async def test_what_a_server_sends_reaches_the_model(row: Begin, name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    folder = tmp_path / "folder"
    with _pages(tmp_path / "pages") as url:
        asked = server.calls(folder, url)
        called = ", ".join(dict.fromkeys(tool for tool, _ in asked))
        report = row(f"{TITLES.get(name, name)} {server.version()}", "stdio", "-", called)
        sent, got = await _both(server, folder, lambda _tools: asked)
    _check_tools(sent.tools, got.tools)
    assert len(got.results) == len(asked)
    _check_results(asked, sent, got)
    report(f"{len(sent.tools)} tools, {len(sent.results)} results whole")


@pytest.mark.timeout(240)
async def test_every_kind_of_content_and_300_odd_tools_reach_the_model(row: Begin, tmp_path: Path) -> None:
    report = row(f"own server on FastMCP {KINDS.version()}", "stdio", "-", "every kind of content, odd schemas")
    arguments = await _odd_calls()

    def asked(tools: Sequence[McpTool]) -> Sequence[Call]:
        return [(each.name, arguments.get((each.description or "").partition(": ")[2], {})) for each in tools[:19]]

    sent, got = await _both(KINDS, tmp_path / "folder", asked)
    assert len(sent.tools) == 300
    _check_tools(sent.tools, got.tools)
    _check_results(asked(sent.tools), sent, got)
    report(f"300 tools, {len(sent.results)} results whole")


async def _odd_calls() -> Mapping[str, Mapping[str, Any]]:
    """The arguments of the tools with odd schemas, by what their descriptions say."""
    program = "import json, kinds_server as it; print(json.dumps(it.ARGUMENTS))"
    reported = await output([python_of("fastmcp"), "-c", program], env=environment(PYTHONPATH=str(PROGRAMS)))
    return {f"echo {number}": each for number, each in enumerate(json.loads(reported))}


async def _both(server: Server, folder: Path, asked: Callable[[Sequence[McpTool]], Sequence[Call]]) -> tuple[Sent, Got]:
    """What the server sent to the official client, and what the model got in a second run in the same folder."""
    command, env = server.command(folder), server.env(folder)
    _fresh(server, folder)
    async with asyncio.timeout(100):
        sent = await _sent(command, env, folder, asked)
    _fresh(server, folder)
    return sent, await _got(command, env, folder, sent.tools, asked(sent.tools))


def _fresh(server: Server, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    server.prepare(folder)


def _check_results(asked: Sequence[Call], sent: Sent, got: Got) -> None:
    as_tasks = {each.name for each in sent.tools if each.execution and each.execution.task_support == "required"}
    compared = [(name, block) for (name, _), block in zip(asked, got.results, strict=True) if name not in as_tasks]
    wrong = [
        f"{name}: {each}"
        for (name, block), result in zip(compared, sent.results, strict=True)
        for each in missing(result, block)
    ]
    calls_as_tasks = [
        block for (name, _), block in zip(asked, got.results, strict=True) if name in as_tasks
    ]  # the official client refuses those
    wrong += [f"a task failed: {block}" for block in calls_as_tasks if block.get("is_error")]
    assert not wrong, "\n".join(wrong)
