"""What the client does with its options, and what it exits with. Local threads do the work, in this process."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, fails, refuses, says
from orchestrator_client.cli import main

AGENT_TOOL = "calculator_assistant_agent"


def invoke(*arguments: str, stdin: str | bytes | io.BytesIO = "", **env: str) -> Result:
    """Run the command here, with no credentials but those in `env`."""
    clean: dict[str, str | None] = {"ANTHROPIC_BASE_URL": None, "HOME": "/nonexistent", **env}
    return CliRunner(env=clean).invoke(main, arguments, input=stdin)


def delegate_once(request: RecordedRequest) -> Reply:
    """An orchestrator that hands its question to the calculator agent, which calls one function."""
    if request.results:
        return says("Answer: 3")
    tools = {tool["name"] for tool in request.body["tools"]}
    if AGENT_TOOL in tools:
        return calls((AGENT_TOOL, {"prompt": "1 + 2?"}))
    return calls(("sum_numbers", {"numbers": [1, 2]}))


@pytest.mark.requirement("local")
def test_local_uses_no_server_and_gives_the_same_answer() -> None:
    result = invoke("--demo", "--local", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["answer"].splitlines()[-1] == "Total: $191.12"
    assert {each["served_by"] for each in report["delegations"]} == {"local"}
    assert "cannot be reached" not in result.stderr


def test_the_prompt_may_come_from_stdin() -> None:
    result = invoke("--local", "--quiet", "-", stdin="What is 3 * 12.50 + 5.99?\n")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Answer: 43.49\n", "")


def test_words_without_quotes_are_one_question() -> None:
    result = invoke("--local", "--quiet", "What", "is", "2", "+", "3")
    assert (result.exit_code, result.stdout) == (0, "Answer: 5\n")


@pytest.mark.parametrize(
    ("option", "printed"), [("--quiet", "3 \\u2713 \\U0001f642"), ("--json", '"answer": "3 \\u2713 \\ud83d\\ude42"')]
)
def test_an_answer_is_not_lost_if_stdout_has_not_all_its_characters(
    scripted_messages: Callable[..., ScriptedMessages], option: str, printed: str
) -> None:
    """As on Windows, where a redirected stdout has the characters of one language only."""
    env = {"ANTHROPIC_BASE_URL": scripted_messages([says("3 \u2713 \U0001f642")]).url, "HOME": "/nonexistent"}
    result = CliRunner(env=env, charset="latin-1").invoke(main, ["--local", option, "1 + 2?"])
    assert result.exit_code == 0
    assert printed in result.stdout


def test_offline_asks_the_offline_model_whatever_credentials_there_are(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = scripted_messages([])
    env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
    result = invoke("--local", "--offline", "--quiet", "2 * 21", **env)
    assert (result.exit_code, result.stdout) == (0, "Answer: 42\n")
    assert model.requests == []


@pytest.mark.requirement("offline-declines")
@pytest.mark.requirement("exit-status")
def test_a_problem_that_cannot_be_read_is_a_failure_that_names_the_words() -> None:
    result = invoke("--local", "--quiet", "How fast does a swallow fly?")
    assert (result.exit_code, result.stdout) == (1, "")
    what, how = result.stderr.splitlines()
    assert what.startswith('no answer: I could not place "how fast does a swallow fly"')
    assert "API key" in how
    assert "--base-url" in how


def divide_by_zero(request: RecordedRequest) -> Reply:
    """An orchestrator and a calculator agent that give up with the reason they were given."""
    if request.results:
        return refuses(request.results[0]["content"][0]["text"])
    if AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}:
        return calls((AGENT_TOOL, {"prompt": "10 / 0"}))
    return calls(("divide_numbers", {"a": 10, "b": 0}))


def test_the_reason_why_there_is_no_answer_is_printed_once(scripted_messages: Callable[..., ScriptedMessages]) -> None:
    env = {"ANTHROPIC_BASE_URL": scripted_messages(divide_by_zero).url, "ANTHROPIC_API_KEY": "scripted"}
    result = invoke("--local", "--quiet", "10 / 0", **env)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.count("Division by zero: b is 0. Check the divisor.") == 1
    assert "ANTHROPIC_API_KEY" not in line


def test_a_typed_deny_that_matches_nothing_is_reported_and_one_of_the_defaults_is_not(tmp_path: Path) -> None:
    file = tmp_path / "orchestrator-client" / "config.toml"
    file.parent.mkdir()
    file.write_text("[defaults]\ndeny = ['git_reset']\n")
    asked = ("--local", "--quiet", "What is 2 + 3?")
    typed = invoke("--deny", "pow", "--deny", "power", *asked, XDG_CONFIG_HOME=str(tmp_path))
    assert typed.stderr.splitlines() == ["--deny pow matches no tool of the servers that are up."]
    assert invoke(*asked, XDG_CONFIG_HOME=str(tmp_path)).stderr == ""


@pytest.mark.requirement("json")
def test_a_failure_is_one_json_object_too() -> None:
    result = invoke("--local", "--quiet", "--json", "How fast does a swallow fly?")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert list(report) == ["ok", "answer", "delegations", "usage", "usd", "request_ids", "servers", "seconds", "error"]
    assert (report["ok"], report["answer"], report["delegations"]) == (False, None, [])
    assert "does" in report["error"]


@pytest.mark.requirement("exit-status")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "There is no question"),
        (["  "], "There is no question"),
        (["-"], "There is no question"),
        (["1 + 1", "--nonsense"], "--nonsense"),
        (["1 + 1", "--config", "/nonexistent.json"], "Cannot read /nonexistent.json"),
        (["1 + 1", "--server", ""], "neither a configured server, a URL nor a command"),
        (["1 + 1", "--server", '"'], "neither a configured server, a URL nor a command"),
        (["1 + 1", "--connect-timeout", "0"], "--connect-timeout"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(arguments: list[str], said: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_bytes_that_are_no_text_are_wrong_usage() -> None:
    result = invoke("--local", "-", stdin=b"1 + \xff")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not text" in result.stderr


class Interrupted(io.BytesIO):
    """Stdin at which the user presses Ctrl-C."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size == 0:  # whether it is binary
            return b""
        raise KeyboardInterrupt


@pytest.mark.requirement("exit-status")
def test_ctrl_c_while_the_prompt_is_read_is_an_interruption() -> None:
    result = invoke("--local", "-", stdin=Interrupted())
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


@pytest.mark.requirement("model-override")
@pytest.mark.parametrize(
    ("arguments", "env", "models"),
    [
        ([], {}, ("claude-sonnet-5-5", "claude-haiku-5-5")),
        ([], {"ORCHESTRATOR_MODEL": "big", "CALCULATOR_MODEL": "small"}, ("big", "small")),
        (["--model", "large", "--calculator-model", "tiny"], {"CALCULATOR_MODEL": "small"}, ("large", "tiny")),
    ],
    ids=["defaults", "environment", "flags"],
)
def test_both_models_can_be_chosen(
    scripted_messages: Callable[..., ScriptedMessages],
    arguments: list[str],
    env: dict[str, str],
    models: tuple[str, str],
) -> None:
    model = scripted_messages(delegate_once)
    credentials = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
    result = invoke("--local", "--json", "--quiet", *arguments, "1 + 2?", **credentials, **env)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["answer"], result.stderr) == (0, "Answer: 3", "")
    orchestrator, calculator = models
    asked = [request.body["model"] for request in model.requests]
    assert asked == [orchestrator, calculator, calculator, orchestrator]
    assert model.refusals == []


def test_the_usage_sums_up_the_orchestrator_and_its_agents(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = scripted_messages(delegate_once)
    result = invoke("--local", "--json", "1 + 2?", ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    usage: Any = json.loads(result.stdout)["usage"]
    assert {name: (each["requests"], each["input_tokens"], each["output_tokens"]) for name, each in usage.items()} == {
        "claude-sonnet-5-5": (2, 20, 40),
        "claude-haiku-5-5": (2, 20, 40),
    }


@pytest.mark.requirement("credentials")
def test_a_base_url_alone_is_enough_to_leave_the_offline_model(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = scripted_messages([says("hello")])
    result = invoke("--local", "Say hello.", ANTHROPIC_BASE_URL=model.url)
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert "offline" not in result.stderr


@pytest.mark.requirement("base-url")
def test_a_server_that_is_named_needs_no_key(scripted_messages: Callable[..., ScriptedMessages]) -> None:
    model = scripted_messages(delegate_once)
    models = ("--model", "local", "--calculator-model", "local")
    result = invoke("--local", "--quiet", "--base-url", model.url, *models, "1 + 2?")
    assert (result.exit_code, result.stdout) == (0, "Answer: 3\n")
    assert {request.body["model"] for request in model.requests} == {"local"}


@pytest.mark.requirement("base-url")
def test_its_own_server_uses_the_named_server_of_the_model(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = scripted_messages(delegate_once)
    result = invoke("--json", "--quiet", "--base-url", model.url, "1 + 2?")
    report: Any = json.loads(result.stdout)
    assert (result.exit_code, report["answer"]) == (0, "Answer: 3")
    assert [each["served_by"] for each in report["delegations"]] == ["mcp-calc-server"]


def test_a_server_of_the_model_and_offline_are_a_usage_error() -> None:
    result = invoke("--offline", "--base-url", "http://127.0.0.1:1", "1 + 2?")
    assert result.exit_code == 2
    assert "--base-url" in result.stderr


def test_a_wrong_key_is_a_failure_that_says_what_to_check(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    model = scripted_messages([fails(401, "authentication_error")])
    env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "planted-secret"}
    result = invoke("--local", "--quiet", "1 + 1", **env)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "401" in line
    assert "ANTHROPIC_API_KEY" in line
    assert "planted-secret" not in line


def test_a_tools_text_cannot_steer_the_terminal(scripted_messages: Callable[..., ScriptedMessages]) -> None:
    model = scripted_messages([says("\x1b]0;title\x07" + "x" * 1000)])
    result = invoke("--local", "1 + 1", ANTHROPIC_BASE_URL=model.url)
    assert result.exit_code == 0
    assert all(line.isprintable() for line in result.stderr.splitlines())
