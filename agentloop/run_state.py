"""The state of a run that clients poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agentloop.tool_output import ToolOutput

Status = Literal["working", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class RunState:
    """A run that clients poll. Times are in seconds since the epoch.

    `output` is set when the run has completed, `error` when it has failed. `message` says what a working run
    does, and `questions` are those it waits for an answer to, by their keys, as the client receives them.
    """

    id: str
    status: Status
    created: float
    updated: float
    owner: str
    output: ToolOutput | None = None
    error: str | None = None
    message: str | None = None
    questions: Mapping[str, Any] = field(default_factory=dict)
