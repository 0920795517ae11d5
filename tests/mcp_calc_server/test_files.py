"""`mcp-calc-server check` and the refusals of `--agents`, in this process."""

import os
import sys
from pathlib import Path

import pytest

from tests.in_process import server
from tests.processes import SERVER, environment, run

HEAD = "---\nname: a\ndescription: Does a.\n"
GOOD = HEAD + "tools: Read, tests.agentloop.file_tools:words\nmodel: opus\neffort: low\ntimeout: 30\n---\nDo a."


def write(path: Path, text: str, name: str = "a.md") -> Path:
    file = path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.requirement("agents-option")
def test_check_says_what_would_be_published(tmp_path: Path) -> None:
    b = (
        HEAD.replace(": a", ": b")
        + "sessions: true\nattach: true\noutput: {type: object, properties: {x: {}, y: {}}}\n"
    )
    file, other = (
        write(tmp_path, GOOD),
        write(tmp_path, b + "input: {type: object, properties: {q: {}}}\n---\nDo b.", "b.md"),
    )
    end = server("--model", "claude-sonnet-5-5", "check", str(tmp_path))
    assert (end.exit_code, end.stderr) == (0, "")
    assert end.stdout.splitlines() == [
        f"a ({file})",
        "  tool     a_agent",
        "  model    claude-opus-5-5",
        "  effort   low",
        "  tools    words",
        "  turns    25",
        "  timeout  30 s",
        f"b ({other})",
        "  tool     b_agent",
        "  model    claude-sonnet-5-5",
        "  tools    none",
        "  input    q",
        "  output   x, y",
        "  sessions yes",
        "  turns    25",
        f"{file}:4: warning: not available outside Claude Code: Read",
        "2 agents would be published: 1 warning.",
    ]


@pytest.mark.requirement("agents-option")
def test_check_fails_on_errors_and_says_all_of_them_by_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "effort: huge\nmaxTurns: 0\n---\nx")
    write(tmp_path, '---\nname: c\ndescription: "\\ud83d"\n---\nx', "c.md")
    write(tmp_path, "---\nname: b\ndescription: Does b.\nmcpServers: [git]\ntools: no_such:f\n---\nx", "b.md")
    end = server("check", str(tmp_path))
    assert end.exit_code == 1
    assert [line.removeprefix(f"{tmp_path}/")[:40] for line in end.stdout.splitlines()] == [
        "a.md:4: error: effort: one of low, mediu",
        "a.md:5: error: maxTurns: input should be",
        "b.md:4: error: mcpServers: git is not co",
        "b.md:5: error: no_such:f: there is no mo",
        "c.md:3: error: a text has half a charact",
        "Nothing would be published: 5 errors, 0 ",
    ]


@pytest.mark.requirement("agents-option")
def test_check_warns_of_a_budget_for_a_model_without_a_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTLOOP_PRICES", "")  # which the command sets for processes that it starts
    write(tmp_path, HEAD + "model: model-without-price\nmaxUsd: 1\n---\nDo a.")
    (tmp_path / "prices.toml").write_text('["model-without-price"]\ninput = 1\noutput = 2\n', encoding="utf-8")
    far = ("--base-url", "https://models.example.com")
    end = server(*far, "check", str(tmp_path))
    assert "a.md:5: warning: maxUsd: the price of model-without-price is not known, so calls will fail" in end.stdout
    end = server(*far, "--prices", str(tmp_path / "prices.toml"), "check", str(tmp_path))
    assert (end.exit_code, "warning:" in end.stdout) == (0, False)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.requirement("agents-option")
def test_pipes_and_folders_are_no_files_of_agents_and_prompts(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "---\nDo a.")
    (tmp_path / "prompts").mkdir()
    for folder in (tmp_path, tmp_path / "prompts"):
        os.mkfifo(folder / "pipe.md")
        (folder / "folder.md").mkdir()
    (tmp_path / "away.md").symlink_to("/nowhere")
    end = server("check", str(tmp_path))
    assert (end.exit_code, "1 error" in end.stdout) == (1, True)
    assert "away.md:1: error: cannot be read: No such file or directory" in end.stdout
    (tmp_path / "away.md").unlink()
    assert server("check", str(tmp_path)).stdout.endswith("1 agent would be published: 0 warnings.\n")


@pytest.mark.requirement("agents-option")
def test_check_reads_prompts_and_resources(tmp_path: Path) -> None:
    for folder in ("1/r", "2/r"):
        (tmp_path / folder / "prompts").mkdir(parents=True)
        (tmp_path / folder / "resources").mkdir()
    one, two = (
        write(tmp_path / folder, GOOD.replace(": a", f": {name}")) for folder, name in (("1/r", "a"), ("2/r", "b"))
    )
    prompt = write(one.parent / "prompts", "---\nname: welcome\ndescription: Welcomes.\n---\nWelcome {{who}}.")
    style = write(one.parent / "resources", "Short.", "style.md")
    good = server("check", str(one.parent))
    assert good.exit_code == 0
    assert [line for line in good.stdout.splitlines() if line.startswith(("prompt", "resource"))] == [
        f"prompt welcome ({prompt})",
        f"resource resource://r/style.md ({style})",
    ]
    assert "welcome_agent" not in server("check", str(tmp_path)).stdout, "no agent, however deep the folder is"
    write(two.parent / "prompts", "---\nname: welcome\ncolour: red\n---\nx", "wrong.md")
    write(two.parent / "prompts", "---\nname: welcome\n---\nx", "same.md")
    write(two.parent / "resources", "Long.", "style.md")
    end = server("check", str(one.parent), str(two.parent))
    wrong = (
        "colour is not known or has a wrong value: name, title and description are texts, values an object with lists."
    )
    assert end.exit_code == 1
    assert [line.removeprefix(f"{two.parent}/") for line in end.stdout.splitlines() if ": error: " in line] == [
        f"prompts/same.md: error: the prompt 'welcome' is that of {prompt} too",
        f"prompts/wrong.md:3: error: {wrong}",
        f"resources/style.md: error: the resource resource://r/style.md is that of {style} too",
    ]


@pytest.mark.requirement("agents-option")
def test_the_offline_model_is_everybodys(tmp_path: Path) -> None:
    end = server("--offline", "check", str(write(tmp_path, GOOD)))
    assert "  model    offline-rule-based\n" in end.stdout


@pytest.mark.requirement("agents-option")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "mcpServers: [git]\n---\nx", "a.md:4: error: mcpServers: git is not configured"),
        (HEAD + "mcpServers: {git: {command: x, args: 1}}\n---\nx", "a.md:4: error: mcpServers.git.args: a list is"),
        (HEAD + "sessions: true\ninput: {type: object}\n---\nx", "a.md:4: error: Agent 'a' has sessions, so its types"),
        (HEAD + "model:\n---\nx", "a.md:4: error: model has no value"),
        ("# Only a page", "a.md:1: error: no front matter"),
    ],
)
def test_agent_files_with_errors_are_a_usage_error_and_nothing_is_published(
    tmp_path: Path, text: str, said: str
) -> None:
    end = server("--agents", str(write(tmp_path, text)))
    assert (end.exit_code, end.stdout) == (2, "")
    assert said in end.stderr


@pytest.mark.requirement("agents-option")
def test_names_that_clash_with_other_tools_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD.replace(": a", ": calculator_assistant") + "---\nx")
    end = server("--offline", "--calculator", "--agents", str(file))
    assert end.exit_code == 2
    assert "More than one tool is published as calculator_assistant_agent" in end.stderr
    assert server("--agents", str(tmp_path / "none")).exit_code == 2


async def test_without_a_key_the_server_says_which_agents_cannot_answer(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    said = "no API key found: calls of a will fail."
    serving = await run(*SERVER, "--agents", str(tmp_path), env=environment())
    assert (serving.code, serving.out) == (0, "")
    assert said in serving.err
    install = ("install", "cursor", "--dry-run", "--agents", str(tmp_path))
    assert said in server(*install).stderr
    assert server(*install, "--env", "ANTHROPIC_API_KEY=planted").stderr.count("no API key") == 0
