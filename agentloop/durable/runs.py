"""A run as it is requested, and as it is stored."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dbos import WorkflowStatus

from agentloop import Budget, ToolOutput
from agentloop.durable import records

POISON = "poison"
"""The attribute of a run that was stopped because its processes kept dying."""
ATTEMPTS = 5
"""How often a run whose process died is started again before it fails."""

Status = Literal["working", "completed", "failed", "cancelled"]

STATUS: Mapping[str, Status] = {
    "ENQUEUED": "working",
    "DELAYED": "working",
    "PENDING": "working",
    "SUCCESS": "completed",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
}
RESUMABLE = {"CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
"""Statuses of runs that are resumed when the call is repeated."""


@dataclass(frozen=True, slots=True)
class Order:
    """The request for a run: to call `tool`, usually an agent. `deadline` is in seconds since the epoch."""

    tool: str
    arguments: Mapping[str, Any]
    owner: str
    depth: int = 1
    deadline: float | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def fingerprint(self) -> str:
        """Identifies the call. Budget and deadline are left out: they differ when the call is repeated."""
        return hashlib.sha256(json.dumps([self.tool, self.arguments, self.owner], sort_keys=True).encode()).hexdigest()

    def run_id(self, key: str | None) -> str:
        """The same for the same owner and key; others cannot guess it."""
        if key is None:
            return secrets.token_hex(20)
        return hashlib.sha256(json.dumps([self.owner, key]).encode()).hexdigest()[:40]

    def to_json(self) -> dict[str, Any]:
        about: dict[str, Any] = {"tool": self.tool, "arguments": dict(self.arguments), "owner": self.owner}
        return about | {"depth": self.depth, "deadline": self.deadline, "budget": self.budget.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Order:
        return cls(**{**value, "budget": Budget.from_json(value["budget"])})


@dataclass(frozen=True, slots=True)
class RunState:
    """A stored run. Times are in seconds since the epoch; `output` is set when the run has completed."""

    id: str
    status: Status
    created: float
    updated: float
    owner: str
    output: ToolOutput | None = None
    error: str | None = None


def state_of(status: WorkflowStatus) -> RunState:
    about = status.attributes or {}
    ours = "failed" if about.get(POISON) and status.status == "CANCELLED" else STATUS[status.status]
    return RunState(
        id=status.workflow_id,
        status=ours,
        created=(status.created_at or 0) / 1000,
        updated=(status.updated_at or 0) / 1000,
        owner=str(about.get("owner")),
        output=records.output_from_json(status.output) if ours == "completed" else None,
        error=_failure(status) if ours == "failed" else None,
    )


def _failure(status: WorkflowStatus) -> str:
    if status.error is not None:
        return str(status.error)
    return f"The run took its process down {ATTEMPTS} times and is not begun again by itself."
