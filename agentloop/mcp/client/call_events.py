"""What a server reports of calls to its agents while they run: their cost so far, and their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.types import CallToolResult
from pydantic import BaseModel, ValidationError

from agentloop import Usage
from agentloop.handover import AGENT, EVENTS, EVENTS_SENT, SPENT, Handover
from agentloop.mcp.client.tasks import ToldMessage
from agentloop.relay import Incoming


class Listener(Protocol):
    """Receives what a server reports of one running call to an agent."""

    @property
    def handover(self) -> Handover: ...

    def spent(self, usage: Usage) -> None:
        """What the call has cost so far."""

    @property
    def events(self) -> Incoming: ...


class _Spent(BaseModel):
    id: str
    models: dict[str, Any]


class _Report(ToldMessage):
    """Events of a call, and what it has cost so far if that has grown."""

    models: dict[str, Any] | None = None

    def pass_on(self, listener: Listener) -> None:
        if self.models is not None:
            listener.spent(Usage.from_json(self.models))
        listener.events.take(self.read())


class _ReportOfCall(_Report):
    id: str


class _Reports(BaseModel):
    """Reports of running calls, each at most once."""

    told: list[_ReportOfCall]


class _AllEvents(BaseModel):
    """How many events there were, and those that were not sent before the result."""

    count: int
    rest: _Report | None = None


class AgentExtension(ClientExtension):
    """Passes reports on to the listeners of their calls, by the calls' ids."""

    identifier = AGENT

    def __init__(self, listeners: Mapping[str, Listener]) -> None:
        self._listeners = listeners

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        return [
            NotificationBinding(method=SPENT, params_type=_Spent, handler=self._on_spent),
            NotificationBinding(method=EVENTS_SENT, params_type=_Reports, handler=self._on_events),
        ]

    async def _on_spent(self, spent: _Spent) -> None:
        if spent.id in self._listeners:
            self._listeners[spent.id].spent(Usage.from_json(spent.models))

    async def _on_events(self, reports: _Reports) -> None:
        for report in reports.told:
            if report.id in self._listeners:
                report.pass_on(self._listeners[report.id])


async def take_last_events(listener: Listener, result: CallToolResult) -> None:
    """Take the events that came with the result, and wait for those that were sent before it and may come after it."""
    try:
        last = _AllEvents.model_validate((result.meta or {}).get(EVENTS))
    except ValidationError:
        return
    if last.rest is not None:
        last.rest.pass_on(listener)
    await listener.events.complete(last.count)
