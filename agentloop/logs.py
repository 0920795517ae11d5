"""The log of a process: text on stderr, or JSON lines in a file.

The log has what happened, how long it took and what it cost; never prompts, arguments, answers or secrets. Clients can
influence it, so text is printable, on one line, and limited in number.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, use_span

from agentloop.errors import ConfigurationError
from agentloop.events import Event, RunFinished, RunStarted, ServerChanged, ToolFinished, TurnFinished, TurnRetried
from agentloop.narration import printable
from agentloop.own_files import new_own
from agentloop.redaction import without_secrets

MAX_TEXT = 2_000
"""Characters of one message."""
SIMILAR, PERIOD = 10, 10.0
"""Warnings of one line of code that are written in `PERIOD` seconds; further ones are counted."""
_PLACES = 1000
_OWN = ("agentloop", "mcp_calc_server", "orchestrator_client", "offline_model")
_log = logging.getLogger("agentloop.run")


def configure(level: str = "warning") -> None:
    """Send the log of the process to stderr, each record as `name: text`, unless the program has set up its own."""
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter("%(name)s: %(message)s"))
    handler.addFilter(Sparse())
    logging.getLogger().addHandler(handler)
    _set_level(level)


@contextmanager
def json_lines(file: Path, level: str) -> Iterator[None]:
    """Append the log of the process to `file` while the block runs, one JSON object a line; `-` is stderr.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    handler = _FileHandler(_opened(file))
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Sparse())
    logging.getLogger().addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in ("", *_OWN)}
    _set_level(level)
    try:
        yield
    finally:
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
        logging.getLogger().removeHandler(handler)
        if handler.stream is not sys.stderr:
            with suppress(OSError):  # it has been said
                handler.stream.close()


class _FileHandler(logging.StreamHandler[TextIO]):
    """Says once if the file cannot be written any more, for example because the disk is full."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name in `logging`
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._has_failed and self.stream is not sys.stderr:
            self._has_failed = True
            with suppress(OSError):
                sys.stderr.write(f"The log cannot be written to {self.stream.name}: {error.strerror}.\n")


def _opened(file: Path) -> TextIO:
    if str(file) == "-":
        return sys.stderr
    try:
        return open(file, "a", encoding="utf-8", opener=new_own)
    except OSError as error:
        raise ConfigurationError(f"Cannot write the log to {file}: {error.strerror}.") from None


def _set_level(level: str) -> None:
    """Other libraries are logged from warnings on: their finer records have headers and bodies of requests."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(max(number, logging.WARNING))
    for name in _OWN:
        logging.getLogger(name).setLevel(number)


@contextmanager
def one_trace() -> Iterator[None]:
    """Give what the block logs, here and at servers it calls, one trace id, in a process that exports no spans."""
    sampled = TraceFlags(TraceFlags.SAMPLED)
    context = SpanContext(secrets.randbits(128) or 1, secrets.randbits(64) or 1, is_remote=False, trace_flags=sampled)
    with use_span(NonRecordingSpan(context)):
        yield


def on_event(event: Event) -> None:
    """Log an event of a run."""
    if not _log.isEnabledFor(logging.INFO):
        return
    match event:
        case RunStarted():
            _info("run started", event, depth=event.depth, call=event.parent_call)
        case RunFinished():
            total = event.bill.total
            usd = None if total.usd is None else float(total.usd)
            _info("run finished", event, error=event.error_type, seconds=round(event.bill.seconds, 3), usd=usd)
        case TurnFinished():
            _info("turn finished", event, number=event.number, stop_reason=event.stop_reason, request=event.request_id)
        case TurnRetried():
            _info("request retried", event, number=event.number, reason=event.reason, request=event.request_id)
        case ToolFinished():
            about = {"call": event.call, "tool": event.tool, "served_by": event.served_by}
            _info("tool finished", event, **about, seconds=round(event.seconds, 3), is_error=event.is_error)
        case ServerChanged():
            _info("server is " + ("up" if event.is_up else "down"), event, server=event.server, reason=event.reason)


def _info(message: str, event: Event, **fields: Any) -> None:
    info(_log, message, run=event.run, agent=event.agent, **fields)


def info(log: logging.Logger, message: str, **fields: Any) -> None:
    """Log a message with fields, which are members of the JSON object or follow the text; empty ones are left out."""
    if log.isEnabledFor(logging.INFO):
        log.info(message, extra={"fields": {key: value for key, value in fields.items() if value not in {None, ""}}})


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    return getattr(record, "fields", {})


def _safe(text: str) -> str:
    text = without_secrets(printable(text).replace("\n", "\\n"))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


class TextFormatter(logging.Formatter):
    """Escapes control characters, cuts long texts, and leaves out secrets. Tracebacks keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        return _safe(super().formatMessage(record) + fields)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return without_secrets(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, trace_id and span_id if there is a trace, fields.

    `exception` has a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _safe(record.getMessage()),
        }
        context = get_current_span().get_span_context()
        if context.is_valid:
            line |= {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        line |= {key: _safe(value) if isinstance(value, str) else value for key, value in _fields(record).items()}
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class Sparse(logging.Filter):
    """Passes `SIMILAR` warnings of one line of code in `PERIOD` seconds, and reports how many were dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: OrderedDict[tuple[str, int], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:  # somebody has asked for these
            return True
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
