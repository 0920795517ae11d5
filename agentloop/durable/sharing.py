"""How processes share the work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the processes of one PostgreSQL store share the runs. All of them must have the same limits.

    At most `at_once` runs are under way in all processes, `per_worker` in one process and `per_owner` of one owner, and
    at most `starts_per_minute` begin. A process that does not `work` accepts calls and returns results, but executes no
    runs. Runs are executed by processes of the `version` that accepted them.
    """

    at_once: int = 64
    per_worker: int | None = None
    per_owner: int | None = None
    starts_per_minute: int | None = None
    works: bool = True
    version: str | None = None
