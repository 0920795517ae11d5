"""The line editor of the chat, with completion and a history."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import Completer
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout

from agentloop.own_files import OWNER_ONLY, state_folder
from orchestrator_client.terminal import restored_on_signals, undone_on_signals

INTERRUPTED = 5.0
"""Seconds in which Ctrl-C cancels what a line was asked for."""
MAX_HISTORY = 1_000_000
"""Bytes. A longer history file is cut to its newest half when a chat starts."""


class _History(FileHistory):
    def store_string(self, string: str) -> None:
        with suppress(OSError):  # a full disk costs the history, not the chat
            super().store_string(string)


def line_editor(completer: Completer) -> PromptSession[str]:
    """An editor that stores lines in the user's state folder if that can be written."""
    return PromptSession(history=_history(), completer=completer, complete_while_typing=False)


async def typed_line(text: str, default: str = "", keep: Callable[[str], None] = lambda _text: None) -> str | None:
    """A line that is typed while something else is at work: on stderr, and without a history. None after Ctrl-D.

    Ctrl-C is passed on. `keep` receives what was typed of a line that is not finished then, or when this is cancelled.
    """
    output = create_output(stdout=sys.stderr)
    with restored_on_signals(), create_app_session(output=output):
        editor: PromptSession[str] = PromptSession()
        try:
            with editing(editor):
                return (await editor.prompt_async(text, default=default, handle_sigint=False)).strip()
        except EOFError:
            return None
        except asyncio.CancelledError:
            keep(editor.default_buffer.text)
            raise
        except KeyboardInterrupt:  # the terminal is in raw mode, so it was a key and no signal
            keep(editor.default_buffer.text)
            signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(INTERRUPTED)
    return None


@contextmanager
def editing(editor: PromptSession[str]) -> Iterator[None]:
    """A block in which the editor is used. What is printed appears above its line. A signal ends its paste mode."""

    def leave() -> None:
        if isinstance(editor.output, Vt100_Output):
            os.write(editor.output.fileno(), b"\x1b[?2004l\r\n")

    with undone_on_signals(leave), patch_stdout(raw=True):
        yield


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
