"""F: calls a second of one function over each transport; H: the exact arithmetic beside other libraries."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.environments import CannotBeMade, python
from benchmarks.running import ROOT

SERVERS = {"ours": "ours", "MCP SDK, low-level server": "anthropic", "FastMCP": "fastmcp"}
"""What is measured, and its environment."""
TRANSPORTS = {"stdio": "stdio", "streamable HTTP": "http", "SSE": "sse"}


def _figures(environment: str, module: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(python(environment)), "-m", f"benchmarks.runners.{module}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(runs: int) -> Iterator[str]:
    """`sum_numbers` of two numbers, called 1,000 times by 20 callers at once through the MCP SDK's client."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _ in range(runs):
        order = [(title, transport) for title in SERVERS for transport in TRANSPORTS]
        random.shuffle(order)
        for title, transport in order:
            try:
                figures = _figures(SERVERS[title], "one_function", title, TRANSPORTS[transport])
            except CannotBeMade:
                continue
            found.setdefault((title, transport), []).append(figures)
    yield "**F: calls a second of one function, and the server's CPU for a call in ms**"
    yield ""
    yield "| | " + " | ".join(f"{name} | CPU" for name in TRANSPORTS) + " |"
    yield "|---" * (1 + 2 * len(TRANSPORTS)) + "|"
    for title in SERVERS:
        cells = [
            f"{_median(found.get((title, transport)), 'rate', 0)} | {_median(found.get((title, transport)), 'cpu_ms', 2)}"
            for transport in TRANSPORTS
        ]
        yield f"| {title} | {' | '.join(cells)} |"


def _median(runs: list[dict[str, Any]] | None, name: str, digits: int) -> str:
    return f"{statistics.median(run[name] for run in runs):.{digits}f}" if runs else "-"


def arithmetic_table() -> Iterator[str]:
    """Microseconds for one operation, arguments as text, as a tool gets them."""
    ours, others = _figures("ours", "arithmetic", "ours"), _figures("arithmetic", "arithmetic", "others")
    figures = {name: {**ours[name], **others[name]} for name in ours}
    columns = list(next(iter(figures.values())))
    yield "**H: exact arithmetic, microseconds an operation**"
    yield ""
    yield "| | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, row in figures.items():
        yield f"| {name} | " + " | ".join(f"{row[column]:.1f}" for column in columns) + " |"
