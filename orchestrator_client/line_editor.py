"""The line a user types in a chat: edited, completed, and found again the next time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import History, InMemoryHistory

from agentloop.observers.own_files import OWNER_ONLY

MAX_HISTORY = 1_000_000
"""Bytes of the history that are read, from its end."""


class _OwnHistory(History):
    """A file with an entry a line, readable by its owner alone. It is never reached through a symbolic link.

    A full disk costs the history, not the chat.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        os.close(self._open(os.O_RDWR))

    def _open(self, how: int) -> int:
        file = os.open(self._path, how | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY)
        os.fchmod(file, OWNER_ONLY)
        return file

    def load_history_strings(self) -> Iterable[str]:
        with os.fdopen(self._open(os.O_RDWR), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_HISTORY))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return reversed([line[1:] for line in lines if line.startswith("+")])

    def store_string(self, string: str) -> None:
        with suppress(OSError), os.fdopen(self._open(os.O_WRONLY | os.O_APPEND), "ab") as file:
            file.write(f"+{' '.join(string.splitlines())}\n".encode("utf-8", "replace"))


def line_editor(commands: Sequence[str]) -> PromptSession[str]:
    """An editor that completes `commands` and remembers lines in the user's state folder, if it can be written."""
    completer = WordCompleter(list(commands), sentence=True)
    return PromptSession(history=_history(), completer=completer, complete_while_typing=False)


def _history() -> History:
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        path = Path(home) / "orchestrator-client" / "history"
        path.parent.mkdir(parents=True, exist_ok=True)
        return _OwnHistory(path)
    except (OSError, RuntimeError):
        return InMemoryHistory()
