"""The log of a server. Clients can influence it, so messages are printable, on one line, and limited in number."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

from agentloop.narration import printable
from agentloop.redaction import without_passwords

MAX_TEXT = 2_000
"""Characters of one message."""
SIMILAR, PERIOD = 10, 10.0
"""Messages of one line of code that are written in `PERIOD` seconds; further ones are counted."""
_PLACES = 1000


def configure() -> None:
    """Send warnings and errors of the process to stderr, each as `name: text`."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(name)s: %(message)s"))
    handler.addFilter(Sparse())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class SafeFormatter(logging.Formatter):
    """Escapes control characters, cuts long texts, and leaves passwords out of URLs. Tracebacks keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        text = without_passwords(printable(super().formatMessage(record)).replace("\n", "\\n"))
        return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


class Sparse(logging.Filter):
    """Passes `SIMILAR` records of one line of code in `PERIOD` seconds, and reports how many were dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: OrderedDict[tuple[str, int], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), time.monotonic()
        began, count = self._seen.get(place, (now, 0))
        if now - began > PERIOD:
            if count > SIMILAR:
                record.msg, record.args = f"{record.getMessage()} (and {count - SIMILAR} more like it)", ()
            began, count = now, 0
        self._seen[place] = (began, count + 1)
        if len(self._seen) > _PLACES:
            self._seen.popitem(last=False)
        return count < SIMILAR
