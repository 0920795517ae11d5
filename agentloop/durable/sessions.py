"""Sessions of durable runs: a run keeps its conversation with its outcome, and the session's next one continues it.

A session lives as long as its last run is kept. Its id is the beginning of the ids of its runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dbos import DBOS

from agentloop import Conversation
from agentloop.durable.runs import STATUS, Order, is_session_id, session_id_of
from agentloop.sessions import SESSION_ID, Session, no_session, session_busy

CONVERSATION = "conversation"
_RELEVANT = [status for status, ours in STATUS.items() if ours in {"working", "completed"}]


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
    runs = await DBOS.list_workflows_async(
        workflow_id_prefix=wanted, status=_RELEVANT, sort_desc=True, limit=1, load_input=False, load_output=False
    )
    about = (runs[0].attributes or {}) if runs else {}
    if about.get("owner") != order.owner or about.get("session_of") != order.tool:
        raise no_session(wanted)
    if STATUS[runs[0].status] == "working":
        raise session_busy(wanted)
    return replace(in_one, continues=runs[0].workflow_id)


def attributes(order: Order) -> dict[str, str]:
    """What is stored beside the run of its session."""
    return {} if order.session is None else {"session_of": order.tool}


async def opened(order: Order) -> Session | None:
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
    return Session(order.session, Conversation(tuple(kept["messages"]), kept["bound_to"]))


def outcome_of(session: Session | None) -> dict[str, Any]:
    """What is stored of the session with the outcome of its run."""
    if session is None or not session.conversation.messages or session.is_too_long:
        return {}
    about = {"messages": list(session.conversation.messages), "bound_to": session.conversation.bound_to}
    return {CONVERSATION: about}
