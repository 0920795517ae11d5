"""Results as Markdown tables: medians, spread, and ratios to the floor and to the best peer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.running import FLOOR, PEERS
from benchmarks.scenarios import SCENARIOS

Result = Mapping[str, Any]


def tables(results: Sequence[Result]) -> Iterator[str]:
    """One table for each scenario and size, in the order they were run."""
    seen = dict.fromkeys((result["scenario"], result["n"]) for result in results)
    for name, n in seen:
        rows: dict[str, list[Result]] = {}
        for result in results:
            if (result["scenario"], result["n"]) == (name, n):
                rows.setdefault(result["runner"], []).append(result)
        yield from (_costs if SCENARIOS[name].is_instant else _times)(name, n, rows)
        yield ""


def _times(name: str, n: int, rows: Mapping[str, list[Result]]) -> Iterator[str]:
    scenario = SCENARIOS[name]
    ideal, eager = scenario.ideal(n, eager=False), scenario.ideal(n, eager=True)
    yield f"**{name}: {scenario.title}.** Ideal {ideal:.3f} s, with eager start {eager:.3f} s"
    yield ""
    yield "| | wall, s | from - to | wall / ideal | wall / eager ideal | of best peer | right | runs |"
    yield "|---|---|---|---|---|---|---|---|"
    best = min((_median(rows[peer], _wall) for peer in rows if peer in PEERS), default=float("nan"))
    for runner, runs in _sorted(rows, _wall):
        wall = _median(runs, _wall)
        yield (
            f"| {runner} | {wall:.3f} | {_spread(runs, _wall)} | {wall / ideal:.3f} | {wall / eager:.3f} "
            f"| {wall / best:.2f} | {_right(runs, n)} | {len(runs)} |"
        )


def _costs(name: str, n: int, rows: Mapping[str, list[Result]]) -> Iterator[str]:
    yield f"**{name}: {SCENARIOS[name].title}, {n:,} sub-agents**"
    yield ""
    yield "| | CPU each, ms | from - to | of the floor | of best peer | memory each, KiB | wall, s | right | runs |"
    yield "|---|---|---|---|---|---|---|---|---|"
    best = min((_median(rows[peer], _cpu(n)) for peer in rows if peer in PEERS), default=float("nan"))
    floor = _median(rows[FLOOR], _cpu(n)) if FLOOR in rows else float("nan")
    for runner, runs in _sorted(rows, _cpu(n)):
        cpu = _median(runs, _cpu(n))
        yield (
            f"| {runner} | {cpu:.2f} | {_spread(runs, _cpu(n))} | {cpu / floor:.1f} | {cpu / best:.2f} "
            f"| {_median(runs, _memory(n)):.0f} | {_median(runs, _wall):.2f} | {_right(runs, n)} | {len(runs)} |"
        )


def _wall(result: Result) -> float:
    return float(result["run_s"])


def _cpu(n: int) -> Callable[[Result], float]:
    return lambda result: 1000 * float(result["cpu_s"]) / n


def _memory(n: int) -> Callable[[Result], float]:
    return lambda result: (float(result["rss_peak_mb"]) - float(result["rss_base_mb"])) * 1e6 / 1024 / n


def _values(runs: Sequence[Result], figure: Callable[[Result], float]) -> list[float]:
    return [figure(result) for result in runs if result.get("cpu_s") is not None]


def _median(runs: Sequence[Result], figure: Callable[[Result], float]) -> float:
    values = _values(runs, figure)
    return statistics.median(values) if values else float("nan")


def _spread(runs: Sequence[Result], figure: Callable[[Result], float]) -> str:
    values = _values(runs, figure)
    return f"{min(values):.2f} - {max(values):.2f}" if values else "-"


def _sorted(rows: Mapping[str, list[Result]], figure: Callable[[Result], float]) -> list[tuple[str, list[Result]]]:
    def key(row: tuple[str, list[Result]]) -> float:
        value = _median(row[1], figure)
        return value if value == value else float("inf")  # noqa: PLR0124 - what has no value has no place

    return sorted(rows.items(), key=key)


def _right(runs: Sequence[Result], n: int) -> str:
    right = min(result["right"] for result in runs)
    wrong = max(result["wrong"] for result in runs)
    failed = next((str(result["error"]) for result in runs if result.get("error")), "")
    return f"{right}/{n}" + (f", {wrong} wrong" if wrong else "") + (f", {failed[:60]}" if failed else "")
