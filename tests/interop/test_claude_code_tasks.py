"""Claude Code calls an agent over HTTP: the call is a task, whose answer arrives once, also if the server is killed.

The agent may ask the user of Claude Code in between, and the server may be killed while the question waits.

Claude Code offers tasks only in its terminal interface, not with `-p`, so it is driven on a pseudo-terminal.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.interop.clients import MODERN, claude_code_home, npm_command, npm_version
from tests.interop.conftest import Begin
from tests.interop.messages import Body, LenientMessages
from tests.interop.test_claude_code import AGENT, CLAUDE_CODE
from tests.processes import SERVER, environment, started
from tests.terminals import Terminal, on_terminal

ANSWER = "The sum is 12.5."
PUBLISHED = "Published under MIT."
MOVED = "started server-side task"
PUBLISHER = "mcp__calculator__publisher_agent"
PUBLISHER_FILE = """\
---
name: publisher
description: Publishes a project.
canAsk: true
---
Ask which licence the project gets.
"""
QUESTION = {"question": "Which licence?", "kind": "choice", "options": ["MIT", "Apache-2.0"]}
RIGHT, ENTER = "\x1b[C", "\r"


class Model:
    """The agent's model: it makes one call. Its second turn is held until the server has been killed."""

    def __init__(self, first: tuple[str, dict[str, Any]], answer: str) -> None:
        self.first = first
        self.answer = answer
        self.is_held = True

    def __call__(self, request: RecordedRequest) -> Reply:
        if not request.results:
            return calls(self.first)
        return Reply(says(self.answer).content, seconds_per_event=300.0 if self.is_held else 0.0)


def host_script(agent: str, answer: str) -> Callable[[Body], Reply]:
    """Claude Code's model: it calls the agent, and says when it has the answer."""

    def script(body: Body) -> Reply:
        text = json.dumps(body["messages"])
        if answer in text:
            return says("It has the answer.")
        return says("It waits.") if MOVED in text else calls((agent, {"prompt": "Go."}))

    return script


class Proxy:
    """Forwards connections to the server that is up: `port` is None while there is none."""

    def __init__(self) -> None:
        self.port: int | None = None
        self.is_listed = asyncio.Event()
        """Set when the client asks for the tools."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.port is None:
            writer.close()
            return
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(self._copy(reader, server_writer), self._copy(server_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    if b"tools/list" in data:
                        self.is_listed.set()
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()


class Setting:
    """Claude Code on a terminal, the server that it calls, and both their models."""

    def __init__(self, terminal: Terminal, proxy: Proxy, model: ScriptedMessages, folder: Path) -> None:
        self.terminal = terminal
        self.model = model
        self._proxy = proxy
        self._store = folder / "store"

    @asynccontextmanager
    async def serving(self, *options: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """A server with the runs of the store, which gets the connections of the proxy as soon as it answers.

        The block gets what kills it with SIGKILL.
        """
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = (
            *options,
            "--transport",
            "streamable-http",
            "--port",
            str(port),
            "--durable",
            f"sqlite:{self._store}",
        )
        env = environment(ANTHROPIC_BASE_URL=self.model.url, ANTHROPIC_API_KEY="scripted")
        async with started([*SERVER, *options], env=env) as process:
            assert process.stderr is not None
            assert b"listening at" in await asyncio.wait_for(process.stderr.readline(), 60)
            async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                await client.list_tools()
            self._proxy.port = port

            async def kill() -> None:
                self._proxy.port = None
                process.kill()
                await process.wait()

            yield kill

    async def call_the_agent(self) -> None:
        await self.terminal.until_shown("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}")
        await asyncio.wait_for(self._proxy.is_listed.wait(), 60)
        self.terminal.type("Ask.")
        await self.terminal.until_shown("Ask.")
        self.terminal.type(ENTER)


def home(folder: Path) -> None:
    """What Claude Code asks for when it is started for the first time."""
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["scripted"], "rejected": []},
        "projects": {str(folder): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    (folder / ".claude.json").write_text(json.dumps(known), encoding="utf-8")


@asynccontextmanager
async def claude_code(folder: Path, agent: str, model: Model) -> AsyncIterator[Setting]:
    """Claude Code, whose model calls the tool `agent` of a server that is not there yet."""
    home(folder)
    config = folder / "mcp.json"
    proxy = Proxy()
    with LenientMessages(host_script(agent, model.answer)) as host, ScriptedMessages(model) as messages:
        async with proxy.listening() as port:
            entry = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}
            config.write_text(json.dumps({"mcpServers": {"calculator": entry}}), encoding="utf-8")
            env = claude_code_home(folder, host.url, MCP_PROTOCOL_NEGOTIATION="auto")
            options = ("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", agent)
            command = ["env", "-C", str(folder), *npm_command(CLAUDE_CODE, "cli-wrapper.cjs"), *options]
            async with on_terminal(*command, env=env, columns=140, lines=45) as terminal:
                yield Setting(terminal, proxy, messages, folder)
    assert json.dumps(host.bodies[-1]["messages"]).count(model.answer) == 1


async def press(terminal: Terminal, key: str, done: Callable[[], bool]) -> None:
    """Type the key until it has its effect: Claude Code drops a key that comes just after another one."""
    for _ in range(10):
        terminal.type(key)
        with suppress(AssertionError):
            return await terminal.until(done, seconds=3)
    raise AssertionError(terminal.text)


@pytest.mark.timeout(300)
async def test_a_call_is_a_task_that_outlives_its_server(row: Begin, tmp_path: Path) -> None:
    report = row(f"Claude Code {npm_version(CLAUDE_CODE)}", "HTTP", MODERN, "a task; server killed with -9")
    agent = Model(("sum_numbers", {"numbers": [3, "9.5"]}), ANSWER)
    async with claude_code(tmp_path, AGENT, agent) as setting:
        async with setting.serving() as kill:
            await setting.call_the_agent()
            await setting.model.until(lambda: len(setting.model.requests) == 2, seconds=60)
            await setting.terminal.until_shown("1 MCP task still running")
            agent.is_held = False
            await kill()
        async with setting.serving():
            await setting.terminal.until_shown("It has the answer.", seconds=120)
    assert len(setting.model.requests) == 3, "one turn was stored, and the one that was cut off was asked for again"
    report("one answer")


@pytest.mark.timeout(300)
@pytest.mark.requirement("questions")
async def test_a_question_of_a_task_is_answered_at_the_terminal_although_the_server_was_killed(
    row: Begin, tmp_path: Path
) -> None:
    report = row(
        f"Claude Code {npm_version(CLAUDE_CODE)}", "HTTP", MODERN, "a task that asks; server killed with -9 meanwhile"
    )
    (tmp_path / "publisher.md").write_text(PUBLISHER_FILE, encoding="utf-8")
    options = ("--agents", str(tmp_path / "publisher.md"))
    agent = Model(("ask_user", QUESTION), PUBLISHED)
    agent.is_held = False
    async with claude_code(tmp_path, PUBLISHER, agent) as setting:
        terminal, model = setting.terminal, setting.model
        async with setting.serving(*options) as kill:
            await setting.call_the_agent()
            await terminal.until_shown("requests your input", "Which licence?")
            await kill()
        async with setting.serving(*options):
            await press(terminal, RIGHT, lambda: "Apache-2.0" in terminal.text)
            await press(terminal, ENTER, lambda: "answer: MIT" in terminal.text)
            await press(terminal, ENTER, lambda: "requests your input" not in terminal.text)
            await terminal.until_shown("It has the answer.", seconds=120)
    assert len(model.requests) == 2, "the turn that asks was stored"
    assert model.requests[1].results[0]["content"][0]["text"] == 'The user answered: "MIT"'
    report("answered at its terminal, one answer")
