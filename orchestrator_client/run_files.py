"""The files a run writes besides its answer: the recorded events, and the timeline as a page."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentloop.errors import ConfigurationError
from agentloop.events import EventHandler
from agentloop.observers.recording import Recording, read_recording, recorded_at
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import MARK, timeline_page
from agentloop.own_files import open_own
from orchestrator_client.lines import say


@contextmanager
def run_files(
    events: Path | None, timeline: Path | None, *, quiet: bool = False, force: bool = False
) -> Iterator[Sequence[EventHandler]]:
    """Event handlers that record events, and draw a timeline when the block ends, however it ends.

    The name of the timeline is said, unless `quiet` is true, and any error. With `force`, files of any kind are
    overwritten.

    Raises:
        ConfigurationError: a file cannot be created, or exists and is neither a recording nor a timeline.
    """
    handlers: list[EventHandler] = []
    with ExitStack() as stack:
        if events is not None:
            with _named("events", events):
                handlers.append(stack.enter_context(Recording(events, say, force=force)).on_event)
        if timeline is not None:
            with _named("timeline", timeline):  # find out before the run, not after it
                os.close(open_own(timeline, MARK, force=force, empty=False))
            drawn = Timeline()
            handlers.append(drawn.on_event)
            stack.callback(_write_at_end, drawn, timeline, quiet=quiet, force=force)
        yield handlers


def draw_recording(recording: Path, page: Path, *, force: bool = False) -> None:
    """Draw the timeline of a recording.

    Raises:
        ConfigurationError: the recording cannot be read or has no run, or the page cannot be written.
    """
    timeline = Timeline()
    try:
        for event in read_recording(recording, say):
            timeline.on_event(event)
    except OSError as error:
        raise ConfigurationError(f"Cannot read {recording}: {error.strerror}.") from None
    if not timeline.runs:
        raise ConfigurationError(f"{recording} has no events of a run. Record a run with --events.")
    recorded = recorded_at(recording)
    began = None if recorded is None else recorded + timedelta(seconds=timeline.began)
    _write(timeline, began, page, force=force)


def began_at(timeline: Timeline) -> datetime:
    """The date and time at which a timeline of events of this process begins."""
    return datetime.now(UTC) - timedelta(seconds=time.monotonic() - timeline.began)


def _write_at_end(timeline: Timeline, page: Path, *, quiet: bool, force: bool) -> None:
    try:
        _write(timeline, began_at(timeline), page, force=force)
    except ConfigurationError as error:
        say(str(error))
    else:
        if not quiet:
            say(f"timeline: {page}")


def _write(timeline: Timeline, began: datetime | None, page: Path, *, force: bool) -> None:
    with _named("timeline", page), os.fdopen(open_own(page, MARK, force=force), "w", encoding="utf-8") as file:
        file.write(timeline_page(timeline, began))


@contextmanager
def _named(what: str, path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a ConfigurationError that names the file."""
    try:
        yield
    except OSError as error:
        hint = " Name another file, or overwrite it with --force." if isinstance(error, FileExistsError) else ""
        raise ConfigurationError(f"Cannot write the {what} to {path}: {error.strerror}.{hint}") from None
