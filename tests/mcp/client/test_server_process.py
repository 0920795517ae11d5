"""A server as a process of ours: how it starts, how its messages end, and what is left of it."""

import asyncio
import sys
from pathlib import Path

import pytest
from anyio import EndOfStream

from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.server_process import server_process
from agentloop.mcp.stdio import MAX_LINE
from tests.processes import Lifeline

TELLS = "import sys; sys.stdin.read(); print('its last words', file=sys.stderr)"
NOISE = (
    "import sys\n"
    "print('no message'); print()\n"
    """print('{"jsonrpc": "2.0", "method": "notifications/one"}')\n"""
    "print('x' * int(sys.argv[1]), end='', flush=True); sys.stdin.read()"
)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def entry(*command: str) -> ServerEntry:
    return ServerEntry(command=command[0], args=command[1:])


async def test_a_server_ends_by_itself_when_its_stdin_ends_and_is_no_zombie(tmp_path: Path) -> None:
    lifeline, log = Lifeline(tmp_path), tmp_path / "log"
    command = lifeline.command(sys.executable, "-c", TELLS)
    async with asyncio.timeout(30), lifeline.held() as line:
        with log.open("w") as file:
            async with server_process(entry(*command), file, lambda _reason: None):
                pid = await line.pid()
        await line.ended()
    assert log.read_text() == "its last words\n"
    assert not is_there(pid)


@pytest.mark.parametrize("first", ["", "trap '' TERM; "], ids=["ends on SIGTERM", "ignores SIGTERM"])
async def test_what_a_server_has_started_ends_with_it(tmp_path: Path, first: str) -> None:
    lifeline = Lifeline(tmp_path)
    command = lifeline.command("sh", "-c", f"{first}sleep 300 & (sleep 300 & wait) & exec sleep 300")
    async with asyncio.timeout(30), lifeline.held() as line:
        with (tmp_path / "log").open("w") as file:
            async with server_process(entry(*command), file, lambda _reason: None):
                await line.pid()
        await line.ended()


async def test_what_outlives_a_server_that_ended_by_itself_is_ended_too(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path)
    command = lifeline.command("sh", "-c", "sleep 300 & exec cat")
    async with asyncio.timeout(30), lifeline.held() as line:
        with (tmp_path / "log").open("w") as file:
            async with server_process(entry(*command), file, lambda _reason: None):
                await line.pid()
        await line.ended()


async def test_a_line_that_is_too_long_and_may_never_end_ends_the_stream_and_says_so(tmp_path: Path) -> None:
    reasons: list[str] = []
    noisy = entry(sys.executable, "-c", NOISE, str(MAX_LINE + 1))
    with (tmp_path / "log").open("w") as file:
        async with asyncio.timeout(30), server_process(noisy, file, reasons.append) as (reading, _):
            assert isinstance(await reading.receive(), ValueError)
            assert (await reading.receive()).message.method == "notifications/one"
            with pytest.raises(EndOfStream):
                await reading.receive()
    assert reasons[0] == "a message has more than 16 MiB"


async def test_a_command_that_is_not_there_leaves_nothing_open(tmp_path: Path) -> None:
    before = descriptors()
    with (tmp_path / "log").open("w") as file:
        for _ in range(5):
            with pytest.raises(FileNotFoundError):
                async with server_process(entry("/nonexistent/server"), file, lambda _reason: None):
                    pass
    assert descriptors() <= before + 1
