"""Claude Code calls an agent over HTTP: the call is a task, whose answer arrives once, also if the server is killed.

Claude Code offers tasks only in its terminal interface, not with `-p`, so it is driven on a pseudo-terminal.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from mcp import Client

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.interop.clients import MODERN, claude_code_home, npm_command, npm_version
from tests.interop.conftest import Begin
from tests.interop.messages import Body, LenientMessages
from tests.interop.test_claude_code import AGENT, CLAUDE_CODE
from tests.processes import SERVER, environment, started
from tests.terminals import on_terminal

ANSWER = "The sum is 12.5."
MOVED = "started server-side task"


class Model:
    """The agent's model. Its second turn is held until the server has been killed."""

    def __init__(self) -> None:
        self.is_held = True

    def __call__(self, request: RecordedRequest) -> Reply:
        if not request.results:
            return calls(("sum_numbers", {"numbers": [3, "9.5"]}))
        return Reply(says(ANSWER).content, seconds_per_event=300.0 if self.is_held else 0.0)


def host_script(body: Body) -> Reply:
    """Claude Code's model: it calls the agent, and says when it has the answer."""
    text = json.dumps(body["messages"])
    if ANSWER in text:
        return says("It has the answer.")
    return says("It waits.") if MOVED in text else calls((AGENT, {"prompt": "3 + 9.5?"}))


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


@asynccontextmanager
async def serving(proxy: Proxy, model: ScriptedMessages, store: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server with the runs of `store`, which gets the connections of the proxy as soon as it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*SERVER, "--transport", "streamable-http", "--port", str(port), "--durable", f"sqlite:{store}"]
    async with started(command, env=environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")) as process:
        assert process.stderr is not None
        assert b"listening at" in await asyncio.wait_for(process.stderr.readline(), 60)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            await client.list_tools()
        proxy.port = port
        yield process


def home(folder: Path) -> None:
    """What Claude Code asks for when it is started for the first time."""
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["scripted"], "rejected": []},
        "projects": {str(folder): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    (folder / ".claude.json").write_text(json.dumps(known), encoding="utf-8")


@pytest.mark.timeout(300)
async def test_a_call_is_a_task_that_outlives_its_server(row: Begin, tmp_path: Path) -> None:
    report = row(f"Claude Code {npm_version(CLAUDE_CODE)}", "HTTP", MODERN, "a task; server killed with -9")
    agent, proxy = Model(), Proxy()
    home(tmp_path)
    config = tmp_path / "mcp.json"
    with LenientMessages(host_script) as host, ScriptedMessages(agent) as model:
        async with proxy.listening() as port:
            entry = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}
            config.write_text(json.dumps({"mcpServers": {"calculator": entry}}), encoding="utf-8")
            env = claude_code_home(
                tmp_path,
                host.url,
                MCP_PROTOCOL_NEGOTIATION="auto",
            )
            options = ("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", AGENT)
            command = ["env", "-C", str(tmp_path), *npm_command(CLAUDE_CODE, "cli-wrapper.cjs"), *options]
            async with on_terminal(*command, env=env, columns=140, lines=45) as terminal:
                async with serving(proxy, model, tmp_path / "store") as first:
                    await terminal.until_shown("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}")
                    await asyncio.wait_for(proxy.is_listed.wait(), 60)
                    terminal.type("Ask.")
                    await terminal.until_shown("Ask.")
                    terminal.type("\r")
                    await model.until(lambda: len(model.requests) == 2, seconds=60)
                    await terminal.until_shown("1 MCP task still running")
                    agent.is_held, proxy.port = False, None
                    first.kill()
                    await first.wait()
                async with serving(proxy, model, tmp_path / "store"):
                    await terminal.until_shown("It has the answer.", seconds=120)
    assert len(model.requests) == 3, "one turn was stored, and the one that was cut off was asked for again"
    assert json.dumps(host.bodies[-1]["messages"]).count(ANSWER) == 1
    report("one answer")
