"""Promises about time on a machine that may be busy: what else runs there can only make an attempt slower."""

import time
from collections.abc import Awaitable, Callable

ATTEMPTS = 3
SAMPLE = 0.1
"""Seconds of CPU time for which the speed of the machine is measured."""


async def time_limit(seconds: float, attempt: Callable[[], Awaitable[float]]) -> float:
    """Make the attempt until one takes less than `seconds` of an idle machine, three times at most.

    Each attempt asserts everything else that it should, and returns the seconds it took. The bound of an attempt that
    takes longer is multiplied by `slowdown`, measured right after it.

    Returns:
        The seconds of the attempt that was fast enough.
    """
    late = []
    for _ in range(ATTEMPTS):
        took = await attempt()
        bound = seconds if took < seconds else seconds * slowdown()
        if took < bound:
            return took
        late.append(f"{took:.2f} s of {bound:.2f} s")
    raise AssertionError(f"less than {seconds:g} s are promised; at the speed of this machine: {', '.join(late)}")


def slowdown() -> float:
    """How many times longer a computation takes now than it would if it had a core to itself; 1 on an idle machine."""
    began, cpu = time.perf_counter(), time.thread_time()
    while (used := time.thread_time() - cpu) < SAMPLE:
        pass
    return max(1.0, (time.perf_counter() - began) / used)
