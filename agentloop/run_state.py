"""The state of a run that clients poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentloop.tools import ToolOutput

Status = Literal["working", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class RunState:
    """A run that clients poll. Times are in seconds since the epoch.

    `output` is set when the run has completed, `error` when it has failed. `message` says what a working run does.
    """

    id: str
    status: Status
    created: float
    updated: float
    owner: str
    output: ToolOutput | None = None
    error: str | None = None
    message: str | None = None
