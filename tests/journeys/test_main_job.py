"""The main job as a user starts it: three stores, three calculator agents, one answer. No credentials."""

import asyncio
import itertools
import json
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from agentloop.testing import ScriptedMessages, calls, says
from orchestrator_client.cli import main
from tests.journeys.test_cli import invoke
from tests.journeys.test_timeline import page_data
from tests.mcp.client.test_bounds import HOSTILE
from tests.mcp.client.test_remote import ODD_SERVER
from tests.processes import CLIENT, Finished, run

on_one_loop = pytest.mark.asyncio(loop_scope="module")

ANSWER = """\
Toy Town: $59.99
  3 shirts at $12.50 each
  2 hats at $8.25 each
  shipping $5.99
Book Barn: $77.70
  4 novels at $9.75 each
  1 atlas at $34.20
  shipping $4.50
Garden Gate: $53.43
  12 bulbs at $1.35 each
  2 pots at $14.99 each
  shipping $7.25
Total: $191.12
"""
AGENT_TOOL = "calculator_assistant_agent"


def configured(folder: Path, **servers: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Recorded:
    events: Path
    page: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    return Recorded(folder / "run.jsonl", folder / "run.html")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ends(recorded: Recorded) -> tuple[Finished, Finished]:
    """`--demo`, as `make demo` runs it, and beside it the same with a report, recorded and drawn."""
    files = ("--events", recorded.events, "--timeline", recorded.page)
    return await asyncio.gather(run(*CLIENT, "--demo"), run(*CLIENT, "--demo", "--json", "--quiet", *files))


@pytest.fixture
def demo(ends: tuple[Finished, Finished]) -> Finished:
    return ends[0]


@pytest.fixture
def reported(ends: tuple[Finished, Finished]) -> Finished:
    return ends[1]


@pytest.fixture
def report(reported: Finished) -> Any:
    return json.loads(reported.out)


@pytest.mark.requirement("demo")
@pytest.mark.requirement("stdout-is-the-answer")
@on_one_loop
async def test_stdout_is_exactly_the_answer(demo: Finished) -> None:
    assert (demo.code, demo.out) == (0, ANSWER)


@pytest.mark.requirement("progress-lines")
@on_one_loop
async def test_stderr_says_who_does_what_and_when(demo: Finished) -> None:
    clock, *lines = r"^ *\d+\.\d{3}s ", *demo.err.splitlines()[1:]
    assert all(re.match(clock, line) for line in lines)
    times = [float(line.split("s", 1)[0]) for line in lines]
    assert times == sorted(times)
    said = [re.sub(clock, "", line) for line in lines]
    assert said[0] == "starting mcp-calc-server"
    said = [line for line in said if not re.fullmatch(r"starting mcp-calc-server, \d+ s", line)]  # on a busy machine
    assert re.fullmatch(r"mcp-calc-server is up after \d+\.\d s", said[1])
    assert said[2].startswith("orchestrator: asked: I am ordering from three stores.")
    assert sum(line.startswith(f"orchestrator: calls {AGENT_TOOL}#") and '(prompt="' in line for line in said) == 3
    assert 'calculator_assistant#1: calls multiply_numbers#1(numbers=[3, "12.50"])' in said
    answer = r'calculator_assistant#1: multiply_numbers#1 answered after .*\(mcp-calc-server\): .*"result": "37.5"'
    assert any(re.match(answer, line) for line in said)
    assert sum(f" {AGENT_TOOL}#" in line and "(mcp-calc-server): " in line for line in said) == 3
    assert said[-1].startswith("orchestrator: answered after ")
    assert " \N{RETURN SYMBOL} Book Barn: $77.70 \N{RETURN SYMBOL} " in said[-1], "lines do not run together"


@pytest.mark.requirement("progress-lines")
@on_one_loop
async def test_the_agents_progress_lines_are_interleaved(demo: Finished) -> None:
    lines = demo.err.splitlines()

    def place(words: str) -> int:
        return next(at for at, line in enumerate(lines) if words in line)

    last_start = max(place(f"calculator_assistant#{number}: calls") for number in (1, 2, 3))
    first_end = min(place(f"{AGENT_TOOL}#{number} answered") for number in (1, 2, 3))
    assert last_start < first_end


@pytest.mark.requirement("no-credentials")
@on_one_loop
async def test_one_line_says_that_the_model_is_offline_and_how_to_use_claude(demo: Finished) -> None:
    (line,) = (line for line in demo.err.splitlines() if "built-in reader" in line)
    assert "ANTHROPIC_API_KEY" in line


@on_one_loop
async def test_quiet_says_nothing_on_stderr(reported: Finished) -> None:
    assert (reported.code, reported.err) == (0, "")


@pytest.mark.requirement("json")
@on_one_loop
async def test_json_is_one_object_with_the_documented_keys(report: Any, reported: Finished) -> None:
    assert list(report) == ["ok", "answer", "delegations", "usage", "usd", "request_ids", "servers", "seconds"]
    assert (report["ok"], report["answer"] + "\n") == (True, ANSWER)
    for delegation in report["delegations"]:
        assert list(delegation) == ["tool", "arguments", "served_by", "started", "finished", "is_error", "result"]
        assert 0 <= delegation["started"] <= delegation["finished"] <= report["seconds"] <= reported.seconds


@pytest.mark.requirement("overlap")
@on_one_loop
async def test_three_delegations_overlap_in_time_and_are_served_by_the_server(report: Any) -> None:
    agents = [delegation for delegation in report["delegations"] if delegation["tool"] == AGENT_TOOL]
    assert [(each["served_by"], each["is_error"]) for each in agents] == [("mcp-calc-server", False)] * 3
    stores = {each["arguments"]["prompt"].partition(":")[0] for each in agents}
    assert stores == {"Toy Town", "Book Barn", "Garden Gate"}
    for one, other in itertools.combinations(agents, 2):
        assert one["started"] < other["finished"]
        assert other["started"] < one["finished"]


@on_one_loop
async def test_the_usage_includes_the_agents(report: Any) -> None:
    assert list(report["usage"]) == ["offline-rule-based"]
    assert report["usage"]["offline-rule-based"]["requests"] >= 2 + 3 * 2


@pytest.mark.requirement("timeline-file")
@pytest.mark.requirement("events-recorded")
@on_one_loop
async def test_the_demo_is_drawn_with_the_calculators_of_the_server_overlapping(
    report: Any, recorded: Recorded, tmp_path: Path
) -> None:
    data = page_data(recorded.page)
    assert data["models"] == report["usage"]
    assert data["totals"]["usd"] == report["usd"]
    tokens = sum(each for usage in report["usage"].values() for name, each in usage.items() if name.endswith("tokens"))
    assert data["totals"]["tokens"] == sum(lane["tokens"] for lane in data["lanes"]) == tokens
    assert [lane["agent"] for lane in data["lanes"]] == ["orchestrator", *["calculator_assistant"] * 3]
    below = data["lanes"][1:]
    assert {lane["where"] for lane in below} == {"mcp-calc-server"}
    calls = [lane["call"] for lane in below]
    assert max(call["begin"] for call in calls) < min(call["end"] for call in calls)
    assert all(lane["call"]["begin"] <= lane["begin"] <= lane["end"] <= lane["call"]["end"] for lane in below)
    again = tmp_path / "again.html"
    result = CliRunner().invoke(main, ["timeline", str(recorded.events), "-o", str(again)])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"timeline: {again}\n")
    assert page_data(again)["models"] == data["models"]


@pytest.mark.requirement("fallback-unreachable")
def test_a_server_that_cannot_be_started_is_replaced_with_one_line_saying_so(tmp_path: Path) -> None:
    config = configured(tmp_path, calculator={"command": str(tmp_path / "mcp-calc-server")})
    end = invoke("--demo", "--json", "--quiet", "--config", str(config))
    report = json.loads(end.stdout)
    assert (end.exit_code, report["answer"] + "\n") == (0, ANSWER)
    assert {each["served_by"] for each in report["delegations"]} == {"local"}
    (line,) = end.stderr.splitlines()
    assert line.startswith("calculator cannot be reached: ")
    assert line.endswith("Its calls are answered by local threads.")


@pytest.mark.requirement("fallback-unreachable")
def test_the_calculators_functions_do_not_stand_in_for_other_servers(tmp_path: Path) -> None:
    only = invoke("--demo", "--quiet", "--server", "false")
    assert (only.exit_code, only.stdout) == (1, "")
    down, nothing = only.stderr.splitlines()
    assert down.startswith("false cannot be reached: ")
    assert down.endswith(" It is left out.")
    assert "nothing to delegate to" in nothing
    odd = {"command": sys.executable, "args": [str(ODD_SERVER)], "tools": ["echo"]}
    with ScriptedMessages([says("fine")]) as model:
        config = configured(tmp_path, odd=odd, gone={"command": "false"}, off=odd | {"disabled": True})
        env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
        beside = invoke("--quiet", "--config", str(config), "go on", **env)
        (request,) = model.requests
    assert (beside.exit_code, beside.stdout) == (0, "fine\n")
    assert [tool["name"] for tool in request.body["tools"]] == ["echo"]
    (line,) = beside.stderr.splitlines()
    assert line.startswith("gone cannot be reached: ")
    assert line.endswith(" It is left out.")


@pytest.mark.requirement("allow")
@pytest.mark.requirement("terminal-safe")
def test_a_tool_that_changes_things_needs_allow_and_the_line_says_which() -> None:
    hostile = shlex.join([sys.executable, str(HOSTILE), json.dumps({"names": ["git_reset"]})])
    with ScriptedMessages(lambda request: says("done") if request.results else calls(("git_reset", {}))) as model:
        env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
        command = ["--quiet", "--server", hostile]
        refused = invoke(*command, "reset", **env)
        assert "the user has not allowed it" in str(model.requests[-1].results)
        (option,) = re.findall(r"To allow it: (--allow \S+) \(", refused.stderr, re.MULTILINE)
        allowed = invoke(*command, *option.split(), "reset", **env)
        assert "refused the call" in str(model.requests[-1].results)
    assert (refused.exit_code, allowed.exit_code) == (1, 1)  # a part has failed
    assert "--allow" not in allowed.stderr
    assert "from the server" in allowed.stderr
    for end in (refused, allowed):
        assert all(line.isprintable() for line in end.stderr.splitlines())


@pytest.mark.requirement("console-scripts")
async def test_both_commands_are_installed() -> None:
    commands = [Path(sys.executable).with_name(name) for name in ("orchestrator-client", "mcp-calc-server")]
    asked = await asyncio.gather(*(run(command, "--version") for command in commands))
    assert [(end.code, end.out, end.err) for end in asked] == [
        (0, f"{command.name}, version {version('mcp-calc-server')}\n", "") for command in commands
    ]
