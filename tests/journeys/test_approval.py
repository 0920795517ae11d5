"""Tools that may change things: the user at the terminal is asked."""

import shlex
import sys
from pathlib import Path

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import CLIENT, environment
from tests.terminals import Terminal, on_terminal

SERVER = shlex.join([sys.executable, str(Path(__file__).parents[1] / "notes_server.py")])


def script(request: RecordedRequest) -> Reply:
    """Writes a note with every question, and repeats what came of it."""
    question = request.body["messages"][-1]["content"]
    if request.results:
        return says(f"Came: {request.results[0]['content'][0]['text']}")
    return calls(("write_note", {"text": question[0]["text"]}))


@pytest.mark.slow
@pytest.mark.requirement("approval")
async def test_a_tool_is_allowed_once_for_a_conversation_or_always(tmp_path: Path) -> None:
    with ScriptedMessages(script) as model:
        env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted") | {"HOME": str(tmp_path)}
        async with on_terminal(*CLIENT, "--server", SERVER, env=env, lines=60, columns=120) as terminal:
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            for question, answer, result in [
                ("first", "n", "Came: write_note was not called: the user did not allow it."),
                ("third", "y", "Came: written: third"),
                ("fourth", "c", "Came: written: fourth"),
                ("fifth", None, "Came: written: fifth"),
                ("/new", None, "A new conversation."),
                ("sixth", "a", "Came: written: sixth"),
                ("/new", None, "A new conversation."),
                ("seventh", None, "Came: written: seventh"),
            ]:
                await ask(terminal, question, answer, result)
            terminal.type("exit\r")
            assert await terminal.ended() == 0
        async with on_terminal(*CLIENT, "--server", SERVER, "eighth", env=env, columns=120) as terminal:
            assert await terminal.ended() == 0, terminal.text
            assert "Came: written: eighth" in terminal.text


async def ask(terminal: Terminal, question: str, answer: str | None, result: str) -> None:
    """Type a question, the answer to the question for permission, and wait for the result."""
    before = terminal.raw.count(result)
    terminal.type(f"{question}\r")
    if answer is not None:
        await terminal.until(
            lambda: f'write_note {{"text": "{question}"}}' in terminal.text and is_asked(terminal.text)
        )
        terminal.type(f"{answer}\r")
    await terminal.until(lambda: terminal.raw.count(result) > before and terminal.lines[-1:] == [">"])


def is_asked(text: str) -> bool:
    return text.splitlines()[-1].startswith("It may change things. Allow it? [y]es, [c]onversation, [a]lways, [N]o:")
