"""Terminal settings that are restored however a block ends.

On Windows nothing is done here: Rich and prompt-toolkit restore the console that they changed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from agentloop.imports import lazy
from agentloop.narration import is_printable

MAX_TYPED = 10_000
"""Bytes that are read at once."""

if sys.platform == "win32":
    _ENDING = (signal.SIGTERM,)
else:
    _ENDING = (signal.SIGTERM, signal.SIGHUP)

termios: Any = lazy("termios")  # which Windows does not have


def _settings() -> list[Any] | None:
    """The settings of the terminal on stdin, or None if there is none, or it is one of Windows."""
    if sys.platform == "win32":
        return None
    try:
        return list(termios.tcgetattr(sys.stdin.fileno()))
    except (OSError, ValueError, termios.error):
        return None


def _apply(settings: list[Any], *, echo: bool = True) -> None:
    changed = [*settings]
    if not echo:
        changed[3] &= ~termios.ECHO
    with suppress(OSError, termios.error):
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW if echo else termios.TCSADRAIN, changed)


def _by_key(settings: list[Any]) -> list[Any]:
    """The settings with which each key can be read at once."""
    characters = [*settings[6]]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [*settings[:3], settings[3] & ~termios.ICANON, *settings[4:6], characters]


@contextmanager
def without_echo() -> Iterator[None]:
    """Typed characters are not shown within the block. Ctrl-C works."""
    with restored_on_signals():
        before = _settings()
        if before is None:
            yield
            return
        _apply(before, echo=False)
        try:
            yield
        finally:
            _apply(before)


class Keys:
    """Waits for keys on stdin, a terminal, while nothing else reads from it (`pause`, `resume`)."""

    def __init__(self) -> None:
        self._pressed: asyncio.Future[None] | None = None
        self._is_reading = False

    async def typed(self) -> str | None:
        """The characters that are typed next; None without a terminal. Keys such as arrows are skipped."""
        before = _settings()
        while before is not None:
            self._pressed = asyncio.get_running_loop().create_future()
            _apply(_by_key(before))
            try:
                self.resume()
                await self._pressed
                text = os.read(sys.stdin.fileno(), MAX_TYPED).decode(errors="replace")
                if not text:  # the terminal is closed
                    return None
            finally:
                self.pause()
                self._pressed = None
                _apply(before)
            shown = "".join(c for c in text if is_printable(c) or c == "\n")
            if shown.strip() and not text.startswith("\x1b"):
                return shown
        return None

    def pause(self) -> None:
        if self._is_reading:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._is_reading = False

    def resume(self) -> None:
        if self._pressed is not None and not self._pressed.done():
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._on_key)
            self._is_reading = True

    def _on_key(self) -> None:
        self.pause()
        assert self._pressed is not None
        self._pressed.set_result(None)


@contextmanager
def restored_on_signals() -> Iterator[None]:
    """SIGTERM or SIGHUP within the block restores the present settings before it ends the process."""
    before = _settings()
    if before is None:
        yield
        return
    with undone_on_signals(lambda: _apply(before)):
        yield


@contextmanager
def undone_on_signals(undo: Callable[[], object]) -> Iterator[None]:
    """SIGTERM and SIGHUP end the process as before, but only after `undo`, which may be called at any point.

    Only the main thread can say what they do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    before = {number: each for number, each in handlers.items() if each not in {None, signal.SIG_IGN}}

    def end(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            undo()
        handler = before[signal.Signals(number)]
        signal.signal(number, handler)
        if callable(handler):
            handler(number, frame)
        else:
            os.kill(os.getpid(), number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
