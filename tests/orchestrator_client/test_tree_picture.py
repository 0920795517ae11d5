"""How the tree is drawn, whatever is in it and however narrow the terminal; and what servers say beside it."""

import io
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from agentloop import Usage
from agentloop.mcp.client.server_log import server_log
from agentloop.observers.live import rows
from agentloop.observers.timeline import CallRecord, RunRecord, Timeline
from agentloop.usage import ModelUsage
from orchestrator_client.live_view import MAX_LOG, LiveView
from orchestrator_client.tree_picture import picture_of, seconds, text_lines, tokens, usd


def drawn(timeline: Timeline, width: int, *, unicode: bool = True) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    picture = picture_of(rows(timeline, 20), 10.0, width=width, unicode=unicode)
    return ["".join(segment.text for segment in line) for line in console.render_lines(picture)]


def tree_of(name: str, detail: str, result: str | None = None, served_by: str = "far") -> Timeline:
    timeline = Timeline()
    spent = Usage({"m": ModelUsage(1, 1200, 34, usd=Decimal("0.02"))})
    root = RunRecord("run", name, detail, 0.0, "", spent=spent)
    arguments = {"n": 1} if detail == "n=1" else {detail: detail}
    root.calls = [CallRecord("call", name, 1, arguments, 1.0, 1, ended=1.5, result=result, served_by=served_by)]
    timeline.roots = [root]
    return timeline


@pytest.mark.requirement("live-tree")
def test_a_wide_terminal_has_all_columns_and_narrower_ones_have_fewer() -> None:
    tree = tree_of("agent", "n=1", '{"result": "37.5", "exact": true}')
    root, call = drawn(tree, 100)
    assert root.split() == ["⠋", "agent", "n=1", "10.0s", "1.2k", "tok", "$0.0200"]
    assert call.split() == ["└", "✓", "agent#1", "n=1", "=", "37.5", "500ms", "far"]
    assert drawn(tree, 80)[0].split()[-1] == "$0.0200"
    assert drawn(tree, 55)[0].split()[-1] == "tok"
    assert drawn(tree, 40)[0].split()[-1] == "10.0s"
    assert drawn(tree, 40, unicode=False)[1].startswith("` + agent#1")


@given(name=st.text(min_size=1), detail=st.text(), result=st.none() | st.text(), width=st.integers(30, 120))
def test_no_text_steers_the_terminal_and_every_row_is_as_wide_as_the_terminal(
    name: str, detail: str, result: str | None, width: int
) -> None:
    for line in drawn(tree_of(name, detail, result, served_by=detail), width):
        assert cell_len(line) == width
        assert not any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in line)


@pytest.mark.requirement("live-text")
def test_the_last_lines_of_a_text_are_wrapped_at_words() -> None:
    text = "One.\n\nTwo words and \x1b[2J more."
    assert [line.plain for line in text_lines(text, 9, width=10)] == ["One.", "", "Two words", "and �[2J", "more."]
    assert [line.plain for line in text_lines(text, 2, width=10)] == ["and �[2J", "more."]
    assert text_lines("\n ", 9, width=10) == []
    assert all(cell_len(line.plain) <= 10 for line in text_lines("語" * 50, 9, width=10))


def test_amounts_are_short_and_say_nothing_where_nothing_is_known() -> None:
    def of(amount: str | None) -> Usage:
        return Usage({"m": ModelUsage(1, 10, usd=None if amount is None else Decimal(amount))})

    assert [usd(of(amount)) for amount in ("0", "0.00001", "0.0123", "1.239", None)] == [
        "$0.00",
        "<$0.0001",
        "$0.0123",
        "$1.24",
        "$?",
    ]
    assert (usd(Usage()), tokens(Usage())) == ("", "")
    assert [seconds(elapsed) for elapsed in (0.04, 4.26, 62.9)] == ["40ms", "4.3s", "1m02s"]


@pytest.mark.requirement("live-calm")
async def test_what_servers_say_is_shown_line_by_line_and_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    async with server_log(LiveView().log) as log:
        log.write("\x1b[2Jfirst\n" + "".join(f"line {number}\n" for number in range(10 * MAX_LOG)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MAX_LOG + 1
    assert lines[0] == "\N{REPLACEMENT CHARACTER}[2Jfirst"
    assert "the rest is left out" in lines[-1]
