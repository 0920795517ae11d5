"""Streams that are closed or full, a user without a home directory, and Ctrl-C before there is anything to stop."""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import CLIENT, SERVER, Finished, environment, finished, started
from tests.terminals import on_terminal

ASK = (*CLIENT, "--offline", "--local", "--quiet", "2 + 3")
TELL = (*CLIENT, "--offline", "2 + 3")


async def shell(command: tuple[str, ...], redirection: str, env: Mapping[str, str] | None = None) -> Finished:
    async with started(["sh", "-c", f"{shlex.join(command)} {redirection}"], env=env) as process:
        return await finished(process)


@pytest.mark.slow
@pytest.mark.requirement("closed-streams")
@pytest.mark.parametrize(
    "redirection",
    ["2>/dev/full", "<&- 2>&-", *(pytest.param(each, marks=pytest.mark.slow) for each in ("2>&-", "<&-"))],
)
@pytest.mark.parametrize("command", [pytest.param(ASK, marks=pytest.mark.slow), TELL], ids=["quiet", "telling"])
async def test_the_answer_comes_whatever_becomes_of_stderr(command: tuple[str, ...], redirection: str) -> None:
    end = await shell(command, redirection)
    assert (end.code, end.out) == (0, "Answer: 5\n")


@pytest.mark.slow
@pytest.mark.requirement("closed-streams")
@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">&-", "Cannot write to stdout: it is closed."),
        (">/dev/full", "Cannot write to stdout: No space left on device."),
    ],
)
@pytest.mark.parametrize("option", [pytest.param("--quiet", marks=pytest.mark.slow), "--json", "--help"])
async def test_an_answer_that_cannot_be_written_is_a_failure(option: str, redirection: str, said: str) -> None:
    end = await shell((*ASK, option), redirection)
    assert (end.code, end.out, end.err.splitlines()) == (1, "", [said])


@pytest.mark.requirement("closed-streams")
@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">&-", "Cannot write to stdout: it is closed."),
        (">/dev/full", "Cannot write to stdout: No space left on device."),
    ],
)
async def test_a_server_that_cannot_answer_says_so(redirection: str, said: str) -> None:
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    async with started(["sh", "-c", f"{shlex.join((*SERVER, '--offline'))} {redirection}"]) as process:
        end = await finished(process, stdin=ping.encode() + b"\n")
    assert (end.code, end.out, end.err.splitlines()) == (1, "", [said])


@pytest.mark.requirement("closed-streams")
@pytest.mark.slow
async def test_a_user_without_a_home_directory_is_answered() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user whom the system does not know")
    program = (
        "import os; os.setresuid(12345, 0, 0); del os.environ['HOME']; from pathlib import Path\n"
        "try: Path.home()\n"
        "except RuntimeError: from orchestrator_client.cli import main; main()"
    )
    asked = (sys.executable, "-c", program, *ASK[3:])
    env = environment(ANTHROPIC_BASE_URL="http://127.0.0.1:9", ANTHROPIC_API_KEY="a-key")
    end = await shell(asked, "", env)
    assert (end.code, end.out, end.err) == (0, "Answer: 5\n", "")


IMPORTING = """
import os, sys
class Gate:
    '''Says that something is being imported, and then waits.'''
    def find_spec(self, name, *_):
        if name == "click":
            print("importing", flush=True)
            sys.stdin.readline()
sys.meta_path.insert(0, Gate())
from {package}.__main__ import main
main()
"""


@pytest.mark.requirement("exit-status")
@pytest.mark.parametrize("package", ["orchestrator_client", "mcp_calc_server"])
async def test_ctrl_c_while_importing_is_no_traceback(package: str) -> None:
    async with started([sys.executable, "-c", IMPORTING.format(package=package)]) as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"importing\n"
        process.send_signal(signal.SIGINT)
        end = await finished(process)
    assert (end.code, end.err) == (130, "")


@pytest.mark.requirement("exit-status")
@pytest.mark.slow
async def test_ctrl_c_before_the_run_is_status_130(tmp_path: Path) -> None:
    """The client reads its configuration from a pipe, to which nothing is written."""
    pipe = tmp_path / "config"
    os.mkfifo(pipe)
    async with started([*CLIENT, "--config", str(pipe), "2 + 3"]) as process:
        writing = await asyncio.wait_for(asyncio.to_thread(os.open, pipe, os.O_WRONLY), 30)
        process.send_signal(signal.SIGINT)
        end = await finished(process)
        os.close(writing)
    assert (end.code, end.err.strip(), end.out) == (130, "interrupted", "")


@pytest.mark.requirement("stdio-says-so")
async def test_a_server_that_is_typed_at_a_terminal_says_what_it_waits_for() -> None:
    async with on_terminal(*SERVER, "--offline") as terminal:
        await terminal.until_shown("waiting for an MCP client on stdin", "--transport streamable-http --port 8000")
        terminal.type("\x03")
        assert await terminal.ended() in {0, 130}  # served, or not yet


@pytest.mark.requirement("stdio-says-so")
@pytest.mark.slow
async def test_a_server_with_a_pipe_says_nothing_of_waiting() -> None:
    async with started([*SERVER, "--offline"]) as process:
        end = await finished(process)
    assert (end.code, end.out, end.err) == (0, "", "")
