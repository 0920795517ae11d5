"""What happens in a run, as it happens.

Observers are plain functions of one event. They are called on the event loop of the outermost run, in order, and must
return quickly. Events of delegated runs arrive in the same stream; `RunStarted.parent_call` hangs a run under the tool
call that started it. Those of runs in another process arrive there too, a little after their time `at` (see `relay`):
within a run events are in order, among runs `at` says what came first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from agentloop.usage import Bill, ModelUsage

Text = Annotated[str, "long"]
"""Text of any length. In other texts of an event, which are names, 200 characters are believed of another process."""

MOST_KEPT = 1000
"""Events that `BufferedHandler` keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is on the `time.monotonic` clock; `run` identifies the run, `agent` names whose it is.

    `replayed` marks what happened before a crash and is reported again by the run that continues it.
    Only kinds with `is_for_callers` go from the process of a run to the process that called it.
    """

    is_for_callers: ClassVar[bool] = True
    run: str
    agent: str
    at: float = field(default_factory=time.monotonic)
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """`served_by` names the server in whose process the run is, or `local`.

    `is_claimed` says that its cost is only what a server says that is not trusted.
    """

    prompt: Text
    depth: int = 0
    parent_call: str | None = None
    served_by: str = "local"
    is_claimed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(Event):
    """A request is about to go to the model; `number` counts from 1."""

    number: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta(Event):
    """A piece of the model's text."""

    is_for_callers: ClassVar[bool] = False
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished(Event):
    """The model has said what it says in this turn. `usage` is what the turn cost, failed attempts included.

    `request_id` is the API's, to quote to its operator.
    """

    number: int
    stop_reason: str
    tool_calls: int
    usage: ModelUsage
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRetried(Event):
    """The request failed or its stream broke; the turn is asked for again in `next_try_in` seconds.

    `attempt` is the number of the attempt that failed, `reason` why in a word or two: `overloaded`, `rate limited`,
    `not reachable`, `answer cut off`, `status 500`, `failed`. `request_id` is the API's, if it answered.
    """

    number: int
    error: Text
    attempt: int = 1
    reason: str = "failed"
    next_try_in: float = 0.0
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent(Event):
    """Part of what a request costs, as soon as it is known: the request itself, its prompt, its answer.

    The sum over a run and the runs below it is what they have cost so far, failed and cancelled requests included.
    """

    model: str
    usage: ModelUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted(Event):
    """`call` is unique among the calls of all runs."""

    call: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolProgress(Event):
    """A running call reports a step."""

    call: str
    tool: str
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished(Event):
    """`served_by` names who answered: a server, or `local`. `bills` are those of the runs the call delegated to."""

    call: str
    tool: str
    arguments: Mapping[str, Any]
    result: Text
    is_error: bool
    served_by: str
    seconds: float
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Something the operator should know and the model need not."""

    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarting(Event):
    """A server is being started, or connected to if `is_remote`. The next `ServerChanged` of it ends that.

    It concerns all runs that use the server, so `run` and `agent` are empty.
    """

    is_for_callers: ClassVar[bool] = False

    server: str
    is_remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged(Event):
    """The connection to a server, or its circuit breaker (`closed`, `open`, `half-open`), is in another state.

    It concerns all runs that use the server, so `run` and `agent` are empty. `reason` says why it is down.
    """

    is_for_callers: ClassVar[bool] = False
    server: str
    is_up: bool
    breaker: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """Exactly one of `answer` and `error` is set; with `error` also `error_type`, one of few names."""

    bill: Bill
    answer: Text | None = None
    error: Text | None = None
    error_type: str | None = None


EventHandler = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """The observer that looks away."""


def fan_out(*observers: EventHandler) -> EventHandler:
    """One observer that is several, called in this order."""

    def on_event(event: Event) -> None:
        for each in observers:
            each(event)

    return on_event


class BufferedHandler:
    """An observer for another one that can wait: it hears many events at once, which costs half as much for each.

    `flush` before what it made of them is looked at.
    """

    def __init__(self, handler: EventHandler) -> None:
        self._observer = handler
        self._heard: list[Event] = []

    def on_event(self, event: Event) -> None:
        self._heard.append(event)
        if len(self._heard) >= MOST_KEPT:
            self.flush()

    def flush(self) -> None:
        received, self._heard = self._heard, []
        for event in received:
            self._observer(event)
