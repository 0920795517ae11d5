"""The chat, typed at on a real terminal."""

import json
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import pytest
from click.testing import CliRunner
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, says
from orchestrator_client.cli import main
from orchestrator_client.completion import KnownNames
from orchestrator_client.line_editor import line_editor
from tests.journeys.test_cli import invoke
from tests.processes import CLIENT, SERVER, environment, started
from tests.terminals import Terminal, on_terminal

UP, CTRL_C, CTRL_D = "\x1b[A", "\x03", "\x04"


def count_questions(request: RecordedRequest) -> Reply:
    """Says how many questions it has been asked in the conversation; for one that says `hold` it takes for ever."""
    questions = [message for message in request.body["messages"] if message["role"] == "user"]
    reply = says(f"Question {len(questions)} answered.")
    return replace(reply, seconds_per_event=300.0) if "hold" in str(questions[-1]) else reply


@asynccontextmanager
async def chatting(claude: ScriptedMessages, home: Path, *arguments: str) -> AsyncIterator[Terminal]:
    env = environment(ANTHROPIC_BASE_URL=claude.url, ANTHROPIC_API_KEY="scripted") | {"HOME": str(home)}
    async with on_terminal(*CLIENT, *arguments, env=env, lines=40) as terminal:
        await terminal.until(lambda: is_at_prompt(terminal), seconds=60)
        yield terminal


def is_at_prompt(terminal: Terminal) -> bool:
    return terminal.lines[-1:] == [">"]


async def asks(terminal: Terminal, line: str, *texts: str) -> None:
    """Type a line and wait for what it leads to, and for the next prompt."""
    terminal.type(f"{line}\r")
    await terminal.until(lambda: all(text in terminal.text for text in texts) and is_at_prompt(terminal))


@pytest.mark.requirement("chat")
async def test_questions_follow_each_other_and_commands_tell_about_them(tmp_path: Path) -> None:
    with ScriptedMessages(count_questions) as model:
        async with chatting(model, tmp_path, "--local", "--max-turns", "3") as terminal:
            await asks(terminal, "What is one?", "Question 1 answered.")
            await asks(terminal, UP, "Question 2 answered.")
            used = "claude-sonnet-5-5: 2 requests, 20 tokens in, 40 out, $0.0004"
            await asks(terminal, "/usage", used, "left of the budget: 1 turns")
            await asks(terminal, f"/save {tmp_path}/chat.md", "written: ")
            await asks(terminal, f"/save {tmp_path}/chat.md", "exists already")
            await asks(terminal, f"/save {tmp_path}/chat.json", "chat.json")
            await asks(terminal, f"/timeline {tmp_path}/chat.html", "chat.html")
            await asks(terminal, "help", "/quit, /exit")
            await asks(terminal, "Clear", "A new conversation.")
            await asks(terminal, "/nonsense", "There is no command /nonsense. /help lists the commands.")
            await asks(terminal, "/new", "A new conversation.")
            terminal.type("exit\r")
            assert await terminal.ended() == 0
            assert terminal.shows_cursor
            assert terminal.echoes
    assert len(model.requests) == 2, "no command went to the model"
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in ("chat.md", "chat.json", "chat.html"))
    asked = [message["content"][0]["text"] for message in model.requests[1].body["messages"]]
    assert asked == ["What is one?", "Question 1 answered.", "What is one?"]
    assert (tmp_path / "chat.md").read_text().count("## What is one?") == 2
    assert len(json.loads((tmp_path / "chat.json").read_text())["messages"]) == 4
    assert "<html" in (tmp_path / "chat.html").read_text()
    history = tmp_path / ".local" / "state" / "orchestrator-client" / "history"
    assert "What is one?" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.requirement("own-files")
def test_the_history_does_not_follow_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    history = tmp_path / ".local" / "state" / "orchestrator-client" / "history"
    history.parent.mkdir(parents=True)
    history.symlink_to(notes)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with create_app_session(input=DummyInput(), output=DummyOutput()):
        line_editor(KnownNames([])).history.append_string("What is one?")
    assert notes.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.requirement("chat-interrupt")
async def test_ctrl_c_stops_the_question_and_keeps_the_chat(tmp_path: Path) -> None:
    with ScriptedMessages(count_questions) as model:
        async with chatting(model, tmp_path, "--local") as terminal:
            await asks(terminal, "First.", "Question 1 answered.")
            terminal.type("Please hold.\r")
            await terminal.until_shown("orchestrator  asks claude-sonnet-5-5")
            await model.until(lambda: len(model.requests) == 2)
            terminal.type(CTRL_C)
            await terminal.until(lambda: "stopped" in terminal.text and is_at_prompt(terminal))
            terminal.type("half a line" + CTRL_C)
            await terminal.until(lambda: is_at_prompt(terminal))
            await asks(terminal, "Second.", "Question 2 answered.")
            await model.until(lambda: model.requests[1].outcome is not None)
            assert model.requests[1].outcome == "cancelled"
            assert "hold" not in str(model.requests[2].body)
            await asks(terminal, "/help", "/timeline [FILE]")
            terminal.type("/quit\r")
            assert await terminal.ended() == 0


@pytest.mark.slow
@pytest.mark.requirement("chat-servers")
async def test_a_server_that_comes_later_joins_the_next_conversation(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/mcp"
    with ScriptedMessages(count_questions) as model:
        broken = {"command": str(tmp_path / "mcp-calc-server")}  # local functions stand in for it
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"mcpServers": {"broken": broken, "later": {"url": url}}}), encoding="utf-8")
        async with chatting(model, tmp_path, "--config", str(config)) as terminal:
            assert "cannot be reached" in terminal.text
            serve = [*SERVER, "--offline", "--transport", "streamable-http", "--port", str(port)]
            async with started(serve):
                await terminal.until_shown("is up now. /new starts a conversation")
                await asks(terminal, "Before.", "Question 1 answered.")
                await asks(terminal, "/new", "A new conversation.")
                await asks(terminal, "After.", "> After.", "Question 1 answered.")
                await asks(terminal, "/tools", "up, 7 tools", "calculator_assistant_agent  agent  A calculator agent")


@pytest.mark.requirement("chat")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
async def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals, tmp_path: Path) -> None:
    with ScriptedMessages(count_questions) as model:
        async with chatting(model, tmp_path, "--local") as terminal:
            assert terminal.brackets_paste
            terminal.send_signal(number)
            assert await terminal.ended() == -number
            assert (terminal.echoes, terminal.shows_cursor, terminal.brackets_paste) == (True, True, False)


@pytest.mark.requirement("chat")
def test_without_a_terminal_a_missing_question_is_a_usage_error() -> None:
    end = CliRunner().invoke(main, [])
    assert (end.exit_code, end.stdout) == (2, "")
    assert "There is no question" in end.stderr


@pytest.mark.slow
@pytest.mark.requirement("tools-command")
def test_tools_lists_the_servers_their_state_and_their_tools() -> None:
    servers = ("--server", "mcp-calc-server", "--server", "false")
    listed, as_json = (invoke("tools", *servers, *option) for option in ([], ["--json"]))
    lines = listed.stdout.splitlines()
    assert (listed.exit_code, lines[0], len(lines)) == (1, "mcp-calc-server: up, 7 tools, trusted", 9)
    assert lines[7].startswith("  calculator_assistant_agent  agent  A calculator agent: ")
    assert lines[8].startswith("false: down: ")
    found = json.loads(as_json.stdout)["servers"]
    assert {name: (each["state"], len(each["tools"])) for name, each in found.items()} == {
        "mcp-calc-server": ("up", 7),
        "false": ("down", 0),
    }
    assert [tool["name"] for tool in found["mcp-calc-server"]["tools"] if tool["agent"]] == [
        "calculator_assistant_agent"
    ]


@pytest.mark.requirement("chat-notes")
async def test_what_is_typed_while_a_question_runs_reaches_the_agent(tmp_path: Path) -> None:
    go_on = threading.Event()

    async def script(request: RecordedRequest) -> Reply:
        if "licence" in str(request.body["messages"][-1]):
            return says("MIT.")
        await anyio.to_thread.run_sync(go_on.wait, 60, abandon_on_cancel=True)
        return says("Reviewed.")

    with ScriptedMessages(script) as model:
        async with chatting(model, tmp_path, "--local") as terminal:
            terminal.type("Review.\r")
            await model.until(lambda: len(model.requests) == 1)
            await terminal.until(lambda: not terminal.shows_cursor)
            terminal.type("Also the licenze")
            await terminal.until_shown("note> Also the licenze")
            terminal.type("\x7f\x7fce.\r")
            await terminal.until_shown("noted; the agent reads it before its next turn")
            terminal.type("half a li")
            await terminal.until_shown("note> half a li")
            go_on.set()
            await terminal.until(lambda: "MIT." in terminal.text and terminal.lines[-1] == "> half a li")
            terminal.type("ne with a licence\r")
            await terminal.until(lambda: terminal.text.count("MIT.") == 2 and is_at_prompt(terminal))
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0
            assert terminal.echoes
    notes = [message["content"] for message in model.requests[1].body["messages"][1:]]
    assert "Also the licence." in str(notes[-1])
    assert str(model.requests[2].body["messages"][-1]["content"][0]["text"]) == "half a line with a licence"


@pytest.mark.requirement("chat-notes")
async def test_ctrl_c_keeps_the_note_that_is_being_typed(tmp_path: Path) -> None:
    asked = threading.Event()

    async def script(_request: RecordedRequest) -> Reply:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    with ScriptedMessages(script) as model:
        async with chatting(model, tmp_path, "--local") as terminal:
            terminal.type("Review.\r")
            await terminal.until(asked.is_set)
            await terminal.until(lambda: not terminal.shows_cursor)
            terminal.type("half a li")
            await terminal.until_shown("note> half a li")
            terminal.type(CTRL_C)
            await terminal.until(lambda: terminal.lines[-1] == "> half a li")
            terminal.type(CTRL_C)
            await terminal.until(lambda: is_at_prompt(terminal))
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0
