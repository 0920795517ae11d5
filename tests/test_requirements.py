"""Every promise has a test, and every claim names a promise."""

import re
import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
CLAIM = re.compile(r"mark\.requirement\(\s*\"([^\"]+)\"")


def promised() -> set[str]:
    sections = tomllib.loads((TESTS / "requirements.toml").read_text(encoding="utf-8"))
    return {name for promises in sections.values() for name in promises}


def claimed() -> set[str]:
    return {claim for path in TESTS.rglob("test_*.py") for claim in CLAIM.findall(path.read_text(encoding="utf-8"))}


def test_every_promise_has_a_test() -> None:
    assert promised() - claimed() == set()


def test_every_claim_names_a_promise() -> None:
    assert claimed() - promised() == set()
