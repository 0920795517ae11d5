"""The line editor of the chat, with completion and a history."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import create_output
from prompt_toolkit.patch_stdout import patch_stdout

from agentloop.own_files import OWNER_ONLY, state_folder
from orchestrator_client.terminal import restored_on_sigterm

Complete = Callable[[str], Awaitable[Iterable[str]]]
MAX_HISTORY = 1_000_000
"""Bytes. A longer history file is cut to its newest half when a chat starts."""


class _History(FileHistory):
    def store_string(self, string: str) -> None:
        with suppress(OSError):  # a full disk costs the history, not the chat
            super().store_string(string)


class _Completer(Completer):
    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """None: an editor asks for them with `get_completions_async`."""
        del document, complete_event
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        del complete_event
        text = document.text_before_cursor
        word = text.rsplit(" ", 1)[-1]
        for each in await self._complete(text):
            yield Completion(each, start_position=-len(word))


def line_editor(complete: Complete) -> PromptSession[str]:
    """An editor that stores lines in the user's state folder if that can be written.

    `complete` receives the text before the cursor and returns what its last word may become.
    """
    return PromptSession(history=_history(), completer=_Completer(complete), complete_while_typing=False)


@contextmanager
def editor_on_stderr() -> Iterator[PromptSession[str]]:
    """An editor for a line that is typed while something else is at work: on stderr, and without a history."""
    output = create_output(stdout=sys.stderr)
    with restored_on_sigterm(), create_app_session(output=output), patch_stdout(raw=True):
        yield PromptSession()


def _history() -> History:
    """A file that only its owner can read. A symbolic link is not followed."""
    try:
        path = state_folder("orchestrator-client") / "history"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            return InMemoryHistory()
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), OWNER_ONLY)
        try:
            path.chmod(OWNER_ONLY)
            _shorten(file)
        finally:
            os.close(file)
        return _History(str(path))
    except (OSError, RuntimeError):
        return InMemoryHistory()


def _shorten(file: int) -> None:
    """Keep the newest entries of a history that is too long. An entry begins with an empty line and `# `."""
    if os.fstat(file).st_size <= MAX_HISTORY:
        return
    os.lseek(file, -(MAX_HISTORY // 2), os.SEEK_END)
    newest = os.read(file, MAX_HISTORY // 2)
    newest = newest[max(newest.find(b"\n# "), 0) :]
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, newest)
