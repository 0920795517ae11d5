"""The terminal is left as it was found, however a block ends."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


@contextmanager
def without_echo() -> Iterator[None]:
    """What is typed within the block is not shown; Ctrl-C works."""
    fd, before = _keyboard()
    if fd is None:
        yield
        return
    silent = termios.tcgetattr(fd)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSADRAIN, silent)
    try:
        with undone_on_sigterm(lambda: termios.tcsetattr(fd, termios.TCSANOW, before)):
            yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def restored_on_sigterm() -> Iterator[None]:
    """SIGTERM in the block leaves the terminal as it is now."""
    fd, before = _keyboard()
    if fd is None:
        yield
        return
    with undone_on_sigterm(lambda: termios.tcsetattr(fd, termios.TCSANOW, before)):
        yield


@contextmanager
def undone_on_sigterm(undo: Callable[[], object]) -> Iterator[None]:
    """SIGTERM ends the process as ever, but only after `undo`, which may come in the middle of anything."""

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


def _keyboard() -> tuple[int | None, list[Any]]:
    """The terminal that is typed at and its settings, if there is one."""
    try:
        fd = sys.stdin.fileno()
        return fd, termios.tcgetattr(fd)
    except (OSError, ValueError, termios.error):
        return None, []
