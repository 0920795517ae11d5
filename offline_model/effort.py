"""How much may be done to read one text. Counted, not timed: a text is read on every machine, or on none."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from offline_model.lexeme import Unread

MOST_STEPS = 30_000
"""A turn of 100 ms can bear twice as many. 150 words of a story take up to 15,000, a text of the corpus up to 4,000."""

# What takes longer than a step, which is an item of an Earley parser, about a microsecond.
READ = 4
"""A rule and a row of its children -> a meaning."""
TOLD = 60
"""A sentence of a story, told in one of its meanings, and the question asked."""
SEARCHED = 32
"""And what takes less: so many items are looked at in a step."""

_left: ContextVar[int] = ContextVar("steps left")


@contextmanager
def bounded() -> Iterator[None]:
    """What is done within takes MOST_STEPS at most, all together."""
    before = _left.set(MOST_STEPS)
    try:
        yield
    finally:
        _left.reset(before)


def spend(steps: int) -> None:
    """Raises Unread when too much was done."""
    left = _left.get() - steps
    _left.set(left)
    if left < 0:
        raise Unread("it can be read in too many ways")
