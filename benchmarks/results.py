"""Every single run as it was, in a file from which an interrupted benchmark goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.scenarios import ALL, Scenario

Result = dict[str, Any]


class Results:
    """Results in the order they came. With `resume` those of the file are the first of them, else it begins anew."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._all: list[Result] = []
        if resume and path.exists():
            self._all = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        else:
            path.write_text("", encoding="utf-8")

    def __iter__(self) -> Iterator[Result]:
        return iter(self._all)

    def add(self, result: Result) -> None:
        self._all.append(result)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    def of(self, runner: str, scenario: str, n: int) -> list[Result]:
        wanted = (runner, scenario, n)
        return [each for each in self._all if (each["runner"], each["scenario"], each["n"]) == wanted]

    def why_not(self, runner: str, scenario: Scenario, n: int) -> str | None:
        """Why a run need not be made: it failed before, or by what is known would be cut."""
        for each in self._all:
            before = ALL[each["scenario"]]
            if each["runner"] != runner or before.model != scenario.model or each["n"] > n:
                continue
            error = str(each.get("error") or "")
            if error and (each["n"] == n or error.startswith(("cut", "not run"))):
                return error
            if scenario.is_instant and not error and each["run_s"] * n / each["n"] > scenario.limit:
                return f"cut: {each['run_s']:.0f} s for {each['n']:,}"
        return None


def not_run(runner: str, scenario: str, n: int, reason: str) -> Result:
    """The result of a run that is not made."""
    nothing = {"right": 0, "wrong": 0, "refused": 0, "took_s": 0.0}
    return {"runner": runner, "scenario": scenario, "n": n, "load": 0.0, "error": reason} | nothing


def line_of(result: Result) -> str:
    """A result in words."""
    cpu = 1000 * (result.get("cpu_s") or 0) / result["n"]
    return (
        f"{result['scenario']} n={result['n']} {result['runner']}: {result.get('run_s') or 0:.3f} s, {cpu:.2f} ms CPU each, "
        f"{result['right']} right, {result['wrong']} wrong, {result['took_s']:.1f} s in all, load {result['load']:.1f} "
        f"{result['error'] or ''}"
    )
