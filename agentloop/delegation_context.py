"""What travels with a delegated call into another process, and what comes back, as plain JSON.

Over MCP it is sent in `_meta`, under keys with our prefix:

* `PREFIX/agent: true` in a `tools/list` entry marks a tool that is an agent: it takes a delegation context;
* `PREFIX/clock` in a `tools/list` result is the server's time, for clients that declare the extension `PREFIX/agent`;
* `PREFIX/call` in a `tools/call` request is a `DelegationContext`, and `PREFIX/idempotency-key` identifies the call, so
  that a server that stores runs recognises a repeated call;
* notifications `notifications/PREFIX/spent` report the usage of a call that has a delegation context while it runs;
* notifications `notifications/PREFIX/events` have its events as `event_json` writes them, if the context asks for them;
  the result's `_meta` says under `PREFIX/events` how many there were, and has the last;
* the result's structured content has the whole `usage`.
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
"""The prefix of all extension keys, as MCP's rules for `_meta` want it: reverse DNS, then a slash and a name."""
AGENT = f"{PREFIX}/agent"
CALL = f"{PREFIX}/call"
IDEMPOTENCY_KEY = f"{PREFIX}/idempotency-key"
CLOCK = f"{PREFIX}/clock"
SPENT = f"notifications/{PREFIX}/spent"
EVENTS = f"{PREFIX}/events"
EVENTS_SENT = f"notifications/{EVENTS}"

MAX_ID = 200
MAX_DEPTH = 1_000
MAX_SECONDS = 1e9
"""What is read of a handover: characters of its id, and its depth and seconds, of which more counts as this."""


@dataclass(frozen=True, slots=True)
class DelegationContext:
    """The circumstances of a call. `call` identifies it to the caller; `seconds` are left until its deadline.

    `events` asks for the events of the runs that the call starts.
    """

    call: str = ""
    depth: int = 1
    seconds: float | None = None
    budget: Budget = field(default_factory=Budget)
    events: bool = False
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
        )

    def to_json(self) -> dict[str, Any]:
        """What is not bounded is left out."""
        value: dict[str, Any] = {"id": self.call, "depth": self.depth}
        if self.seconds is not None:
            value["seconds"] = round(self.seconds, 3)
        if self.events:
            value["events"] = True
        return value | ({"budget": self.budget.to_json()} if self.budget.is_bounded else {})

    @classmethod
    def from_json(cls, value: Any) -> DelegationContext:
        """Read `to_json`'s shape.

        Raises:
            ValueError: it is something else. A bound that cannot be read is not taken for none.
        """
        match value:
            case {"id": str() as call, "depth": int() as depth} if len(call) <= MAX_ID:
                seconds, budget = value.get("seconds"), value.get("budget", {})
            case _:
                raise ValueError(f"a handover has an `id` of at most {MAX_ID} characters and a `depth`")
        if not isinstance(budget, Mapping):
            raise ValueError("a handover's `budget` is an object")  # noqa: TRY004 - a value read from outside
        return cls(
            call,
            max(1, min(depth, MAX_DEPTH)),
            None if seconds is None else _seconds(seconds),
            Budget.from_json(budget),
            value.get("events") is True,
        )


def _seconds(value: object) -> float:
    seconds = decimal_of(value) if isinstance(value, int | float) else None
    if seconds is None:
        raise ValueError("a handover's `seconds` is a number")
    return min(float(seconds), MAX_SECONDS)
