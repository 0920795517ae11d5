"""How processes share the work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the processes at one PostgreSQL share the work. All of them must say the same of the limits.

    At most `at_once` runs are under way in all of them together, `per_worker` in one and `per_owner` of one owner, and
    at most `starts_per_minute` begin. A process that does not `work` only takes orders and answers for runs. Runs are
    worked off by processes of the `version` that took the order.
    """

    at_once: int = 64
    per_worker: int | None = None
    per_owner: int | None = None
    starts_per_minute: int | None = None
    works: bool = True
    version: str | None = None
