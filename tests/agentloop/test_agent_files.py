"""Agent files: what is read of them, and what is said about those that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentloop.agent_files import AgentFile, load_agents
from agentloop.front_matter import MAX_CHARACTERS, MAX_DEPTH

AGENTS = Path(__file__).parent / "agents"
HEAD = "---\nname: a\ndescription: Does a.\n"


def write(path: Path, text: str, name: str = "a.md") -> Path:
    file = path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def read(path: Path, text: str) -> AgentFile:
    loaded = load_agents(write(path, text))
    assert not loaded.errors
    return loaded.files[0]


def said(path: Path, text: str) -> list[str]:
    """What is said about a file of that text, without the path."""
    file = write(path, text)
    return [str(problem).removeprefix(f"{file}:") for problem in load_agents(file).problems]


@pytest.mark.requirement("agent-files")
def test_files_as_they_are_written_for_claude_code_load() -> None:
    loaded = load_agents(AGENTS)
    assert not loaded.errors
    by_name = {file.name: file for file in loaded.files}
    assert [file.path.name for file in loaded.files] == sorted(file.name for file in AGENTS.glob("*.md"))
    assert len(by_name) == 10
    assert {name: file.model for name, file in by_name.items()} == {
        "accessibility-auditor": "haiku",
        "browser-tester": "inherit",
        "budget-planner": "inherit",
        "coordinator": "opus",
        "deploy-helper": "claude-sonnet-5-5",
        "glossary-editor": "fable",
        "incident-reviewer": "opus",
        "reader": "haiku",
        "release-notes": "sonnet",
        "schema-migrator": "inherit",
    }
    assert by_name["coordinator"].tools == ("Agent(worker, researcher)", "Read", "Bash(git diff:*)", "TodoWrite")
    assert by_name["coordinator"].description.endswith("It's the one to ask first.")
    auditor, reader = by_name["accessibility-auditor"], by_name["reader"]
    assert (auditor.tools, auditor.disallowed_tools) == (("Read", "Glob", "mcp__browser__snapshot"), ("Write", "Edit"))
    assert (auditor.max_turns, reader.timeout, reader.effort, reader.sessions) == (12, 45, "low", False)
    servers = by_name["browser-tester"].mcp_servers
    assert servers["tickets"] is None
    assert servers["browser"] == {"type": "stdio", "command": "npx", "args": ["-y", "a-browser-server"]}
    assert by_name["glossary-editor"].system_prompt.endswith("---\n\nA second part of the prompt, after a rule.")


@pytest.mark.requirement("agent-files")
def test_every_key_that_has_no_effect_is_said_with_its_line() -> None:
    reported = {str(problem).removeprefix(f"{AGENTS}/") for problem in load_agents(AGENTS).problems}
    text = "the description is not valid YAML and was read as text: quote it, or begin it with | on its own line"
    name = "the name 'Budget Planner' has other characters than letters, digits, '_' and '-': budget-planner is used"
    assert reported == {
        f"budget-planner.md:2: warning: {name}",
        "budget-planner.md:4: warning: color has no effect outside Claude Code",
        "budget-planner.md:5: warning: unknown key 'emoji'",
        "budget-planner.md:6: warning: unknown key 'vibe'",
        "accessibility-auditor.md:12: warning: memory has no effect outside Claude Code",
        "deploy-helper.md:6: warning: permissionMode has no effect outside Claude Code",
        "deploy-helper.md:8: warning: background has no effect outside Claude Code",
        "deploy-helper.md:9: warning: isolation has no effect outside Claude Code",
        "deploy-helper.md:10: warning: skills has no effect outside Claude Code",
        "deploy-helper.md:13: warning: hooks has no effect outside Claude Code",
        "glossary-editor.md:14: warning: initialPrompt has no effect outside Claude Code",
        "incident-reviewer.md:14: warning: color has no effect outside Claude Code",
        f"incident-reviewer.md:3: warning: {text}",
        "release-notes.md:6: warning: color has no effect outside Claude Code",
        f"schema-migrator.md:3: warning: {text}",
    }


@pytest.mark.requirement("agent-files")
def test_a_description_that_is_not_yaml_is_text_up_to_the_next_key() -> None:
    (file,) = load_agents(AGENTS / "incident-reviewer.md").files
    assert file.description.startswith("Use this agent after an outage to write the review: what broke, when, and why.")
    assert file.description.endswith("A timeline comes first, causes second.\n</commentary>\n</example>")
    assert file.lines == {"name": 2, "description": 3, "model": 13}


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("---\nname: a\n", "1: error: the front matter that begins here has no end: close it with a line ---"),
        ("You are an agent.\n", "1: error: no front matter: an agent file begins with a line ---"),
        ("---\n- name\n---\nx", "2: error: the front matter is not a list of `key: value` lines"),
        ("---\nname: a\n---\nx", "1: error: description is missing"),
        ("---\nname: a\ndescription: ' '\n---\nx", "3: error: description: is empty"),
        ("---\nname: 7\ndescription: x\n---\nx", "2: error: name: input should be a valid string, not 7"),
        ("---\nname: 猫\ndescription: x\n---\nx", "2: error: name: use 1 to 58 letters, digits, '_' and '-'"),
        (f"---\nname: {'n' * 59}\ndescription: x\n---\nx", "2: error: name: use 1 to 58 letters"),
        (HEAD + "name: b\n---\nx", "4: error: the key 'name' is there already, on line 2"),
        (
            HEAD + "output:\n  type: object\n  type: array\n---\nx",
            "6: error: the key 'type' is there already, on line 5",
        ),
        (HEAD + "skills:\n\t- tabbed\n---\nx", "5: error: the line is indented with a tab: YAML takes spaces only"),
        (HEAD + "model: [haiku\n---\nx", "not valid YAML: expected ',' or ']'"),
        (HEAD + "tools: *\n---\nx", "4: error: not valid YAML"),
        (HEAD + "tools: &all [Read]\napprove: *all\n---\nx", "5: error: YAML aliases (*all) are not supported"),
        (HEAD + "tools: !!python/name:os.system x\n---\nx", "4: error: not valid YAML: could not determine a con"),
        (HEAD + "tools: 2026-02-30\n---\nx", "4: error: a value cannot be read: day "),
        (HEAD + f"maxTurns: {'9' * 5000}\n---\nx", "4: error: a value cannot be read"),
        (HEAD + "? [a, b]\n: c\n---\nx", "4: error: a key is not plain text"),
        (HEAD + f"hooks: {'[' * 9000}{']' * 9000}\n---\nx", f"4: error: more than {MAX_DEPTH} objects and lists"),
        (HEAD + f"color: {'x' * MAX_CHARACTERS}\n---\nx", "1: error: the front matter has 64,0"),
        (HEAD + "model:\n---\nx", "4: error: model has no value: give one, or remove the line"),
        (HEAD + "model: big model\n---\nx", "4: error: model: write one alias or model id, not 'big model'"),
        (HEAD + "effort: huge\n---\nx", "4: error: effort: one of low, medium, high, xhigh, max, not 'huge'"),
        (HEAD + "maxTurns: 0\n---\nx", "4: error: maxTurns: input should be greater than or equal to 1, not 0"),
        (HEAD + "maxTurns: true\n---\nx", "4: error: maxTurns: input should be a valid integer, not True"),
        (HEAD + "maxTurns: '9'\n---\nx", "4: error: maxTurns: input should be a valid integer, not '9'"),
        (HEAD + "timeout: .inf\n---\nx", "4: error: timeout: input should be a finite number, not inf"),
        (HEAD + "timeout: 5m\n---\nx", "4: error: timeout: input should be a valid number, not '5m'"),
        (HEAD + "maxUsd: -1\n---\nx", "4: error: maxUsd: input should be greater than 0, not -1"),
        (HEAD + "sessions: often\n---\nx", "4: error: sessions: input should be a valid boolean, not 'often'"),
        (HEAD + "tools: {Read: true}\n---\nx", "4: error: tools: write tool names separated by commas, or a list"),
        (HEAD + "approve: [1]\n---\nx", "4: error: approve: write tool names separated by commas, or a list"),
        (HEAD + "mcpServers: github\n---\nx", "4: error: mcpServers: write a list of server names"),
        (HEAD + "mcpServers: [{a: {}}]\n---\nx", "the server 'a' needs a `command` to start or a `url` to connect to"),
        (HEAD + "mcpServers: [a, a]\n---\nx", "4: error: mcpServers: the server 'a' is defined twice"),
        (HEAD + "output: no.json\n---\nx", "no.json: cannot be read: No such file"),
        (HEAD + "output: [a]\n---\nx", "4: error: output: the schema has to describe an object: type: object"),
        (
            HEAD + "input: {type: object, required: 3}\n---\nx",
            "4: error: input: the schema: not a valid JSON Schema: $.required: 3 is not",
        ),
        (HEAD + "output: {type: object, default: 2026-01-01}\n---\nx", "output: the schema is not JSON"),
    ],
)
def test_what_is_wrong_is_an_error_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    file = write(tmp_path, text)
    loaded = load_agents(file)
    assert not loaded.files
    assert any(error in str(problem) and str(problem).startswith(f"{file}:") for problem in loaded.errors), said(
        tmp_path, text
    )


@pytest.mark.requirement("agent-files")
def test_all_wrong_values_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    assert said(tmp_path, HEAD + "effort: 3\nmaxTurns: none\ntimeout:\ncanAsk: 1\n---\nx") == [
        "6: error: timeout has no value: give one, or remove the line",
        "4: error: effort: one of low, medium, high, xhigh, max, not 3",
        "5: error: maxTurns: input should be a valid integer, not 'none'",
        "7: error: canAsk: input should be a valid boolean, not 1",
    ]


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize(
    ("key", "hint"),
    [("max_turns", "maxTurns"), ("maxturns", "maxTurns"), ("disallowed-tools", "disallowedTools"), ("tool", "tools")],
)
def test_an_unknown_key_is_a_warning_that_names_the_likely_one(tmp_path: Path, key: str, hint: str) -> None:
    text = HEAD + f"{key}: 3\n---\nx"
    assert said(tmp_path, text) == [f"4: warning: unknown key '{key}': did you mean {hint}?"]


def test_a_file_without_a_prompt_is_a_warning(tmp_path: Path) -> None:
    assert said(tmp_path, HEAD + "---\n \n") == ["1: warning: there is no system prompt after the front matter"]


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", ["\N{ZERO WIDTH NO-BREAK SPACE}", ""])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path, ends: str, mark: str) -> None:
    text = mark + (HEAD + "effort: low\n---  \n\nFirst.\n\nSecond.\n").replace("\n", ends)
    file = read(tmp_path, text)
    assert (file.system_prompt, file.lines["effort"]) == ("First.\n\nSecond.", 4)


def test_line_separators_in_a_value_do_not_shift_the_lines(tmp_path: Path) -> None:
    assert read(tmp_path, '---\nname: a\ndescription: "a\u2028b"\nmodel: haiku\n---\nx').lines["model"] == 4


def test_what_is_not_text_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(HEAD.encode() + b"model: \xff\n---\nx")
    assert str(load_agents(tmp_path / "a.md").errors[0]).endswith("a.md:4: error: not UTF-8 text")
    (tmp_path / "a.md").write_bytes(HEAD.encode() + b"---\n" + b"x" * 1_000_000)
    assert str(load_agents(tmp_path / "a.md").errors[0]).endswith("a.md:1: error: larger than 1,000,000 bytes")


@pytest.mark.requirement("agent-files")
def test_schemas_are_inline_or_in_a_file_beside_the_agent(tmp_path: Path) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
    write(tmp_path, json.dumps(schema), "schemas/place.json")
    file = read(tmp_path, HEAD + "input: schemas/place.json\noutput: {type: object, required: [city]}\n---\nx")
    assert file.input == schema
    assert file.output == {"type": "object", "required": ["city"]}


@pytest.mark.requirement("agent-files")
def test_a_directory_is_read_at_any_depth_in_order_without_what_is_no_agent(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        write(tmp_path, f"---\nname: {name}\ndescription: x\n---\nx", f"team/{name}/{name}.md")
    readme, page = write(tmp_path, HEAD + "---\n", "README.md"), write(tmp_path, "# Notes", "team/notes.md")
    loaded = load_agents(tmp_path)
    assert [file.name for file in loaded.files] == ["a", "b", "c"]
    assert [str(problem) for problem in loaded.problems] == [
        f"{readme}:1: note: skipped: a README is not an agent",
        f"{page}:1: note: skipped: no front matter: an agent file begins with a line ---",
    ]


@pytest.mark.requirement("agent-files")
def test_two_agents_of_one_name_are_an_error_that_names_both_files(tmp_path: Path) -> None:
    one, two = write(tmp_path, HEAD + "---\nx", "one.md"), write(tmp_path, "\n".join([HEAD + "---", "x"]), "two.md")
    (error,) = load_agents(tmp_path).errors
    assert str(error) == f"{two}:2: error: the name 'a' is that of {one} too"


@pytest.mark.requirement("agent-files")
def test_a_path_without_agents_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "# Nothing", "README.md")
    assert [str(error) for error in load_agents(tmp_path).errors] == [
        f"{tmp_path}: error: no agent files in this directory"
    ]
    assert "cannot be read: No such file" in str(load_agents(tmp_path / "none.md").errors[0])


@pytest.mark.requirement("agent-files")
def test_an_emoji_in_the_escapes_of_json_is_one_character(tmp_path: Path) -> None:
    text = r"""---
name: a
description: "\ud83d\ude00 greets"
output: {type: object, description: "\ud83d\ude00"}
---
x"""
    (file,) = load_agents(write(tmp_path, text)).files
    assert ascii(file.description) == ascii("\N{GRINNING FACE} greets")
    assert ascii((file.output or {})["description"]) == ascii("\N{GRINNING FACE}")


@pytest.mark.requirement("agent-files")
def test_half_an_emoji_is_an_error_with_its_line(tmp_path: Path) -> None:
    (error,) = load_agents(write(tmp_path, '---\nname: a\ndescription: "greets \\ud83d"\n---\nx')).errors
    assert str(error).endswith(":3: error: a text has half a character, such as \\ud83d: write the character itself")
