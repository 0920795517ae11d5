"""Side by side with the peers: `python -m benchmarks`, or with `--quick` ours, the hand loop, the floor and two peers.

Every run is a fresh process; runners take turns in a new order each round, so that noise is spread over all of them.
"""

from __future__ import annotations

import json
import os
import platform
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks import calls, starting
from benchmarks.environments import FOLDER, python
from benchmarks.running import QUICK, RUNNERS, FakeMessages, run
from benchmarks.scenarios import SCENARIOS
from benchmarks.tables import tables

QUICK_SIZES = {("A", 3): 1, ("B", 100): 2, ("B", 500): 1, ("C", 100): 1}
"""Scenario and size to runs."""
RESULTS = FOLDER.parent / "results"


@click.command()
@click.option("--quick", is_flag=True, help="Ours, the hand loop, the floor and two peers; under 5 minutes.")
@click.option("--scenarios", default="ASBCDPEFH", show_default=True)
@click.option("--only", multiple=True, metavar="RUNNER", help="Only this runner. May be given again.")
@click.option("--sizes", default="", help="Numbers of sub-agents in B, with commas between.")
@click.option("--runs", type=int, help="Instead of each scenario's own number.")
def main(*, quick: bool, scenarios: str, only: tuple[str, ...], sizes: str, runs: int | None) -> None:
    """Measure, and print and write tables."""
    names = list(only) or (QUICK if quick else list(RUNNERS))
    for name in names:
        python(RUNNERS[name].environment)
    if quick:
        plan = dict(QUICK_SIZES)
        scenarios = "E"
    else:
        chosen = [int(size) for size in sizes.split(",") if size]
        plan = {
            (name, n): runs or scenario.runs
            for name, scenario in SCENARIOS.items()
            if name in scenarios
            for n in (chosen if chosen and scenario.is_instant else scenario.sizes)
        }
    lines = [_machine(), ""]
    with FakeMessages() as fake:
        results = list(_measure(fake, names, plan))
        lines += tables(results)
        if "E" in scenarios:
            lines += [*starting.table(fake, times=3 if quick else 7), ""]
    if "F" in scenarios:
        lines += [*calls.table(), ""]
    if "H" in scenarios:
        lines += [*calls.arithmetic_table(), ""]
    lines.append(f"Load average at the end: {os.getloadavg()[0]:.2f}.")
    text = "\n".join(lines)
    click.echo(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "tables.md").write_text(text + "\n", encoding="utf-8")


def _measure(fake: FakeMessages, names: Iterable[str], plan: dict[tuple[str, int], int]) -> Iterator[dict[str, Any]]:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "results.jsonl").open("a", encoding="utf-8") as kept:
        for (scenario, n), times in plan.items():
            for _ in range(times):
                order = list(names)
                random.shuffle(order)
                for name in order:
                    result = run(fake, RUNNERS[name], SCENARIOS[scenario], n)
                    kept.write(json.dumps(result) + "\n")
                    kept.flush()
                    click.echo(_line(result), err=True)
                    yield result


def _line(result: dict[str, Any]) -> str:
    cpu = 1000 * (result.get("cpu_s") or 0) / result["n"]
    return (
        f"{result['scenario']} n={result['n']} {result['runner']}: {result.get('run_s') or 0:.3f} s, {cpu:.2f} ms CPU each, "
        f"{result['right']} right, load {result['load']:.1f} {result.get('error') or ''}"
    )


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = _read("/proc/meminfo").partition("\n")[0].split()
    size = f"{int(memory[1]) / 1e6:.0f} GB" if len(memory) > 1 else "?"
    return (
        f"{os.cpu_count()} x {model}, {size}, {platform.system()} {platform.release()}, Python {platform.python_version()}; "
        f"load average {os.getloadavg()[0]:.2f} at the start."
    )


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


if __name__ == "__main__":
    sys.exit(main())
