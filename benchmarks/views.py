"""V: the CPU that those who watch a run add to it: the live view, the timeline and spans, each and together."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import click

from benchmarks.results import Results, line_of
from benchmarks.running import RUNNERS, FakeMessages, run
from benchmarks.scenarios import VIEWED
from benchmarks.tables import cpu, median, number, right, spread

PLACES = ("ours, async", "ours, stdio")
WATCHERS = {
    "nobody": "",
    "live view": "live",
    "timeline": "timeline",
    "spans, to a collector": "spans",
    "the three together": "live,timeline,spans",
    "events in a file": "events",
}


class _Collector(ThreadingHTTPServer):
    """A collector of spans over OTLP that takes them and forgets them; `taken` counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.taken = 0


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, _Collector)
        self.server.taken += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None: ...  # noqa: A002 - the base class names it


@contextmanager
def collector() -> Iterator[_Collector]:
    with _Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def table(fake: FakeMessages, runs: int | None, results: Results) -> Iterator[str]:
    """Measure what is not among the results, and make a table of them."""
    ((n, times),) = VIEWED.sizes.items()
    with collector() as spans:
        for number_of_round in range(runs or times):
            order = [(place, watchers) for place in PLACES for watchers in WATCHERS]
            random.shuffle(order)
            for place, watchers in order:
                name = f"{place}: {watchers}"
                if len(results.of(name, VIEWED.name, n)) > number_of_round:
                    continue
                before = spans.taken
                more = {"VIEWS": WATCHERS[watchers], "TERM": "xterm-256color"}
                if "spans" in WATCHERS[watchers]:
                    more["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{spans.server_port}"
                result = run(fake, replace(RUNNERS[place], name=name), VIEWED, n, **more)
                results.add(result | {"collected": spans.taken - before})
                click.echo(line_of(result), err=True)
    yield from _rows(n, results)


def _rows(n: int, results: Results) -> Iterator[str]:
    yield f"**V: what the views cost, {VIEWED.title}**"
    yield ""
    yield "| | who watches | CPU each, ms | from - to | added | wall, s | right | runs |"
    yield "|---|---|---|---|---|---|---|---|"
    for place in PLACES:
        found = {watchers: results.of(f"{place}: {watchers}", VIEWED.name, n) for watchers in WATCHERS}
        nobody = median(found["nobody"], cpu(n))
        for watchers, runs in found.items():
            if runs:
                value = median(runs, cpu(n))
                wall = median(runs, lambda result: float(result["run_s"]))
                yield (
                    f"| {place} | {watchers} | {number(value, 2)} | {spread(runs, cpu(n))} "
                    f"| {number(100 * (value / nobody - 1), 0)} % | {number(wall, 2)} | {right(runs, n)} | {len(runs)} |"
                )
