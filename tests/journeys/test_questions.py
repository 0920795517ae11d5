"""Questions of tools and agents, from a server to the user of the orchestrator."""

import json
import shlex
import signal
import sys
from pathlib import Path

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import CLIENT, run
from tests.surface import ROOT, scripted_env
from tests.terminals import Terminal, on_terminal

FORM = [("Name:", "Ada"), ("Size (1 S, 2 M):", "m"), ("Extras", ""), ("Count", "2"), ("Is Gift", "y")]
SERVER = shlex.join([sys.executable, "-m", "tests.journeys.asking_server"])


def script(request: RecordedRequest) -> Reply:
    """Orders what it is asked for, each word of it at once, and pays."""
    if request.results:
        return says("; ".join(result["content"][0]["text"] for result in request.results))
    asked = request.body["messages"][-1]["content"][0]["text"]
    if asked == "pay":
        return calls(("pay", {}))
    return calls(*(("order", {"what": word}) for word in asked.split()))


def env(model: ScriptedMessages, home: Path) -> dict[str, str]:
    return scripted_env(model.url, PYTHONPATH=str(ROOT)) | {"HOME": str(home)}


@pytest.mark.slow
@pytest.mark.requirement("questions-at-the-terminal")
async def test_several_questions_queue_and_the_live_view_steps_aside(tmp_path: Path) -> None:
    with ScriptedMessages(script) as model:
        command = (*CLIENT, "--server", SERVER)
        async with on_terminal(*command, env=env(model, tmp_path), lines=60, columns=140) as terminal:
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            terminal.type("cake tea\r")
            for number in (1, 2):
                await terminal.until(lambda number=number: terminal.raw.count("asks:") == number)  # type: ignore[misc]
                await terminal.until_shown("something like a password")
                for label, line in FORM:
                    await typed(terminal, label, line)
                await typed(terminal, "Password", "/decline" if number == 2 else "")
            await terminal.until(lambda: '"count":2' in terminal.text and "Declined()" in terminal.text)
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            terminal.type("pay\r")
            await terminal.until_shown("open a web page at pay.example.org:", "https://user@pay.example.org/now?id=1")
            await typed(terminal, "Open pay.example.org", "no")
            await terminal.until(lambda: terminal.text.count("Declined()") == 2)
            await terminal.until(lambda: terminal.lines[-1:] == [">"])
            terminal.type("exit\r")
            assert await terminal.ended() == 0


async def typed(terminal: Terminal, label: str, line: str) -> None:
    await terminal.until(lambda: terminal.lines[-1].startswith(label))
    terminal.type(f"{line}\r")


@pytest.mark.slow
@pytest.mark.requirement("questions-at-the-terminal")
async def test_the_terminal_is_as_it_was_after_sigterm_while_a_question_is_open(tmp_path: Path) -> None:
    with ScriptedMessages(script) as model:
        command = (*CLIENT, "--quiet", "--server", SERVER, "tea")
        async with on_terminal(*command, env=env(model, tmp_path)) as terminal:
            await terminal.until_shown("Name:")
            assert not terminal.echoes
            terminal.send_signal(signal.SIGTERM)
            assert await terminal.ended() == -signal.SIGTERM
            assert (terminal.echoes, terminal.shows_cursor, terminal.brackets_paste) == (True, True, False)


@pytest.mark.slow
@pytest.mark.requirement("questions-at-the-terminal")
async def test_scripts_answer_from_a_file_and_what_is_declined_is_listed(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"*the tea?": {"name": "Ada", "size": "S", "is_gift": False}}), encoding="utf-8")
    with ScriptedMessages(script) as model:
        command = (*CLIENT, "--server", SERVER, "--json", "--answers", str(answers), "tea cake")
        finished = await run(*command, env=env(model, tmp_path))
    report = json.loads(finished.out)
    assert report["answer"].startswith('tea: {"name":"Ada"')
    assert report["answer"].endswith("cake: Declined()")
    assert sorted((each["message"], each["answer"], each["answered_by"]) for each in report["questions"]) == [
        ("How do you want the cake?", "declined", "nobody"),
        ("How do you want the tea?", "accepted", "file"),
    ]
    assert "--answers FILE" in finished.err
