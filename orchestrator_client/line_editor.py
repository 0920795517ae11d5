"""The line a user types in a chat: edited, completed, and found again the next time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

OWNER_ONLY = 0o600


class _OwnHistory(FileHistory):
    """A full disk costs the history, not the chat."""

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def line_editor(commands: Sequence[str]) -> PromptSession[str]:
    """An editor that completes `commands` and remembers lines in the user's state folder, if it can be written."""
    words = [command.partition(" ")[0] for command in commands]
    completer = WordCompleter(words, sentence=True)
    return PromptSession(history=_history(), completer=completer, complete_while_typing=False)


def _history() -> History:
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        path = Path(home) / "orchestrator-client" / "history"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=OWNER_ONLY)
        path.read_bytes()
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return _OwnHistory(path)
