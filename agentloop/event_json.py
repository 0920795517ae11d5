"""Converts events to JSON and back without loss, for files, journals and other processes.

An event is an object with `v` (the version of this format), `event` (its type, such as `run_started`) and its fields by
name. Amounts of money are strings, so that no digit is lost. Readers ignore unknown fields, and skip unknown types and
versions; a version only gains fields that have defaults.
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
    """The event as an object for `json.dumps`; `at` is counted from `origin`, a time on the same clock.

    Example:
        await agent.run("Two haikus about rain", on_event=lambda event: print(json.dumps(event_to_json(event))))
    """
    name = _NAMES[type(event)]
    (fields,) = _form(name).dump_python([event], mode="json")
    fields["at"] -= origin
    return {"v": VERSION, "event": name, **fields}


def event_from_json(value: Any, *, origin: float = 0.0) -> Event | None:
    """Read the output of `event_to_json`; `origin` is added to `at`. None for an unknown type or version.

    Example:
        event = event_from_json(json.loads(line))

    Raises:
        ValueError: the value is not an event, or lacks fields of its type.
    """
    name = value.get("event") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise ValueError("an event must be an object with a string `event`")  # noqa: TRY004 - external data
    if name not in _KINDS or value.get("v") != VERSION:
        return None
    try:
        (event,) = _form(name).validate_python([value])
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"][1:])[:100]
        raise ValueError(f"{name}: {place}: {problem['msg']}") from None
    if not math.isfinite(event.at + origin):
        raise ValueError(f"{name}: at: not a finite number")
    return replace(event, at=event.at + origin) if origin else event


@cache
def _form(name: str) -> TypeAdapter[list[Event]]:
    """Adapts a list, because pydantic applies the configuration to a dataclass only within a container."""
    form: Any = GenericAlias(list, _KINDS[name])
    return TypeAdapter(form, config=ConfigDict(allow_inf_nan=False))
