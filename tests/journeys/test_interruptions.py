"""What happens to a run whose server dies, or whose user presses Ctrl-C."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import CLIENT, SERVER, Lifeline, Line, environment, finished, started
from tests.promptly import time_limit

AGENT_TOOL = "calculator_assistant_agent"


class Claude:
    """Delegates three sums. The calculators' first requests are not answered before `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    async def __call__(self, request: RecordedRequest) -> Reply:
        if AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}:
            if request.results:
                return says(" and ".join(result["content"][0]["text"] for result in request.results))
            return calls(*((AGENT_TOOL, {"prompt": f"{number} + {number}?"}) for number in (1, 2, 3)))
        if request.results:
            return says(f"Answer: {json.loads(request.results[0]['content'][0]['text'])['result']}")
        await anyio.to_thread.run_sync(self.go_on.wait, 30)
        number = request.prompt.partition(" ")[0]
        return calls(("sum_numbers", {"numbers": [number, number]}))


def configured(folder: Path, lifeline: Lifeline, server: tuple[str, ...], **env: str) -> str:
    """A configuration with one server, whose end the lifeline tells."""
    command, *args = lifeline.command(*server)
    path = folder / "config.json"
    entry: Any = {"command": command, "args": args, "env": env}
    path.write_text(json.dumps({"mcpServers": {"calc": entry}}), encoding="utf-8")
    return str(path)


@pytest.mark.requirement("fallback-killed")
async def test_killing_the_server_in_the_middle_of_the_run_still_gives_the_answer(
    scripted_messages: Callable[..., ScriptedMessages], tmp_path: Path
) -> None:
    script = Claude()
    claude = scripted_messages(script)
    env = {"ANTHROPIC_BASE_URL": claude.url, "ANTHROPIC_API_KEY": "scripted"}
    lifeline = Lifeline(tmp_path)
    config = configured(tmp_path, lifeline, SERVER, **env)
    command = [*CLIENT, "--config", config, "--json", "--quiet", "Three sums."]
    async with lifeline.held() as line, started(command, env=environment(**env)) as process:
        pid = await line.pid()
        await claude.until(lambda: len(claude.requests) == 1 + 3)
        os.kill(pid, signal.SIGKILL)
        await line.ended()
        script.go_on.set()
        end = await finished(process)
    report = json.loads(end.out)
    assert (end.code, report["answer"]) == (0, "Answer: 2 and Answer: 4 and Answer: 6")
    assert [(each["served_by"], each["is_error"]) for each in report["delegations"]] == [("local", False)] * 3
    assert end.err.splitlines() == [
        "calc went away: its program was ended by signal 9. Its calls are answered by local threads."
    ]
    assert claude.refusals == []


@pytest.mark.requirement("interrupt")
@pytest.mark.requirement("exit-status")
async def test_ctrl_c_ends_the_run_and_its_server_within_2_s(
    scripted_messages: Callable[..., ScriptedMessages], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def attempt() -> float:
        script, folder = Claude(), tmp_path_factory.mktemp("run")
        claude = scripted_messages(script)
        env = {"ANTHROPIC_BASE_URL": claude.url, "ANTHROPIC_API_KEY": "scripted"}
        lifeline = Lifeline(folder)
        command = [*CLIENT, "--config", configured(folder, lifeline, SERVER, **env), "--quiet", "Three sums."]
        async with lifeline.held() as line, started(command, env=environment(**env)) as process:
            await claude.until(lambda: len(claude.requests) == 1 + 3)
            took = await interrupted(process, line)
            end = await finished(process)
            script.go_on.set()
        assert (end.code, end.out, end.err) == (130, "", "interrupted\n")
        assert len(claude.requests) == 4
        return took

    await time_limit(2, attempt)


async def interrupted(process: asyncio.subprocess.Process, line: Line | None = None) -> float:
    """Press Ctrl-C; the seconds until the process, and the one at the end of the line, have ended."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        await process.wait()
        if line is not None:
            await line.ended(20)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.requirement("interrupt")
async def test_ctrl_c_while_connecting_ends_even_a_stubborn_server_within_2_s(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def attempt() -> float:
        folder = tmp_path_factory.mktemp("run")
        lifeline = Lifeline(folder)
        server = ("sh", "-c", "trap '' TERM; exec sleep 60")
        command = [*CLIENT, "--config", configured(folder, lifeline, server), "--quiet", "1 + 1"]
        async with lifeline.held() as line, started(command) as process:
            await line.pid()
            took = await interrupted(process, line)
            end = await finished(process)
        assert (end.code, end.out, end.err) == (130, "", "interrupted\n")
        return took

    await time_limit(2, attempt)


@pytest.mark.requirement("interrupt")
@pytest.mark.parametrize(
    ("number", "arguments", "first"),
    [
        (signal.SIGTERM, ["--quiet", "1 + 1"], ""),
        (signal.SIGTERM, ["--quiet", "1 + 1"], "trap '' TERM; "),
        (signal.SIGHUP, ["--quiet", "1 + 1"], ""),
        (signal.SIGTERM, ["tools"], ""),
    ],
)
async def test_a_signal_that_ends_the_command_ends_a_server_that_reads_no_stdin(
    number: signal.Signals, arguments: list[str], first: str, tmp_path: Path
) -> None:
    """SIGHUP comes when the window of the terminal is closed. A server at work may not notice that stdin ends."""
    lifeline = Lifeline(tmp_path)
    server = ("sh", "-c", f"{first}read request; echo $$ >&9; exec sleep 60")
    command = [*CLIENT, *arguments, "--config", configured(tmp_path, lifeline, server)]
    async with lifeline.held() as line, started(command) as process:
        await line.pid()
        assert await line.pid(), "it has read a request"
        process.send_signal(number)
        await line.ended(20)
        end = await finished(process)
    assert end.code == -number


@pytest.mark.slow
@pytest.mark.requirement("exit-status")
async def test_ctrl_c_ends_local_threads_too(scripted_messages: Callable[..., ScriptedMessages]) -> None:
    async def attempt() -> float:
        claude = scripted_messages(
            lambda request: (
                calls((AGENT_TOOL, {"prompt": "1 + 1?"}))
                if len(request.body["tools"]) > 6
                else replace(says("too late"), seconds_per_event=60)
            )
        )
        env = {"ANTHROPIC_BASE_URL": claude.url, "ANTHROPIC_API_KEY": "scripted"}
        async with started([*CLIENT, "--local", "--quiet", "A sum."], env=environment(**env)) as process:
            await claude.until(lambda: len(claude.requests) == 2)
            took = await interrupted(process)
            end = await finished(process)
        assert (end.code, end.out, end.err) == (130, "", "interrupted\n")
        await claude.until(lambda: claude.requests[1].outcome == "cancelled")
        assert len(claude.requests) == 2
        return took

    await time_limit(2, attempt)
