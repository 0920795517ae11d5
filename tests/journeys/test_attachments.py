"""Resources and prompts of a server: `@server:uri` and `/server:prompt` in a chat, `--prompt` on the command line."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, says
from tests.processes import CLIENT, Finished, environment, run
from tests.terminals import Terminal, on_terminal

NOTES = Path(__file__).parents[1] / "notes_server.py"
TODAY = ["[Resource notes://today (text/plain)]\nBuy bulbs."]


def answers(_request: RecordedRequest) -> Reply:
    return says("Answered.")


def asked(request: RecordedRequest) -> Sequence[str]:
    """The texts of the last question."""
    content: Any = request.body["messages"][-1]["content"]
    return [block["text"] for block in content]


def configured(folder: Path) -> Path:
    file = folder / "servers.json"
    file.write_text(json.dumps({"mcpServers": {"notes": {"command": sys.executable, "args": [str(NOTES)]}}}))
    return file


async def client(folder: Path, model: ScriptedMessages, *arguments: str) -> Finished:
    env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    return await run(*CLIENT, "--config", configured(folder), *arguments, env=env)


@pytest.mark.slow
@pytest.mark.requirement("attachments")
async def test_a_question_takes_a_resource_along_and_a_prompt_of_a_server_is_a_question(tmp_path: Path) -> None:
    with ScriptedMessages(answers) as model:
        done = await client(tmp_path, model, "What is in (@notes:notes://today)? Ask me@notes:x or @nobody:y.")
        assert done.out == "Answered.\n", done.err
        assert "attached: @notes:notes://today" in done.err
        done = await client(tmp_path, model, "--prompt", "notes:review", "note=two words", "tone=dry")
        assert done.out == "Answered.\n", done.err
    first, second = model.requests
    assert asked(first) == [*TODAY, "What is in (@notes:notes://today)? Ask me@notes:x or @nobody:y."]
    assert asked(second) == ["Review this note in a dry tone: two words"]


@pytest.mark.requirement("attachments")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["Read @notes:notes://nothing"], "no answer: @notes:notes://nothing cannot be attached: "),
        (["--prompt", "notes:nothing"], "no answer: notes has no prompt 'nothing'. It has: review."),
        (
            ["--prompt", "review"],
            "no answer: 'review' begins with no server's name. Use server:prompt; servers: notes.",
        ),
        (["--prompt", "notes:review"], "The argument 'note' is missing. review takes note=..., tone=...."),
        (["--prompt", "notes:review", "x=1"], "There is no argument 'x'. review takes note=..., tone=...."),
        (["--prompt", "notes:review", "x"], "'x': arguments of a prompt are given as name=value."),
    ],
)
@pytest.mark.slow
async def test_what_cannot_be_attached_is_said_and_nothing_is_asked(
    arguments: Sequence[str], problem: str, tmp_path: Path
) -> None:
    with ScriptedMessages(answers) as model:
        done = await client(tmp_path, model, *arguments)
    assert (done.code, done.out) == (1, "")
    assert problem in done.err
    assert model.requests == []


@pytest.mark.slow
@pytest.mark.requirement("attachments")
async def test_a_chat_completes_and_attaches(tmp_path: Path) -> None:
    with ScriptedMessages(answers) as model:
        env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted") | {"HOME": str(tmp_path)}
        async with on_terminal(*CLIENT, "--config", configured(tmp_path), env=env, lines=40) as terminal:
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            await typed(terminal, "Read @no", "> Read @notes:notes://today")
            terminal.type("\r")
            await terminal.until(lambda: len(model.requests) == 1 and terminal.lines[-1:] == [">"])
            terminal.type("Read @notes:notes://nothing\r")
            await terminal.until_shown("cannot be attached")
            terminal.type(f"/timeline {tmp_path}/first.html\r")
            await terminal.until_shown("first.html")
            await terminal.until(lambda: terminal.lines[-1:] == [">"] and (tmp_path / "first.html").exists())
            await typed(terminal, "/no", "> /notes:review")
            await typed(terminal, " note=rain to", "> /notes:review note=rain tone=")
            terminal.type("d\t")
            await terminal.until_shown("> /notes:review note=rain tone='dry and short'")
            terminal.type("\r")
            await terminal.until(lambda: len(model.requests) == 2 and terminal.lines[-1:] == [">"])
            terminal.type("exit\r")
            assert await terminal.ended() == 0
    assert [asked(request) for request in model.requests] == [
        [*TODAY, "Read @notes:notes://today"],
        ["Review this note in a dry and short tone: rain"],
    ]


async def typed(terminal: Terminal, text: str, completed: str) -> None:
    """Type a text and the tab key, until it is completed: the names come while one types."""
    terminal.type(text)
    await terminal.until(lambda: terminal.text.endswith(text.rsplit(maxsplit=1)[-1]))

    def is_completed() -> bool:
        if terminal.text.endswith(completed):
            return True
        terminal.type("\t")
        return False

    await terminal.until(is_completed)
