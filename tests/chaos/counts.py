"""What a chaos run counts, and the one table it prints."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """One part of the suite: its counts in the order they first came up, its measurements, its checks."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def expect(self, holds: bool, claim: str) -> None:  # noqa: FBT001 - like assert
        """Count a check. One that fails is said at once and the suite goes on."""
        if holds:
            self.passed += 1
        else:
            self.failures.append(claim)
            say(f"FAILED {self.name}: {claim}")

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"counts": dict(self.counts)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Part:
        return cls(**{**value, "counts": Counter(value["counts"])})

    def rows(self) -> list[tuple[str, str, str]]:
        values = {**{what: f"{number:,}" for what, number in self.counts.items()}, **self.figures}
        return [(self.name, what, value) for what, value in values.items()]


def table(parts: list[Part]) -> str:
    """A Markdown table that is aligned, so that it reads as well in a terminal."""
    rows = [("part", "what", "count"), *(row for part in parts for row in part.rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"| {part:<{widths[0]}} | {what:<{widths[1]}} | {value:>{widths[2]}} |" for part, what, value in rows]
    rule = f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 2)}|{'-' * (widths[2] + 1)}:|"
    return "\n".join([lines[0], rule, *lines[1:]])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
