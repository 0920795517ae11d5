"""Those who watch a run, as `orchestrator-client` sets them up, by name.

`live`: the tree on a terminal; `events` and `timeline`: as the options of those names; `spans`: where `OTEL_*` says.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import termios
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from agentloop.events import EventHandler, fan_out, ignore
from agentloop.observers import export
from orchestrator_client.live_view import LiveView
from orchestrator_client.report import Report
from orchestrator_client.run_files import run_files

ROWS, COLUMNS = 50, 120


@asynccontextmanager
async def watched(names: Collection[str]) -> AsyncIterator[tuple[EventHandler, EventHandler]]:
    """What goes to `RunScope.emit` and to its `trace`; the files are written by the end of the block."""
    observers: list[EventHandler] = [Report().on_event]
    async with AsyncExitStack() as stack:
        if "live" in names:
            stack.enter_context(terminal())
            view = LiveView()
            observers.append(view.on_event)
            await stack.enter_async_context(view.shown())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        events = folder / "events" if "events" in names else None
        timeline = folder / "timeline.html" if "timeline" in names else None
        observers += stack.enter_context(run_files(events, timeline, quiet=True))
        trace = export.tracing("orchestrator-client", print) if "spans" in names else ignore
        yield fan_out(*observers), trace


@contextmanager
def terminal() -> Iterator[None]:
    """Stderr is a terminal in the block, which somebody reads."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    before = os.dup(2)
    with subprocess.Popen(["/bin/cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reader:
        os.close(ours)
        os.dup2(theirs, 2)
        os.close(theirs)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            reader.wait()
