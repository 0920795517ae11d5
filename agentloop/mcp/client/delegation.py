"""A call to an agent in another process: its money, set aside before it and settled after it, and its events."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from agentloop import Bill, Budget, BudgetExceeded, CallContext, ToolError, ToolOutput, Usage
from agentloop.budget import Reservation, cost_of
from agentloop.handover import Handover
from agentloop.relay import Incoming


class Delegation:
    """One call. Reserves the call's share of the caller's budget and hands it over.

    However the call ends, its cost goes on the caller's bill: what the answer says, or without an answer what the
    server has said so far. Then all that was handed over counts as used, because nobody can know what else it spent.
    What a server that is not trusted says it cost is on the bill as its claim, and never counts for more than was
    handed to it. `events` takes what the server tells of its runs, which changes no bill.

    Raises:
        ToolError: on entering, if nothing is left to hand over.
    """

    events: Incoming

    def __init__(self, context: CallContext, name: str, server: str, *, is_trusted: bool) -> None:
        self._context = context
        self._name = name
        self._server = server
        self._is_trusted = is_trusted
        self._reservation: Reservation | None = None
        self._bill: Bill | None = None
        self._so_far = Usage()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._context.scope.ledger.left.is_bounded:
            try:
                # One part stays with the caller, so that a server that is not trusted never leaves it without means.
                parts = self._context.scope.siblings + (not self._is_trusted)
                self._reservation = self._context.scope.ledger.reserve_share(parts, self._name)
            except BudgetExceeded as error:
                raise ToolError(str(error)) from None
        self.events = Incoming(self._context.scope, self._server, is_trusted=self._is_trusted, share=self._share)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.events.close()
        bill = self._bill or Bill(self._name, time.monotonic() - self._began, self._so_far)
        if not self._is_trusted:
            bill = bill.as_claim(self._share.usd, self._share.tokens, self._share.turns)
        self._context.scope.charge(bill)
        if self._reservation is not None:
            self._reservation.settle(cost_of(bill.total) if self._bill else self._reservation.amount)

    @property
    def handover(self) -> Handover:
        return Handover.of(self._context, self._share)

    @property
    def _share(self) -> Budget:
        """What was handed over; without bound if the caller has no budget."""
        return self._reservation.amount if self._reservation else Budget()

    def spent(self, usage: Usage) -> None:
        """What the server says the call has cost so far. It can only grow."""
        if usage.requests >= self._so_far.requests and usage.tokens >= self._so_far.tokens:
            self._so_far = usage

    def answered(self, output: ToolOutput) -> None:
        """The call has its result, and with it a bill if the agent had an answer."""
        self._bill = Bill.from_json((output.structured or {}).get("usage")) or Bill(
            self._name, time.monotonic() - self._began, self._so_far
        )
