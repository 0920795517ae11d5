"""What the official conformance suite runs, and what of it does not apply here, with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TITLES = {"server": "fixture server", "calculator": "mcp-calc-server", "client": "orchestrator_client"}
_FILE = Path(__file__).with_name("conformance.toml")


@dataclass(frozen=True, slots=True)
class Expected:
    """Scenarios by name: those that must pass, with the checks in them that do not apply, and those that need not."""

    applicable: Mapping[str, tuple[str, ...]]
    not_applicable: Mapping[str, str]


@cache
def expected(side: str, revision: str) -> Expected:
    """The lists for `server`, `calculator` (the server without the suite's tools) or `client`."""
    section = tomllib.loads(_FILE.read_text(encoding="utf-8"))[side][revision]
    partly = section.get("partly", {})
    return Expected(
        {name: tuple(partly.get(name, ())) for name in section["applicable"]},
        {name: reason for reason, names in section["not_applicable"].items() for name in names},
    )


def scenarios_text() -> list[str]:
    """The lists for people."""
    sections = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    lines = ["## Scenarios of the conformance suite", ""]
    for side, title in TITLES.items():
        for revision, section in sections[side].items():
            lines += [f"**{title}, {revision}**", "", f"* pass: {', '.join(section['applicable'])}"]
            lines += [f"* {reason}: {', '.join(names)}" for reason, names in section["not_applicable"].items()]
            lines += [
                f"* of {name} these checks do not apply: {', '.join(checks)}"
                for name, checks in section.get("partly", {}).items()
            ]
            lines.append("")
    return lines[:-1]
