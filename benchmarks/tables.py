"""Results as Markdown tables: medians, spread, and ratios to the floor and to the best peer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.running import FLOOR, PEERS
from benchmarks.scenarios import SCENARIOS

Result = Mapping[str, Any]
Figure = Callable[[Result], float]


def tables(results: Sequence[Result]) -> Iterator[str]:
    """One table for each scenario and size, in the order they were run; V has one of its own."""
    seen = dict.fromkeys((result["scenario"], result["n"]) for result in results if result["scenario"] in SCENARIOS)
    for name, n in seen:
        rows: dict[str, list[Result]] = {}
        for result in results:
            if (result["scenario"], result["n"]) == (name, n):
                rows.setdefault(result["runner"], []).append(result)
        yield from (_costs if SCENARIOS[name].is_instant else _times)(name, n, rows)
        yield ""


def _times(name: str, n: int, rows: Mapping[str, list[Result]]) -> Iterator[str]:
    scenario = SCENARIOS[name]
    ideal, early_tool_calls = scenario.ideal(n, early_tool_calls=False), scenario.ideal(n, early_tool_calls=True)
    yield f"**{name}: {scenario.title}.** Ideal {ideal:.3f} s, with early tool calls {early_tool_calls:.3f} s"
    yield ""
    yield "| | wall, s | from - to | wall / ideal | wall / early ideal | of best peer | right | runs |"
    yield "|---|---|---|---|---|---|---|---|"
    best = _best(rows, wall)
    for runner, runs in _sorted(rows, wall):
        value = median(runs, wall)
        ratios = [number(value / other, digits) for other, digits in ((ideal, 3), (early_tool_calls, 3), (best, 2))]
        cells = [number(value, 3), spread(runs, wall), *ratios, right(runs, n), str(len(runs))]
        yield f"| {runner} | {' | '.join(cells)} |"


def _costs(name: str, n: int, rows: Mapping[str, list[Result]]) -> Iterator[str]:
    yield f"**{name}: {SCENARIOS[name].title}, {n:,} sub-agents**"
    yield ""
    yield "| | CPU each, ms | from - to | of the floor | of best peer | memory each, KiB | wall, s | right | runs |"
    yield "|---|---|---|---|---|---|---|---|---|"
    figure = cpu(n)
    best, floor = _best(rows, figure), median(rows.get(FLOOR, ()), figure)
    for runner, runs in _sorted(rows, figure):
        value = median(runs, figure)
        cells = [
            number(value, 2),
            spread(runs, figure),
            number(value / floor, 1),
            number(value / best, 2),
            number(median(runs, _memory(n)), 0),
            number(median(runs, wall), 2),
            right(runs, n),
            str(len(runs)),
        ]
        yield f"| {runner} | {' | '.join(cells)} |"


def number(value: float, digits: int) -> str:
    """`-` for what is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def wall(result: Result) -> float:
    return float(result["run_s"])


def cpu(n: int) -> Figure:
    """Milliseconds of CPU for each of `n` sub-agents."""
    return lambda result: 1000 * float(result["cpu_s"]) / n


def _memory(n: int) -> Figure:
    return lambda result: (float(result["rss_peak_mb"]) - float(result["rss_base_mb"])) * 1e6 / 1024 / n


def _values(runs: Sequence[Result], figure: Figure) -> list[float]:
    """Of the runs that came to their end: what one that was cut or failed has cost says nothing."""
    return [figure(result) for result in runs if not result.get("error")]


def median(runs: Sequence[Result], figure: Figure) -> float:
    values = _values(runs, figure)
    return statistics.median(values) if values else math.nan


def spread(runs: Sequence[Result], figure: Figure) -> str:
    values = _values(runs, figure)
    return f"{min(values):.2f} - {max(values):.2f}" if values else "-"


def _best(rows: Mapping[str, list[Result]], figure: Figure) -> float:
    values = [median(rows[peer], figure) for peer in rows if peer in PEERS]
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def _sorted(rows: Mapping[str, list[Result]], figure: Figure) -> list[tuple[str, list[Result]]]:
    def place(row: tuple[str, list[Result]]) -> float:
        value = median(row[1], figure)
        return math.inf if math.isnan(value) else value

    return sorted(rows.items(), key=place)


def right(runs: Sequence[Result], n: int) -> str:
    """How many sub-agents the server saw run to their end, in the worst of the runs, and what went wrong."""
    failed = next((str(result["error"]) for result in runs if result.get("error")), "")
    if failed.startswith("not run"):
        return failed
    worst = min(result["right"] for result in runs)
    wrong = max(result["wrong"] for result in runs)
    refused = max(result["refused"] for result in runs)
    said = [f"{worst}/{n}", f"{wrong} wrong" * bool(wrong), f"{refused} requests refused" * bool(refused), failed[:100]]
    return ", ".join(each for each in said if each).replace("|", "/")
