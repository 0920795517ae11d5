"""What the user sees while a question is being answered: a tree on a terminal, lines elsewhere, or nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from agentloop.events import EventHandler
from agentloop.mcp.client.server_log import server_log
from agentloop.model import prepare
from agentloop.own_files import state_folder
from orchestrator_client.approval import Approvals
from orchestrator_client.lines import Lines, can_ask
from orchestrator_client.login import TerminalBrowser
from orchestrator_client.orchestrator import Session, Setup
from orchestrator_client.questions import Questions

if TYPE_CHECKING:
    from orchestrator_client.live_view import LiveView

Progress: TypeAlias = "Lines | LiveView"


def progress_on_stderr(*, is_quiet: bool) -> Progress:
    """A tree if stderr is a terminal whose cursor can be moved, otherwise lines."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}
    if is_quiet or not is_terminal or sys.platform == "win32":
        return Lines(is_quiet=is_quiet)
    from orchestrator_client.live_view import LiveView  # noqa: PLC0415 - rich is loaded only where it is used

    return LiveView()


@asynccontextmanager
async def connected(
    setup: Setup, progress: Progress, on_event: EventHandler, questions: Questions
) -> AsyncIterator[Session]:
    """A session whose messages go to `progress`. While it connects, the libraries of the first request are loaded.

    On a terminal the user is asked to log in to servers, about tools that may change things, and the `questions` of
    agents.
    """
    if can_ask():
        from orchestrator_client.person import Person  # noqa: PLC0415 - prompt_toolkit is loaded only where it is used

        person = Person(progress.paused)
        approvals = Approvals(person, state_folder("orchestrator-client") / "approvals.json")
        questions.person = person
        setup = replace(setup, browser=TerminalBrowser(person, progress.say), approvals=approvals)
    preparing = asyncio.create_task(asyncio.to_thread(prepare))
    try:
        async with (
            server_log(progress.log) as log,
            Session(replace(setup, server_log=log), progress.say, on_event) as session,
        ):
            yield session
    finally:
        await preparing
