"""Events from another process: they hang under the call, keep the stream's promises and can do no harm."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import Bill, Budget, ModelUsage, RunScope, Usage
from agentloop.event_bounds import MAX_TEXT
from agentloop.event_json import event_to_json
from agentloop.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    ServerChanged,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnStarted,
)
from agentloop.observers.live import rows
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import page_data
from agentloop.relay import MAX_EVENTS, MAX_RUNS, MAX_WAITING, EventReceiver, EventSender, TextJoiner
from orchestrator_client.tree_picture import picture_of

ABOVE = "0123456789ab.7"


class Caller:
    """The side that called: an `EventReceiver`, and what it emitted."""

    def __init__(self, **about: Any) -> None:
        self.received: list[Event] = []
        self.incoming = EventReceiver(RunScope(emit=self.received.append, call_id=ABOVE, depth=1), "far", **about)
        self.incoming.sent()
        self._next = 0

    def take(self, *events: Event | dict[str, Any]) -> list[Event]:
        """What comes of these events when they arrive in order."""
        before = len(self.received)
        self.incoming.take(self._next, [e if isinstance(e, dict) else event_to_json(e) for e in events], age=0.0)
        self._next += len(events)
        return self.received[before:]


def started(run: str = "far1", parent: str | None = None, **more: Any) -> RunStarted:
    return RunStarted(run=run, agent="worker", at=0.0, prompt="do", parent_call=parent, **more)


def called(call: str = "far1.1", run: str = "far1") -> ToolStarted:
    return ToolStarted(run=run, agent="worker", at=0.0, call=call, tool="add", arguments={"a": 1})


def answered(call: str = "far1.1", run: str = "far1", **more: Any) -> ToolFinished:
    about: dict[str, Any] = {"tool": "add", "arguments": {"a": 1}, "result": "2", "is_error": False} | more
    return ToolFinished(run=run, agent="worker", at=0.0, call=call, served_by="local", seconds=0.1, **about)


def ended(run: str = "far1", **more: Any) -> RunFinished:
    outcome = more or {"answer": "done"}
    return RunFinished(run=run, agent="worker", at=0.0, bill=Bill("worker", 1.0), **outcome)


@pytest.mark.requirement("events-across-processes")
def test_a_run_elsewhere_hangs_under_the_call_with_identities_of_its_own() -> None:
    caller = Caller()
    run, call, answer, end = caller.take(started(depth=9), called(), answered(), ended())
    assert isinstance(run, RunStarted)
    assert isinstance(call, ToolStarted)
    assert isinstance(answer, ToolFinished)
    assert (run.parent_call, run.depth, run.served_by) == (ABOVE, 1, "far")
    assert (call.call, answer.call, answer.served_by) == (f"{run.run}.1", f"{run.run}.1", "far")
    assert {event.run for event in caller.received} == {run.run}
    assert run.run != "far1"
    assert isinstance(end, RunFinished)


def test_a_run_below_a_run_elsewhere_hangs_under_its_call() -> None:
    caller = Caller()
    above, call, below = caller.take(started(), called(), started("far2", "far1.1", served_by="farther"))
    assert isinstance(above, RunStarted)
    assert isinstance(call, ToolStarted)
    assert isinstance(below, RunStarted)
    assert (below.parent_call, below.depth, below.served_by) == (call.call, 2, "far > farther")


def test_a_run_cannot_hang_under_a_call_that_is_not_its_servers() -> None:
    caller = Caller()
    assert caller.take(started(parent="0123456789ab.1"), started(parent=ABOVE), started(parent="far1.1")) == []


def test_nothing_is_received_of_runs_and_calls_that_never_started_or_have_ended() -> None:
    caller = Caller()
    assert caller.take(called(), answered(), ended(), Notice(run="0123456789ab", agent="boss", text="x")) == []
    caller.take(started())
    assert caller.take(answered(), ToolProgress(run="far1", agent="w", call="far1.1", tool="add", message="m")) == []
    caller.take(called(), answered(), ended())
    assert caller.take(answered(), called(), ended(), started()) == []


def test_what_concerns_this_process_alone_is_not_believed_of_another() -> None:
    caller = Caller()
    caller.take(started())
    forged = ServerChanged(run="far1", agent="w", at=0.0, server="near", is_up=False, breaker="open")
    assert caller.take(forged, TextDelta(run="far1", agent="w", at=0.0, text="word")) == []  # nobody asked for it


def test_what_is_open_when_the_call_ends_is_closed_from_the_bottom_up() -> None:
    caller = Caller()
    usage = ModelUsage(1, 10, usd=Decimal("0.5"))
    caller.take(started(), called(), started("far2", "far1.1"), called("far2.1", "far2"))
    caller.take(Spent(run="far2", agent="w", model="m", usage=usage))
    before = len(caller.received)
    caller.incoming.close()
    call, run, call_above, run_above = caller.received[before:]
    assert isinstance(call, ToolFinished)
    assert isinstance(call_above, ToolFinished)
    assert (call.is_error, call.result) == (True, "far did not report the end of this run.")
    assert isinstance(run, RunFinished)
    assert isinstance(run_above, RunFinished)
    assert (run.error, run.bill.own) == ("far did not report the end of this run.", Usage({"m": usage}))
    assert [event.at for event in caller.received] == sorted(event.at for event in caller.received)
    caller.take(ended())
    caller.incoming.close()
    assert len(caller.received) == before + 4


def test_messages_in_any_order_are_received_in_theirs() -> None:
    caller = Caller()
    caller.incoming.take(2, [event_to_json(ended())], age=0.0)
    caller.incoming.take(1, [event_to_json(Notice(run="far1", agent="w", text="x"))], age=0.0)
    assert caller.received == []
    caller.incoming.take(0, [event_to_json(started())], age=0.0)
    assert [type(event) for event in caller.received] == [RunStarted, Notice, RunFinished]


def test_what_comes_after_a_lost_message_is_received_at_the_end_at_the_latest() -> None:
    caller = Caller()
    caller.incoming.take(0, [event_to_json(started())], age=0.0)
    caller.incoming.take(5, [event_to_json(ended())], age=0.0)
    assert len(caller.received) == 1
    caller.incoming.close()
    assert [type(event) for event in caller.received] == [RunStarted, RunFinished]
    flooded = Caller()
    flooded.incoming.take(0, [event_to_json(started())], age=0.0)
    flood = [event_to_json(Notice(run="far1", agent="w", text="x"))] * (MAX_WAITING + 1)
    flooded.incoming.take(9, flood, age=0.0)
    assert len(flooded.received) == MAX_WAITING + 2


async def test_the_end_of_a_call_waits_for_its_last_events_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller()
    waiting = asyncio.create_task(caller.incoming.complete(2))
    caller.take(started())
    await asyncio.sleep(0)
    assert not waiting.done()
    caller.take(ended())
    await asyncio.wait_for(waiting, 5)
    monkeypatch.setattr("agentloop.relay.PATIENCE", 0.01)
    await asyncio.wait_for(caller.incoming.complete(10**9), 5)


def test_times_lie_within_the_call_and_in_order_whatever_a_server_says() -> None:
    before = time.monotonic()
    caller = Caller()
    caller.take(started())
    texts = [Notice(run="far1", agent="w", at=at, text="x") for at in (5.0, -1e9, 1e9, 0.5)]
    caller.take(*texts)
    times = [event.at for event in caller.received]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.monotonic()


def test_a_call_ends_after_the_run_it_started_though_a_later_message_puts_it_earlier() -> None:
    caller = Caller()
    caller.take(started(), called(), started("far2", "far1.1"))
    below, call = caller.take(event_to_json(ended("far2")) | {"at": 1e9}, event_to_json(answered()) | {"at": 0.0})
    assert isinstance(below, RunFinished)
    assert isinstance(call, ToolFinished)
    assert below.at <= call.at <= time.monotonic()


async def test_the_message_that_is_least_delayed_says_when_the_call_began() -> None:
    caller = Caller()
    await asyncio.sleep(0.02)
    began = time.monotonic()
    await asyncio.sleep(0.02)
    later = [event_to_json(Notice(run="far1", agent="w", at=at, text="x")) for at in (1e-3, 2e-3)]
    caller.incoming.take(1, later[:1], age=0.01)
    caller.incoming.take(0, [event_to_json(started())], age=time.monotonic() - began)
    caller.incoming.take(2, later[1:], age=-1e9)
    times = [event.at for event in caller.received]
    assert times == pytest.approx([began, began + 1e-3, began + 2e-3], abs=5e-4)


@pytest.mark.parametrize("age", [float("nan"), float("inf"), -float("inf")])
def test_a_message_of_unreadable_age_is_dropped(age: float) -> None:
    caller = Caller()
    caller.incoming.take(0, [event_to_json(started())], age=age)
    assert caller.received == []


def test_texts_numbers_and_objects_are_bounded_and_steer_no_terminal() -> None:
    caller = Caller()
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    usage = ModelUsage(-5, 10**30, usd=Decimal(-1))
    run, call, nested, spent, end = caller.take(
        event_to_json(started()) | {"prompt": "\x1b[2Jx" * MAX_TEXT, "agent": "a\n\x1b" * 999},
        event_to_json(called()) | {"arguments": {"a": "x" * 10 * MAX_TEXT}},
        event_to_json(called("far1.2")) | {"arguments": {"deep": deep}},
        event_to_json(Spent(run="far1", agent="w", model="m", usage=usage)),
        event_to_json(ended()) | {"bill": bottomless_bill()},
    )[:5]
    assert isinstance(run, RunStarted)
    assert len(run.prompt) == MAX_TEXT
    assert "\x1b" not in run.prompt + run.agent
    assert "\n" not in run.agent
    assert isinstance(call, ToolStarted)
    assert [len(text) for text in call.arguments.values()] == [MAX_TEXT]
    assert isinstance(nested, ToolStarted)
    assert nested.arguments == {"…": "nested more than 32 deep"}
    assert isinstance(spent, Spent)
    assert spent.usage == ModelUsage(0, 10**12)
    assert isinstance(end, ToolFinished)
    assert isinstance(caller.received[-1], RunFinished)
    assert len(json.dumps(caller.received[-1].bill.to_json())) <= MAX_TEXT


def bottomless_bill() -> dict[str, Any]:
    bill: dict[str, Any] = event_to_json(ended())["bill"]
    for _ in range(60):
        bill = bill | {"delegated": [bill]}
    return bill


@pytest.mark.parametrize("outcome", [{}, {"answer": "a", "error": "b"}])
def test_a_run_that_ends_with_none_or_both_of_answer_and_error_has_none(outcome: dict[str, str]) -> None:
    caller = Caller()
    end = caller.take(started(), ended() if outcome else event_to_json(ended()) | {"answer": None})[-1]
    if outcome:
        end = Caller().take(started(), event_to_json(ended()) | outcome)[-1]
    assert isinstance(end, RunFinished)
    assert end.answer is None
    assert end.error


def test_a_flood_is_cut() -> None:
    caller = Caller()
    assert len(caller.take(*[started(f"far{number}") for number in range(MAX_RUNS + 50)])) == MAX_RUNS
    caller.incoming.take(MAX_EVENTS, [event_to_json(started("one more"))], age=0.0)
    caller.incoming.close()
    assert len([event for event in caller.received if isinstance(event, RunStarted)]) == MAX_RUNS


RUNS = st.sampled_from(["r1", "r2", "r3"])
CALLS = st.sampled_from(["r1.1", "r1.2", "r2.1", ABOVE])
SAID_THERE = st.one_of(
    st.builds(started, RUNS, st.none() | CALLS),
    st.builds(called, CALLS, RUNS),
    st.builds(answered, CALLS, RUNS),
    st.builds(ended, RUNS),
    st.builds(lambda run: TurnStarted(run=run, agent="w", at=0.0, number=1, model="m"), RUNS),
).map(event_to_json)
NONSENSE = st.sampled_from([{}, {"v": 1, "event": "news"}, {"v": 1, "event": "notice"}, 7])
SAID = st.builds(lambda event, at: {**event, "at": at}, SAID_THERE, st.floats(-5, 5)) | NONSENSE


@pytest.mark.requirement("events-across-processes")
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(-10, 10), st.lists(SAID, max_size=5)), max_size=20))
def test_whatever_a_server_says_the_stream_keeps_its_promises(
    messages: Sequence[tuple[int, float, list[Any]]],
) -> None:
    received: list[Event] = []
    incoming = EventReceiver(RunScope(emit=received.append, call_id=ABOVE, depth=1), "far")
    for first, age, events in messages:
        incoming.take(first, events, age=age)
    incoming.close()
    kinds = {kind: [event for event in received if isinstance(event, kind)] for kind in (RunStarted, RunFinished)}
    assert Counter(e.run for e in kinds[RunStarted]) == Counter(e.run for e in kinds[RunFinished])
    assert len({event.run for event in kinds[RunStarted]}) == len(kinds[RunStarted])
    begun = [event.call for event in received if isinstance(event, ToolStarted)]
    over = [event.call for event in received if isinstance(event, ToolFinished)]
    assert sorted(begun) == sorted(over) == sorted(set(begun))
    parents = [event.parent_call for event in received if isinstance(event, RunStarted)]
    assert set(parents) <= {ABOVE, *begun}
    for run in {event.run for event in received}:
        own = [event for event in received if event.run == run]
        assert isinstance(own[0], RunStarted)
        assert [event.at for event in own] == sorted(event.at for event in own)
    begins = {event.call: event.at for event in received if isinstance(event, ToolStarted)}
    ends = {event.run: event for event in kinds[RunFinished]}
    calls_over = {
        event.call: (received.index(event), event.at) for event in received if isinstance(event, ToolFinished)
    }
    for run_started in received:
        if isinstance(run_started, RunStarted) and run_started.parent_call in begins:
            assert begins[run_started.parent_call] <= run_started.at
            end = ends[run_started.run]
            position, at = calls_over[run_started.parent_call]
            assert position < received.index(end) or end.at <= at


def test_what_is_sent_is_numbered_bounded_and_counted_from_the_calls_start() -> None:
    outgoing = EventSender()
    assert outgoing.add(TextDelta(run="r", agent="a", text="word")) is None
    text = outgoing.add(Notice(run="r", agent="a", text="x" * 10 * MAX_TEXT))
    assert text is not None
    value = json.loads(text)
    assert outgoing.add(ToolStarted(run="r", agent="a", call="c", tool="t", arguments={"a": object()})) is None
    assert (len(value["text"]), outgoing.count) == (MAX_TEXT, 1)
    sent = outgoing.message(0, [text, text])
    assert (sent["first"], json.loads(sent["events"])) == (0, [value, value])
    assert 0 <= value["at"] <= sent["age"] < 60
    outgoing.count = MAX_EVENTS
    assert outgoing.add(Notice(run="r", agent="a", text="x")) is None


def spent(usd: str, tokens: int, run: str = "far1") -> Spent:
    return Spent(run=run, agent="w", at=0.0, model="m", usage=ModelUsage(1, tokens, usd=Decimal(usd)))


@pytest.mark.requirement("events-across-processes")
def test_events_of_a_server_that_is_not_trusted_never_cost_more_than_was_handed_to_it() -> None:
    caller = Caller(is_trusted=False, share=Budget(usd="0.5", tokens=100, turns=2))
    caller.take(started(), called(), started("far2", "far1.1"))
    received = caller.take(spent("0.4", 60), spent("1000000", 10**12, "far2"), spent("1", 1))
    assert [
        (event.usage.usd, event.usage.tokens, event.usage.requests) for event in received if isinstance(event, Spent)
    ] == [
        (Decimal("0.4"), 60, 1),
        (Decimal("0.1"), 40, 1),
        (0, 0, 0),
    ]
    enormous = Bill("w", 1.0, Usage({"m": ModelUsage(10**9, 10**9, usd=Decimal(10**9))}))
    (end,) = caller.take(RunFinished(run="far2", agent="w", at=0.0, bill=enormous, answer="x"))
    assert isinstance(end, RunFinished)
    assert end.bill.own == Usage({"m": ModelUsage(1, 40, usd=Decimal("0.1"))})


@pytest.mark.parametrize("is_trusted", [True, False])
def test_whether_a_cost_is_only_claimed_is_shown(*, is_trusted: bool) -> None:
    caller = Caller(is_trusted=is_trusted)
    caller.take(started(), called(), started("far2", "far1.1", is_claimed=True), spent("0.25", 10), ended())
    claimed = [event.is_claimed for event in caller.received if isinstance(event, RunStarted)]
    assert claimed == [not is_trusted, True], "what a trusted server says of another is passed on"
    timeline = Timeline()
    for event in caller.received:
        timeline.on_event(event)
    assert [lane["claimed"] for lane in page_data(timeline)["lanes"]] == claimed
    (line, *_) = picture_of(rows(timeline, 5), 0.0, width=120, unicode=True).lines
    assert ("$0.25?" in line.plain) is not is_trusted


@pytest.mark.requirement("text-across-processes")
async def test_text_is_joined_until_the_next_event_of_its_run_and_leaves_room_for_other_events() -> None:
    def says(run: str, text: str) -> TextDelta:
        return TextDelta(run=run, agent="a", text=text)

    emitted: list[Event] = []
    joiner = TextJoiner(emitted.append)
    other = Notice(run="one", agent="a", text="x")
    for event in (says("one", "Hel"), says("two", "Good "), says("one", "lo"), other, says("one", "!")):
        joiner.on_event(event)
    assert [event.text for event in emitted if isinstance(event, TextDelta | Notice)] == ["Hello", "x"]
    joiner.flush()
    assert [event.text for event in emitted if isinstance(event, TextDelta)] == ["Hello", "Good ", "!"]
    outgoing = EventSender(text=True)
    assert outgoing.add(says("one", "Hello")) is not None
    outgoing.count = MAX_EVENTS // 2
    assert outgoing.add(says("one", "Hello")) is None
    assert outgoing.add(other) is not None


@pytest.mark.requirement("text-across-processes")
async def test_text_that_a_caller_asked_for_is_emitted_under_the_local_run() -> None:
    received: list[Event] = []
    incoming = EventReceiver(RunScope(emit=received.append, call_id=ABOVE, depth=1, remote_text=True), "far")
    incoming.sent()
    incoming.take(
        0,
        [event_to_json(started()), event_to_json(TextDelta(run="far1", agent="worker", at=0.0, text="word"))],
        age=0.0,
    )
    run, text = received
    assert isinstance(text, TextDelta)
    assert (text.run, text.text) == (run.run, "word")
