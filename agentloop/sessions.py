"""Sessions: conversations that an agent keeps, so that a later call with the `session_id` can continue one."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agentloop.errors import ToolError
from agentloop.messages import Conversation

SESSION_ID = "session_id"
"""The argument of a call that continues a session."""
MAX_SIZE = 2_000_000
"""Characters of one conversation as JSON. A longer one is not kept."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What an agent keeps in memory. When there is too much, the least recently used sessions are forgotten."""

    sessions: int = 1_000
    of_one_owner: int = 100
    characters: int = 100_000_000
    """Of all conversations as JSON, and of the long results that they keep."""
    age: float = 24 * 3600.0
    """Seconds since the last answer."""


@dataclass(slots=True)
class Session:
    """A session that is open for one call. `conversation` is replaced when the call has its answer."""

    id: str
    conversation: Conversation = field(default_factory=Conversation)

    @property
    def is_too_long(self) -> bool:
        return self.size > MAX_SIZE

    @property
    def size(self) -> int:
        """Characters of the conversation as JSON."""
        return len(json.dumps(self.conversation.messages))


@dataclass(slots=True)
class _Kept:
    owner: str
    conversation: Conversation
    size: int
    used: float
    is_open: bool = False


class MemorySessions:
    """The sessions of one agent, in memory. May be used from any thread."""

    def __init__(self, limits: SessionLimits = SessionLimits()) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @contextmanager
    def open(self, owner: str, session_id: str | None) -> Iterator[Session]:
        """Open the owner's session of that id, or a new one, and keep its conversation if the block ends normally.

        Raises:
            ToolError: the owner has no such session, or it is open.
        """
        session = Session(secrets.token_hex(12)) if session_id is None else self._opened(owner, session_id)
        try:
            yield session
            self._keep(owner, session)
        finally:
            with self._lock:
                if session.id in self._kept:
                    self._kept[session.id].is_open = False

    def _opened(self, owner: str, session_id: str) -> Session:
        with self._lock:
            kept = self._kept.get(session_id)
            if kept is None or kept.owner != owner or time.monotonic() - kept.used > self._limits.age:
                raise no_session(session_id)
            if kept.is_open:
                raise session_busy(session_id)
            kept.is_open = True
            return Session(session_id, kept.conversation)

    def _keep(self, owner: str, session: Session) -> None:
        size = session.size
        with_results = size + sum(map(len, session.conversation.kept.values()))
        with self._lock:
            self._kept.pop(session.id, None)
            if size <= MAX_SIZE:
                self._kept[session.id] = _Kept(owner, session.conversation, with_results, time.monotonic())
            self._forget(owner)

    def _forget(self, owner: str) -> None:
        """Forget the sessions that are too old or too many, the least recently used first."""
        oldest = time.monotonic() - self._limits.age
        own = [name for name, kept in self._kept.items() if kept.owner == owner]
        too_many = set(own[: max(0, len(own) - self._limits.of_one_owner)])
        characters = sum(kept.size for kept in self._kept.values())
        for name, kept in list(self._kept.items()):
            is_excess = len(self._kept) > self._limits.sessions or characters > self._limits.characters
            if kept.used < oldest or name in too_many or is_excess:
                characters -= kept.size
                del self._kept[name]


def no_session(session_id: str) -> ToolError:
    """The error for an id that is unknown, expired or somebody else's, without saying which."""
    return ToolError(
        f"There is no session {session_id[:50]!r}, or it is no longer kept. "
        f"Leave {SESSION_ID} out to begin a new conversation."
    )


def session_busy(session_id: str) -> ToolError:
    return ToolError(
        f"The session {session_id[:50]!r} is answering another call. Wait for its answer, "
        f"or leave {SESSION_ID} out to begin a new conversation."
    )
