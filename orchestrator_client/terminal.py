"""Terminal settings that are restored however a block ends.

On Windows nothing is done here: Rich and prompt-toolkit restore the console that they changed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

if sys.platform == "win32":

    def _settings() -> list[Any] | None:
        return None

    def _apply(settings: list[Any], *, echo: bool = True) -> None:
        del settings, echo

else:
    import termios

    def _settings() -> list[Any] | None:
        """The settings of the terminal on stdin, or None if there is none."""
        try:
            return termios.tcgetattr(sys.stdin.fileno())
        except (OSError, ValueError, termios.error):
            return None

    def _apply(settings: list[Any], *, echo: bool = True) -> None:
        changed = [*settings]
        if not echo:
            changed[3] &= ~termios.ECHO
        with suppress(OSError, termios.error):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW if echo else termios.TCSADRAIN, changed)


@contextmanager
def without_echo() -> Iterator[None]:
    """Typed characters are not shown within the block. Ctrl-C works."""
    with restored_on_sigterm():
        before = _settings()
        if before is None:
            yield
            return
        _apply(before, echo=False)
        try:
            yield
        finally:
            _apply(before)


@contextmanager
def restored_on_sigterm() -> Iterator[None]:
    """SIGTERM within the block restores the present settings before it ends the process."""
    before = _settings()
    if before is None:
        yield
        return
    with undone_on_sigterm(lambda: _apply(before)):
        yield


@contextmanager
def undone_on_sigterm(undo: Callable[[], object]) -> Iterator[None]:
    """SIGTERM ends the process as before, but only after `undo`, which may be called at any point."""

    def end(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            undo()
        signal.signal(signal.SIGTERM, before)
        if callable(before):
            before(number, frame)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
