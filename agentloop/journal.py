"""The extension point for durable execution, called for each turn of the model and for each tool call.

A journal may store the result and return it when the run is repeated after a crash, instead of calling again. The
default stores nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from agentloop.events import Event, EventHandler
from agentloop.tool_output import ToolOutput
from agentloop.turn import ToolUse, Turn


class EventLog:
    """The events of one call.

    A journal that stores the result of the call stores its events too, and replays them when it returns the stored
    result: the run then adds their usage to its own, and emits them again, marked as replayed.
    """

    def __init__(self, report: EventHandler, report_again: EventHandler) -> None:
        self.report = report
        self._report_again = report_again

    def record(self) -> list[Event]:
        """Start recording, and return the list to which the events are appended."""
        events: list[Event] = []
        report = self.report

        def report_and_record(event: Event) -> None:
            events.append(event)
            report(event)

        self.report = report_and_record
        return events

    def replay(self, events: Iterable[Event]) -> None:
        for event in events:
            self._report_again(event)


class Journal(Protocol):
    """The interface of a durable engine. Both methods call `ask` or `answer` at most once and return its value.

    An error that ends the run is a `RunError`; `ask` raises it, and it may be stored like a result.

    Example:
        class Counting(NoJournal):
            turns = 0

            async def model_said(self, ask, log):
                self.turns += 1
                return await ask()

        counting = Agent("writer", "Write.", journal=Counting())
    """

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], log: EventLog) -> Turn: ...

    async def tool_answered(
        self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], log: EventLog
    ) -> ToolOutput: ...


class NoJournal:
    """Stores nothing.

    Example:
        writer = Agent("writer", "Write.", journal=NoJournal())
    """

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], _log: EventLog) -> Turn:
        return await ask()

    async def tool_answered(
        self, _use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], _log: EventLog
    ) -> ToolOutput:
        return await answer()
