"""What a tool call is given: for the author of the tool, and for the runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agentloop.budget import Ledger
from agentloop.events import EventHandler, ignore
from agentloop.rate_limiter import RateLimiter
from agentloop.sessions import Session
from agentloop.usage import Bill


class Cancellation:
    """Set, from any thread, when nobody waits for a call any more. True in a condition once it is set.

    A thread cannot be stopped from outside. A tool that runs long in one checks this between steps, or registers a
    callback:

        for page in pages:
            if context.cancelled:
                break
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._callbacks: list[Callable[[], object]] = []

    def __bool__(self) -> bool:
        return self._is_set

    def set(self) -> None:
        with self._lock:
            self._is_set = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def then(self, callback: Callable[[], object]) -> None:
        """Call `callback` when set, in the thread that sets it; at once if it is set already."""
        with self._lock:
            if not self._is_set:
                self._callbacks.append(callback)
                return
        callback()


@dataclass(frozen=True, slots=True)
class RunScope:
    """What the runtime passes down with a call. The defaults: nobody watches, and nothing is limited."""

    emit: EventHandler = ignore
    """The event handler for everything the call starts."""
    trace: EventHandler = ignore
    """Receives the same events where they occur, in their task or thread, and can make a span current there."""
    call_id: str | None = None
    """The call's id in the event stream."""
    run_id: str | None = None
    """The id of the run that the call starts; None gives it a new one. A run that is resumed keeps its id."""
    depth: int = 0
    """How many agents are above the one that is called."""
    ledger: Ledger = field(default_factory=Ledger)
    """What the tree of runs above may still spend."""
    rate_limiter: RateLimiter | None = None
    """The rate limiter of the tree of runs above; None means the one that all runs of an agent share."""
    owner: str = ""
    """Whose call it is: only who began a session may continue it."""
    session: Session | None = None
    """The session of the run that the call starts, if the caller keeps it; an agent keeps its sessions otherwise."""
    siblings: int = 1
    """Calls of the same message that have not started yet, this one included: they share what is left."""
    charge: Callable[[Bill], None] = lambda _bill: None
    """Add the cost of a delegated run to the caller's, once, however the run ended."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a tool function gets as its first argument if it is annotated `CallContext`.

    Example:
        @tool(read_only=True)
        def count_words(context: CallContext, pages: list[str]) -> int:
            total = 0
            for number, page in enumerate(pages, 1):
                if context.cancelled:
                    break
                context.progress(f"page {number} of {len(pages)}")
                total += len(page.split())
            return total

    An agent run from a tool takes part in the caller's budget, deadline and events with
    `await agent.run(prompt, context=context)`.
    """

    progress: Callable[[str], None] = lambda _message: None
    """Report a step of a long call, as a message for a person."""
    cancelled: Cancellation = field(default_factory=Cancellation)
    """Whether the caller has given up."""
    deadline: float | None = None
    """When the caller gives up, on the `time.monotonic` clock."""
    scope: RunScope = field(default_factory=RunScope)
    """What the runtime passes down. A tool has no need of it."""
