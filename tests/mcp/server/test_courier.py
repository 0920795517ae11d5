"""Events on their way to the callers that asked for them."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from agentloop.events import Notice, Spent
from agentloop.handover import EVENTS_SENT
from agentloop.mcp.server import courier
from agentloop.mcp.server.courier import MAX_MESSAGE, Courier
from agentloop.relay import Outgoing
from agentloop.usage import ModelUsage


class Caller:
    """Takes messages and lines; `enough` is set once `until` of them have come."""

    def __init__(self, until: int = 1) -> None:
        self.messages: list[list[dict[str, Any]]] = []
        self.lines: list[str | None] = []
        self.enough = asyncio.Event()
        self._until = until

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        assert method == EVENTS_SENT
        self.messages.append(params["told"])
        self._count()

    async def progress(self, _value: float, _total: float | None, line: str | None) -> None:
        self.lines.append(line)
        self._count()

    def _count(self) -> None:
        if len(self.messages) + len(self.lines) >= self._until:
            self.enough.set()

    def of(self, courier: Courier, call: str) -> Any:
        return courier.reporting("tool", call, Outgoing(), notify=self.notify, progress=self.progress)


def events_of(told: Any) -> list[Any]:
    events: list[Any] = json.loads(told["events"])
    return events


def notice(text: str = "x") -> Notice:
    return Notice(run="r", agent="a", text=text)


SPENT = Spent(run="r", agent="a", model="m", usage=ModelUsage(1, 5))


async def test_what_two_calls_have_to_tell_at_once_goes_in_one_message() -> None:
    shared, caller = Courier(), Caller()
    async with caller.of(shared, "one") as one, caller.of(shared, "two") as two:
        one.observe(notice())
        two.observe(notice())
        one.observe(SPENT)
        await asyncio.wait_for(caller.enough.wait(), 30)
    ((first, second),) = caller.messages
    assert [(told["id"], told["first"], len(events_of(told))) for told in (first, second)] == [
        ("one", 0, 2),
        ("two", 0, 1),
    ]
    assert first["models"]["m"]["input_tokens"] == 5
    assert "models" not in second
    assert one.rest is None


async def test_what_a_call_has_not_told_when_it_ends_goes_with_its_result() -> None:
    caller = Caller()
    async with caller.of(Courier(), "one") as reports:
        reports.observe(SPENT)
        await asyncio.wait_for(caller.enough.wait(), 30)
        reports.observe(notice())
        reports.observe(SPENT)
    assert len(caller.messages) == 1
    assert (reports.rest["first"], len(events_of(reports.rest)), reports.rest["models"]["m"]["requests"]) == (1, 2, 2)


async def test_what_was_spent_just_before_and_is_not_told_yet_is_told_together() -> None:
    caller = Caller()
    async with caller.of(Courier(), "one") as reports:
        reports.observe(SPENT)
        await asyncio.wait_for(caller.enough.wait(), 30)
        for each in (SPENT, SPENT, replace(SPENT, run="s"), replace(SPENT, run="s"), notice(), SPENT):
            reports.observe(each)
    events = events_of(reports.rest)
    assert [(each["event"], each["run"], each.get("usage", {}).get("requests")) for each in events] == [
        ("spent", "r", 2),
        ("spent", "s", 2),
        ("notice", "r", None),
        ("spent", "r", 1),
    ]


async def test_the_last_lines_go_out_before_the_result() -> None:
    shared, caller = Courier(), Caller()
    async with caller.of(shared, "other"):
        async with caller.of(shared, "one") as reports:
            reports.say("first")
            reports.say("last")
        assert caller.lines == ["first", "last"]


async def test_events_that_cost_nothing_are_told_without_anything_else_happening() -> None:
    caller = Caller()
    async with caller.of(Courier(), "one") as reports:
        reports.observe(notice())
        await asyncio.wait_for(caller.enough.wait(), 30)
        assert [told["id"] for told in caller.messages[0]] == ["one"]


async def test_a_message_is_not_longer_than_a_client_takes_and_nothing_is_lost() -> None:
    caller = Caller(until=3)
    many = 2 * MAX_MESSAGE // 4000
    async with caller.of(Courier(), "one") as reports:
        for _ in range(many):
            reports.observe(notice("x" * 4000))
        reports.observe(SPENT)
        await asyncio.wait_for(caller.enough.wait(), 30)
    told = [told for message in caller.messages for told in message]
    assert sum(len(events_of(each)) for each in told) == many + 1
    numbers = [each["first"] for each in told]
    assert numbers == sorted(set(numbers))
    assert max(len(json.dumps(message)) for message in caller.messages) < 1.5 * MAX_MESSAGE


async def test_a_long_silence_is_broken_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "HEARTBEAT", 0.01)
    caller = Caller(until=3)
    async with caller.of(Courier(), "one"):
        await asyncio.wait_for(caller.enough.wait(), 30)
    assert caller.lines[:2] == ["tool: still working"] * 2


async def test_a_caller_that_does_not_listen_holds_up_neither_its_result_nor_the_courier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(courier, "FLUSH", 0.05)
    reached = asyncio.Event()

    async def hang(_method: str, _params: dict[str, Any]) -> None:
        reached.set()
        await asyncio.Event().wait()

    shared, caller = Courier(), Caller()
    before = asyncio.all_tasks()
    async with asyncio.timeout(30):
        async with shared.reporting("tool", "one", Outgoing(), notify=hang, progress=caller.progress) as reports:
            reports.observe(SPENT)
            await reached.wait()
        async with caller.of(shared, "two") as reports:
            reports.observe(SPENT)
            await caller.enough.wait()
    assert asyncio.all_tasks() == before


async def test_a_caller_that_cannot_be_told_does_not_keep_others_from_being_told() -> None:
    async def fail(_method: str, _params: dict[str, Any]) -> None:
        raise ConnectionError("the client is gone")

    shared, caller = Courier(), Caller()
    async with shared.reporting("tool", "one", Outgoing(), notify=fail, progress=caller.progress) as one:
        one.observe(SPENT)
        await asyncio.sleep(0)
        async with caller.of(shared, "two") as two:
            await asyncio.sleep(0)
            two.observe(SPENT)
            await asyncio.wait_for(caller.enough.wait(), 30)


async def test_a_failed_call_leaves_nothing_running() -> None:
    async def fail() -> None:
        async with Caller().of(Courier(), "one") as reports:
            reports.observe(SPENT)
            raise ValueError("of the tool")

    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="of the tool"):
        await fail()
    assert asyncio.all_tasks() == before
