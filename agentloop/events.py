"""The events of a run.

An event handler is a plain function with one parameter, the event. Handlers are called in order on the event loop of
the outermost run, and must return quickly. Events of delegated runs arrive in the same stream;
`RunStarted.parent_call` is the tool call that started the run. Events of runs in other processes arrive a little after
their time `at` (see `relay`): events of one run are in order, those of different runs can be ordered by `at`.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypedDict

from agentloop.errors import ConfigurationError
from agentloop.usage import Bill, ModelUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is on the `time.monotonic` clock; `run` is the id of the run, `agent` the name of its agent.

    `replayed` is true if the event happened before a crash and is emitted again by the run that continues. Only types
    with `is_for_callers` are sent from the process of a run to the process that called it.

    Example:
        def on_event(event: Event) -> None:
            if isinstance(event, ToolFinished):
                print(event.tool, event.result)

        await agent.run("Two haikus about rain", on_event=on_event)
    """

    is_for_callers: ClassVar[bool] = True
    run: str
    agent: str
    at: float = field(default_factory=time.monotonic)
    replayed: bool = False


class Source(TypedDict):
    """The fields that all events of a run share."""

    run: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run has started. `served_by` is the server whose process it runs in, or `local`.

    `is_claimed` is true if its usage is only what an untrusted server claims.
    """

    prompt: str
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
    """A piece of the model's text. Sent to callers in other processes that ask for it: see `RunScope.remote_text`."""

    is_for_callers: ClassVar[bool] = False
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished(Event):
    """The model's response is complete. `usage` is the usage of the turn, including failed attempts.

    `request_id` is the API's, to quote to its operator. `cache_miss` is why the API could not read the prompt from its
    cache, such as `messages_changed, 5,120 tokens`, if it was asked to say so: see `DIAGNOSTICS_VARIABLE`.
    """

    number: int
    stop_reason: str
    tool_calls: int
    usage: ModelUsage
    request_id: str = ""
    cache_miss: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRetried(Event):
    """The request failed or its stream broke, and is sent again in `next_try_in` seconds.

    `attempt` is the number of the failed attempt, `reason` one of `overloaded`, `rate limited`, `not reachable`,
    `answer cut off`, `status 500` (or another status) and `failed`. `request_id` is the API's, if it answered.
    """

    number: int
    error: str
    attempt: int = 1
    reason: str = "failed"
    next_try_in: float = 0.0
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent(Event):
    """A part of a request's usage, as soon as it is known: the request itself, its prompt, its response.

    The sum over a run and the runs below it is their usage so far, including failed and cancelled requests.
    """

    model: str
    usage: ModelUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted(Event):
    """A tool call has started. `call` is unique among the calls of all runs."""

    call: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolProgress(Event):
    """A tool call has reported progress."""

    call: str
    tool: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished(Event):
    """A tool call has ended. `served_by` is the server that answered, or `local`; `bills` are of delegated runs."""

    call: str
    tool: str
    arguments: Mapping[str, Any]
    result: str
    is_error: bool
    served_by: str
    seconds: float
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEdited(Event):
    """Old tool results are left out of the run's requests from now on, because its prompts have become too long.

    `results` is the number of all that are left out, `tokens` how many tokens that saves, `by` either `api` or `local`:
    the Messages API does it, or this process does because the server cannot. Both numbers are 0 if the API has put a
    summary in the place of the whole conversation so far.
    """

    results: int
    tokens: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteReceived(Event):
    """A note of the user has reached the run: see `Inbox`. The model reads it in the turn of that number."""

    text: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A message for the operator that the model does not need."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarting(Event):
    """A server is being started, or connected to if `is_remote`, until its next `ServerChanged` event.

    The event concerns all runs that use the server, so `run` and `agent` are empty.
    """

    is_for_callers: ClassVar[bool] = False

    server: str
    is_remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged(Event):
    """The state of a server's connection, or of its circuit breaker (`closed`, `open`, `half-open`), has changed.

    The event concerns all runs that use the server, so `run` and `agent` are empty. `reason` says why it is down.
    """

    is_for_callers: ClassVar[bool] = False
    server: str
    is_up: bool
    breaker: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run has ended with either an `answer` or an `error`. `error_type` is a short name for statistics."""

    bill: Bill
    answer: str | None = None
    error: str | None = None
    error_type: str | None = None


EventHandler = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """An event handler that does nothing."""


def plain_handler(handler: EventHandler) -> EventHandler:
    """The handler of a user.

    Raises:
        ConfigurationError: it is no function, or an async one: events are not awaited, so it would never run.
    """
    if not callable(handler):
        raise ConfigurationError(f"on_event is {handler!r:.100}: give a function that takes an event.")
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):  # noqa: B004
        raise ConfigurationError("on_event is an async function: give a plain one, which may put events into a queue.")
    return handler


def fan_out(*handlers: EventHandler) -> EventHandler:
    """An event handler that calls each of `handlers`, in this order."""

    def on_event(event: Event) -> None:
        for handler in handlers:
            handler(event)

    return on_event
