"""Exports spans as the standard `OTEL_*` variables configure it. By default nothing is exported.

`opentelemetry-sdk`, which the extra `trace` installs, is needed only if spans are exported.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, Span

from agentloop.events import EventHandler, ignore
from agentloop.observers.trace import Trace, records_content

FLUSH = 2.0
"""Seconds to export the last spans before the process ends."""
DELAY = "1000"
"""Milliseconds between exports. With the SDK's 5 s, a server that is stopped would lose spans."""
BATCH, QUEUE = 2048, 8192
"""Spans in one export and in the queue. With the SDK's 512 and 2048, hundreds of concurrent agents may lose some."""

_SIZES = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_MAX_QUEUE_SIZE")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_BY_PROTOCOL = {"": "otlp_proto_http", "http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


def tracing(service: str, warn: Callable[[str], None]) -> EventHandler:
    """The event handler for `RunScope.trace`, which creates spans if the environment configures an exporter.

    That is `OTEL_TRACES_EXPORTER` or an OTLP endpoint. `service` is the service's name unless `OTEL_SERVICE_NAME` gives
    another. A program that has set a tracer provider keeps it. `warn` receives a message if spans cannot be exported.
    """
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return Trace().on_event
    names = _exporters()
    if not names:
        return ignore
    try:
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        warn("The OTEL_* variables ask for traces, which need opentelemetry-sdk. Install the extra 'trace'.")
        return ignore
    exporters = [exporter for exporter in (_exporter(name, warn) for name in names) if exporter is not None]
    if not exporters:
        return ignore
    _report_failures(warn)
    os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", DELAY)
    if not records_content() and not any(name in os.environ for name in _SIZES):
        os.environ.update(zip(_SIZES, map(str, (BATCH, QUEUE)), strict=True))
    resource = Resource({"service.name": service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=Resource.create().merge(resource), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return Trace().on_event


def is_configured() -> bool:
    """Whether spans are exported, or the program has set a tracer provider."""
    return bool(_exporters()) or not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def span(name: str) -> AbstractContextManager[Span]:
    """A span for a whole command, so that its set-up is part of the same trace as its run."""
    return trace.get_tracer("agentloop").start_as_current_span(name)


def finish(seconds: float = FLUSH) -> None:
    """Export the last spans, for `seconds` at most. Later spans are dropped."""
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is not None:
        thread = threading.Thread(target=shutdown, daemon=True, name="last spans")
        thread.start()
        thread.join(seconds)


class _Failures(logging.Handler):
    """Reports once that exporting fails, which the SDK logs for every attempt."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn: Callable[[str], None] | None = warn

    def emit(self, _record: logging.LogRecord) -> None:
        warn, self._warn = self._warn, None
        if warn is not None:
            warn("Traces cannot be exported to the endpoint in OTEL_*. The run continues without them.")


def _report_failures(warn: Callable[[str], None]) -> None:
    exporting = logging.getLogger("opentelemetry")
    exporting.addHandler(_Failures(warn))
    exporting.propagate = False
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # logs each of the exporter's attempts


def _exporters() -> list[str]:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if not named.strip() and any(os.environ.get(name) for name in _ENDPOINTS):
        named = "otlp"
    names = [name.strip() for name in named.split(",")]
    return [name for name in names if name not in {"", "none"}]


def _exporter(name: str, warn: Callable[[str], None]) -> Any:
    """The exporter that `OTEL_TRACES_EXPORTER` names; None if it is not available."""
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(out=sys.stderr)  # stdout belongs to the answer or the protocol
    if name == "otlp":
        protocol = next((os.environ[each] for each in _PROTOCOLS if os.environ.get(each)), "")
        name = _BY_PROTOCOL.get(protocol, protocol)
    (found,) = entry_points(group="opentelemetry_traces_exporter", name=name) or (None,)
    try:
        return None if found is None else found.load()()
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the run continues without it
        warn(f"Traces cannot be exported to {name}: {type(error).__name__}: {error}")
        return None
    finally:
        if found is None:
            warn(f"The trace exporter {name} is not installed. For OTLP over HTTP, install the extra 'trace'.")
