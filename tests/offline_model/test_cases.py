"""Problems as people write them: answered right or declined, never wrong.

`cases.json` was written without knowledge of the reader. `more_cases.json` was written while it was developed.
"""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic

HERE = Path(__file__).resolve().parent
CASES: dict[str, list[dict[str, Any]]] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
MORE: dict[str, list[dict[str, Any]]] = json.loads((HERE / "more_cases.json").read_text(encoding="utf-8"))
CENT = Fraction(1, 200)

Score = dict[str, int]


def is_right(answer: str, numbers: list[str]) -> bool:
    """Whether each number stands in the lines that give results, to the cent."""
    lines = [line for line in answer.splitlines() if re.match(r"\S[^:]*: ", line)]
    found = [Fraction(each.replace(",", "")) for line in lines for each in re.findall(r"\d[\d,]*(?:\.\d+)?", line)]
    return all(any(abs(each - abs(Fraction(number))) <= CENT for each in found) for number in numbers)


async def score(kit: Any, client: AsyncAnthropic, cases: list[dict[str, Any]]) -> tuple[Score, list[str]]:
    counts = {"right": 0, "declined": 0, "wrong": 0}
    wrong: list[str] = []
    for case in cases:
        run = await kit.converse(client, case["q"], tools=[kit.agent_tool], tool=kit.Calculators(client), stream=False)
        right = is_right(run.text, case.get("numbers", [])) and "numbers" in case
        outcome = "declined" if run.declined else "right" if right else "wrong"
        counts[outcome] += 1
        wrong += [f"{case['q']}\n=> {run.text}"] if outcome == "wrong" else []
    return counts, wrong


@pytest.mark.requirement("offline-reads")
@pytest.mark.parametrize(("kind", "share"), [("stores", 0.85), ("calc", 0.95)])
async def test_of_the_problems_none_is_answered_wrong_and_most_are_answered(
    kit: Any, client: AsyncAnthropic, kind: str, share: float
) -> None:
    cases = [case for case in CASES["answer"] if case["kind"] == kind]
    counts, wrong = await score(kit, client, cases)
    assert wrong == []
    assert counts["right"] >= share * len(cases), counts


@pytest.mark.requirement("offline-declines")
async def test_what_has_no_certain_answer_is_declined(kit: Any, client: AsyncAnthropic) -> None:
    counts, answered = await score(kit, client, CASES["decline"])
    assert counts["declined"] >= 0.95 * len(CASES["decline"]), answered


@pytest.mark.slow  # a thousand conversations
async def test_the_problems_of_its_own_are_answered_right_or_declined(kit: Any, client: AsyncAnthropic) -> None:
    counts, wrong = await score(kit, client, MORE["answer"])
    assert wrong == []
    assert counts["right"] >= 0.95 * len(MORE["answer"]), counts
    _, answered = await score(kit, client, MORE["decline"])
    assert answered == []
