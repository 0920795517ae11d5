"""The seam for durable execution: two call sites, round "the model said" and round "the tool answered".

A journal may remember what came back and, when the run is repeated after a crash, return it instead of calling again.
The default remembers nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from agentloop.tools import ToolOutput
from agentloop.turn import ToolUse, Turn


class Journal(Protocol):
    """What a durable engine implements. Both methods call `ask` or `answer` at most once and return its value."""

    async def model_said(self, ask: Callable[[], Awaitable[Turn]]) -> Turn: ...

    async def tool_answered(self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]]) -> ToolOutput: ...


class NoJournal:
    """Remembers nothing."""

    async def model_said(self, ask: Callable[[], Awaitable[Turn]]) -> Turn:
        return await ask()

    async def tool_answered(self, _use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]]) -> ToolOutput:
        return await answer()
