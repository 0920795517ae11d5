"""A recording: every event in a file as it happens, and out of it again."""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentloop.events import Notice
from agentloop.observers.recording import Recording, read_recording, recorded_at


def notice(text: str, at: float = 1.0) -> Notice:
    return Notice(run="r", agent="a", at=at, text=text)


@pytest.mark.requirement("events-recorded")
def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    with Recording(tmp_path / "run.jsonl", pytest.fail) as record:
        events = [notice(text, record._began + 2.0) for text in ("one", "two\nlines", "\u2028 \U0001f600 é")]  # noqa: SLF001
        for event in events:
            record.on_event(event)
    read = list(read_recording(tmp_path / "run.jsonl", pytest.fail))
    assert [event.text for event in read if isinstance(event, Notice)] == [event.text for event in events]
    assert [event.at for event in read] == [pytest.approx(2.0)] * 3
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 4


@pytest.mark.requirement("own-files")
def test_only_a_recording_is_overwritten_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    notes, path = tmp_path / "notes.txt", tmp_path / "run.jsonl"
    notes.write_text("mine")
    with pytest.raises(FileExistsError), Recording(notes, pytest.fail):
        pass
    assert notes.read_text() == "mine"
    with Recording(notes, pytest.fail, force=True) as record:
        record.on_event(notice("forced"))
    for text in ("one", "two"):
        with Recording(path, pytest.fail) as record:
            record.on_event(notice(text))
    assert [event.text for event in read_recording(path, pytest.fail) if isinstance(event, Notice)] == ["two"]
    assert path.stat().st_mode & 0o777 == 0o600
    recorded = recorded_at(path)
    assert recorded is not None
    assert recorded.tzinfo is not None


CRASHES = """
import os, signal, sys
from pathlib import Path
from agentloop.events import Notice
from agentloop.observers.recording import Recording
with Recording(Path(sys.argv[1]), print) as record:
    for number in range(50):
        record.on_event(Notice(run="r", agent="a", text=str(number)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.requirement("events-recorded")
def test_a_process_that_is_killed_has_recorded_what_happened_before(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    end = subprocess.run([sys.executable, "-c", CRASHES, str(path)], check=False, timeout=30)
    assert end.returncode == -signal.SIGKILL
    assert len(list(read_recording(path, pytest.fail))) == 50


@pytest.mark.requirement("events-recorded")
def test_a_line_that_was_cut_off_is_reported_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with Recording(path, pytest.fail) as record:
        for text in ("one", "two"):
            record.on_event(notice(text))
    path.write_bytes(path.read_bytes()[:-20])
    warned: list[str] = []
    assert len(list(read_recording(path, warned.append))) == 1
    (warning,) = warned
    assert "line 3: not an event" in warning


def test_lines_of_other_kinds_are_passed_over_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"v": 1, "event": "tomorrow"}\n\n{"v": 9, "event": "notice"}\n')
    assert list(read_recording(path, pytest.fail)) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_recording_and_not_the_run() -> None:
    warned: list[str] = []
    with Recording(Path("/dev/full"), warned.append) as record:
        record.on_event(notice("x" * 100_000))
        record.on_event(notice("y"))
    assert len(warned) == 1
    assert f"[Errno {errno.ENOSPC}]" in warned[0]


def test_many_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    file.write_text("root:x:0:0\n" * 100)
    said: list[str] = []
    assert list(read_recording(file, said.append)) == []
    assert len(said) == 6
    assert said[-1] == f"{file}: 95 more lines are not events."
