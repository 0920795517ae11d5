"""A hostile server beside an honest one: it costs only its own calls, and nothing of it steers the terminal."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

from agentloop import Agent
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client import catalog, sdk_session
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.tool_output import ToolOutput
from orchestrator_client.orchestrator import Session
from tests.chaos.counts import Part
from tests.chaos.problems import Model
from tests.chaos.runs import session_over
from tests.chaos.servers import kill_child, stdio_entry
from tests.processes import CLIENT, environment
from tests.processes import run as run_command

HOSTILE = Path(__file__).with_name("hostile_server.py")
CALL_TIMEOUT = 8.0
"""What a call may take here instead of ten minutes."""
BOUND = 20.0
"""Seconds within which every hostile call has an outcome."""
HONEST_BOUND = 5.0
"""Seconds an honest call may take meanwhile. An event loop that stands still for longer has been frozen."""
SLOW = {"text": "a" * 40 + "!"}
EXPECTED: dict[str, tuple[dict[str, Any], bool, str]] = {
    "escapes": ({}, False, "before"),
    "escaped_error": ({}, True, "owned"),
    "escaped_refusal": ({}, True, "refused the call"),
    "oversized": ({}, False, "cut to"),
    "oversized_image": ({}, False, "it is not a valid image"),
    "flood": ({}, False, "fine"),
    "stall": ({}, True, "returned no result in time"),
    "malformed": ({}, False, "fine"),
    "liar": ({}, False, "structured content is not what the tool promises"),
    "far_input": ({"text": "x"}, False, "fine"),
    "far_output": ({}, False, "fine"),
    "slow_input": (SLOW, False, "fine"),
    "slow_names": ({SLOW["text"]: 1}, False, "fine"),
    "slow_output": ({}, False, "fine"),
    "laughing_input": ({}, False, "fine"),
    "laughing_output": ({}, False, "fine"),
    "not_text": ({}, True, "returned no result in time"),
    "endless_line": ({}, True, "went away"),
}
"""For each tool of the hostile server: arguments, whether the outcome is an error, what it says."""


def entry(mode: str, url: str) -> ServerEntry:
    return ServerEntry(command=sys.executable, args=(str(HOSTILE), mode, url))


async def play(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """Each kind of harm `times` times, an honest server beside it; then what the command's user sees of it."""
    usual, sdk_session.CALL_TIMEOUT = sdk_session.CALL_TIMEOUT, CALL_TIMEOUT
    try:
        async with _listener() as (url, visits):
            with ScriptedMessages(Model(seed)) as model:
                await _side_by_side(part, times, model, url, log)
                await _never_ready(part, model, url, log)
            await _seen_by_the_user(part, url, folder)
            part.add("$ref addresses fetched", len(visits))
            part.expect(not visits, f"a $ref was fetched {len(visits)} times")
    finally:
        sdk_session.CALL_TIMEOUT = usual


async def _side_by_side(part: Part, times: int, model: ScriptedMessages, url: str, log: TextIO) -> None:
    servers = {"hostile": entry("tools", url), "honest": stdio_entry(model)}
    async with session_over(servers, model, log) as session:
        for name in EXPECTED:
            for _ in range(times):
                await _one(part, session, name)
        part.add("reconnects", session.connections[0].reconnects)
        part.expect(session.connections[1].reconnects == 0, "the honest server was lost")


async def _one(part: Part, session: Session, name: str) -> None:
    hostile = session.connections[0]
    async with asyncio.timeout(60):
        # A tool that ends the connection three times in a row opens the breaker.
        while not hostile.is_up or hostile.breaker.state == "open":  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.02)
    agent = session.orchestrator()
    arguments, is_error, says_so = EXPECTED[name]
    began = time.monotonic()
    honest = asyncio.create_task(_honest_calls(part, agent))
    try:
        async with asyncio.timeout(BOUND):
            output = await agent.call_tool(name, arguments)
    except TimeoutError:
        part.add("hung")
        part.expect(False, f"{name}: no outcome within {BOUND:g} s")  # noqa: FBT003
        return
    finally:
        await cancel_and_wait([honest])
        _note_worst(part, "slowest hostile call", time.monotonic() - began, name)
    part.add("hostile calls")
    part.add("failed typed" if output.is_error else "answered")
    fits = name == "flood" or (output.is_error == is_error and says_so in output.text)
    part.expect(fits, f"{name}: {output.is_error} {output.text[:300]!r}")
    part.expect(_size(output) < 200_000, f"{name}: {_size(output):,} characters go to the model")
    await _start_anew(hostile)


async def _start_anew(hostile: Connection) -> None:
    """What one tool left in the pipe is not the next one's."""
    before = hostile.reconnects
    if kill_child("hostile_server.py tools"):
        async with asyncio.timeout(60):
            while hostile.reconnects == before:  # noqa: ASYNC110 - a state, not an event
                await asyncio.sleep(0.02)


def _size(output: ToolOutput) -> int:
    return len(json.dumps(output.content))


async def _honest_calls(part: Part, agent: Agent) -> None:
    """Call the honest server again and again until cancelled."""
    while True:
        began = time.monotonic()
        output = await agent.call_tool("sum_numbers", {"numbers": ["0.1", "0.2"]})
        seconds = time.monotonic() - began
        part.add("honest calls meanwhile")
        right = output.served_by == "honest" and json.loads(output.text)["result"] == "0.3"
        part.add("honest calls answered right", right)
        part.expect(right, f"honest call: {output.served_by} {output.text[:200]}")
        part.expect(seconds < HONEST_BOUND, f"an honest call took {seconds:.1f} s")
        _note_worst(part, "slowest honest call", seconds)
        await asyncio.sleep(0.01)


def _note_worst(part: Part, what: str, seconds: float, of: str = "") -> None:
    said = f"{seconds:.2f} s" + (f" ({of})" if of else "")
    if what not in part.figures or seconds > float(part.figures[what].split()[0]):
        part.figures[what] = said


async def _never_ready(part: Part, model: ScriptedMessages, url: str, log: TextIO) -> None:
    """Servers that never get as far as their tools, or have too many, leave the others in peace."""
    servers = {**{mode: entry(mode, url) for mode in ("pages", "deaf", "noise")}, "honest": stdio_entry(model)}
    began = time.monotonic()
    async with session_over(servers, model, log, connect_timeout=30.0) as session:
        _note_worst(part, "connecting beside endless pages, silence and noise", time.monotonic() - began)
        tools = {connection.name: len(connection.tools) for connection in session.connections}
        part.figures["tools taken of an endless list"] = f"{tools['pages']:,}"
        part.expect(tools["pages"] <= catalog.MAX_TOOLS, f"{tools['pages']} tools of an endless list")
        output = await session.orchestrator().call_tool("sum_numbers", {"numbers": ["0.1", "0.2"]})
        part.expect('"0.3"' in output.text, f"honest call: {output.text[:200]}")
        part.expect(not session.connections[1].is_up, "a deaf server counts as connected")


async def _seen_by_the_user(part: Part, url: str, folder: Path) -> None:
    """The command's stdout and stderr, with the hostile server's words in names, progress, results and errors."""
    config = folder / "hostile.json"
    servers = {
        f"evil{mode}": {"command": sys.executable, "args": [str(HOSTILE), mode, url]} for mode in ("tools", "noise")
    }
    config.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    for more in ((), ("--json",)):
        with ScriptedMessages(_asks_the_hostile) as model:
            env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
            command = (*CLIENT, "--config", str(config), "--allow", "*", "--connect-timeout", "20", *more, "go on")
            end = await run_command(*command, env=env, seconds=120)
        bad = {c for c in end.out + end.err if not c.isprintable() and c not in "\n\t"}
        part.add("control characters that reached the terminal", len(bad))
        part.expect(not bad, f"on the terminal{' with --json' if more else ''}: {sorted(map(ascii, bad))}")
        part.expect("before" in end.out + end.err, f"the hostile result was not shown: {end.err[-500:]}")
        part.expect("Traceback" not in end.err, "a traceback was printed")
        part.expect(len(end.err) < 500_000, f"{len(end.err):,} characters on stderr")


def _asks_the_hostile(request: RecordedRequest) -> Reply:
    if not request.results:
        offered = [tool["name"] for tool in request.body["tools"]]
        wanted = ("escapes", "escaped_error", "escaped_refusal", "malformed", "flood")
        return calls(*((name, {}) for name in offered if name.endswith(wanted)))
    return says("".join(piece["text"] for block in request.results for piece in block["content"]))


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[str, list[str]]]:
    """An address on loopback, and who came there."""
    visits: list[str] = []

    def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/schema.json", visits
