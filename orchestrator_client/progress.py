"""What the questions of one process share, and what the user sees while one is being answered."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from agentloop import CallContext, Inbox, Ledger, RunScope
from agentloop.events import EventHandler, fan_out
from agentloop.limits import deadline_after
from agentloop.mcp.client.server_log import server_log
from agentloop.model import prepare
from agentloop.observers import export
from agentloop.own_files import state_folder
from agentloop.rate_limiter import RateLimiter
from orchestrator_client.approval import Approvals
from orchestrator_client.lines import Lines, can_ask
from orchestrator_client.login import TerminalBrowser
from orchestrator_client.options import Options
from orchestrator_client.orchestrator import Session
from orchestrator_client.questions import Answers, Questions

if TYPE_CHECKING:
    from orchestrator_client.live_view import LiveView

Progress: TypeAlias = "Lines | LiveView"
MakeSession = Callable[..., Session]
"""Makes a session from the arguments that the options do not say."""


def progress_on_stderr(*, is_quiet: bool) -> Progress:
    """A tree if stderr is a terminal whose cursor can be moved, otherwise lines."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}
    if is_quiet or not is_terminal or sys.platform == "win32":
        return Lines(is_quiet=is_quiet)
    from orchestrator_client.live_view import LiveView  # noqa: PLC0415 - rich is loaded only where it is used

    return LiveView()


class CommandState:
    """What all questions of one command share: the terminal, the budget, the rate limiter and the event handlers."""

    def __init__(self, options: Options, observers: Sequence[EventHandler]) -> None:
        self.options = options
        self.progress = progress_on_stderr(is_quiet=options.quiet)
        self.questions = Questions(self.progress.say, Answers(options.answers) if options.answers else None)
        self.ledger = Ledger(options.budget)
        self._trace = export.tracing("orchestrator-client", self.progress.say)
        self._rate_limiter = RateLimiter()
        self._observers = observers

    def on_event(self, *handlers: EventHandler) -> EventHandler:
        """An event handler that passes events to these handlers, to the progress view, and to the files of the run."""
        return fan_out(*handlers, self.progress.on_event, *self._observers)

    def context(self, *handlers: EventHandler, inbox: Inbox | None = None) -> CallContext:
        """The context of a question that is asked now. The `handlers` receive its events too."""
        deadline = self.options.deadline
        return CallContext(
            deadline=None if deadline is None else deadline_after(deadline),
            scope=RunScope(
                emit=self.on_event(*handlers),
                trace=self._trace,
                ledger=self.ledger,
                rate_limiter=self._rate_limiter,
                ask=self.questions.ask,
                inbox=inbox,
                remote_text=self.progress.shows_text,
            ),
        )

    @asynccontextmanager
    async def connected(self, make: MakeSession, on_event: EventHandler) -> AsyncIterator[Session]:
        """A session whose messages are shown. While it connects, the libraries of the first request are loaded.

        On a terminal the user is asked to log in to servers, about tools that may change things, and the questions of
        agents.
        """
        asks: dict[str, Any] = {}
        if can_ask():
            from orchestrator_client.person import Person  # noqa: PLC0415 - prompt_toolkit is loaded only where used

            self.questions.person = person = Person(self.progress.paused)
            asks["browser"] = TerminalBrowser(person, self.progress.say)
            asks["approvals"] = Approvals(person, state_folder("orchestrator-client") / "approvals.json")
        preparing = asyncio.create_task(asyncio.to_thread(prepare))
        try:
            async with (
                server_log(self.progress.log) as log,
                make(server_log=log, warn=self.progress.say, on_event=on_event, **asks) as session,
            ):
                yield session
        finally:
            await preparing
