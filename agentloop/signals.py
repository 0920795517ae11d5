"""Signals that an event loop handles, on every platform."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGBREAK)
else:
    STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to stop. Windows sends Ctrl-Break to a process group as `SIGBREAK`."""


def on_signals(
    handler: Callable[[], object], numbers: tuple[signal.Signals, ...] = STOP_SIGNALS, *, portable: bool | None = None
) -> None:
    """Call `handler` on the running event loop when the process receives one of these signals.

    Not in other threads than the main one, to which Python gives them: whoever started such a thread handles signals.
    `portable` uses `signal.signal` where the event loop has no signal handlers of its own, as on Windows.

    Example:
        >>> stop = asyncio.Event()
        >>> on_signals(stop.set)
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in numbers:
        if sys.platform == "win32" if portable is None else portable:
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(handler))
        else:
            loop.add_signal_handler(number, handler)


@contextmanager
def ctrl_c(handler: Callable[[], object], *, portable: bool | None = None) -> Iterator[None]:
    """Within the block Ctrl-C calls `handler` on the running event loop instead of ending the process."""
    before = signal.getsignal(signal.SIGINT)
    on_signals(handler, (signal.SIGINT,), portable=portable)
    try:
        yield
    finally:
        if portable or (portable is None and sys.platform == "win32"):
            signal.signal(signal.SIGINT, before)
        else:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
