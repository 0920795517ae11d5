"""A run as it is requested, and as it is stored."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbos import DBOS, WorkflowStatus

from agentloop import Budget, ToolOutput
from agentloop.durable import records
from agentloop.run_state import RunState, Status
from agentloop.sessions import SESSION_ID

POISON = "poison"
"""The attribute of a run that was stopped because its processes kept dying."""
ATTEMPTS = 5
"""How often a run whose process died is started again before it fails."""

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
    """The request for a run: to call `tool`, usually an agent. `deadline` is in seconds since the epoch.

    `session` is set if the agent has sessions, `continues` is the run whose conversation is continued.
    """

    tool: str
    arguments: Mapping[str, Any]
    owner: str
    depth: int = 1
    deadline: float | None = None
    budget: Budget = field(default_factory=Budget)
    session: str | None = None
    continues: str | None = None

    @property
    def fingerprint(self) -> str:
        """Identifies the call. Budget and deadline are left out: they differ when the call is repeated."""
        return _digest([self.tool, self.arguments, self.owner])

    def run_id(self, key: str | None) -> str:
        """The same for the same owner, session and key; others cannot guess it.

        The ids of all runs of a session begin with its id, by which the runs are found.
        """
        own = secrets.token_hex(20) if key is None else _digest([self.owner, key])[:40]
        session = self.arguments.get(SESSION_ID)
        return f"{session}{own}"[:40] if is_session_id(session) else own

    def to_json(self) -> dict[str, Any]:
        about: dict[str, Any] = {"tool": self.tool, "arguments": dict(self.arguments), "owner": self.owner}
        if self.session is not None:
            about |= {"session": self.session, "continues": self.continues}
        return about | {"depth": self.depth, "deadline": self.deadline, "budget": self.budget.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Order:
        return cls(**{**value, "budget": Budget.from_json(value["budget"])})


def is_session_id(value: object) -> bool:
    """Whether it is the beginning of a run's id, as session ids are."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{24}", value) is not None


def session_id_of(run_id: str) -> str:
    """The id of the session that begins with the run, or of which the run is a later one."""
    return run_id[:24]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def state_of(status: WorkflowStatus) -> RunState:
    about = status.attributes or {}
    ours = "failed" if about.get(POISON) and status.status == "CANCELLED" else STATUS[status.status]
    return RunState(
        id=status.workflow_id,
        status=ours,
        created=(status.created_at or 0) / 1000,
        updated=(status.updated_at or 0) / 1000,
        owner=str(about.get("owner")),
        output=records.from_json(ToolOutput, status.output) if ours == "completed" else None,
        error=_failure(status) if ours == "failed" else None,
    )


def _failure(status: WorkflowStatus) -> str:
    if status.error is not None:
        return str(status.error)
    return f"The run took its process down {ATTEMPTS} times and is not begun again by itself."


async def delete_ended(*, before: float) -> int:
    """Delete up to 1,000 runs that ended before that time (seconds since the epoch), and return their number."""
    old = await DBOS.list_workflows_async(
        status=[status for status, ours in STATUS.items() if ours != "working"],
        completed_before=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before)),
        load_input=False,
        load_output=False,
        limit=1000,
    )
    if old:
        await DBOS.delete_workflows_async([each.workflow_id for each in old])
    return len(old)
