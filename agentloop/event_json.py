"""Events as JSON and back, without loss: for files, journals and other processes.

An event is an object: `v` (the version of this form), `event` (its kind, `run_started` say) and its fields by name.
Amounts of money are text, so that no digit is lost. Readers ignore unknown fields, and skip unknown kinds and versions;
a version only gains fields that have defaults.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_snake

from agentloop import events
from agentloop.events import Event

VERSION = 1

_KINDS = {
    to_snake(name): kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def event_to_json(event: Event, *, origin: float = 0.0) -> dict[str, Any]:
    """The event as an object that `json.dumps` takes; `at` is counted from `origin`, a time on the same clock."""
    name = _NAMES[type(event)]
    (fields,) = _form(name).dump_python([event], mode="json")
    fields["at"] -= origin
    return {"v": VERSION, "event": name, **fields}


def event_from_json(value: Any, *, origin: float = 0.0) -> Event | None:
    """Read `event_to_json`'s shape; `origin` is added to `at`. None for an unknown kind or version.

    Raises:
        ValueError: the value is not an event, or lacks fields of its kind.
    """
    name = value.get("event") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise ValueError("an event is an object with a kind")  # noqa: TRY004 - it is a value read from outside
    if name not in _KINDS or value.get("v") != VERSION:
        return None
    try:
        (event,) = _form(name).validate_python([value])
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"][1:])[:100]
        raise ValueError(f"{name}: {place}: {problem['msg']}") from None
    if not math.isfinite(event.at + origin):
        raise ValueError(f"{name}: at: not a time")
    return replace(event, at=event.at + origin) if origin else event


@cache
def _form(name: str) -> TypeAdapter[list[Event]]:
    """The form of a list, because pydantic applies the configuration to a dataclass only within a container."""
    form: Any = GenericAlias(list, _KINDS[name])
    return TypeAdapter(form, config=ConfigDict(allow_inf_nan=False))
