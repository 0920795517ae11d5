"""How much is done, counted and not timed: the same on every machine, busy or not."""

import gc
import sys
from collections.abc import Callable
from types import FrameType


def calls(do: Callable[[], object]) -> int:
    """How many functions it calls, those written in C included. The offline model calls some 7,000 in a millisecond."""
    counted = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(None)
    return counted


def collections(do: Callable[[], object]) -> int:
    """How often the garbage collector runs meanwhile."""
    counted = 0

    def count(phase: str, _info: object) -> None:
        nonlocal counted
        counted += phase == "start"

    gc.callbacks.append(count)
    try:
        do()
    finally:
        gc.callbacks.remove(count)
    return counted


def objects_left(do: Callable[[], object]) -> int:
    """How many objects are there afterwards that were not there before, with what only a collection would find."""
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        do()
        return len(gc.get_objects()) - before
    finally:
        gc.enable()
