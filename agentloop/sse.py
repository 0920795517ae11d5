"""Server-sent events, as far as the Messages API uses them: the data of each, from bytes cut anywhere."""

from __future__ import annotations

LONGEST = 16 * 1024 * 1024
"""Bytes of one event. A longer one might never end."""


class EventData:
    """Collects bytes and gives the data of each event that is complete (WHATWG HTML, 9.2.6), not yet decoded."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that end with `chunk`; events without data are left out.

        Raises:
            ValueError: an event is longer than `LONGEST`.
        """
        text, ended_in_return = self._rest + chunk, b""
        if b"\r" in text:
            # What follows a return at the end decides whether it is half of a line's end.
            if text.endswith(b"\r"):
                text, ended_in_return = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = text.split(b"\n\n")
        self._rest = rest + ended_in_return
        if len(self._rest) > LONGEST:
            raise ValueError(f"an event of more than {LONGEST:,} bytes")
        return [data for data in map(_data, events) if data]


def _data(event: bytes) -> bytes:
    name, _, data = event.partition(b"\ndata: ")
    if name.startswith(b"event: ") and b"\n" not in name and b"\n" not in data:
        return data  # what nearly all are
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:") or line == b"data"]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)
