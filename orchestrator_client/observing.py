"""What is kept of a run besides its answer: the event stream in a file, and the timeline as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentloop.errors import ConfigurationError
from agentloop.events import Later, Observer
from agentloop.observers.recording import Recording, read_recording
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page

Say = Callable[[str], None]


@contextmanager
def kept(events: Path | None, timeline: Path | None, say: Say, *, name_it: bool = True) -> Iterator[Sequence[Observer]]:
    """Observers that record events and draw a timeline at the end of the block, however it ends.

    `say` hears what was written, unless `name_it` is false, and what could not be.

    Raises:
        ConfigurationError: one of the files cannot be made.
    """
    observers: list[Observer] = []
    with ExitStack() as stack:
        if events is not None:
            try:
                observers.append(stack.enter_context(Recording(events, say)).observe)
            except OSError as error:
                raise ConfigurationError(f"Cannot write the events to {events}: {error.strerror}.") from None
        if timeline is not None:
            drawn = Timeline()
            later = Later(drawn.observe)
            observers.append(later.observe)
            stack.callback(_write_at_end, drawn, timeline, say, name_it=name_it)
            stack.callback(later.catch_up)
            _try_writing(timeline)
        yield observers


def render(recording: Path, page: Path, say: Say) -> None:
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
    try:
        page.write_text(timeline_page(timeline), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"Cannot write the timeline to {page}: {error.strerror}.") from None


def _try_writing(page: Path) -> None:
    """Find out before the run, not after it."""
    try:
        page.open("a").close()
    except OSError as error:
        raise ConfigurationError(f"Cannot write the timeline to {page}: {error.strerror}.") from None


def _write_at_end(timeline: Timeline, page: Path, say: Say, *, name_it: bool) -> None:
    try:
        page.write_text(timeline_page(timeline), encoding="utf-8")
    except OSError as error:
        say(f"The timeline could not be written to {page}: {error.strerror}.")
    else:
        if name_it:
            say(f"timeline: {page}")
