"""The timeline: lanes, what the end waited for, and a page on which no text is anything but text."""

import html.parser
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import Agent, Bill, ModelUsage, Usage, create_agent_tool_async
from agentloop.events import (
    Event,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)
from agentloop.observers.timeline import CallRecord, Timeline, TurnRecord
from agentloop.observers.timeline_page import MAX_TEXT, page_data, timeline_page
from agentloop.testing import RecordedRequest, Reply, calls, says
from tests.agentloop.test_events import Serve

USAGE = ModelUsage(1, 10, 5, usd=Decimal("0.001"))


def folded(*events: Event) -> Timeline:
    timeline = Timeline()
    for event in events:
        timeline.on_event(event)
    return timeline


def run(name: str, began: float, parent: str | None = None, prompt: str = "go") -> RunStarted:
    return RunStarted(run=name, agent=name, at=began, prompt=prompt, parent_call=parent)


def over(name: str, ended: float, *below: Bill) -> RunFinished:
    return RunFinished(run=name, agent=name, at=ended, bill=Bill(name, 1.0, Usage({"m": USAGE}), below), answer="done")


def turn(name: str, number: int, began: float, ended: float) -> list[Event]:
    start = TurnStarted(run=name, agent=name, at=began, number=number, model="m")
    end = TurnFinished(run=name, agent=name, at=ended, number=number, stop_reason="x", tool_calls=0, usage=USAGE)
    return [start, end]


def call(
    id_: str, began: float, ended: float, *, tool: str = "tool", arguments: Any = None, **more: Any
) -> tuple[ToolStarted, ToolFinished]:
    name = id_.partition(".")[0]
    about: dict[str, Any] = {"run": name, "agent": name, "call": id_, "tool": tool, "arguments": arguments or {}}
    outcome: dict[str, Any] = {"result": "2", "is_error": False, "served_by": "far"} | more
    return ToolStarted(at=began, **about), ToolFinished(at=ended, seconds=ended - began, **about, **outcome)


def delegating() -> Timeline:
    """A boss with three calls at once: a function, and agents of which the second takes longest."""
    began, ended = zip(call("boss.1", 1, 2), call("boss.2", 1, 4), call("boss.3", 1, 7), strict=True)
    return folded(
        run("boss", 0),
        *turn("boss", 1, 0, 1),
        *began,
        run("quick", 1.5, "boss.2"),
        *turn("quick", 1, 1.5, 3),
        run("slow", 1.5, "boss.3"),
        *turn("slow", 1, 1.5, 3.5),
        *call("slow.1", 3.5, 4),
        *call("slow.2", 3.5, 5.5),
        *turn("slow", 2, 5.5, 6.5),
        over("quick", 3.5),
        over("slow", 6.5),
        *ended,
        *turn("boss", 2, 7, 8),
        over("boss", 8, Bill("quick", 2, Usage({"m": USAGE})), Bill("slow", 5, Usage({"m": USAGE}))),
    )


@pytest.mark.requirement("timeline")
def test_runs_hang_under_the_calls_that_started_them_in_the_order_of_the_calls() -> None:
    timeline = delegating()
    assert [(lane.agent, depth) for lane, depth in timeline.in_order()] == [("boss", 0), ("quick", 1), ("slow", 1)]
    assert [len(call.runs) for call in timeline.roots[0].calls] == [0, 1, 1]


@pytest.mark.requirement("timeline")
def test_wall_time_work_and_the_critical_path_are_what_they_say() -> None:
    timeline = delegating()
    assert timeline.wall == 8
    assert timeline.work == (1 + 1 + 1) + 1.5 + (2 + 0.5 + 2 + 1)
    path = timeline.critical_path()
    assert [(segment.began, segment.ended) for segment in path] == [(0, 1), (1.5, 3.5), (3.5, 5.5), (5.5, 6.5), (7, 8)]
    assert [what.tool for segment in path if isinstance(what := segment.what, CallRecord)] == ["tool"]
    assert sum(segment.seconds for segment in path) == 7


def test_a_call_that_starts_while_the_model_still_writes_shortens_the_turns_part_of_the_path() -> None:
    begun, ended = call("boss.1", 0.5, 3)
    start, end = turn("boss", 1, 0, 1)
    timeline = folded(run("boss", 0), start, begun, end, ended, *turn("boss", 2, 3, 4), over("boss", 4))
    assert [(s.began, s.ended) for s in timeline.critical_path()] == [(0, 0.5), (0.5, 3), (3, 4)]


def test_of_calls_that_end_at_once_the_one_that_worked_to_the_end_is_on_the_path() -> None:
    begun, ended = zip(call("boss.1", 0, 10.0), call("boss.2", 0, 10.1), strict=True)
    timeline = folded(
        run("boss", 0),
        *turn("boss", 1, 0, 0),
        *begun,
        run("late", 0, "boss.1"),
        *turn("late", 1, 0, 9.9),
        over("late", 9.9),
        run("early", 0, "boss.2"),
        *turn("early", 1, 0, 3),
        over("early", 3),
        *ended,
    )
    path = timeline.critical_path()
    assert [segment.ended for segment in path if isinstance(segment.what, TurnRecord)] == [0, 9.9]


def starting(server: str, began: float, *, remote: bool = False) -> ServerStarting:
    return ServerStarting(run="", agent="", at=began, server=server, is_remote=remote)


def changed(server: str, at: float, reason: str | None = None) -> ServerChanged:
    return ServerChanged(run="", agent="", at=at, server=server, is_up=reason is None, breaker="closed", reason=reason)


@pytest.mark.requirement("timeline")
def test_the_start_of_a_server_is_a_span_of_its_own_and_no_part_of_the_speed_up() -> None:
    """A server that takes 10 s to start, and then two turns of which one works while the other does."""
    begun, ended = call("boss.1", 11, 13)
    timeline = folded(
        starting("slow", 0),
        starting("gone", 1, remote=True),
        changed("gone", 4, "nobody there"),
        changed("slow", 10),
        changed("slow", 12, "a later change"),
        run("boss", 10),
        *turn("boss", 1, 10, 11),
        begun,
        run("worker", 12, "boss.1"),
        *turn("worker", 1, 12, 13),
        over("worker", 13),
        ended,
        *turn("boss", 2, 12.5, 14),
        over("boss", 14),
    )
    data = page_data(timeline)
    assert data["servers"] == [
        {"name": "slow", "remote": False, "begin": 0, "end": 10, "error": None},
        {"name": "gone", "remote": True, "begin": 1, "end": 4, "error": "nobody there"},
    ]
    assert (timeline.starting, timeline.wall, timeline.work, timeline.at_work) == (10, 4, 3.5, 3)
    assert (data["seconds"], data["lanes"][0]["begin"]) == (14, 10)


def test_the_page_says_when_it_was() -> None:
    timeline = folded(run("boss", 5), over("boss", 6))
    began = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    assert page_data(timeline, began)["began"] == "2026-11-28T12:00:00+00:00"
    assert page_data(timeline)["began"] is None


def test_a_call_that_a_replayed_turn_asked_for_is_replayed() -> None:
    start, end = turn("boss", 1, 0, 1)
    timeline = folded(
        run("boss", 0),
        replace(start, replayed=True),
        replace(end, replayed=True),
        *call("boss.1", 1, 2),
        *turn("boss", 2, 2, 3),
        *call("boss.2", 3, 4),
        over("boss", 4),
    )
    assert [bar["replayed"] for bar in page_data(timeline)["lanes"][0]["bars"]] == [True, True, False, False]


def test_the_cost_is_that_of_the_bills_and_without_one_what_was_spent() -> None:
    assert delegating().usage == Usage({"m": ModelUsage(3, 30, 15, usd=Decimal("0.003"))})
    spent = Spent(run="boss", agent="boss", at=1, model="m", usage=USAGE)
    below = RunStarted(run="below", agent="below", at=2, prompt="x", parent_call="boss.1")
    unfinished = folded(run("boss", 0), spent, call("boss.1", 1, 9)[0], below, over("below", 3))
    assert unfinished.usage == Usage({"m": ModelUsage(2, 20, 10, usd=Decimal("0.002"))})


def test_what_has_no_end_lasts_until_the_latest_event() -> None:
    timeline = folded(run("boss", 0), *turn("boss", 1, 0, 1), call("boss.1", 1, 9)[0], run("other", 5))
    data = page_data(timeline)
    assert [bar["end"] for bar in data["lanes"][0]["bars"]] == [1, None]
    assert (data["seconds"], data["totals"]["work"]) == (5, 5)


def test_a_second_question_is_a_lane_of_its_own_and_counts() -> None:
    timeline = folded(run("a", 0), over("a", 1), run("b", 10), over("b", 12))
    assert timeline.wall == 3
    assert timeline.usage.requests == 2


def test_bars_of_a_track_do_not_overlap() -> None:
    begun, ended = zip(*[call(f"boss.{n}", n, n + 2.5) for n in range(9)], strict=True)
    bars = page_data(folded(run("boss", 0), *begun, *ended, over("boss", 20)))["lanes"][0]["bars"]
    assert max(bar["track"] for bar in bars) == 2
    for track in range(3):
        own = [bar for bar in bars if bar["track"] == track]
        assert all(first["end"] <= second["begin"] for first, second in pairwise(own))


def test_calls_too_short_to_be_seen_hide_neither_each_other_nor_a_turn() -> None:
    shown = page_data(
        folded(
            run("boss", 0),
            *turn("boss", 1, 0, 1),
            *call("boss.1", 1.0, 1.001),
            *call("boss.2", 1.001, 1.002),
            *turn("boss", 2, 1.002, 2),
            *call("boss.3", 2.0, 2.5),
            *turn("boss", 3, 2.5, 4),
            over("boss", 4),
        )
    )["lanes"][0]["bars"]
    assert [(bar["kind"], bar["begin"], bar["track"]) for bar in shown] == [
        ("turn", 0, 0),
        ("call", 1.0, 1),
        ("call", 1.001, 2),
        ("turn", 1.002, 0),
        ("call", 2.0, 0),
        ("turn", 2.5, 0),
    ]


def test_a_turn_that_was_asked_for_again_says_so() -> None:
    start, end = turn("boss", 1, 0, 1)
    again = TurnRetried(run="boss", agent="boss", at=0.5, number=1, error="overloaded")
    (bar,) = page_data(folded(run("boss", 0), start, again, end, over("boss", 1)))["lanes"][0]["bars"]
    assert bar["retries"] == ["attempt 1, overloaded, next try in 0.0 s"]
    known = replace(again, attempt=3, reason="overloaded", next_try_in=8.2)
    (bar,) = page_data(folded(run("boss", 0), start, known, end, over("boss", 1)))["lanes"][0]["bars"]
    assert bar["retries"] == ["attempt 3, overloaded, next try in 8 s"]


async def test_a_real_run_is_folded(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.system == "boss" and not request.results:
            return calls(("worker_agent", {"prompt": "one"}), ("worker_agent", {"prompt": "two"}))
        return says("done")

    server = scripted_messages(script)
    worker = Agent("worker", "worker", client=server.client)
    boss = Agent("boss", "boss", [create_agent_tool_async(worker)], client=server.client)
    timeline = Timeline()
    result = await boss.run("go", on_event=timeline.on_event)
    data = page_data(timeline)
    assert [lane["agent"] for lane in data["lanes"]] == ["boss", "worker", "worker"]
    assert data["models"] == result.usage.to_json()
    assert sum(lane["tokens"] for lane in data["lanes"]) == result.usage.tokens
    assert sum(bar.get("tokens", 0) for lane in data["lanes"] for bar in lane["bars"]) == result.usage.tokens


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\u2028\u2029",
    "\x00\x1b[2J\x7f\u202e",
    "{{script}}{{data}}",
    "\ud800",
]


class Scripts(html.parser.HTMLParser):
    """The elements of a page, and what is in its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"]:
            self.scripts[-1] += data


def parsed(page: str) -> Scripts:
    scripts = Scripts()
    scripts.feed(page)
    return scripts


@pytest.mark.requirement("timeline-hostile")
@given(st.sampled_from(HOSTILE) | st.text())
def test_no_text_can_be_anything_but_text(text: str) -> None:
    events = [
        run("boss", 0, prompt=text),
        *turn("boss", 1, 0, 1),
        *call("boss.1", 1, 2, result=text, tool=text, arguments={text: [text]}, served_by=text, is_error=True),
        RunFinished(run="boss", agent="boss", at=3, bill=Bill("boss"), error=text),
    ]
    page = timeline_page(folded(*events))
    plain = timeline_page(folded(run("boss", 0)))
    assert parsed(page).tags == parsed(plain).tags
    data = json.loads(parsed(page).scripts[0])
    assert data["questions"] == [{"prompt": text, "answer": None, "error": text}]
    assert data["lanes"][0]["bars"][1]["arguments"] == {text: [text]}
    page.encode()


def test_the_page_needs_no_network_and_lets_only_its_own_script_run() -> None:
    page = timeline_page(delegating())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_texts_on_the_page_are_bounded() -> None:
    timeline = folded(run("boss", 0, prompt="x" * 3 * MAX_TEXT), *call("boss.1", 1, 2, arguments={"a": "y" * MAX_TEXT}))
    data = page_data(timeline)
    assert data["questions"][0]["prompt"].endswith(f"… ({2 * MAX_TEXT:,} more characters)")
    assert len(data["lanes"][0]["bars"][0]["arguments"]) < MAX_TEXT + 100
