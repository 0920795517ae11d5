"""What is kept of a run besides its answer: the event stream in a file, and the timeline as a page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentloop.errors import ConfigurationError
from agentloop.events import Later, Observer
from agentloop.observers.own_files import open_own
from agentloop.observers.recording import Recording, read_recording, recorded_at
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import MARK, timeline_page

Say = Callable[[str], None]


@contextmanager
def kept(
    events: Path | None, timeline: Path | None, say: Say, *, name_it: bool = True, force: bool = False
) -> Iterator[Sequence[Observer]]:
    """Observers that record events and draw a timeline at the end of the block, however it ends.

    `say` hears what was written, unless `name_it` is false, and what could not be. With `force` any file is
    overwritten.

    Raises:
        ConfigurationError: one of the files cannot be made, or is there already and is neither a recording nor a
            timeline.
    """
    observers: list[Observer] = []
    with ExitStack() as stack:
        if events is not None:
            try:
                observers.append(stack.enter_context(Recording(events, say, force=force)).observe)
            except OSError as error:
                raise _unwritable("events", events, error) from None
        if timeline is not None:
            _try_writing(timeline, force=force)
            drawn = Timeline()
            later = Later(drawn.observe)
            observers.append(later.observe)
            stack.callback(_write_at_end, drawn, timeline, say, name_it=name_it, force=force)
            stack.callback(later.catch_up)
        yield observers


def render(recording: Path, page: Path, say: Say, *, force: bool = False) -> None:
    """Draw the timeline of a recording.

    Raises:
        ConfigurationError: the recording cannot be read or has no run, or the page cannot be written.
    """
    timeline = Timeline()
    try:
        for event in read_recording(recording, say):
            timeline.observe(event)
    except OSError as error:
        raise ConfigurationError(f"Cannot read {recording}: {error.strerror}.") from None
    if not timeline.lanes:
        raise ConfigurationError(f"{recording} has no events of a run. Record one with --events.")
    recorded = recorded_at(recording)
    began = None if recorded is None else recorded + timedelta(seconds=timeline.began)
    try:
        _write(page, timeline_page(timeline, began), force=force)
    except OSError as error:
        raise _unwritable("timeline", page, error) from None


def began_at(timeline: Timeline) -> datetime:
    """When the events of this process that the timeline has began."""
    return datetime.now(UTC) - timedelta(seconds=time.monotonic() - timeline.began)


def _try_writing(page: Path, *, force: bool) -> None:
    """Find out before the run, not after it."""
    try:
        os.close(open_own(page, MARK, force=force, empty=False))
    except OSError as error:
        raise _unwritable("timeline", page, error) from None


def _write_at_end(timeline: Timeline, page: Path, say: Say, *, name_it: bool, force: bool) -> None:
    try:
        _write(page, timeline_page(timeline, began_at(timeline)), force=force)
    except OSError as error:
        say(f"The timeline could not be written to {page}: {error.strerror}.")
    else:
        if name_it:
            say(f"timeline: {page}")


def _write(page: Path, text: str, *, force: bool) -> None:
    with os.fdopen(open_own(page, MARK, force=force), "w", encoding="utf-8") as file:
        file.write(text)


def _unwritable(what: str, path: Path, error: OSError) -> ConfigurationError:
    hint = " Name another file, or overwrite it with --force." if isinstance(error, FileExistsError) else ""
    return ConfigurationError(f"Cannot write the {what} to {path}: {error.strerror}.{hint}")
