"""The logs of the commands: what happened, under one trace id, and no secret and no text of the run."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agentloop import logs
from tests.agentloop.test_secrets import CUSTOM, KEY, PASSWORD, SECRETS, TOKEN
from tests.in_process import server
from tests.journeys.test_cli import invoke
from tests.processes import CLIENT, run
from tests.surface import serving

pytestmark = pytest.mark.requirement("logs")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_client_logs_runs_calls_and_costs_with_one_trace_id_and_no_text(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert invoke("--local", "--quiet", "--log-file", str(log), "What is 2111 + 3?").stdout == "Answer: 2114\n"
    lines = lines_of(log)
    assert [line["agent"] for line in lines if line["message"] == "run finished"] == [
        "calculator_assistant",
        "orchestrator",
    ]
    assert {line["tool"] for line in lines if line["message"] == "tool finished"} == {
        "sum_numbers",
        "calculator_assistant_agent",
    }
    assert len({line["trace_id"] for line in lines}) == 1
    assert "2111" not in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o077 == 0


def test_a_later_run_appends_and_a_level_leaves_out_what_is_less_severe(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for level in ("info", "error", "info"):
        invoke("--local", "--log-file", str(log), "--log-level", level, "What is 2 + 3?")
    assert len({line["trace_id"] for line in lines_of(log)}) == 2


async def test_a_disk_that_becomes_full_is_said_once_and_the_answer_comes() -> None:
    finished = await run(*CLIENT, "--local", "--offline", "--quiet", "--log-file", "/dev/full", "What is 2 + 3?")
    assert (finished.code, finished.out) == (0, "Answer: 5\n")
    assert finished.err == "The log cannot be written to /dev/full: No space left on device.\n"


def test_a_log_that_cannot_be_written_or_read_is_refused(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "log")
    for end in (invoke("--local", "--log-file", nowhere, "1 + 1"), server("--log-file", nowhere, "--offline")):
        assert (end.exit_code, f"Cannot write the log to {nowhere}" in end.stderr) == (2, True)
    assert "needs --log-file" in invoke("--local", "--log-level", "info", "1 + 1").stderr


def test_no_record_has_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("WEATHER_TOKEN", TOKEN)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-team: {CUSTOM}")
    said = (
        f"{KEY}, x-team={CUSTOM}, {TOKEN}, http://me:{PASSWORD}@db.example, Bearer SECRET-9, https://a/cb?code=SECRET"
    )
    log = tmp_path / "log.jsonl"
    with logs.json_lines(log, "debug"):
        logging.getLogger("elsewhere").error("failed: %s", said, exc_info=ValueError(said))
        logs.info(logging.getLogger("agentloop.run"), "said", reason=said)
    failed, logged = lines_of(log)
    assert "ValueError" in failed["exception"]
    assert "db.example" in logged["reason"]
    text = log.read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret in text] == []


def test_other_libraries_are_logged_from_warnings_on(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with logs.json_lines(log, "debug"):
        logging.getLogger("httpx2").info("GET /secret")
        logging.getLogger("httpx2").warning("a warning\nof two lines")
    assert [line["message"] for line in lines_of(log)] == ["a warning\\nof two lines"]


@pytest.mark.slow
async def test_a_servers_log_has_the_trace_id_of_its_clients(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "client", tmp_path / "server"
    async with serving("streamable-http", "--offline", "--log-file", str(theirs)) as served:
        options = ("--offline", "--quiet", "--log-file", str(ours), "--server", served.url)
        end = await run(*CLIENT, *options, "What is 2 + 3?")
    assert end.out == "Answer: 5\n", end.err
    (trace,) = {line["trace_id"] for line in lines_of(ours)}
    assert {line.get("trace_id") for line in lines_of(theirs) if line["message"] != "server is up"} == {trace}
    assert "call answered" in {line["message"] for line in lines_of(theirs)}
