import json
from collections.abc import Mapping
from typing import Any

import pytest
from anthropic import AsyncAnthropic

TOY_TOWN = "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. What is the total?"

READ = {
    TOY_TOWN: "$59.99",
    "3 shirts at $12.50 each, 2 hats at $8.25, shipping $5.99": "$59.99",
    "3 shirts at $12.50 each\n2 hats at $8.25 each\nshipping $5.99\nTotal?": "$59.99",
    "Here is my list:\n- 3 shirts at $12.50 each\n- 2 hats at $8.25 each\n- $5.99 shipping": "$59.99",
    "1. 3 shirts at $12.50 each\n2. 2 hats at $8.25 each\n3. delivery is $5.99": "$59.99",
    "At Toy Town I buy 3 shirts at $12.50 each and 2 hats at $8.25 each, with $5.99 shipping.": "$59.99",
    "I'd like to buy three shirts for $12.50 each and two hats at $8.25, plus shipping of $5.99.": "$59.99",
    "If I buy 3 shirts at $12.50\neach and 2 hats at $8.25, how much do I pay?": "$54.00",
    "How much are 3 shirts at $12.50 each and 2 hats at $8.25 each?": "$54.00",
    "What is the total cost of 3 shirts at $12.50 each and 2 hats at $8.25 each?": "$54.00",
    "At Toy Town, 3 shirts cost $12.50 each, and at Book Barn I get an atlas at $34.20.": "$71.70",
    "two mugs for 4.50 each": "9.00",
    "a dozen eggs at $0.25 each": "$3.00",
    "I bought 1,200 pens at €0.35 each from Paper Palace.": "€420.00",
    "3 pens at 5 dollars each, two $4 mugs": "$23.00",
    "3 * 12.50 + 2 * 8.25 + 5.99": "59.99",
    "What is (2 + 3) ^ 2 / 5?": "5",
    "2 ** 3 ** 2": "512",
    "-2 ^ 2 + 1": "-3",
    "12 \N{DIVISION SIGN} 4 \N{MULTIPLICATION SIGN} 2 \N{MINUS SIGN} 1 \N{MIDDLE DOT} 3": "3",
    "7 plus 3": "10",
    "What's 6 times 7?": "42",
    "10 divided by 4": "2.5",
    "Could you calculate 2 to the power of 10, please?": "",
    "2 to the power of 10": "1024",
    "square root of 16": "4",
    "3x4": "12",
    "1 / 3": "1/3 (about 0.333333333333)",
    "What is 3 * $12.50 + $5.99?": "$43.49",
    "$10 / 3": "$3.33 (rounded to cents)",
    "1,000 + .5": "1000.5",
    "two hundred pens at $1 each": "$200.00",
    "x + 3 = 7": "4",
}


@pytest.mark.requirement("offline-reads")
@pytest.mark.parametrize("question", [question for question, answer in READ.items() if answer])
async def test_the_calculator_answers_what_it_reads(kit: Any, client: AsyncAnthropic, question: str) -> None:
    run = await kit.converse(client, question, stream=False)
    assert run.answer == READ[question]


@pytest.mark.requirement("offline-calculator")
@pytest.mark.parametrize("stream", [True, False])
async def test_independent_calls_come_in_one_message_and_turns_are_the_depth_plus_one(
    kit: Any, client: AsyncAnthropic, *, stream: bool
) -> None:
    run = await kit.converse(client, TOY_TOWN, stream=stream)
    assert run.turns == [
        [
            {"name": "multiply_numbers", "input": {"numbers": [3, "12.50"]}},
            {"name": "multiply_numbers", "input": {"numbers": [2, "8.25"]}},
        ],
        [{"name": "sum_numbers", "input": {"numbers": ["37.5", "16.5", "5.99"]}}],
    ]
    assert run.text.splitlines() == [
        "Read: 3 shirts at $12.50 each; 2 hats at $8.25 each; shipping $5.99",
        "3 * 12.50 = 37.5",
        "2 * 8.25 = 16.5",
        "37.5 + 16.5 + 5.99 = 59.99",
        "Answer: $59.99",
    ]


async def test_two_sides_of_a_difference_are_worked_out_together(kit: Any, client: AsyncAnthropic) -> None:
    run = await kit.converse(client, "2 * 3 + 4 * 5 - 6 / 2 - 7")
    assert run.names == [
        ["multiply_numbers", "multiply_numbers", "divide_numbers"],
        ["sum_numbers", "sum_numbers"],
        ["subtract_numbers"],
    ]
    assert run.answer == "16"


async def test_a_client_that_forbids_parallel_calls_gets_one_at_a_time(kit: Any, client: AsyncAnthropic) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    run = await kit.converse(client, TOY_TOWN, tool_choice=choice)
    assert run.names == [["multiply_numbers"], ["multiply_numbers"], ["sum_numbers"]]
    assert run.answer == "$59.99"


async def test_ids_are_unique_over_a_continued_conversation(kit: Any, client: AsyncAnthropic) -> None:
    first = await kit.converse(client, TOY_TOWN)
    second = await kit.converse(client, TOY_TOWN, history=first.messages)
    blocks = [block for message in second.messages if message["role"] == "assistant" for block in message["content"]]
    ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert len(set(ids)) == len(ids) == 6
    assert len({*first.ids, *second.ids}) == 6
    assert second.answer == "$59.99"


async def test_the_last_question_is_the_one_answered(kit: Any, client: AsyncAnthropic) -> None:
    first = await kit.converse(client, TOY_TOWN)
    second = await kit.converse(client, "6 * 7", history=first.messages)
    assert second.answer == "42"


async def test_a_rounded_result_says_so(kit: Any, client: AsyncAnthropic) -> None:
    async def rounded(name: str, _given: Mapping[str, Any]) -> tuple[str, bool]:
        if name == "square_root":
            return json.dumps({"result": "1.414213562373095048801688724209698", "exact": False}), False
        return json.dumps({"result": "2.414213562373095048801688724209698", "exact": True}), False

    root = await kit.converse(client, "sqrt(2)", tool=rounded)
    assert root.answer == "1.414213562373095048801688724209698 (rounded to 34 significant digits)"
    more = await kit.converse(client, "sqrt(2) + 1", tool=rounded)
    assert more.answer.endswith("(not exact: a step before was rounded)")


async def test_a_failed_tool_ends_in_a_decline_that_passes_its_text_on(kit: Any, client: AsyncAnthropic) -> None:
    run = await kit.converse(client, "1 / 0")
    assert run.declined
    assert run.text == "This divides by zero, which has no result."


async def test_a_result_that_is_no_number_ends_in_a_decline(kit: Any, client: AsyncAnthropic) -> None:
    async def broken(_name: str, _given: Mapping[str, Any]) -> tuple[str, bool]:
        return "NaN", False

    run = await kit.converse(client, "1 / 3", tool=broken)
    assert run.declined


async def test_a_tool_that_is_missing_is_named(kit: Any, client: AsyncAnthropic) -> None:
    run = await kit.converse(client, "sqrt(2) + 1", tools=kit.math_tools[:2])
    assert run.declined
    assert "square_root" in run.text


async def test_a_request_without_tools_is_declined(kit: Any, client: AsyncAnthropic) -> None:
    run = await kit.converse(client, "1 + 1", tools=[])
    assert "offers no tool to calculate with" in run.text
    none = await kit.converse(client, "1 + 1", tool_choice={"type": "none"})
    assert none.declined


async def test_calls_that_come_back_changed_do_not_repeat_for_ever(kit: Any, client: AsyncAnthropic) -> None:
    first = await kit.converse(client, "6 * 7")
    for message in first.messages:
        for block in message["content"] if message["role"] == "assistant" else ():
            if block["type"] == "tool_use":
                block["input"] = {"numbers": [1, 2]}
    request = {"model": "any", "max_tokens": 10, "tools": kit.math_tools, "messages": first.messages[:-1]}
    second = await client.messages.create(**request)
    assert second.stop_reason in {"tool_use", "refusal"}
