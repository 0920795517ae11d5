"""Notes to an agent that is at work."""

from __future__ import annotations

from collections import deque

from agentloop.errors import ConfigurationError

MAX_NOTE = 20_000
"""Characters of a note."""
MAX_WAITING = 20
"""Notes that wait for the model's next turn."""


class Inbox:
    """Takes notes for one run. The model reads them before its next turn, beside the results of its calls.

    A note that comes while the model writes its answer leads to one more turn. A note is for the run that got the
    inbox, not for those it delegates to. Notes can be sent from any thread.

    Example:
        inbox = Inbox()
        run = asyncio.create_task(agent.run("Review this package.", inbox=inbox))
        ...
        inbox.send("Also check the licence.")
        print((await run).answer)
    """

    def __init__(self) -> None:
        self._notes: deque[str] = deque()

    def send(self, note: str) -> None:
        """Send a note.

        Raises:
            ConfigurationError: it is blank or has more than 20,000 characters, or 20 notes wait already.
        """
        if not note.strip():
            raise ConfigurationError("The note is blank.")
        if len(note) > MAX_NOTE:
            raise ConfigurationError(f"The note has {len(note):,} characters; {MAX_NOTE:,} are allowed.")
        if len(self._notes) >= MAX_WAITING:
            raise ConfigurationError(f"{MAX_WAITING} notes wait for the model's next turn already.")
        self._notes.append(note)

    def take(self) -> list[str]:
        """Remove and return the notes that no model has read."""
        return [self._notes.popleft() for _ in range(len(self._notes))]
