"""What a client receives about a call while it runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from agentloop.delegation_context import EVENTS_SENT, SPENT
from agentloop.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    Spent,
    TextDelta,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agentloop.mcp.server import reports
from agentloop.mcp.server.reports import MAX_MESSAGE, CallHistory, CallReport, Channel
from agentloop.usage import Bill, ModelUsage


class Client:
    """Receives messages and lines; `enough` is set once there are `until` of them."""

    def __init__(self, until: int = 1) -> None:
        self.values: list[float] = []
        self.lines: list[str | None] = []
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.enough = asyncio.Event()
        self._until = until

    async def progress(self, value: float, total: float | None, line: str | None) -> None:
        assert total is None
        self.values.append(value)
        self.lines.append(line)
        self._count()

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        self.messages.append((method, params))
        self._count()

    def _count(self) -> None:
        if len(self.lines) + len(self.messages) >= self._until:
            self.enough.set()

    def channel(self, call: str = "", *, events: bool = False) -> Channel:
        return Channel(self.progress, self.notify, call, events)

    @property
    def reports(self) -> list[dict[str, Any]]:
        assert {method for method, _ in self.messages} <= {EVENTS_SENT}
        return [report for _, report in self.messages]


@asynccontextmanager
async def reporting(name: str, channel: Channel) -> AsyncIterator[CallReport]:
    report = CallReport(name, channel)
    async with reports.reporting(report, channel):
        yield report


def notice(text: str = "x") -> Notice:
    return Notice(run="r", agent="a", text=text)


COST = Spent(run="r", agent="a", model="m", usage=ModelUsage(1, 5))


async def test_lines_are_sent_in_order_and_before_the_block_is_left() -> None:
    client = Client()
    async with reporting("tool", client.channel()) as report:
        for number in range(100):
            report.say(f"step {number}")
    assert client.lines == [f"step {number}" for number in range(100)]
    assert client.values == list(range(1, 101))


async def test_a_call_that_reports_nothing_sends_nothing() -> None:
    client = Client()
    async with reporting("tool", client.channel("one", events=True)) as report:
        report.on_event(TextDelta(run="r", agent="a", text="x"))
    assert (client.lines, client.messages, report.event_count) == ([], [], 0)


@pytest.mark.parametrize("events", [True, False])
async def test_a_silent_call_sends_a_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch, *, events: bool) -> None:
    monkeypatch.setattr(reports, "HEARTBEAT", 0.01)
    client = Client(until=3)
    async with reporting("slow_tool", client.channel("one", events=events)):
        await asyncio.wait_for(client.enough.wait(), 30)
    assert client.values[:3] == [1, 2, 3]
    assert client.lines[:3] == ["slow_tool: still working"] * 3


async def test_usage_alone_does_not_count_as_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "HEARTBEAT", 0.05)
    client = Client()

    async def notify(method: str, params: dict[str, Any]) -> None:
        client.messages.append((method, params))
        await asyncio.sleep(0)
        if not client.enough.is_set():
            report.on_event(COST)

    async with reporting("slow_tool", Channel(client.progress, notify, "one")) as report:
        report.on_event(COST)
        await asyncio.wait_for(client.enough.wait(), 30)
    assert client.lines[0] == "slow_tool: still working"
    assert len(client.messages) > 1


async def test_a_line_is_one_line_of_at_most_200_characters_without_control_characters() -> None:
    client = Client()
    async with reporting("tool", client.channel()) as report:
        report.say("two\nlines \x1b[31m" + "x" * 500)
    (line,) = client.lines
    assert line is not None
    assert len(line) == 200
    assert line.startswith("two \N{RETURN SYMBOL} lines \N{REPLACEMENT CHARACTER}[31mx")


async def test_lines_leave_out_the_start_and_end_of_the_called_run_and_name_the_runs_below() -> None:
    events: list[Event] = [
        RunStarted(run="a", agent="outer", prompt="do"),
        ToolStarted(run="a", agent="outer", call="a.1", tool="inner_agent", arguments={"prompt": "x"}),
        RunStarted(run="b", agent="inner", prompt="x", depth=1, parent_call="a.1"),
        RunFinished(run="b", agent="inner", answer="y", bill=Bill("inner")),
        RunFinished(run="a", agent="outer", answer="done", bill=Bill("outer")),
    ]
    client = Client()
    async with reporting("tool", client.channel()) as report:
        for event in events:
            report.on_event(event)
    assert client.lines == [
        'calls inner_agent#1(prompt="x")',
        "inner#1: asked: x",
        "inner#1: answered after 0.00 s: y",
    ]


async def test_a_caller_that_did_not_ask_for_events_receives_usage_if_it_named_the_call() -> None:
    named, nameless = Client(), Client()
    for client, call in ((named, "one"), (nameless, "")):
        async with reporting("tool", client.channel(call)) as report:
            report.on_event(COST)
            report.on_event(COST)
    method, params = named.messages[-1]
    assert (method, params["id"], params["models"]["m"]["input_tokens"]) == (SPENT, "one", 10)
    assert nameless.messages == []


async def test_events_are_numbered_and_sent_together_with_the_usage_and_the_last_ones_are_the_rest() -> None:
    client = Client()
    async with reporting("tool", client.channel("one", events=True)) as report:
        report.on_event(notice("first"))
        report.on_event(COST)
        await asyncio.wait_for(client.enough.wait(), 30)
        report.on_event(notice("second"))
        report.on_event(COST)
        report.say("from the tool")
    (first,), second = client.reports, report.rest
    assert second is not None
    assert [(each["id"], each["first"], len(json.loads(each["events"]))) for each in (first, second)] == [
        ("one", 0, 2),
        ("one", 2, 2),
    ]
    assert [each["models"]["m"]["requests"] for each in (first, second)] == [1, 2]
    assert (report.event_count, client.lines) == (4, ["from the tool"])


async def test_a_message_is_not_longer_than_a_client_takes_and_nothing_is_lost() -> None:
    client = Client(until=2)
    many = 2 * MAX_MESSAGE // 4000
    async with reporting("tool", client.channel("one", events=True)) as report:
        for _ in range(many):
            report.on_event(notice("x" * 4000))
        await asyncio.wait_for(client.enough.wait(), 30)
    assert report.rest is not None
    numbers = [(each["first"], len(json.loads(each["events"]))) for each in [*client.reports, report.rest]]
    assert len(numbers) > 2
    assert sum(count for _, count in numbers) == many
    assert all(first + count == later for (first, count), (later, _) in pairwise(numbers))
    assert max(len(each["events"]) for each in client.reports) < 1.1 * MAX_MESSAGE


def test_a_history_can_be_read_from_any_event_on() -> None:
    history = CallHistory()
    for text in ("one", "two"):
        history.add(notice(text))
    message, following = history.message(1)
    assert ([each["text"] for each in json.loads(message["events"])], message["first"], following) == (["two"], 1, 2)
    assert history.message(5)[0]["events"] == "[]"


@pytest.mark.parametrize("events", [True, False])
async def test_a_client_that_does_not_read_does_not_hold_up_the_result(
    monkeypatch: pytest.MonkeyPatch, *, events: bool
) -> None:
    monkeypatch.setattr(reports, "FLUSH", 0.05)
    reached = asyncio.Event()

    async def hang(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with asyncio.timeout(30), reporting("tool", Channel(hang, hang, "one", events)) as report:
        report.on_event(notice())
        await reached.wait()
    assert asyncio.all_tasks() == before


async def test_a_client_that_cannot_be_reached_does_not_fail_the_call() -> None:
    async def fail(*_: Any) -> None:
        raise ConnectionError("the client is gone")

    async with asyncio.timeout(30), reporting("tool", Channel(fail, fail, "one", events=True)) as report:
        report.say("one")
        report.on_event(COST)


async def test_a_failed_block_leaves_nothing_running() -> None:
    async def fail() -> None:
        async with reporting("tool", Client().channel("one", events=True)) as report:
            report.on_event(COST)
            raise ValueError("of the tool")

    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="of the tool"):
        await fail()
    assert asyncio.all_tasks() == before


@pytest.mark.requirement("latest-sentence")
async def test_lines_have_the_latest_sentence_of_the_called_run_about_once_a_second_and_the_one_before_calls() -> None:
    client = Client()
    of: dict[str, Any] = {"run": "a", "agent": "outer"}
    turn: dict[str, Any] = {**of, "stop_reason": "tool_use", "usage": ModelUsage()}
    events: list[Event] = [
        RunStarted(**of, prompt="do"),
        TurnStarted(**of, number=1, model="m"),
        TextDelta(**of, at=10.0, text="The file has 3.5 MB. I"),
        TextDelta(run="b", agent="inner", at=10.0, text="Not this. "),
        TextDelta(**of, at=10.1, text=" read it. Then"),
        TextDelta(**of, at=11.5, text=" I count. And"),
        TextDelta(**of, at=11.6, text=" then I look it up"),
        TurnFinished(**turn, number=1, tool_calls=1),
        TurnStarted(**of, number=2, model="m"),
        TextDelta(**of, at=12.0, text="It has 7 lines"),
        TurnFinished(**turn, number=2, tool_calls=0),
    ]
    async with reporting("tool", client.channel()) as report:
        for event in events:
            report.on_event(event)
    assert client.lines == ["The file has 3.5 MB.", "Then I count.", "And then I look it up"]
