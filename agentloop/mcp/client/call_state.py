"""What is known of the running call, for code below the SDK: HTTP hooks and resolvers of extension results.

A call runs in a task of its own. The SDK's transports send a request in the context of the task that made it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentloop import QuestionHandler
from agentloop.limits import TimeLimit
from agentloop.mcp.client.delegated_call import Delegation


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """A response with an error status: the first line of its text, and the seconds its `Retry-After` asks to wait."""

    status: int
    line: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"HTTP {self.status}: {self.line}" if self.line else f"HTTP {self.status}"


class Asker(NamedTuple):
    """Who is asked about a call, and whose call it is."""

    ask: QuestionHandler | None
    owner: str


NOBODY_TO_ASK = Asker(None, "")


@dataclass(slots=True, eq=False)
class CallState:
    """One call, or the connecting of one session. `delegation` is set for a call to an agent.

    `is_accepted`: a request of the call was answered with success. `is_refused`: the first one was refused because the
    server does not know the session, so nothing was run. `is_cut_off`: an event stream ended before its response.
    `failure` is the last HTTP error. `last_activity` is when the server last reported something, by
    `time.monotonic`.
    `name` is the caller's id of the call, `owner` whose it is, and `ask` puts the server's `questions` to a person.
    Meanwhile the time of `limit` does not run. `asking` are the questions that wait for an answer.
    `may_ask`: it may wait for a person who logs in; connecting may not.
    """

    delegation: Delegation | None = None
    may_ask: bool = False
    is_accepted: bool = False
    is_refused: bool = False
    is_cut_off: bool = False
    failure: HttpFailure | None = None
    name: str = ""
    owner: str = ""
    ask: QuestionHandler | None = None
    questions: int = 0
    asking: set[asyncio.Task[Any]] = field(default_factory=set)
    limit: TimeLimit | None = None
    last_activity: float = field(default_factory=time.monotonic)

    def on_activity(self) -> None:
        self.last_activity = max(self.last_activity, time.monotonic())

    @contextmanager
    def waiting_for_person(self) -> Iterator[None]:
        """The server is not expected to report anything in the block."""
        self.last_activity = math.inf
        try:
            with nullcontext() if self.limit is None else self.limit.paused():
                yield
        finally:
            self.last_activity = time.monotonic()


current_call: ContextVar[CallState | None] = ContextVar("current_call", default=None)
