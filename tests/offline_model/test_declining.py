"""A decline is two short lines; a problem without a result is one sentence."""

from typing import Any

import pytest
from anthropic import AsyncAnthropic
from click.testing import CliRunner

from orchestrator_client.cli import main

DECLINED = {
    "Shop A: 3 shirts at $12 each and 2 hats. Total?": "2 hats",
    "3 shirts at half price, 2 hats at $4 each": "half price",
    "Shop A: 3 mugs at $4 each. Shop B: 2 mugs at £4 each.": "more than one currency",
    "4 chairs at €1.250 each": "€1.250",
    "2 hats $8": "for one or for all",
    "Target: 3 shirts at $12 each, plus tax": "tax",
    "A: 3 shirts at $12 each, 2 hats at $4 each, 10% off. B: 1 belt $9": "10%",
    "divide 24 by 4 plus 2": "which of the operations comes first",
    "3 lb of beef at $12 per kg": "per kg",
    "Split $120 between me and my three friends": "between how many",
    "x^3 = 8": "equation of this form",
    "A: 3 caps at $9 each, 20% off the hats": "20% off the hats",
    "12 pens at $2 each = $25": "total",
    "How much did I spend on pens? A: 3 pens at $2 each, 1 lamp $20": "spend on",
}


@pytest.mark.requirement("offline-declines")
@pytest.mark.parametrize("question", DECLINED)
async def test_a_decline_is_two_short_lines_that_name_what_could_not_be_placed(
    kit: Any, client: AsyncAnthropic, question: str
) -> None:
    run = await kit.converse(client, question, tools=[kit.agent_tool])
    assert run.declined
    assert run.names == []
    first, second = run.text.splitlines()
    assert DECLINED[question] in first
    assert first.startswith(("I could not place ", "No price found for "))
    assert "15% of 80" in first
    assert "an API key" in second
    assert "--base-url" in second
    assert max(len(first), len(second)) < 250


@pytest.mark.parametrize("question", ["10 / 0", "divide 100 by 0", "7 / (5 - 5)"])
async def test_a_division_by_zero_is_one_sentence_and_no_advice(
    kit: Any, client: AsyncAnthropic, question: str
) -> None:
    run = await kit.converse(client, question, tools=[kit.agent_tool])
    assert run.declined
    assert run.text == "This divides by zero, which has no result."


def test_the_command_says_it_once() -> None:
    done = CliRunner().invoke(main, ["--offline", "--local", "--quiet", "10 / 0"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "no answer: This divides by zero, which has no result.\n"
