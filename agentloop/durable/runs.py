"""Runs as they are requested, and as they are stored.

A run of an agent with sessions keeps its conversation with its outcome, and the session's next run continues it. A
session lives as long as its last run is kept. Its id is the beginning of the ids of its runs.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbos import DBOS, WorkflowStatus

from agentloop import Budget, Conversation, ToolOutput
from agentloop.durable import records
from agentloop.run_state import RunState, Status
from agentloop.sessions import SESSION_ID, Session, no_session, session_busy

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
CONVERSATION = "conversation"
"""The key of the conversation in the outcome of a run with a session."""


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


async def in_session(order: Order, run_id: str) -> Order:
    """The order with its session, and with the run whose conversation it continues if it names a session.

    Raises:
        ToolError: the owner has no such session, or a run of it has not ended.
    """
    wanted = order.arguments.get(SESSION_ID)
    in_one = replace(order, session=session_id_of(run_id))
    if wanted is None or await DBOS.get_workflow_status_async(run_id) is not None:
        return in_one  # a new one, or the call joins a run
    if not is_session_id(wanted):
        raise no_session(wanted)
    relevant = [status for status, ours in STATUS.items() if ours in {"working", "completed"}]
    runs = await DBOS.list_workflows_async(
        workflow_id_prefix=wanted, status=relevant, sort_desc=True, limit=1, load_input=False, load_output=False
    )
    about = (runs[0].attributes or {}) if runs else {}
    if about.get("owner") != order.owner or about.get("session_of") != order.tool:
        raise no_session(wanted)
    if STATUS[runs[0].status] == "working":
        raise session_busy(wanted)
    return replace(in_one, continues=runs[0].workflow_id)


def session_attributes(order: Order) -> dict[str, str]:
    """What is stored beside the run of its session."""
    return {} if order.session is None else {"session_of": order.tool}


async def open_session(order: Order) -> Session | None:
    """The session of the order, with the conversation that it continues; None if its agent has no sessions.

    Raises:
        ToolError: the conversation is no longer kept.
    """
    if order.session is None:
        return None
    if order.continues is None:
        return Session(order.session)
    status = await DBOS.get_workflow_status_async(order.continues)
    kept = (status.output or {}).get(CONVERSATION) if status is not None else None
    if kept is None:
        raise no_session(order.session)
    return Session(order.session, Conversation(tuple(kept["messages"]), kept["bound_to"], kept["kept"]))


def session_outcome(session: Session | None) -> dict[str, Any]:
    """What is stored of the session with the outcome of its run."""
    if session is None or not session.conversation.messages or session.is_too_long:
        return {}
    kept = session.conversation
    return {CONVERSATION: {"messages": list(kept.messages), "bound_to": kept.bound_to, "kept": kept.kept}}
