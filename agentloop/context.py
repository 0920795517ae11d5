"""What travels down with a call: who listens, how long it may take, how deep it is, whether anyone still waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agentloop.budget import Ledger
from agentloop.events import Observer, ignore
from agentloop.governor import Governor
from agentloop.usage import Bill


class Abandoned:
    """Set, from any thread, once nobody waits for a call any more.

    A thread cannot be stopped from outside. One that runs for long looks here between steps (`is_set`) or leaves a
    callback, which is called at once if it is too late.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._callbacks: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        with self._lock:
            self._set = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def then(self, callback: Callable[[], object]) -> None:
        """Call `callback` when set, in the thread that sets it."""
        with self._lock:
            if not self._set:
                self._callbacks.append(callback)
                return
        callback()


@dataclass(frozen=True, slots=True)
class CallContext:
    """The circumstances of one tool call. The default is a call nobody watches and nothing limits."""

    emit: Observer = ignore
    """Where the events of what the call starts go."""
    trace: Observer = ignore
    """Hears the same events where they happen, in their task or thread, and can make something current there."""
    call: str | None = None
    """The call's id in the event stream."""
    run: str | None = None
    """The id of the run the call starts; None gives it a new one. A run that is repeated after a crash keeps its id."""
    deadline: float | None = None
    """When the caller gives up, on the `time.monotonic` clock."""
    depth: int = 0
    """How many agents are above the one that is called."""
    abandoned: Abandoned = field(default_factory=Abandoned)
    ledger: Ledger = field(default_factory=Ledger)
    """What the tree of runs above may still spend."""
    governor: Governor | None = None
    """Who admits the requests of the tree of runs above; None leaves it to the one that all runs of an agent share."""
    siblings: int = 1
    """Calls of the same message that have not started yet, this one included: they share what is left."""
    book: Callable[[Bill], None] = lambda _bill: None
    """Put a delegated run's bill on the caller's, once, however the run ended."""
    report: Callable[[str], None] = lambda _message: None
    """Report a step of a long call, in words for a person."""
