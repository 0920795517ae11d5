"""Records events in a file of JSON lines. Each line is flushed, so that a crash loses one line at most."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TextIO

from agentloop import exact_json
from agentloop.event_json import VERSION, event_from_json, event_to_json
from agentloop.events import Event
from agentloop.own_files import open_own

_HEADER = "recording"
MARK = json.dumps({"v": VERSION, "event": _HEADER})[:-1]
"""The beginning of every recording."""
MAX_WARNINGS = 5
"""Unreadable lines of a recording that are reported one by one."""
_LONGEST_HEADER = 1000


class Recording:
    """Writes events to a new file. Their `at` counts from the start of the recording.

    If the file can no longer be written, the recording ends and `warn` receives a message; the run continues. An
    existing recording is overwritten; with `force`, any file.

    Example:
        with Recording(Path("run.jsonl"), print) as recording:
            await agent.run("...", on_event=recording.on_event)

    Raises:
        FileExistsError: on entering, if the file exists and is not a recording.
        OSError: on entering, if the file cannot be created.
    """

    def __init__(self, path: Path, warn: Callable[[str], None], *, force: bool = False) -> None:
        self._path = path
        self._force = force
        self._warn = warn
        self._file: TextIO | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        file = open_own(self._path, MARK, force=self._force)
        self._file = os.fdopen(file, "w", encoding="ascii", newline="\n")
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write({"v": VERSION, "event": _HEADER, "began": began})
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def on_event(self, event: Event) -> None:
        if self._file is not None:
            try:
                self._write(event_to_json(event, origin=self._began))
            except (ValueError, RecursionError) as error:
                self._warn(f"An event could not be recorded: {error}")

    def _write(self, value: object) -> None:
        assert self._file is not None
        try:
            self._file.write(json.dumps(value, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            self._warn(f"Recording to {self._path} ends: {error}")
            file, self._file = self._file, None
            with suppress(OSError):  # its buffer cannot be written either
                file.close()


def read_recording(path: Path, warn: Callable[[str], None]) -> Iterator[Event]:
    """The events of a recording, or of any file of events as JSON lines, in its order.

    Unknown kinds are skipped. `warn` receives a message for each of the first `MAX_WARNINGS` lines that cannot be read,
    such as a last line that a crash cut off, and the number of the others.

    Raises:
        OSError: the file cannot be read.
    """
    unread = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                event = event_from_json(exact_json.loads_as_floats(line))
            except ValueError as error:
                unread += 1
                if unread <= MAX_WARNINGS:
                    warn(f"{path}, line {number}: not an event: {error}")
                continue
            if event is not None:
                yield event
    if unread > MAX_WARNINGS:
        warn(f"{path}: {unread - MAX_WARNINGS} more lines are not events.")


def recorded_at(path: Path) -> datetime | None:
    """The start of a recording, from which its times are counted. None if the file does not have it."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            header = json.loads(file.readline(_LONGEST_HEADER))
        return datetime.fromisoformat(header["began"]) if header["event"] == _HEADER else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
