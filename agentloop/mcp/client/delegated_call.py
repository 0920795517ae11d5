"""A call to an agent in another process: its budget, reserved before and settled after it, and its events.

The server reports the events, and the cost so far, while the call runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.types import CallToolResult
from pydantic import BaseModel, Json, ValidationError

from agentloop import Bill, Budget, BudgetExceeded, CallContext, ToolError, ToolOutput, Usage
from agentloop.budget import Reservation, cost_of
from agentloop.delegation_context import AGENT, EVENTS, EVENTS_SENT, SPENT, USAGE, DelegationContext
from agentloop.relay import EventReceiver

Share = Reservation | None


class Delegation:
    """One call, with its share of the caller's budget, and the receiver of what the server reports of it.

    However the call ends, its cost is added to the caller's cost report: the cost in the result, or without a result
    the last cost that the server reported. Without a result the whole share counts as used, because the server may have
    spent it. The cost that an untrusted server reports is recorded as a claim, and counts at most for the share.
    `events` receives the events of the server's runs; they change no cost. `on_activity` is called when the
    server reports something.

    Raises:
        ToolError: on entering, if nothing is left to hand over.
    """

    events: EventReceiver
    on_activity: Callable[[], None]

    def __init__(
        self, context: CallContext, name: str, server: str, *, is_trusted: bool, attempt: int = 0, share: Share = None
    ) -> None:
        """`attempt` counts the calls of a server that refused a smaller share; `share` is what is reserved for it."""
        self._context = context
        self._name = name
        self._server = server
        self._is_trusted = is_trusted
        self._attempt = attempt
        self._reservation = share
        self._bill: Bill | None = None
        self._is_refused = False
        self._so_far = Usage()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._reservation is None and self._context.scope.ledger.left.is_bounded:
            try:
                # One part stays with the caller, so that a server that is not trusted never leaves it without means.
                parts = self._context.scope.siblings + (not self._is_trusted)
                self._reservation = self._context.scope.ledger.reserve_share(parts, self._name)
            except BudgetExceeded as error:
                raise ToolError(str(error)) from None
        self.events = EventReceiver(self._context.scope, self._server, is_trusted=self._is_trusted, share=self._share)
        return self

    def __exit__(self, *_error: object) -> None:
        self.events.close()
        bill = self._bill or self._bill_so_far()
        if not self._is_trusted:
            bill = bill.as_claim(self._share.usd, self._share.tokens, self._share.turns)
        self._context.scope.charge(bill)
        if self._reservation is not None:
            self._reservation.settle(cost_of(bill.total) if self._bill else self._reservation.amount)

    @property
    def delegation(self) -> DelegationContext:
        return replace(DelegationContext.of(self._context, self._share), attempt=self._attempt)

    @property
    def _share(self) -> Budget:
        """The budget of the call; unbounded if the caller has none."""
        return self._reservation.amount if self._reservation else Budget()

    def _bill_so_far(self) -> Bill:
        return Bill(self._name, time.monotonic() - self._began, self._so_far)

    def spent(self, usage: Usage) -> None:
        """Record the cost so far that the server reports. It can only grow."""
        if usage.requests >= self._so_far.requests and usage.tokens >= self._so_far.tokens:
            self._so_far = usage

    def answered(self, output: ToolOutput) -> None:
        """Record the result, and the cost report in it if there is one."""
        self._bill = Bill.from_json((output.meta or {}).get(USAGE)) or self._bill_so_far()
        self._is_refused = output.is_error and self._reservation is not None and not self._bill.total.requests

    async def take_last_events(self, result: CallToolResult) -> None:
        """Take the events that came with the result, and wait for those that were sent before and may arrive later."""
        try:
            last = _LastEvents.model_validate((result.meta or {}).get(EVENTS))
        except ValidationError:
            return
        if last.rest is not None:
            last.rest.pass_on(self)
        await self.events.complete(last.count)

    async def larger_share(self) -> Share:
        """After the call: twice its share, for another attempt, if the agent failed without a request to its model.

        It is what a share leads to that does not cover the first request. Waits for what other calls give back. None if
        there is no more, or no reason for it.
        """
        if not self._is_refused:
            return None
        ledger, wanted = self._context.scope.ledger, self._share.plus(self._share)
        with suppress(BudgetExceeded):
            return await ledger.reserve(wanted, self._name, beside=None if self._is_trusted else wanted)
        return None


class CallReport(BaseModel):
    """Events as `EventSender.message` has them, and in `models` the cost so far if it has grown."""

    first: int
    age: float
    events: Json[list[dict[str, Any]]]
    models: dict[str, Any] | None = None

    def pass_on(self, delegation: Delegation) -> None:
        delegation.on_activity()
        if self.models is not None:
            delegation.spent(Usage.from_json(self.models))
        delegation.events.take(self.first, self.events, age=self.age)


class _ReportOfCall(CallReport):
    id: str


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
            NotificationBinding(method=EVENTS_SENT, params_type=_ReportOfCall, handler=self._on_events),
        ]

    async def _on_spent(self, spent: _Spent) -> None:
        if spent.id in self._delegations:
            self._delegations[spent.id].on_activity()
            self._delegations[spent.id].spent(Usage.from_json(spent.models))

    async def _on_events(self, report: _ReportOfCall) -> None:
        if report.id in self._delegations:
            report.pass_on(self._delegations[report.id])
