import json
from collections.abc import Mapping
from typing import Any

import pytest
from anthropic import AsyncAnthropic

STORES = (
    "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99.",
    "Book Barn: 4 novels at $9.75 each, 1 atlas at $34.20, shipping $4.50.",
    "Garden Gate: 12 bulbs at $1.35 each, 2 pots at $14.99 each, shipping $7.25.",
)
ASKED = "What does each store cost, and what is the total?"
DEMO = " ".join(["I am ordering from three stores.", *STORES, ASKED])
ANSWER = """\
Toy Town: $59.99
  3 shirts at $12.50 each
  2 hats at $8.25 each
  shipping $5.99
Book Barn: $77.70
  4 novels at $9.75 each
  1 atlas at $34.20
  shipping $4.50
Garden Gate: $53.43
  12 bulbs at $1.35 each
  2 pots at $14.99 each
  shipping $7.25
Total: $191.12"""


@pytest.mark.requirement("offline-orchestrator")
@pytest.mark.parametrize(
    "question",
    [
        DEMO,
        " ".join([*STORES, ASKED]),
        "\n".join([*STORES, ASKED]),
        "\n".join(STORES),
        "\n".join(f"- {store}" for store in STORES),
        "\n".join(f"{number}. {store}" for number, store in enumerate(STORES, 1)),
        "\n".join(store.replace(": ", ":\n- ").replace(", ", "\n- ") for store in STORES),
    ],
)
@pytest.mark.parametrize("stream", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_the_stores_are_delegated_at_once_and_put_together(
    kit: Any, client: AsyncAnthropic, question: str, *, stream: bool
) -> None:
    calculators = kit.Calculators(client)
    run = await kit.converse(client, question, tools=[kit.agent_tool], tool=calculators, stream=stream)
    assert run.names == [["calculator_assistant_agent"] * 3]
    assert calculators.prompts[0] == f"{STORES[0]} What is the total?"
    assert run.text == ANSWER


async def test_one_store_is_one_delegation(kit: Any, client: AsyncAnthropic) -> None:
    calculators = kit.Calculators(client)
    run = await kit.converse(client, STORES[0], tools=[kit.agent_tool], tool=calculators)
    assert len(calculators.prompts) == 1
    assert run.text.splitlines() == [*ANSWER.splitlines()[:4], "Total: $59.99"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("3 shirts at $12.50 each and a hat at $8", "$45.50"),
        ("(2 + 3) ^ 2 / 5", "5"),
        ("1 / 3", "1/3 (about 0.333333333333)"),
    ],
)
async def test_what_has_no_parts_is_one_delegation(
    kit: Any, client: AsyncAnthropic, question: str, answer: str
) -> None:
    calculators = kit.Calculators(client)
    run = await kit.converse(client, question, tools=[*kit.math_tools, kit.agent_tool], tool=calculators)
    assert len(calculators.prompts) == 1
    assert run.answer == answer


async def test_an_answer_may_come_inside_a_json_document(kit: Any, client: AsyncAnthropic) -> None:
    async def structured(_name: str, _given: Mapping[str, Any]) -> tuple[str, bool]:
        return json.dumps({"answer": "one and one\nAnswer: 2", "usage": {}}), False

    run = await kit.converse(client, "1 + 1", tools=[kit.agent_tool], tool=structured)
    assert run.answer == "2"


@pytest.mark.parametrize(("said", "failed"), [("out of reach", True), ("I would rather not.", False)])
async def test_a_part_that_failed_is_named_and_the_finished_ones_are_given(
    kit: Any, client: AsyncAnthropic, said: str, *, failed: bool
) -> None:
    calculators = kit.Calculators(client)

    async def one_fails(name: str, given: Mapping[str, Any]) -> tuple[str, bool]:
        if "Book Barn" in given["prompt"]:
            return said, failed
        result: tuple[str, bool] = await calculators(name, given)
        return result

    run = await kit.converse(client, DEMO, tools=[kit.agent_tool], tool=one_fails)
    assert run.declined
    assert f"Book Barn was not worked out, the agent said: {said}" in run.text
    assert "Toy Town: $59.99, Garden Gate: $53.43" in run.text


async def test_an_answer_in_another_currency_is_not_added_up(kit: Any, client: AsyncAnthropic) -> None:
    async def euros(_name: str, _given: Mapping[str, Any]) -> tuple[str, bool]:
        return "Answer: €5.00", False

    run = await kit.converse(client, STORES[0], tools=[kit.agent_tool], tool=euros)
    assert run.declined


@pytest.mark.requirement("offline-hostile")
async def test_an_answer_after_a_very_long_text_is_not_looked_for(kit: Any, client: AsyncAnthropic) -> None:
    async def wordy(_name: str, _given: Mapping[str, Any]) -> tuple[str, bool]:
        return "x = 1\n" * 20_000 + "Answer: 3", False

    run = await kit.converse(client, "1 + 2", tools=[kit.agent_tool], tool=wordy)
    assert run.declined
    assert len(run.text) < 2_000
