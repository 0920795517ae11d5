"""Side by side with the peers: `python -m benchmarks`, or with `--quick` ours, the hand loop, the floor and two peers.

Every run is a fresh process; runners take turns in a new order each round, so that noise is spread over all of them.
"""

from __future__ import annotations

import os
import platform
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from benchmarks import calls, starting, views
from benchmarks.environments import CannotBeMade, python
from benchmarks.results import Results, line_of, not_run
from benchmarks.running import QUICK, RUNNERS, FakeMessages, run
from benchmarks.scenarios import SCENARIOS
from benchmarks.tables import tables

QUICK_SIZES = {("A", 3): 1, ("B", 100): 2, ("B", 500): 1, ("C", 100): 1}
"""Scenario and size to runs."""
RESULTS = Path(__file__).parent / "results"

Plan = Mapping[tuple[str, int], int]


@click.command()
@click.option("--quick", is_flag=True, help="Ours, the hand loop, the floor and two peers; under 5 minutes.")
@click.option("--scenarios", default="ASBCDPEFHV", show_default=True)
@click.option("--only", multiple=True, metavar="RUNNER", help="Only this runner. May be given again.")
@click.option("--sizes", default="", help="Numbers of sub-agents in B, with commas between.")
@click.option("--runs", type=int, help="Instead of each scenario's own number.")
@click.option("--resume", is_flag=True, help="Go on with the results that are there, instead of anew.")
@click.option(
    "--results", "folder", type=click.Path(path_type=Path), default=RESULTS, help="Where they are; benchmarks/results."
)
def main(
    *,
    quick: bool,
    scenarios: str,
    only: tuple[str, ...],
    sizes: str,
    runs: int | None,
    resume: bool,
    folder: Path,
) -> None:
    """Measure, and print and write tables."""
    began = time.monotonic()
    unknown = set(only) - set(RUNNERS)
    if unknown:
        raise click.UsageError(f"There is no runner {', '.join(sorted(unknown))}. There are: {'; '.join(RUNNERS)}.")
    names = list(only) or (QUICK if quick else list(RUNNERS))
    scenarios = "E" if quick else scenarios
    plan = QUICK_SIZES if quick else _plan(scenarios, [int(size) for size in sizes.split(",") if size], runs)
    _make_environments(names)
    lines = [_machine(), ""]
    with FakeMessages() as fake:
        results = Results(folder / "results.jsonl", resume=resume)
        _measure(fake, names, plan, results)
        lines += tables(list(results))
        if "V" in scenarios:
            lines += [*views.table(fake, runs, results), ""]
        if "E" in scenarios:
            lines += [*starting.table(fake, times=3 if quick else 7), ""]
    if "F" in scenarios:
        lines += [*calls.table(runs or 2), ""]
    if "H" in scenarios:
        lines += [*calls.arithmetic_table(), ""]
    minutes = (time.monotonic() - began) / 60
    lines.append(f"Load average at the end: {os.getloadavg()[0]:.2f}. It took {minutes:.0f} minutes.")
    text = "\n".join(lines)
    click.echo(text)
    (folder / "tables.md").write_text(text + "\n", encoding="utf-8")


def _plan(scenarios: str, sizes: Sequence[int], runs: int | None) -> Plan:
    return {
        (name, n): runs or times
        for name, scenario in SCENARIOS.items()
        if name in scenarios
        for n, times in (dict.fromkeys(sizes, 1) if sizes and scenario.is_instant else scenario.sizes).items()
    }


def _make_environments(names: Iterable[str]) -> None:
    """Before anything is measured. What cannot be made is told of in the tables."""
    for name in names:
        try:
            python(RUNNERS[name].environment)
        except CannotBeMade as error:
            click.echo(f"{name}: {error}", err=True)


def _measure(fake: FakeMessages, names: Sequence[str], plan: Plan, results: Results) -> None:
    for (name, n), times in plan.items():
        scenario = SCENARIOS[name]
        for number in range(times):
            order = [each for each in names if each.startswith(scenario.who)]
            random.shuffle(order)
            for runner in order:
                known = results.of(runner, name, n)
                if len(known) > number or any(result.get("error") for result in known):
                    continue
                reason = results.why_not(runner, scenario, n)
                result = run(fake, RUNNERS[runner], scenario, n) if reason is None else not_run(runner, name, n, reason)
                results.add(result)
                click.echo(line_of(result), err=True)


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
