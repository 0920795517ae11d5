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
    assert right >= 0.83 * len(MORE["answer"])
    _, answered = await score(kit, MORE["decline"])
    assert answered == []


# Of each kind: each part of too few, a question of no known kind, money that comes in, a request for no arithmetic.
PROVOKING = (
    "A: 3 hats at $10 each. B: 2 caps at $8 each. C: 1 mug $7. What did I spend at A and B together?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. They estimated $55. Total?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. The cheapest item?",
    "A: 3 hats at $10 each, was $12. B: 2 caps at $8 each. Total?",
    "A: 3 hats at $10 each (RRP $15). B: 2 caps at $8 each. Total?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each, of which $1 is tax. Total?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. Last year I spent $40. Total?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. My friend owes me $5 for a cap. Total?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. Grandpa is paying for the caps. What do I pay?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. We split the hats between two of us. What do I pay?",
    "A: 3 hats at $10 each. B: 2 caps at $8 each. They charged me $50. How much did they overcharge?",
    "A: 3 hats at $10 each; B: 2 caps at $8 each; Cy mug $7. Cost of each?",
    "Ann got 3 hats at $10 each, Bob got 2 caps at $8 each, Cy a mug at $7. Who spent the most?",
    "3 pens at $2 each. 4 pads at $3 each. Total for every month, and altogether.",
    "hats 3 at $2 each, caps 4 at $3 each. how much did i spend at each n total",
    "Grant of $5,000. We spent: 3 microscopes at $900 each; 20 slides at $4 each. Net position?",
    "Malt: 10 sacks @ €30. Hops: 2 kg @ €25 per kg. Sum for the malt/hops supplier? And supplier two?",
    "The club has a sponsorship of £250. Balls: 6 at £12 each, nets: 2 at £31 each. Total?",
    "Please write an email to my supplier asking why the 12 lamps at $30 each are late.",
    "Pen $2, notebook $5, bag $30. Which combination can I afford with $40?",
)


@pytest.mark.requirement("offline-declines")
@pytest.mark.parametrize("question", PROVOKING)
async def test_a_question_that_is_not_understood_is_declined(kit: Any, question: str) -> None:
    _, declined = await conversed(kit, question)
    assert declined


# Kinds that were answered wrong, or declined, at the first sight of a stranger's set: the right values; None: declined.
AT_FIRST_SIGHT: dict[str, list[str] | None] = {
    "Argos: 2 lamps, £30 each. Wilko: 3 rugs, £12 each. I've a £15 voucher for Wilko. What do I pay in total?": ["81"],
    "Argos: 2 lamps, £30 each. Wilko: 3 rugs, £12 each. I've a £15 voucher for Argos. What do I pay in total?": ["81"],
    "Argos: 2 lamps, £30 each, voucher £15. Wilko: 3 rugs, £12 each. Total?": None,
    "A coach buys 20 bibs at $4 each at Decathlon and 5 balls at $18 each at Sportsco. The club gives him $100 towards "
    "it. How much does he pay from his own pocket?": ["70"],
    "Decathlon: 20 bibs at $4 each. Sportsco: 5 balls at $18 each. The club contributed $100. Total?": None,
    "Decathlon: 20 bibs at $4 each. Sportsco: 5 balls at $18 each. My aunt chips in $30. What did I spend?": None,
    "POTTERY BARN\nVase 20cm   4   £6.25\nGlaze   3   £2.10\n\nCLAY CO\nShelf 2ft   2   £11.00\nSlip   5   £1.40\n\n"
    "Prices are for one. Total?": ["60.3"],
    "Baker: 6 loaves at $3 each. Dairy: 4 cheeses at $8 each. Mum pays $5 of it. What do I pay?": None,
    "Baker: 6 loaves at $3 each. Dairy: 4 cheeses at $8 each. My Dairy gift card has $5 on it. What do I pay?": None,
    "CLAY CO\nShelf 2 £11.00\nSlip 5 £1.40\nTotal?": None,
    "which of these shops was dearest and what did i pay there: Gap 2 caps 9.50 each; Boss 3 belts 20.25 each, tie "
    "12.00; Levis jacket 71.30": ["72.75"],
    "I had a 20 € note. Bakery: 4 rolls at 0,80 € each. Kiosk: 2 magazines at 3,50 € each. What remains?": ["9.8"],
    "Baker: 6 loaves at $3 each. Dairy: 4 cheeses at $8 each. What is the full sum, and what did the dairy get?": None,
    "Farm: three dozen-ish eggs, $5 per dozen. Market: 4 plums at 40c each. Total?": None,
    "Target: 3 fans at $25 each, give or take. Ace: 2 hooks at $5 each. Total?": None,
    "sum of 2.300,5 and 2,300.5": None,
    "sum of 2.300,5 and 4": None,
    "Baker: 6 loaves at $3 each. Dairy: 4 cheeses at $8 each. I only have $60 on me. Total?": None,
    "Deli: roll 4.50, soup 3.20\nsub 7.70\nTotal?": None,
    "Chess: subs £40, clock £22.50. Shop: 3 pens at £1 each. Cost of each one?": ["62.5", "3"],
    "Bowls: 8 games at $5 each. Bar: 4 pitchers at $9 each. All eight pay an equal share; how much is that?": ["9.5"],
    "Sent her w/ a $20 bill. Deli: 3 rolls at $2.10 each. Dairy: milk $3.50. What change should she have?": ["10.2"],
    "Spent:\nCar wash ........ 12.00\nTyre shop: 2 tyres ........ 80.50 each\nTotal?": ["173"],
    "Log\n- 4 May, Shell: 30 L at £1.40 per L\n- 9 Jun, BP: 20 L at £1.50 per L\nWhat did I spend?": ["72"],
    "## Job: Ash\n| Task | Hours | Rate |\n|---|---|---|\n| Edit | 2 | $40 |\n\n## Job: Elm\n| Task | Hours | Rate |\n"
    "|---|---|---|\n| Plan | 3 | $50 |\n\nWhat do I bill for each job?": ["80", "150"],
    "divide 3 million by 1,500 thousand": ["2"],
    "A crate of 24 beers costs €36. Price per bottle?": ["1.5"],
    "In Kyoto I bought 2 bowls of udon at ¥800 each and a map for ¥300. How many yen did I spend?": ["1900"],
    "I want 2 games at $40 each and a headset at $50. I've saved $150. How much will I have left?": ["20"],
    "School wear, sizes 6 and 9: 2 skirts $15.00 each, 1 coat $40.50. Total?": ["70.5"],
    "4 lamps, $134 altogether. What did one cost?": ["33.5"],
    "We bought 6 tickets for $90 in total. How much did each ticket cost?": ["15"],
    "A case of 24 waters costs $5.76. What is the price per litre?": None,
    "My 3 kids wanted a kite and it cost $20 altogether. What did one kite cost?": None,
    "5 books cost $60 altogether, and 2 pens $4 altogether. What did one book cost?": None,
    "I bought 2 shirts at $20 each and a hat for $15. The hat was reduced by $5. Total?": ["50"],
    "3 rugs at $90 each. The rugs were reduced by $10. Total?": None,
    "A coat for $80 and boots for $60. The coat was reduced to $65. What did she pay?": None,
    "2 adults and 2 kids go to the museum. Adult tickets are $18, kids' tickets are $9. How much in all?": ["54"],
    "Our 5 kids need shoes. Shoes are $30. Total cost?": None,
    "Paint 30.00, brushes 12.00. Total, and how much is that for each of the 3 band members?": None,
    "We had $500. Hall $200, cake $100. What is left, split between the 5 of us?": None,
    "pizza $12 for me, $14 for Sam. delivery $6 split equally between the two of us. What does each pay?": None,
    "Boots: 4 combs at £2 each. Lidl: 2 soaps at £1 each. Boots has 25% off everything. Total?": ["8"],
    "Yard: 3 skips at $40 each, drop-off fee $30. Shop: 2 bags at $5 each. Total?": ["160"],
    "Dairy: 4 litres milk at ₹60 per litre. Mill: 2 kg flour at ₹40 per kg. I gave ₹500. What is the balance?": [
        "320",
        "180",
    ],
    "Fan quotes from Acme ($189.99, plus 2 filters at $24.50 each) and Bolt ($164.25, plus 2 filters at $27 "
    "each). What would each cost?": None,
    "Kiosk: 3 pens at KSh 65 each. Shop: 2 pads at $4 each. Total?": None,
    "Shop;Article;Amount;Price per piece\nAldi;oil;3;7,49\nLidl;rice;2;1,10\n\nTotal?": ["24.67"],
    "Books: 2 copies of 1984 @ £9.50, 1 atlas @ £20. Pens: 3 at £2 each. Total?": ["45"],
    "Bakery: a dozen rolls at $2 a roll. Deli: ham $9. Total?": ["33"],
    "prom: dress 120.50, my 1/3 of the limo which was 300 total. what did i spend in all": None,
    "Cafe: 2 teas at £3 each. Pub: 3 pies at £6 each. I paid the pub with a £20 note. What was my change "
    "there, and what did I spend?": None,
    "Order 1: 2 caps at $10 each. Order 2: 3 hats at $20 each. 10% discount on order 2. Total?": ["74"],
    "Hat Hut: 6 caps at 3 for $10, a scarf $12. Sock Shop: 2 pairs at $4 each. Total?": ["40"],
    "Spent: cake from the bakery 85, balloons 9.50, 3 hats at 2.50 each. Total?": None,
    "Towels 20.00 at Home & Hearth, 3 mugs at $4.00 each. Ikea: a lamp $15. 20% off the whole Home & Hearth "
    "purchase. Total?": None,
    "Semester 1: rent $640, books $300. Semester 2: rent $665, books $200. How much did my costs go up?": ["75"],
    "Pizza 20.00, drinks 10.00, my ice cream 5.00. Pizza and drinks are shared by 3. What do I pay?": None,
    "Motel: 2 nights at $95 a night. Petrol $50. We were away 4 days. What is the cost per day?": None,
    "Ramen $48, split between Ida, Ben and three friends. How much each?": None,
    "Ramen $48, split between two couples and Ida. How much each?": None,
    "Bus $600, fuel $90. There are 7 of us but the guide pays nothing. How much per person?": None,
    "Bus $600, fuel $90. Split 7 ways, the guide rides free. How much each?": None,
    "Inn: 4 rooms for 3 nights at $85. Taxi: $40. Total?": None,
    "Ida bought 4 mugs at $3 each. Ben also bought 2 bowls at $5 each. How much did each spend?": None,
    "5 skeins of yarn at $6 each, hooks $8. Cost per shawl? Love, Gran": None,
    "We bought 5 tickets for $60 in total. How much did each ticket cost? Thanks, Ida": ["12"],
    "4 ciders at $6.50, 3 pies at $8 at the Swan. 15% tip at the Swan only. Total?": ["57.5"],
    "Pub: 4 ciders at $6.50, 3 pies at $8 at the Swan. 15% tip at the Swan only. Total?": None,
    "4 ciders at $6.50, 3 pies at $8. 2 cokes at $4 at the Anchor. 15% tip at the Swan only. Total?": None,
    "Butcher: 2 ducks at $9 each with 20% off one. Total?": None,
    "Butcher: 3 ducks at $9 each, one at 20% off. Total?": None,
    "I bought 4 mugs at $3 each, my sister bought 2 bowls at $5 each. How much did I spend?": None,
    "My wife ordered 2 bowls at $5 each; I ordered 4 mugs at $3 each. What is my total?": None,
    "I bought 4 mugs at $3 each, my sister bought 2 bowls at $5 each. How much did we spend?": ["22"],
    "Aldi\n3 jams @ $2.50\nTAX 6%\n\nSpar\n2 pots @ $8.00\nTAX 6%\n\nTotal of both before tax?": None,
    "Aldi: 3 jams at $2.50 each, tax $0.45. Spar: 2 pots at $8 each. What is the pre-tax total?": None,
    "Costa 2 teas 3.10 each. Wagamama 3 bowls 9.95 each. Bowling alley 3 games 7.50 each. Average per place?": None,
    "The dean's office ordered 5 lamps at $9 each from Ikea and 2 rugs at $30 each from Jysk. The alumni office "
    "ordered 8 mugs at $4 each from Argos. What is the total for each office?": None,
    "The red team bought 5 bibs at $6 each from Decathlon. The blue team bought 9 cones at $2 each from Argos, and 2 "
    "balls at $7 each from Sportsco. Which team spent more?": None,
    "Need 3 quotes compared, cheapest please: Van firm X £340 + 5 hours loading at £20 per hour; Van firm Y £520 all "
    "in; Van firm Z 90 miles at £4.20 per mile.": None,
    "A class of 31 pupils each brings £4.50 for a trip. How much is that in total?": ["139.5"],
    "A group of 12 pensioners each pay £4.50 for lunch. What is the total?": ["54"],
    "Giro - 3 helmets at €40 each. Lezyne - 5 pumps at €20 each. Order fee of €12 from Lezyne. What do I owe each "
    "brand?": ["120", "112"],
    "Giro - 3 helmets at €40 each. Lezyne - 5 pumps at €20 each. Order fee of €12 from Abus. What do I owe each "
    "brand?": None,
    "15 bowls at $11 each from Wok Star; 15 teas at $4 each from Cha. How much was the whole team lunch, and what does "
    "that make per head for 15 people?": ["225", "15"],
    "Dukan: 4 kg sugar at ₹45 per kg, ghee at ₹600 per kg. Total?": None,
    "Hired 3 painters at ₹800 each. Paint from Asian dealer: 20 tins at ₹450 each. Brushes: 8 sets at ₹90 each. What "
    "is labour total, material total, and overall?": None,
    "Diesel $80, meals $70. It was a 3-day trip. Cost per day?": None,
    "Bus $600, fuel $90. There are 7 of us. The guide pays no share. How much per person?": None,
    "Lodge: 4 nights for 3 people at $85. Total?": None,
    "5 skeins of yarn at $6 each, hooks $8. What's the cost of a shawl? Love, Gran": None,
    "I bought 4 mugs at $3 each, my best friend bought 2 bowls at $5 each. How much did it cost me?": None,
    "Cafe: 3 teas at $2.50 each, tip 20%. Pub: 2 pies at $8 each. Total before tip?": None,
    "Giro - 3 helmets at €40 each. Lezyne - 5 pumps at €20 each. Discount of €12 from Giro. Total per shop?": [
        "108",
        "100",
    ],
    "Mason: 3 days at £90 per day. Tiles: 40 at £6 each. Glue: 12 bags at £3. Totals for labour and materials?": None,
    "We have €3.000 to spend. IKEA: 1 lamp at €49,00, 6 stools at €39,99 each. What's left?": None,
    "We have €3,000 to spend. IKEA: 1 lamp at €49.00, 6 stools at €39.99 each. What's left?": ["2711.06"],
    "I pay monthly: Figma $15, Notion $10, Zoom $15.99. What does that come to for a whole year?": None,
    "how much is 6.5 hours times 21.40": None,
    "Boards 12 at €3.10 each, buy-more-save-more deal at Hornbach, and 5 bags of grout at €11 each. Total?": None,
    "Vendor 1: 10 toners at $62 each. Vendor 2: 15 toners at 54 each, I think. Combined cost?": None,
    "Shop 1: tank at $260, 2 pumps at $48.50 each. Shop 2: 6 plants at $7.90 each. Total in Canadian dollars?": [
        "404.4"
    ],
}


@pytest.mark.parametrize("question", AT_FIRST_SIGHT)
async def test_kinds_that_were_wrong_or_declined_at_first_sight(kit: Any, question: str) -> None:
    numbers = AT_FIRST_SIGHT[question]
    text, declined = await conversed(kit, question)
    assert declined == (numbers is None), text
    assert declined or is_right(text, numbers or []), text


@pytest.mark.slow
async def test_texts_written_to_provoke_wrong_answers_are_answered_right_or_declined(kit: Any) -> None:
    _, wrong = await score(kit, MORE["provoking"])
    assert wrong == []


@pytest.mark.slow  # a hundred conversations with agents that converse themselves
async def test_with_agents_the_answers_are_the_same(kit: Any, client: AsyncAnthropic) -> None:
    wrong = []
    for case in CASES["answer"]:
        run = await kit.converse(client, case["q"], tools=[kit.agent_tool], tool=kit.Calculators(client), stream=False)
        wrong += [] if run.declined or is_right(run.text, case["numbers"]) else [f"{case['q']}\n=> {run.text}"]
    assert wrong == []
