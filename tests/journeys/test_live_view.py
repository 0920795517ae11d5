"""The tree on a real terminal, while agents are at work and afterwards."""

import re
import signal
import threading
from dataclasses import replace

import anyio.to_thread
import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import CLIENT, environment
from tests.terminals import Terminal, on_terminal

AGENT_TOOL = "calculator_assistant_agent"
HOSTILE = "Shop\x1b[2J\x1b]0;gotcha\x07\u202e"


class HeldOffice:
    """Plays Claude: delegates to so many agents, which call a function and then wait until `go_on` is set."""

    def __init__(self, agents: int) -> None:
        self._agents = agents
        self.go_on = threading.Event()

    async def __call__(self, request: RecordedRequest) -> Reply:
        if AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}:
            if request.results:
                return says("The answer.")
            prompts = (f"{HOSTILE} {number}" for number in range(1, self._agents + 1))
            return calls(*((AGENT_TOOL, {"prompt": prompt}) for prompt in prompts))
        if not request.results:
            return calls(("sum_numbers", {"numbers": [1, 2]}))
        if not self.go_on.is_set():
            await anyio.to_thread.run_sync(self.go_on.wait, 30, abandon_on_cancel=True)
        return says("Answer: 3")


def env_of(claude: ScriptedMessages, **more: str) -> dict[str, str]:
    return environment(ANTHROPIC_BASE_URL=claude.url, ANTHROPIC_API_KEY="scripted", **more)


def is_as_found(terminal: Terminal) -> bool:
    return terminal.shows_cursor and terminal.echoes


@pytest.mark.requirement("live-tree")
async def test_the_tree_shows_agents_in_the_server_at_work_and_the_answer_below_it() -> None:
    office = HeldOffice(2)
    with ScriptedMessages(office) as claude:
        async with on_terminal(*CLIENT, "Two shops.", env=env_of(claude)) as terminal:
            await terminal.until_shown(f"{AGENT_TOOL}#2", "sum_numbers#1")
            await terminal.until(lambda: terminal.text.count("= 3") == 2)
            root, agent, call, *_ = terminal.lines
            assert re.search(r"^\S orchestrator  waits for 2 calls  Two shops\. .* tok +<?\$[0-9.]+ local$", root)
            assert re.search(rf"^├ \S {AGENT_TOOL}#1  .*\d+(ms|s) +\d+ tok +<?\$[0-9.]+ mcp-calc-server$", agent)
            assert re.search(r"^│ └ ✓ sum_numbers#1  numbers=\[1, 2\] = 3 .*mcp-calc-server$", call)
            assert not terminal.shows_cursor
            assert not terminal.echoes
            terminal.resize(60, 24)
            await terminal.until(lambda: "mcp-calc-server" not in terminal.text)
            terminal.resize(100, 24)
            await terminal.until(lambda: terminal.text.count("mcp-calc-server") == 4)
            office.go_on.set()
            assert await terminal.ended() == 0
            assert terminal.lines[-1] == "The answer."
            assert [line.count("✓") for line in terminal.lines[:-1]] == [1] * 5
            assert is_as_found(terminal)
            assert "gotcha" not in terminal.raw.replace("]0;gotcha", "")
            assert "\x1b[2J" not in terminal.raw
            assert "\x1b[36m" in terminal.raw


@pytest.mark.slow
@pytest.mark.requirement("live-calm")
async def test_a_hundred_agents_take_half_of_the_screen_and_ctrl_c_leaves_it_clean() -> None:
    office = HeldOffice(100)
    with ScriptedMessages(office) as claude:
        async with on_terminal(*CLIENT, "--local", "A hundred.", env=env_of(claude, NO_COLOR="1")) as terminal:
            await terminal.until_shown(f"100 running: {AGENT_TOOL} x 100", seconds=90)
            assert len(terminal.lines) <= 12
            terminal.type("\x03")
            assert await terminal.ended() == 130
            assert terminal.lines[-1] == "interrupted"
            assert terminal.scrolled_away == 0
            assert f"100 failed: {AGENT_TOOL} x 100" in terminal.text
            assert is_as_found(terminal)
            assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m", terminal.raw)
        office.go_on.set()


@pytest.mark.slow
@pytest.mark.requirement("live-tree")
@pytest.mark.parametrize("columns", [pytest.param(80, marks=pytest.mark.slow), 40])
async def test_a_server_that_does_not_start_is_seen_at_once_and_lines_break_between_words(columns: int) -> None:
    servers = ("--server", "sleep 60", "--server", "mcp-calc-server")
    command = (*CLIENT, "--offline", *servers, "--connect-timeout", "2", "2 + 3")
    async with on_terminal(*command, env=environment(), columns=columns) as terminal:
        await terminal.until_shown("starting sleep, 0 s")
        await terminal.until_shown("starting sleep, 1 s")
        assert await terminal.ended() == 0
        assert "starting" not in terminal.text
        said = " ".join(terminal.lines)
        assert "sleep cannot be reached: no connection within 2 s. It is left out." in said
        assert terminal.lines[-1] == "Answer: 5"


@pytest.mark.slow
@pytest.mark.requirement("live-tree")
async def test_rows_of_a_narrow_terminal_can_be_reported_apart() -> None:
    office = HeldOffice(3)
    with ScriptedMessages(office) as claude:
        async with on_terminal(*CLIENT, "--local", "Three.", env=env_of(claude), columns=40) as terminal:
            await terminal.until(lambda: terminal.text.count("sum_numbers#1") == 3)
            for number in (1, 2, 3):
                assert re.search(rf"^[├└] \S calculat…agent#{number}  \S", terminal.text, re.MULTILINE)
            office.go_on.set()
            assert await terminal.ended() == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    office = HeldOffice(1)
    with ScriptedMessages(office) as claude:
        async with on_terminal(*CLIENT, "--local", "One.", env=env_of(claude)) as terminal:
            await terminal.until_shown("sum_numbers#1")
            terminal.send_signal(number)
            assert await terminal.ended() == -number
            assert is_as_found(terminal)
        office.go_on.set()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dumb", pytest.param("quiet", marks=pytest.mark.slow)])
async def test_a_dumb_terminal_gets_lines_and_a_quiet_one_nothing(how: str) -> None:
    more = {"TERM": "dumb"} if how == "dumb" else {}
    arguments = ["--quiet"] if how == "quiet" else []
    async with on_terminal(*CLIENT, "--local", "--offline", *arguments, "1 + 2", env=environment(**more)) as terminal:
        assert await terminal.ended() == 0
        assert terminal.lines[-1] == "Answer: 3"
        assert ("orchestrator: calls" in terminal.text) is (how == "dumb")
        assert "\x1b" not in terminal.raw


@pytest.mark.requirement("live-text")
@pytest.mark.parametrize("server", [("--local",), pytest.param((), marks=pytest.mark.slow)])
async def test_what_agents_write_is_shown_while_they_write(server: tuple[str, ...]) -> None:
    def script(request: RecordedRequest) -> Reply:
        if AGENT_TOOL not in {tool["name"] for tool in request.body["tools"]}:
            return replace(says("I add the prices."), seconds_per_event=0.25)
        if not request.results:
            return calls((AGENT_TOOL, {"prompt": "Add."}))
        return replace(says("First line.\nSecond line."), seconds_per_event=0.15)

    with ScriptedMessages(script) as claude:
        async with on_terminal(*CLIENT, *server, "One shop.", env=env_of(claude), columns=120) as terminal:
            await terminal.until_shown(f"{AGENT_TOOL}#1  writes: I add")
            await terminal.until(lambda: terminal.lines[-2:] == ["First line.", "Second line."])
            assert not terminal.shows_cursor, "it is still being written"
            assert await terminal.ended() == 0
            assert terminal.text.count("Second line.") == 1
            assert "writes" not in terminal.text
