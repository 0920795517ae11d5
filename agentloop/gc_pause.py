"""Settings of the garbage collector in the process of a command."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (20_000, 20, 50)
"""For `gc.set_threshold`. With Python 3.11's defaults, hundreds of concurrent agents spend up to a third of the time in
the collector, which finds few cycles."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Exclude all objects that are created in the block from garbage collection. Use it for imports."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*SELDOM)
        gc.enable()
