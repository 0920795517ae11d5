"""How the garbage collector works in a command's own process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (20_000, 20, 50)
"""`gc.set_threshold`. With the values of Python 3.11 hundreds of agents at once spend up to a third of their time being
looked through for cycles, of which they leave few."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Import everything in the block: objects that stay, and are not looked through then or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*SELDOM)
        gc.enable()
