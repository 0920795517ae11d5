"""What a server reports of a running call to one of its agents: its events, and its cost so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.types import CallToolResult
from pydantic import BaseModel, Json, ValidationError

from agentloop import Usage
from agentloop.clock_offsets import EventMessage
from agentloop.delegation_context import AGENT, EVENTS, EVENTS_SENT, SPENT
from agentloop.event_bounds import MAX_NAME
from agentloop.mcp.client.delegated_call import Delegation


class CallReport(BaseModel):
    """Events as they are sent (see `clock_offsets.EventMessage`), and in `models` the cost so far if it has grown."""

    first: int
    clock: str
    began: float
    now: float
    events: Json[list[dict[str, Any]]]
    models: dict[str, Any] | None = None

    def pass_on(self, delegation: Delegation) -> None:
        delegation.on_activity()
        if self.models is not None:
            delegation.spent(Usage.from_json(self.models))
        delegation.events.take(EventMessage(self.first, self.clock[:MAX_NAME], self.began, self.now, self.events))


class _ReportOfCall(CallReport):
    id: str


class _Reports(BaseModel):
    messages: list[_ReportOfCall]


class _Spent(BaseModel):
    id: str
    models: dict[str, Any]


class _LastEvents(BaseModel):
    """How many events there were, and those that were not sent before the result."""

    count: int
    rest: CallReport | None = None


class AgentExtension(ClientExtension):
    """Passes reports on to the delegations they belong to, by the calls' ids."""

    identifier = AGENT

    def __init__(self, delegations: Mapping[str, Delegation]) -> None:
        self._delegations = delegations

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        return [
            NotificationBinding(method=SPENT, params_type=_Spent, handler=self._on_spent),
            NotificationBinding(method=EVENTS_SENT, params_type=_Reports, handler=self._on_events),
        ]

    async def _on_spent(self, spent: _Spent) -> None:
        if spent.id in self._delegations:
            self._delegations[spent.id].on_activity()
            self._delegations[spent.id].spent(Usage.from_json(spent.models))

    async def _on_events(self, reports: _Reports) -> None:
        for report in reports.messages:
            if report.id in self._delegations:
                report.pass_on(self._delegations[report.id])


async def take_last_events(delegation: Delegation, result: CallToolResult) -> None:
    """Take the events that came with the result, and wait for those that were sent before it and may arrive later."""
    try:
        last = _LastEvents.model_validate((result.meta or {}).get(EVENTS))
    except ValidationError:
        return
    if last.rest is not None:
        last.rest.pass_on(delegation)
    await delegation.events.complete(last.count)
