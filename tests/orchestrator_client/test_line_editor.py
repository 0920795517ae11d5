"""The chat's history file."""

from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

from orchestrator_client.completion import KnownNames
from orchestrator_client.line_editor import MAX_HISTORY, line_editor


async def test_a_long_history_is_cut_to_its_newest_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "orchestrator-client" / "history"
    file.parent.mkdir()
    file.write_text("".join(f"\n# 2026-01-01 00:00:00\n+question {number}\n" for number in range(40_000)))
    assert file.stat().st_size > MAX_HISTORY
    with create_app_session(input=DummyInput(), output=DummyOutput()):
        session = line_editor(KnownNames([]))
    kept = [entry async for entry in session.history.load()]
    assert kept[0] == "question 39999"
    assert kept == [f"question {number}" for number in range(39_999, 39_999 - len(kept), -1)]
    assert len(kept) > 1_000
    assert file.stat().st_size <= MAX_HISTORY // 2
