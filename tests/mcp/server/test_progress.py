"""Progress lines on their way to the client."""

import asyncio
import time

import pytest

from agentloop.events import RunFinished, RunStarted, ToolStarted
from agentloop.mcp.server import progress
from agentloop.mcp.server.progress import Telling, reporting
from agentloop.usage import Bill


class Client:
    """Takes progress; `enough` is set with the line number `until`."""

    def __init__(self, until: int = 1) -> None:
        self.values: list[float] = []
        self.lines: list[str | None] = []
        self.enough = asyncio.Event()
        self._until = until

    async def send(self, value: float, total: float | None, line: str | None) -> None:
        assert total is None
        self.values.append(value)
        self.lines.append(line)
        if len(self.lines) == self._until:
            self.enough.set()


async def test_lines_are_sent_in_order_and_before_the_block_is_left() -> None:
    client = Client()
    async with reporting("tool", Telling(client.send)) as reports:
        for number in range(100):
            reports.say(f"step {number}")
    assert client.lines == [f"step {number}" for number in range(100)]
    assert client.values == list(range(1, 101))


async def test_a_call_that_says_nothing_sends_nothing() -> None:
    client = Client()
    async with reporting("tool", Telling(client.send)):
        pass
    assert client.lines == []


async def test_a_long_silence_is_broken_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.01)
    client = Client(until=3)
    async with reporting("slow_tool", Telling(client.send)):
        await asyncio.wait_for(client.enough.wait(), 30)
    assert client.values[:3] == [1, 2, 3]
    assert all(line is not None and line.startswith("slow_tool: still working") for line in client.lines)


async def test_a_line_is_one_line_of_at_most_200_characters_without_control_characters() -> None:
    client = Client()
    async with reporting("tool", Telling(client.send)) as reports:
        reports.say("two\nlines \x1b[31m" + "x" * 500)
    (line,) = client.lines
    assert line is not None
    assert len(line) == 200
    assert line.startswith("two \N{RETURN SYMBOL} lines \N{REPLACEMENT CHARACTER}[31mx")


async def test_the_called_runs_start_and_end_go_without_saying_and_nested_runs_are_named() -> None:
    client = Client()
    async with reporting("tool", Telling(client.send)) as reports:
        reports.observe(RunStarted(run="a", agent="outer", prompt="do"))
        reports.observe(ToolStarted(run="a", agent="outer", call="a.1", tool="inner_agent", arguments={"prompt": "x"}))
        reports.observe(RunStarted(run="b", agent="inner", prompt="x", depth=1, parent_call="a.1"))
        reports.observe(RunFinished(run="b", agent="inner", answer="y", bill=Bill("inner")))
        reports.observe(RunFinished(run="a", agent="outer", answer="done", bill=Bill("outer")))
    assert client.lines == [
        'calls inner_agent#1(prompt="x")',
        "inner#1: asked: x",
        "inner#1: answered after 0.00 s: y",
    ]


async def test_a_client_that_takes_no_progress_does_not_hold_up_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FLUSH", 0.05)
    reached = asyncio.Event()

    async def hang(_value: float, _total: float | None, _line: str | None) -> None:
        reached.set()
        await asyncio.Event().wait()

    began = time.monotonic()
    async with reporting("tool", Telling(hang)) as reports:
        reports.say("step")
        await asyncio.wait_for(reached.wait(), 30)
    assert time.monotonic() - began < 30


async def test_progress_that_cannot_be_sent_does_not_fail_the_call() -> None:
    async def fail(_value: float, _total: float | None, _line: str | None) -> None:
        raise ConnectionError("the client is gone")

    async with reporting("tool", Telling(fail)) as reports:
        reports.say("one")
        reports.say("two")


async def test_a_failed_block_leaves_nothing_running() -> None:
    client = Client()
    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="of the tool"):
        async with reporting("tool", Telling(client.send)):
            raise ValueError("of the tool")
    assert asyncio.all_tasks() == before
