"""What this process holds: children, threads, sockets, other file descriptors. Linux only."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.counts import Part

SETTLE = 10.0
"""Seconds what is being closed may take to be gone."""
_LOOK_AGAIN = 0.02


@dataclass(frozen=True, slots=True)
class Holdings:
    processes: int
    threads: int
    sockets: int
    descriptors: int

    @classmethod
    def now(cls) -> Holdings:
        gc.collect()
        links = _links()
        sockets = sum(link.startswith("socket:") for link in links)
        return cls(len(children()), threading.active_count(), sockets, len(links) - sockets)

    def beyond(self, start: Holdings) -> dict[str, int]:
        """What is held more than at the start, by kind."""
        return {kind: max(0, getattr(self, kind) - getattr(start, kind)) for kind in self.__slots__}


def children(pid: int | None = None) -> dict[int, str]:
    """The child processes of a process, by pid: their command lines. Zombies count."""
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid or os.getpid()}/task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                found[int(child)] = _command(int(child))
    return found


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def count_leaks(part: Part, start: Holdings, *, seconds: float = SETTLE) -> None:
    """Compare with the start, once everything that ends by itself had time to."""
    wait_until(lambda: not any(Holdings.now().beyond(start).values()), seconds)
    for kind, number in Holdings.now().beyond(start).items():
        part.add(f"leaked {kind}", number)
        part.expect(number == 0, f"{number} {kind} leaked")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look at `condition` until it holds; /proc has no events to wait for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_AGAIN)
    return True


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _links() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the listing's own descriptor is gone when it is read
        with suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115
    return links
