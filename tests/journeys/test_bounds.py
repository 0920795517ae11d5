"""Budgets, a deadline and a policy for a run, as a person at the terminal gives them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from orchestrator_client.cli import DEMO, main

PARTS = 6


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments, "--local", "--quiet", DEMO], env=env)


class Api:
    """A scripted boss that delegates six parts; each calculator answers, but the third refuses."""

    def __init__(self, *, failing: frozenset[int] = frozenset()) -> None:
        self.failing = failing

    def __call__(self, request: RecordedRequest) -> Reply:
        usage = {"input_tokens": 4000, "output_tokens": min(2000, request.body["max_tokens"])}
        if "delegating" in str(request.system):
            if request.results:
                return Reply(says("all done").content, usage=usage)
            asked = calls(*[("calculator_assistant_agent", {"prompt": f"part {n}"}) for n in range(PARTS)])
            return Reply(asked.content, "tool_use", usage=usage)
        number = int(request.prompt.removeprefix("part "))
        if number in self.failing:
            return Reply(
                stop_reason="refusal", stop_details={"type": "refusal", "explanation": "not this"}, usage=usage
            )
        return Reply(says(f"Answer: {number}").content, usage=usage)


def with_api(*arguments: str, api: Api) -> tuple[Result, Any, ScriptedMessages]:
    with ScriptedMessages(api) as server:
        env = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "scripted"}
        result = invoke("--json", *arguments, env=env)
    return result, json.loads(result.stdout), server


@pytest.mark.requirement("run-bounds")
@pytest.mark.parametrize(
    ("option", "kind"),
    [(["--max-turns", "4"], "turns"), (["--max-tokens", "45000"], "tokens"), (["--max-usd", "0.05"], "usd")],
)
def test_a_budget_holds_for_the_whole_tree_and_the_run_ends_with_what_it_has(option: list[str], kind: str) -> None:
    result, report, server = with_api(*option, api=Api())
    assert (result.exit_code, report["ok"]) == (1, False)
    assert "the budget has" in report["error"]
    assert kind in report["error"]
    usage = list(report["usage"].values())
    assert sum(model["requests"] for model in usage) == len(server.requests) <= (4 if kind == "turns" else 99)
    assert sum(model["input_tokens"] + model["output_tokens"] for model in usage) <= 45000
    assert report["usd"] <= (0.05 if kind == "usd" else 0.12)
    finished = [each for each in report["delegations"] if not each["is_error"]]
    failed = [each for each in report["delegations"] if each["is_error"]]
    assert all(each["result"].startswith("Answer: ") for each in finished)
    assert len(finished) + len(failed) == PARTS


def test_without_bounds_everything_finishes() -> None:
    result, report, server = with_api(api=Api())
    assert (result.exit_code, report["answer"]) == (0, "all done")
    assert len(server.requests) == PARTS + 2


@pytest.mark.requirement("policy")
@pytest.mark.parametrize(("policy", "code"), [("all", 1), ("best-effort", 0)])
def test_the_policy_decides_whether_a_failed_part_fails_the_run(policy: str, code: int) -> None:
    result, report, _server = with_api("--policy", policy, api=Api(failing=frozenset({2})))
    assert (result.exit_code, report["ok"]) == (code, code == 0)
    (failed,) = [each for each in report["delegations"] if each["is_error"]]
    assert failed["arguments"] == {"prompt": "part 2"}
    assert failed["result"] == "calculator_assistant has no answer: not this"


@pytest.mark.requirement("policy")
@pytest.mark.parametrize(("policy", "code"), [("all", 1), ("best-effort", 0)])
def test_a_failed_run_with_an_answer_says_why_its_exit_status_is_1(policy: str, code: int) -> None:
    with ScriptedMessages(Api(failing=frozenset({2}))) as server:
        env = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "scripted"}
        result = invoke("--policy", policy, env=env)
    assert (result.exit_code, result.stdout) == (code, "all done\n")
    assert ("There is an answer, but a part failed, so the exit status is 1." in result.stderr) is (code == 1)


def test_with_best_effort_the_finished_parts_are_the_answer_of_a_run_that_was_cut_short() -> None:
    with ScriptedMessages(Api()) as server:
        env = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "scripted"}
        result = invoke("--policy", "best-effort", "--max-turns", "4", env=env)
    assert result.exit_code == 0
    assert result.stdout.count("Answer: ") == 3
    assert "no answer: " in result.stderr


def test_a_deadline_ends_the_run() -> None:
    slow = Reply(says("word " * 1000).content, seconds_per_event=0.05)
    with ScriptedMessages(lambda _: slow) as server:
        env = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "scripted"}
        result = invoke("--deadline", "1", "--json", env=env)
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "ran out of time" in report["error"]
    assert 1 <= report["seconds"] < 5


def test_nothing_left_at_the_start_asks_nobody() -> None:
    result, report, server = with_api("--max-tokens", "0", api=Api())
    assert (result.exit_code, server.requests) == (1, [])
    assert "0 tokens left" in report["error"]


@pytest.mark.parametrize("amount", ["a lot", "-1", "NaN", "inf", "1e999999999"])
def test_what_is_no_amount_of_money_is_wrong_usage(amount: str) -> None:
    result = invoke(f"--max-usd={amount}")
    assert result.exit_code == 2
    assert "is not an amount of money" in result.stderr


def test_a_budget_in_money_for_a_model_without_a_price_says_what_to_do_and_asks_nobody() -> None:
    env = {"ANTHROPIC_BASE_URL": "http://models.invalid", "ANTHROPIC_API_KEY": "scripted"}
    result = invoke("--max-usd", "1", "--model", "house-model", env=env)
    assert result.exit_code == 1
    assert "the price of house-model is not known" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.requirement("agent-orchestrates")
def test_a_budget_in_money_holds_for_the_local_model_of_an_agent_file(tmp_path: Path) -> None:
    file = tmp_path / "lead.md"
    file.write_text("---\nname: lead\ndescription: Leads.\nmodel: model-of-a-lead\nmaxUsd: 1\n---\nLead.")
    with ScriptedMessages([says("led")]) as model:
        result = invoke("--quiet", "--agent", str(file), "--base-url", model.url, "Go.")
    assert (result.exit_code, result.stdout) == (0, "led\n")


def test_a_budget_in_money_holds_for_a_local_model_which_costs_nothing_unless_a_file_says_otherwise(
    tmp_path: Path,
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('["local-model-2"]\ninput = 1\noutput = 1\n')
    costs = {}
    for model in ("local-model-1", "local-model-2"):
        result, report, _server = with_api("--max-usd", "1", "--model", model, "--prices", str(prices), api=Api())
        assert result.exit_code == 0
        costs[model] = report["usage"][model]["usd"]
    assert costs == {"local-model-1": 0, "local-model-2": 0.012}
