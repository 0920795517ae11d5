from typing import Any

import pytest
from anthropic import AsyncAnthropic

DECLINED = {
    "What is the capital of France?": "capital",
    "Write me a poem": "Write",
    "3 shirts": "3 shirts",
    "3 shirts and 2 hats at $10 each": "and",
    "3 shirts at $12.50 each with 20% off": "%",
    "3 shirts at $12.50 each, but one is free": "but",
    "3 discounted shirts at $12.50 each": "discounted",
    "two mugs for 4.50": "4.50",
    "a dozen eggs at $3": "12 eggs",
    "a few pens at $1 each": "few",
    "half a cake at $10": "half",
    "3 shirts at $12.50 each and 2 hats at €8 each": "currency",
    "I am ordering from three stores. Toy Town: 3 shirts at $12.50 each. Book Barn: 1 atlas at $34.20.": "3 stores",
    "Toy Town: 3 shirts at $1 each. Book Barn: 1 atlas at $3. Shipping is $5.": "for which store",
    "At Toy Town I buy a hat at $1, and at Book Barn I buy an atlas at $3, plus $5 shipping.": "for which store",
    "I sell 3 shirts at $12.50 each.": "sell",
    "I do not buy 3 shirts at $12.50 each.": "not",
    "Returns: 3 shirts at $12.50 each": "Returns",
    "Nobody buys 3 shirts at $12.50 each.": "Nobody",
    "We bought 3 hats each at $5": "each",
    "Students buy 3 hats at $5 each.": "each of them",
    "I buy 3 shirts at $12.50 each with a $20 gift card": "gift",
    "3 shirts at $12.50 each. How much do I save?": "save",
    "Option A: 3 shirts at $10 each. Option B: 2 hats at $8 each.": "Option",
    "3 shirts at $12.50 each plus tax": "tax",
    "3 shirts at $12.50 each, tax 8": "tax",
    "3 shirts at $12.50 each, shipping $5 each": "each",
    "3 shirts at $37.50 in total": "in total",
    "3-4 shirts at $10 each": "3",
    "3 shirts at 12,50 each": "12",
    "3 shirts x2 at $10 each": "x2",
    "buy 2 get 1 free shirts at $10 each": "free",
    "the square root of 16 plus 9": "square root",
    "2 to the power of 3 plus 1": "power",
    "6 / 2(1 + 2)": "together",
    "3x - 4": "-",
    "3 + 4 = 7": "7",
    "3 + 5!": "!",
    "3 + 5! + 1": "!",
    "0x10": "0",
    "1e5 + 1": "1",
    "5² + 1": "5",
    "2 + 3\n4 + 5": "+",
    "3 shirts at $5 each. 2 + 3": "+",
    "$5 * $3": "money",
    "sqrt($9)": "money",
    "42": "nothing to calculate",
    "2 +": "2 +",
    "(2 + 3": "2",
    "2 + 3)": ")",
    "Hello!": "nothing to calculate",
}


@pytest.mark.requirement("offline-declines")
@pytest.mark.parametrize("question", DECLINED)
@pytest.mark.parametrize("role", ["calculator", "orchestrator"])
async def test_what_cannot_be_read_is_declined_with_its_words(
    kit: Any, client: AsyncAnthropic, question: str, role: str
) -> None:
    tools = kit.math_tools if role == "calculator" else [kit.agent_tool]
    run = await kit.converse(client, question, tools=tools)
    assert run.turns == []
    assert run.declined
    assert run.last.stop_details.type == "refusal"
    assert run.last.stop_details.explanation == run.text
    reason, _, rest = run.text.partition(" This is the offline model")
    assert DECLINED[question].lower() in reason.lower()
    assert "Set ANTHROPIC_API_KEY to use Claude instead." in rest


@pytest.mark.parametrize(
    "question",
    [
        "a lamp at 30, " * 8000,
        "(" * 51 + "1 + 1" + ")" * 51,
        "(" * 99_000,
        "1" * 1001 + " + 1",
        "1 +\x00 1",
        "1 + \x1b[2J1",
        "-" * 60 + "1 + 1",
        "^".join(["2"] * 60),
    ],
    ids=["long", "nested", "deep", "digits", "nul", "escape", "minus", "powers"],
)
async def test_what_is_out_of_bounds_is_declined(kit: Any, client: AsyncAnthropic, question: str) -> None:
    run = await kit.converse(client, question, stream=False)
    assert run.declined


async def test_other_than_text_is_declined(kit: Any, client: AsyncAnthropic) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    content: Any = [image, {"type": "text", "text": "1 + 1"}]
    asked: Any = [{"role": "user", "content": content}]
    message = await client.messages.create(model="any", max_tokens=10, tools=kit.math_tools, messages=asked)
    assert message.stop_reason == "refusal"
