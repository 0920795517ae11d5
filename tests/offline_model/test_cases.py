"""Problems as people write them: answered right or declined, never wrong.

`cases.json` was written without knowledge of the reader. `more_cases.json` has problems of others, and those that were
written while it was developed.
"""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from offline_model.answering import answer

HERE = Path(__file__).resolve().parent
CASES: dict[str, list[dict[str, Any]]] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
MORE: dict[str, list[dict[str, Any]]] = json.loads((HERE / "more_cases.json").read_text(encoding="utf-8"))
CENT = Fraction(1, 200)


def is_right(answer: str, numbers: list[str]) -> bool:
    """Whether each number stands in the lines that give results, to the cent."""
    lines = [line for line in answer.splitlines() if re.match(r"\S[^:]*: ", line)]
    found = [Fraction(each.replace(",", "")) for line in lines for each in re.findall(r"\d[\d,]*(?:\.\d+)?", line)]
    return all(any(abs(each - abs(Fraction(number))) <= CENT for each in found) for number in numbers)


async def conversed(kit: Any, question: str) -> tuple[str, bool]:
    """What the model with the calculator's functions says at last, and whether it declines; no client in between."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    while True:
        message = answer({"model": "any", "messages": messages, "tools": kit.math_tools})
        if message["stop_reason"] != "tool_use":
            return message["content"][0]["text"], message["stop_reason"] == "refusal"
        results = []
        for call in message["content"]:
            text, failed = await kit.math(call["name"], call["input"])
            results.append({"type": "tool_result", "tool_use_id": call["id"], "content": text, "is_error": failed})
        messages += [{"role": "assistant", "content": message["content"]}, {"role": "user", "content": results}]


async def score(kit: Any, cases: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many are right, and the wrong ones."""
    right, wrong = 0, []
    for case in cases:
        text, declined = await conversed(kit, case["q"])
        is_good = not declined and "numbers" in case and is_right(text, case["numbers"])
        right += is_good
        wrong += [] if declined or is_good else [f"{case['q']}\n=> {text}"]
    return right, wrong


@pytest.mark.requirement("offline-reads")
@pytest.mark.parametrize(("kind", "share"), [("stores", 0.85), ("calc", 0.95)])
async def test_of_the_problems_none_is_answered_wrong_and_most_are_answered(kit: Any, kind: str, share: float) -> None:
    cases = [case for case in CASES["answer"] if case["kind"] == kind]
    right, wrong = await score(kit, cases)
    assert wrong == []
    assert right >= share * len(cases)


@pytest.mark.requirement("offline-declines")
async def test_what_has_no_certain_answer_is_declined(kit: Any) -> None:
    _, answered = await score(kit, CASES["decline"])
    assert answered == []


@pytest.mark.slow
async def test_the_other_problems_are_answered_right_or_declined(kit: Any) -> None:
    right, wrong = await score(kit, MORE["answer"])
    assert wrong == []
    assert right >= 0.93 * len(MORE["answer"])
    _, answered = await score(kit, MORE["decline"])
    assert answered == []


@pytest.mark.slow  # a hundred conversations with agents that converse themselves
async def test_with_agents_the_answers_are_the_same(kit: Any, client: AsyncAnthropic) -> None:
    wrong = []
    for case in CASES["answer"]:
        run = await kit.converse(client, case["q"], tools=[kit.agent_tool], tool=kit.Calculators(client), stream=False)
        wrong += [] if run.declined or is_right(run.text, case["numbers"]) else [f"{case['q']}\n=> {run.text}"]
    assert wrong == []
