"""Limits on the content of events that are sent from one process to another.

The limit of a field follows from its type in `agentloop.events`. It applies to both sending and receiving.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic_core import to_json

from agentloop import exact_json
from agentloop.events import Event, Text
from agentloop.narration import clip, printable
from agentloop.usage import COUNTS, MAX_COUNT, Bill, ModelUsage, Usage

MAX_TEXT = 4_000
"""Characters of a `Text`, and of arguments or a cost report as JSON."""
MAX_NAME = 200
"""Characters of any other text."""
MAX_MODELS = 20
"""Models of one usage."""
MAX_NESTING = 32
"""The nesting of objects and lists in arguments."""

E = TypeVar("E", bound=Event)


def bounded(event: E) -> E:
    """The event with its texts, numbers and objects limited, and without control characters."""
    changed = {}
    kind: Any = type(event)
    for name, bound in _bounds(kind):
        value = getattr(event, name)
        if value is not None and (limited := bound(value)) is not value:
            changed[name] = limited
    return replace(event, **changed) if changed else event


@cache
def _bounds(kind: type[Event]) -> list[tuple[str, Callable[[Any], Any]]]:
    hints = get_type_hints(kind, include_extras=True)
    names = [each.name for each in fields(kind) if each.name != "at"]
    return [(name, bound) for name in names if (bound := _bound_of(hints[name]))]


def _bound_of(hint: Any) -> Callable[[Any], Any] | None:
    if hint is Text:
        return _text
    origin = get_origin(hint)
    if origin in _BY_TYPE or hint in _BY_TYPE:
        return _BY_TYPE.get(origin) or _BY_TYPE[hint]
    (optional,) = [each for each in get_args(hint) if each is not NoneType]
    return _bound_of(optional)


def _name(text: str) -> str:
    return clip(text, MAX_NAME)


def _text(text: str) -> str:
    return printable(text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…")


def _number(value: float) -> float:
    return value if 0 <= value <= MAX_COUNT else max(0, min(value, MAX_COUNT))


def _arguments(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments, or the beginning of their JSON under the key `…`."""
    if _is_short(arguments):
        return arguments
    if exact_json.nesting(arguments, MAX_NESTING) > MAX_NESTING:
        return {"…": f"nested more than {MAX_NESTING} deep"}
    text = json.dumps(arguments, ensure_ascii=False, default=str)
    return arguments if len(text) <= MAX_TEXT else {"…": _text(text)}


def _usage(usage: ModelUsage) -> ModelUsage:
    counts = {name: int(_number(getattr(usage, name))) for name in COUNTS}
    usd = None if usage.usd is None else max(Decimal(0), min(usage.usd, Decimal(MAX_COUNT)))
    return ModelUsage(**counts, usd=usd)


def _usages(usage: Usage) -> Usage:
    models = itertools.islice(usage.by_model.items(), MAX_MODELS)
    return Usage({_name(model): _usage(each) for model, each in models})


def _bill(bill: Bill) -> Bill:
    """The cost report, without those of delegated runs if it would be too long."""
    delegated = tuple(map(_bill, bill.delegated))
    claimed = None if bill.claimed is None else _usages(bill.claimed)
    limited = Bill(_name(bill.agent), _number(bill.seconds), _usages(bill.own), delegated, claimed)
    return limited if not delegated or _is_short(limited.to_json()) else replace(limited, delegated=())


def _is_short(value: Any) -> bool:
    """Whether the value is neither long nor deeply nested as JSON. False if that cannot be determined quickly."""
    try:
        text = to_json(value)
    except (ValueError, RecursionError):
        return False
    return len(text) <= MAX_TEXT and text.count(b"{") + text.count(b"[") <= MAX_NESTING


_BY_TYPE: dict[Any, Callable[[Any], Any] | None] = {
    str: _name,
    int: _number,
    float: _number,
    bool: None,
    ModelUsage: _usage,
    Bill: _bill,
    Mapping: _arguments,
    tuple: lambda _bills: (),  # only the journal of the call's own process needs them
}
