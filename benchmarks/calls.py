"""F: calls a second of one function over each transport; H: the exact arithmetic beside other libraries."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.environments import python

HERE = Path(__file__).parent / "runners"


def _figures(environment: str, script: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(python(environment)), str(HERE / script), *arguments],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table() -> Iterator[str]:
    """`sum_numbers` of two numbers, called 1,000 times by 20 callers at once through the MCP SDK's client."""
    yield "**F: calls a second of one function**"
    yield ""
    yield "| | stdio | streamable HTTP |"
    yield "|---|---|---|"
    for title, environment, server in (
        ("ours", "ours", "ours"),
        ("MCP SDK, low-level server", "anthropic", "sdk"),
        ("FastMCP", "fastmcp", "fastmcp"),
    ):
        rates = [_figures(environment, "one_function.py", server, transport)["rate"] for transport in ("stdio", "http")]
        yield f"| {title} | {rates[0]:.0f} | {rates[1]:.0f} |"


def arithmetic_table() -> Iterator[str]:
    """Microseconds for one operation, arguments as text, as a tool gets them."""
    ours, others = _figures("ours", "arithmetic.py", "ours"), _figures("arithmetic", "arithmetic.py", "others")
    figures = {name: {**ours[name], **others[name]} for name in ours}
    columns = list(next(iter(figures.values())))
    yield "**H: exact arithmetic, microseconds an operation**"
    yield ""
    yield "| | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, row in figures.items():
        yield f"| {name} | " + " | ".join(f"{row[column]:.1f}" for column in columns) + " |"
