"""Text -> Problem. Every word must be accounted for; what is left over is named to the reader, never passed over."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from offline_model.arithmetic import read_arithmetic
from offline_model.effort import bounded
from offline_model.lexeme import NotThis, Unread
from offline_model.lexing import check_bounds
from offline_model.problem import Problem
from offline_model.shopping import read_shopping
from offline_model.stories.reading import read_story

_READERS = (read_shopping, read_arithmetic, read_story)


def read(text: str) -> Problem:
    """The one problem the text states. Raises Unread, naming the words, if there is none or more than one."""
    check_bounds(text)
    with _uncollected(), bounded():
        found = _read(text)
    if isinstance(found, Unread):
        raise Unread(str(found))
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collections: in a long parse they take as long as the parse, and find nothing.

    What a reader makes does not refer back, so it is gone when it is done. If two threads read at the same time, the
    one that came first turns collections on again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@lru_cache(maxsize=64)
def _read(text: str) -> Problem | Unread:
    """Each turn of a conversation asks for the same text."""
    refusals: list[Unread] = []
    for reader in _READERS:
        try:
            return reader(text)
        except Unread as refusal:
            refusals.append(type(refusal)(*refusal.args))  # without its traceback, which holds all that was made
            if reader is read_arithmetic and not isinstance(refusal, NotThis):
                break  # it is arithmetic, with two meanings or none
    certain = [each for each in refusals if not isinstance(each, NotThis)]
    told = len(refusals) == len(_READERS) and certain[:1] == refusals[-1:]
    if certain and (not told or ("?" in text and '"' in str(certain[0]))):
        return certain[0]
    if "?" in text and ". " in text and len(refusals) == len(_READERS) and '"' in str(refusals[-1]):
        return refusals[-1]
    return refusals[0]
