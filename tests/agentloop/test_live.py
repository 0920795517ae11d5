"""What runs are doing now, as a tree, and the tree in so many rows."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import Agent, Bill, Tool, Usage, create_agent_tool_async
from agentloop.events import (
    Event,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnRetried,
)
from agentloop.observers.live import Node, roots, rows
from agentloop.observers.timeline import Timeline
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.usage import ModelUsage

Serve = Callable[[Script], ScriptedMessages]
SPENT = ModelUsage(1, 100, 20, usd=Decimal("0.001"))


def double(number: int) -> int:
    """Double a number."""
    if number > 1:
        raise ValueError("too large")
    return 2 * number


def family(request: RecordedRequest) -> Reply:
    if request.system == "parent":
        return says("done") if request.results else calls(*(("child_agent", {"prompt": str(n)}) for n in (1, 2)))
    return says("doubled") if request.results else calls(("double", {"number": int(request.prompt)}))


@pytest.mark.requirement("live-tree")
async def test_the_tree_has_the_run_its_calls_and_the_runs_below_with_what_they_cost(scripted_messages: Serve) -> None:
    timeline = Timeline()
    server = scripted_messages(family)
    child = Agent("child", "child", [Tool.from_function(double)], client=server.client)
    parent = Agent("parent", "parent", [create_agent_tool_async(child)], client=server.client)
    result = await parent.run("go", on_event=timeline.on_event)
    (root,) = roots(timeline)
    assert (root.name, root.state, root.usage) == ("parent", "done", result.usage)
    assert [(call.name, call.detail, call.served_by) for call in root.children] == [
        ("child_agent#1", "1", "local"),
        ("child_agent#2", "2", "local"),
    ]
    doubles = [call.children[0] for call in root.children]
    assert [(node.name, node.state) for node in doubles] == [("double#1", "done"), ("double#1", "failed")]
    assert (doubles[0].detail, doubles[0].result) == ("number=1", "2")
    assert "too large" in (doubles[1].result or "")
    assert sum((call.usage for call in root.children), timeline.roots[0].own) == root.usage


def test_servers_that_are_starting_and_retries_are_reported() -> None:
    office = Office(1)
    office.report(ServerStarting(run="", agent="", server="calc", at=0.0))
    assert [start.server for start in office.timeline.starting_servers()] == ["calc"]
    office.report(ServerChanged(run="", agent="", server="calc", is_up=True, breaker="closed", at=3.0))
    assert not office.timeline.starting_servers()
    retry: dict[str, Any] = {
        "number": 1,
        "error": "529: overloaded_error",
        "attempt": 3,
        "reason": "overloaded",
        "next_try_in": 8.0,
    }
    office.report(TurnRetried(run="run0", agent="helper", **retry))
    assert roots(office.timeline)[0].children[0].doing == "attempt 3, overloaded, next try in 8 s"


class Office:
    """An orchestrator that has called `agents` agents, of which the events are told by hand."""

    def __init__(self, agents: int, *, tools: int = 1) -> None:
        self.timeline = Timeline()
        self.report(RunStarted(run="boss", agent="boss", prompt="go", at=0.0))
        for number in range(agents):
            tool = f"helper{number % tools}"
            self.report(ToolStarted(run="boss", agent="boss", call=f"call{number}", tool=tool, arguments={}, at=1.0))
            start = RunStarted(run=f"run{number}", agent=tool, prompt="p", parent_call=f"call{number}", at=1.0)
            self.report(start)

    def report(self, event: Event) -> None:
        self.timeline.on_event(event)

    def call(self, number: int, name: str) -> None:
        run = f"run{number}"
        self.report(ToolStarted(run=run, agent="helper", call=f"{run}.{name}", tool="add", arguments={"n": 1}))

    def finish(self, number: int, *, is_error: bool = False) -> None:
        run = f"run{number}"
        self.report(Spent(run=run, agent="helper", model="m", usage=SPENT))
        self.report(
            RunFinished(run=run, agent="helper", bill=Bill("helper", own=Usage({"m": SPENT})), answer="42", at=3.0)
        )
        self.report(
            ToolFinished(
                run="boss",
                agent="boss",
                call=f"call{number}",
                tool="helper",
                arguments={},
                result="42",
                is_error=is_error,
                served_by="far",
                seconds=2.0,
                at=3.0,
            )
        )


def names(timeline: Timeline, height: int) -> list[str]:
    return [f"{row.guide}{row.node.name if row.node else f'{len(row.nodes)} calls'}" for row in rows(timeline, height)]


@pytest.mark.requirement("live-calm")
def test_a_tree_that_does_not_fit_loses_the_calls_of_finished_agents_first() -> None:
    office = Office(2)
    for number in range(2):
        office.call(number, "a")
    office.finish(0)
    assert names(office.timeline, 5) == ["boss", "├ helper0#1", "│ └ add#1", "└ helper0#2", "  └ add#1"]
    assert names(office.timeline, 4) == ["boss", "├ helper0#1", "└ helper0#2", "  └ add#1"]
    assert names(office.timeline, 3) == ["boss", "├ helper0#1", "└ helper0#2"]
    assert names(office.timeline, 2) == ["boss", "└ 2 calls"]
    assert [row.hidden for row in rows(office.timeline, 4)] == [0, 1, 0, 0]


@pytest.mark.requirement("live-calm")
def test_a_hundred_agents_are_summed_up_with_failed_and_longest_running_ones_below() -> None:
    office = Office(100)
    for number in range(40):
        office.finish(number, is_error=number == 7)
    shown = rows(office.timeline, 12)
    assert names(office.timeline, 12)[:4] == ["boss", "└ 100 calls", "  ├ helper0#8", "  ├ helper0#41"]
    assert len(shown) == 10
    summary = shown[1]
    assert Counter(node.state for node in summary.nodes) == {"running": 60, "done": 39, "failed": 1}
    assert sum((node.usage for node in summary.nodes), Usage()).tokens == 40 * SPENT.tokens


def test_progress_of_a_call_and_what_it_costs_are_shown_while_it_runs() -> None:
    office = Office(1)
    office.report(ToolProgress(run="boss", agent="boss", call="call0", tool="helper", message="half way"))
    office.report(Spent(run="run0", agent="helper", model="m", usage=SPENT))
    (node,) = roots(office.timeline)[0].children
    assert (node.doing, node.state, node.usage.tokens) == ("half way", "running", SPENT.tokens)
    assert (node.started, node.finished) == (1.0, None)


def test_events_of_runs_nobody_has_received_of_change_nothing() -> None:
    timeline = Timeline()
    timeline.on_event(Spent(run="?", agent="?", model="m", usage=SPENT))
    timeline.on_event(ToolStarted(run="?", agent="?", call="?.1", tool="t", arguments={}))
    assert timeline.roots == []


@pytest.mark.requirement("live-calm")
@given(
    agents=st.integers(0, 30),
    tools=st.integers(1, 6),
    acts=st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["call", "done", "failed"])), max_size=60),
    height=st.integers(1, 40),
)
def test_rows_never_exceed_the_height_and_never_show_a_node_twice(
    agents: int, tools: int, acts: list[tuple[int, str]], height: int
) -> None:
    office = Office(agents, tools=tools)
    for place, (number, act) in enumerate(acts):
        if number >= agents:
            continue
        if act == "call":
            office.call(number, str(place))
        else:
            office.finish(number, is_error=act == "failed")
    shown = rows(office.timeline, height)
    assert 1 <= len(shown) <= height
    single: list[Node] = [row.node for row in shown if row.node is not None]
    assert len({(node.call.id if node.call else "", node.name) for node in single}) == len(single)
    assert single[0] == roots(office.timeline)[0]


@pytest.mark.requirement("live-text")
def test_an_agent_that_writes_is_shown_with_the_end_of_its_last_line_until_it_is_asked_again() -> None:
    timeline = Timeline()
    of: dict[str, Any] = {"run": "below", "agent": "child"}
    for event in (
        RunStarted(run="top", agent="boss", prompt="do"),
        ToolStarted(run="top", agent="boss", call="top.1", tool="child_agent", arguments={}),
        RunStarted(**of, prompt="x", parent_call="top.1"),
        TextDelta(**of, text="First line.\nSecond "),
        TextDelta(**of, text="line\n"),
        TextDelta(run="top", agent="boss", text="Meanwhile"),
    ):
        timeline.on_event(event)
    (top,) = roots(timeline)
    assert (top.children[0].doing, timeline.roots[0].text) == ("writes: Second line", "Meanwhile")
    timeline.on_event(TextDelta(**of, text="y" * 100))
    assert top.children[0].doing == "writes: …" + "y" * 59
    timeline.on_event(TurnRetried(**of, number=1, error="cut", reason="answer cut off"))
    assert top.children[0].doing.startswith("attempt 1, answer cut off")
