"""The seam for durable execution: two call sites, round "the model said" and round "the tool answered".

A journal may remember what came back and, when the run is repeated after a crash, return it instead of calling again.
The default remembers nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from agentloop.events import Event, EventHandler
from agentloop.tools import ToolOutput
from agentloop.turn import ToolUse, Turn


class EventLog:
    """The events of one call.

    A journal that remembers the call keeps them with what came back, and plays them when it returns that again: the
    run then takes up what they say of its cost, and tells them on, marked as replayed.
    """

    def __init__(self, report: EventHandler, report_again: EventHandler) -> None:
        self.report = report
        self._retell = report_again

    def keep(self) -> list[Event]:
        """The events from now on, in a list that grows with them."""
        kept: list[Event] = []
        report = self.report

        def tell_and_keep(event: Event) -> None:
            kept.append(event)
            report(event)

        self.report = tell_and_keep
        return kept

    def play(self, events: Iterable[Event]) -> None:
        for event in events:
            self._retell(event)


class Journal(Protocol):
    """What a durable engine implements. Both methods call `ask` or `answer` at most once and return its value.

    An error that ends the run is a `RunError`; it comes out of `ask`, and may be remembered like an answer.
    """

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], log: EventLog) -> Turn: ...

    async def tool_answered(
        self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], log: EventLog
    ) -> ToolOutput: ...


class NoJournal:
    """Remembers nothing."""

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], _log: EventLog) -> Turn:
        return await ask()

    async def tool_answered(
        self, _use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], _log: EventLog
    ) -> ToolOutput:
        return await answer()
