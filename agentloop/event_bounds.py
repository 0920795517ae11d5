"""Limits on the content of events that are sent from one process to another.

They apply to both sending and receiving.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any, TypeVar

from pydantic_core import to_json

from agentloop import exact_json
from agentloop.events import Event
from agentloop.narration import clip, printable
from agentloop.usage import COUNTS, MAX_COUNT, Bill, ModelUsage, Usage

MAX_TEXT = 4_000
"""Characters of a text, and of arguments or a cost report as JSON."""
MAX_NAME = 200
"""Characters of a name."""
MAX_MODELS = 20
"""Models of one usage."""
MAX_NESTING = 32
"""The nesting of objects and lists in arguments."""

_TEXTS = {"prompt", "text", "message", "result", "answer", "error"}
"""The fields of events that have `MAX_TEXT` characters."""

E = TypeVar("E", bound=Event)


def bounded(event: E) -> E:
    """The event with its texts, numbers and objects limited, and without control characters."""
    changed = {}
    for each in fields(event):
        value = getattr(event, each.name)
        limited = value if each.name == "at" else _limited(each.name, value)
        if limited is not value:
            changed[each.name] = limited
    return replace(event, **changed) if changed else event


def _limited(name: str, value: Any) -> Any:  # noqa: PLR0911 - one for each kind of value
    match value:
        case str():
            return _text(value) if name in _TEXTS else _name(value)
        case int() | float() if not isinstance(value, bool):
            return _number(value)
        case ModelUsage():
            return _usage(value)
        case Bill():
            return _bill(value)
        case Mapping():
            return _arguments(value)
        case tuple():
            return ()  # the cost reports of a call, which only the journal of its own process needs
    return value


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
