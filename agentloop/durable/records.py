"""The JSON of a stored step. Reading it never executes code.

Times in the store are seconds since the epoch, because the clock of events does not survive a restart of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from agentloop import (
    BudgetExceeded,
    ContextWindowExceeded,
    DeadlineExceeded,
    ModelError,
    RunError,
    StreamBroken,
    ToolOutput,
)
from agentloop.event_json import event_from_json, event_to_json
from agentloop.events import Event, TextDelta
from agentloop.turn import Turn

T = TypeVar("T")

_ERRORS: Mapping[str, type[RunError]] = {
    kind.__name__: kind for kind in (BudgetExceeded, ContextWindowExceeded, DeadlineExceeded, StreamBroken)
}
_MODEL_ERROR = ("status", "kind", "request_id", "is_passing", "retry_after")


@cache
def _form(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(value: Turn | ToolOutput) -> dict[str, Any]:
    kind: Any = type(value)
    stored: dict[str, Any] = _form(kind).dump_python(value, mode="json")
    return stored


def from_json(kind: Callable[..., T], stored: object) -> T:
    """The inverse of `to_json` for a value of that type."""
    value: T = _form(kind).validate_python(stored)
    return value


def error_to_json(error: RunError) -> dict[str, Any]:
    """The error that ended a run, with the attributes that its handlers use."""
    about = {name: getattr(error, name) for name in _MODEL_ERROR} if isinstance(error, ModelError) else {}
    return {"type": type(error).__name__, "text": str(error), **about}


def error_from_json(value: Mapping[str, Any]) -> RunError:
    kind = _ERRORS.get(value["type"], ModelError if "status" in value else RunError)
    error = kind(value["text"])
    vars(error).update((name, value[name]) for name in _MODEL_ERROR if name in value)
    return error


def events_to_json(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The events, with consecutive text deltas joined."""
    whole: list[Event] = []
    for event in events:
        last = whole[-1] if whole else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta) and last.run == event.run:
            whole[-1] = replace(last, text=last.text + event.text)
        else:
            whole.append(event)
    origin = _epoch()
    return [event_to_json(event, origin=origin) for event in whole]


def events_from_json(values: Iterable[object]) -> list[Event]:
    """The events with times on this process's clock. Types of a later version are skipped."""
    origin = _epoch()
    return [event for value in values if (event := event_from_json(value, origin=origin)) is not None]


def _epoch() -> float:
    """The time of 1970 on the clock of events."""
    return time.monotonic() - time.time()
