"""The data of a delegated call to another process, as plain JSON.

Over MCP it is sent in `_meta`, and in notifications and requests of this project's own. docs/delegation.md says where
each of the keys below is and what it holds. Cost and steps are not in the structured content, because most hosts show
that to their model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentloop.budget import Budget
from agentloop.context import CallContext
from agentloop.events import ignore
from agentloop.limits import seconds_left
from agentloop.usage import decimal_of

PREFIX = "dev.agentloop"
"""The prefix of all extension keys, in the format that MCP prescribes for `_meta`: reverse DNS, a slash and a name."""
AGENT = f"{PREFIX}/agent"
KEEPS_RUNS = "keepsRuns"
CALL = f"{PREFIX}/call"
IDEMPOTENCY_KEY = f"{PREFIX}/idempotency-key"
SPENT = f"notifications/{PREFIX}/spent"
EVENTS = f"{PREFIX}/events"
EVENTS_SENT = f"notifications/{EVENTS}"
USAGE = f"{PREFIX}/usage"
STEPS = f"{PREFIX}/steps"
SESSION = f"{PREFIX}/session"
QUESTION = f"{PREFIX}/question"
NOBODY = f"{PREFIX}/nobody"
WITHDRAW = f"{PREFIX}/withdraw"
NOTE = f"{PREFIX}/note"

MAX_ID = 200
MAX_DEPTH = 1_000
MAX_SECONDS = 1e9
"""Limits on a received context: characters of its id, and its depth and seconds, which are capped."""


@dataclass(frozen=True, slots=True)
class DelegationContext:
    """The context of a delegated call. `call` is the caller's name for it; `seconds` are left until its deadline.

    `events` asks for the events of the runs that the call starts, `text` for those with their text, too.
    """

    call: str = ""
    depth: int = 1
    seconds: float | None = None
    budget: Budget = field(default_factory=Budget)
    events: bool = False
    text: bool = False
    attempt: int = 0
    """Counts the calls of a server that refused the budget of the one before. It is not sent."""

    @property
    def key(self) -> str:
        """What identifies the call and the attempt."""
        return f"{self.call}:{self.attempt}" if self.attempt else self.call

    @classmethod
    def of(cls, context: CallContext, budget: Budget | None) -> DelegationContext:
        seconds = None if context.deadline is None else seconds_left(context.deadline)
        return cls(
            context.scope.call_id or "",
            context.scope.depth,
            seconds,
            budget or Budget(),
            context.scope.emit is not ignore,
            context.scope.remote_text,
        )

    def to_json(self) -> dict[str, Any]:
        """Limits that do not apply are omitted."""
        value: dict[str, Any] = {"id": self.call, "depth": self.depth}
        if self.seconds is not None:
            value["seconds"] = round(self.seconds, 3)
        if self.events:
            value["events"] = True
        if self.text:
            value["text"] = True
        return value | ({"budget": self.budget.to_json()} if self.budget.is_bounded else {})

    @classmethod
    def from_json(cls, value: Any) -> DelegationContext:
        """Read the output of `to_json`.

        Raises:
            ValueError: the value is invalid. An invalid limit never counts as no limit.
        """
        match value:
            case {"id": str() as call, "depth": int() as depth} if len(call) <= MAX_ID:
                seconds, budget = value.get("seconds"), value.get("budget", {})
            case _:
                raise ValueError(f"a delegation context needs an `id` of at most {MAX_ID} characters and a `depth`")
        if not isinstance(budget, Mapping):
            raise ValueError("`budget` must be an object")  # noqa: TRY004 - external data
        return cls(
            call,
            max(1, min(depth, MAX_DEPTH)),
            None if seconds is None else _seconds(seconds),
            Budget.from_json(budget),
            value.get("events") is True,
            value.get("text") is True,
        )


def _seconds(value: object) -> float:
    seconds = decimal_of(value) if isinstance(value, int | float) else None
    if seconds is None:
        raise ValueError("`seconds` must be a finite number")
    return min(float(seconds), MAX_SECONDS)
