"""Events as JSON: nothing is lost on the way there and back, and what is not known is passed over."""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import Bill, ModelUsage, Usage
from agentloop.event_json import VERSION, event_from_json, event_to_json
from agentloop.events import (
    ContextEdited,
    Event,
    NoteReceived,
    Notice,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)

NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.integers(-5, 10**12)
MODEL_USAGE = st.builds(
    ModelUsage,
    *[COUNTS] * 5,
    usd=st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-1, max_value=10**6),
)
USAGE = st.builds(Usage, st.dictionaries(st.text(), MODEL_USAGE, max_size=2))
SECONDS = st.floats(0, 10**9)
BILL = st.recursive(
    st.builds(Bill, st.text(), SECONDS, USAGE),
    lambda inner: st.builds(Bill, st.text(), SECONDS, USAGE, st.lists(inner, max_size=2).map(tuple)),
    max_leaves=3,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    "str": st.text(),
    "str | None": st.none() | st.text(),
    "bool": st.booleans(),
    "int": st.integers(-(10**18), 10**18),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "Mapping[str, Any]": st.dictionaries(st.text(), JSON, max_size=3),
    "ModelUsage": MODEL_USAGE,
    "Bill": BILL,
    "tuple[Bill, ...]": st.lists(BILL, max_size=2).map(tuple),
}
KINDS = [
    RunStarted,
    TurnStarted,
    TextDelta,
    TurnFinished,
    TurnRetried,
    Spent,
    ToolStarted,
    ToolProgress,
    ToolFinished,
    NoteReceived,
    Notice,
    ContextEdited,
    ServerChanged,
    ServerStarting,
    RunFinished,
]
EVENTS = st.one_of(*(st.builds(kind, **{f.name: BY_TYPE[f.type] for f in fields(kind)}) for kind in KINDS))


@pytest.mark.requirement("events-json")
@given(EVENTS)
def test_every_event_comes_back_as_it_went(event: Event) -> None:
    text = json.dumps(event_to_json(event), allow_nan=False)
    assert event_from_json(json.loads(text)) == event


@given(EVENTS)
def test_an_event_is_one_line_whatever_is_in_it(event: Event) -> None:
    assert len(json.dumps(event_to_json(event)).splitlines()) == 1


def test_every_kind_is_tried() -> None:
    assert {kind.__name__ for kind in KINDS} == {kind.__name__ for kind in Event.__subclasses__()}


def test_the_form_is_the_documented_one() -> None:
    usage = ModelUsage(1, 20, 5, usd=Decimal("0.000000125"))
    spent = Spent(run="r", agent="a", at=12.5, model="m", usage=usage)
    assert event_to_json(spent, origin=12.0) == {
        "v": VERSION,
        "event": "spent",
        "run": "r",
        "agent": "a",
        "at": 0.5,
        "replayed": False,
        "model": "m",
        "usage": {
            "requests": 1,
            "input_tokens": 20,
            "output_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "usd": "1.25E-7",
            "web_search_requests": 0,
        },
    }


def test_times_are_counted_from_the_origin() -> None:
    event = RunStarted(run="r", agent="a", at=1000.25, prompt="p")
    assert event_to_json(event, origin=1000.0)["at"] == 0.25
    assert event_from_json(event_to_json(event, origin=1000.0), origin=1000.0) == event


@pytest.mark.requirement("events-json")
@pytest.mark.parametrize(
    "value",
    [
        {"v": 1, "event": "teleported", "run": "r"},
        {"v": 2, "event": "notice", "run": "r", "agent": "a", "at": 1, "text": "t"},
        {"event": "notice", "run": "r", "agent": "a", "at": 1, "text": "t"},
    ],
)
def test_kinds_and_versions_that_are_not_known_are_none(value: Any) -> None:
    assert event_from_json(value) is None


def test_fields_that_are_not_known_are_ignored_and_missing_ones_have_their_defaults() -> None:
    value = {"v": 1, "event": "run_started", "run": "r", "agent": "a", "at": 1, "prompt": "p", "mood": "good"}
    assert event_from_json(value) == RunStarted(run="r", agent="a", at=1.0, prompt="p")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "an object with a string"),
        ([], "an object with a string"),
        ({"v": 1}, "an object with a string"),
        ({"v": 1, "event": "notice", "run": "r", "agent": "a", "at": 1}, "notice: text: Field required"),
        ({"v": 1, "event": "notice", "run": 7, "agent": "a", "at": 1, "text": "t"}, "notice: run: "),
        ({"v": 1, "event": "notice", "run": "r", "agent": "a", "at": "nan", "text": "t"}, "notice: at: "),
        ({"v": 1, "event": "run_finished", "run": "r", "agent": "a", "at": 1, "bill": 3}, "run_finished: bill: "),
    ],
)
def test_what_is_no_event_is_an_error_that_says_why(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        event_from_json(value)


def test_a_bottomless_usage_is_an_error_and_not_the_end() -> None:
    bill: dict[str, Any] = {"agent": "a"}
    for _ in range(5000):
        bill = {"agent": "a", "delegated": [bill]}
    with pytest.raises(ValueError, match="run_finished: bill"):
        event_from_json({"v": 1, "event": "run_finished", "run": "r", "agent": "a", "at": 1, "bill": bill})


def test_amounts_of_money_keep_every_digit() -> None:
    bill = Bill("a", 1.0, Usage({"m": ModelUsage(1, usd=Decimal("0.1234567890123456789"))}))
    event = RunFinished(run="r", agent="a", bill=bill, answer="x")
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event
