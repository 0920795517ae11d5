"""Terminal settings that are restored however a block ends."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def without_echo() -> Iterator[None]:
    """Typed characters are not shown within the block. Ctrl-C works."""
    with restored_on_sigterm() as restore:
        if restore is None:
            yield
            return
        fd = sys.stdin.fileno()
        silent = termios.tcgetattr(fd)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            restore()


@contextmanager
def restored_on_sigterm() -> Iterator[Callable[[], None] | None]:
    """SIGTERM within the block restores the present settings. Gives a function that does so; None if no terminal."""
    try:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
    except (OSError, ValueError, termios.error):
        yield None
        return

    def restore() -> None:
        termios.tcsetattr(fd, termios.TCSANOW, before)

    with undone_on_sigterm(restore):
        yield restore


@contextmanager
def undone_on_sigterm(undo: Callable[[], object]) -> Iterator[None]:
    """SIGTERM ends the process as before, but only after `undo`, which may be called at any point."""

    def end(number: int, frame: FrameType | None) -> None:
        with suppress(OSError, termios.error):
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
