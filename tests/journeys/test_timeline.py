"""A run is recorded and drawn; the page's sums are those of the report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_cli import invoke


def page_data(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found is not None
    return json.loads(found[1])


@pytest.mark.requirement("timeline-file")
def test_a_run_in_local_threads_is_drawn_too(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    result = invoke("--local", "--demo", "--quiet", "--json", "--timeline", str(page))
    assert result.stderr == ""
    data, report = page_data(page), json.loads(result.stdout)
    assert data["models"] == report["usage"]
    assert {lane["where"] for lane in data["lanes"]} == {"local"}
    assert len(data["lanes"]) == 4


def test_a_run_without_an_answer_is_drawn_with_its_error(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    result = invoke("--local", "--timeline", str(page), "How fast does a swallow fly?")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"timeline: {page}"
    assert "does" in page_data(page)["lanes"][0]["error"]


@pytest.mark.requirement("exit-status")
@pytest.mark.parametrize("option", ["--events", "--timeline"])
def test_a_file_that_cannot_be_written_is_reported_before_the_run(option: str, tmp_path: Path) -> None:
    result = invoke("--local", option, str(tmp_path / "nowhere" / "file"), "1 + 1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Cannot write the" in result.stderr


@pytest.mark.requirement("own-files")
@pytest.mark.parametrize("option", ["--events", "--timeline"])
def test_a_file_of_somebody_else_is_kept_unless_forced(option: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("mine")
    refused = invoke("--local", option, str(path), "1 + 1")
    assert (refused.exit_code, refused.stdout, path.read_text()) == (2, "", "mine")
    assert "The file exists and is not one of ours" in refused.stderr
    assert "--force" in refused.stderr
    for arguments in (["--force"], []):  # and then it is ours
        result = invoke("--local", "--quiet", option, str(path), *arguments, "1 + 1")
        assert (result.exit_code, result.stdout) == (0, "Answer: 2\n")
    path.unlink()
    invoke("--local", option, str(path), "1 + 1")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("own-files")
def test_the_page_of_a_recording_overwrites_only_a_page(tmp_path: Path) -> None:
    recording, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    invoke("--local", "--events", str(recording), "1 + 1")
    page.write_text("mine")
    assert invoke("timeline", str(recording)).exit_code == 2
    assert page.read_text() == "mine"
    assert invoke("timeline", str(recording), "--force").exit_code == 0
    assert page_data(page)["questions"][0]["answer"] == "Answer: 2"
    assert re.match(r"\d{4}-\d\d-\d\dT", page_data(page)["began"])
    assert invoke("timeline", str(recording)).exit_code == 0


@pytest.mark.requirement("exit-status")
def test_what_is_no_recording_is_wrong_usage(tmp_path: Path) -> None:
    recording = tmp_path / "notes.txt"
    for content, said in (
        (None, "Cannot read"),
        ("", "has no events of a run"),
        ('{"v": 1}\n', "line 1: not an event"),
    ):
        if content is not None:
            recording.write_text(content)
        result = invoke("timeline", str(recording))
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in " ".join(result.stderr.split())
    own = invoke("timeline", str(tmp_path / "run.html"))
    assert "Name the page to write with -o" in own.stderr


def test_questions_and_commands_share_the_command_line() -> None:
    assert invoke("--local", "--quiet", "2 * 21").stdout == "Answer: 42\n"
    assert "Draw the timeline of a recording" in invoke("timeline", "--help").stdout
    shown = invoke("--help").stdout
    assert shown.startswith("Usage: ")
    assert "[PROMPT]" in shown
    assert re.search(r"Commands:\n(.*\n)*  timeline +Draw", shown)
    assert "..." not in shown[shown.index("\nCommands:") : shown.index("Examples")]
    assert "  --events FILE" in shown
