"""Stories: an answer changes exactly as the arithmetic says, and what cannot be told is declined."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_model.lexeme import Unread
from offline_model.planning import plan
from offline_model.problem import Calculation, Comparison
from offline_model.reading import _read, read
from offline_model.score import converse, corpus
from offline_model.service import respond
from offline_model.value import value
from tests.counting import calls, collections, objects_left

MOST_CALLS = 600_000  # of functions, in less than 100 ms
HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01"}

DECLINED = """
Sam has 12 apples. He dreams of 8 more. How many apples does he have?
Sam has 12 apples. He buys 8 rotten apples. How many good apples does he have?
Sam had 12 apples yesterday. Today he has 8 apples. How many apples does he have?
Ann has 5 apples. Bob takes 2 apples from Carl. How many apples does Ann have?
Ann has 5 bags with 10 marbles each. She gives away 2 marbles from each bag. How many marbles does she have?
Tim has 20 pens in his bag and 5 pens on his desk. How many pens are in his bag?
Ann buys 3 pens at $2 each. Bob buys 2 pads at $3 each. How much does Ann pay?
Ann buys 3 pens at $2 each, 10% off, and a pad at $5. What does she pay?
Week 1: 5 orders. Week 2: 7 orders. What is the average per day?
A town has 1,000 people. 10% leave each year. How many people live there after 2 years?
3 shirts at $12.50 each. How much do I save?
Each ticket costs $8.50. Each ticket costs $9. How much do 6 tickets cost?
Tom has 10 apples. He gives 3 to each of his 2 brothers. How many apples does he have?
A shirt costs $20 and a $5 tip. How much do I save?
A boy runs 1.5 km in 45 minutes. What is his speed in furlongs?
Solomon bought a table at a 10% discount and paid the sale price of $450. What was the original price?
Harrison buys a roll on Saturdays for $3.50 and a cake on Sundays for $5.50. How much does he spend in a year?
Gus spent $20 at the store. He bought 2 bags of chips for $2 each. How much did the pie cost?
Ann has 12 apples and gives 5 to Bob. How many apples do they have together?
There were 36 birds. 9 ducks arrive and 5 geese leave. How many birds are there?
Peter has $50. He spends $18.75 on a book. How much wire is left?
$800 is invested at 5% simple interest per year for 3 years. How old is Ben?
A plumber charges $60 for the visit and $45 per hour. What was our average speed?
A train has 9 cars with 64 seats each. How much does Pat weigh?
A hose delivers 18 liters per minute. How much does he charge for 3 hours?
January: rent $850, food $310. February: rent $850, food $274. How much do I pay for 6 rides?
A crate holds 24 bottles. How much does each of them pay?
Coffee costs $3.50 and a croissant costs $2.25. What is the difference between their ages?
Hana has 4 times as many stickers as Joel. Together they have 60 stickers. How many stickers does she have left?
A worker is paid $22 per hour. She worked 7 hours. How much money does Carla have now?
Each ticket costs $8.50. How much do we pay in total?
Water costs $1.20 a bottle. Vera buys 6 bottles. How much did I spend?
Nils hikes 4 km per hour. How far does he fly in 3 hours?
A car costs $300. Tom pays a third of the price now. How much does he still owe?
Wes earns $2,400 a month. He saves 15% of it. How much does he spend each month?
Wes earns $2,400 a month. He saves 15% of it. How much is that in a year?
A computer costs $1,200. Noah has saved a third of the price. How much money is left?
A trip is 50 km. Ann drove 20 km and Bob drove 10 km. How many km are left?
A room is 5 m long. Ann walked 3 m. How many m are left?
How much older is a 60 kg man than a 12 kg dog?
A pen costs $1. A cup costs $2. A bag costs $3. How much do both cost?
Five friends pay $12 each for a present. How much does the meal cost?
Five friends pay $12 each for a present. How much does she pay?
Five friends pay $12 each for a present. How much do you pay?
Ann won 18 games. Bob lost 7 games. How many games did Ann play?
A bus has 40 seats. How many buses are needed for 200 books?
A box holds 8 pens. How many trips are needed for 40 pens?
Pia picked 60 plums and Greta picked 48 plums. Greta put the plums in bags of 3. How many bags did she fill?
Pia has 40 photos and puts 5 more on each page. How many pages does she fill?
Henry eats 3 eggs a day. How many eggs does he eat in February?
Ivan is 45 years old. In how many years will he be 30?
Tom bought a skateboard for $9 and a toy car for $3. He also spent $14.50 on shorts. How much did Tom spend on toys?
Bob orders a dozen muffins a day for $0.75 each and sells them for $1.50 each. How much profit does he make?
A bucket holds 5 liters of water. Ann poured out 6 liters. How many liters are in the bucket?
rises work rises work rises work rises work rises work. How many apples does he have?
Ann gives it all 5 apples. How many apples does she have?
Tickets cost for adults and for children. How much do 2 tickets cost?
John was 66 inches tall. He grew 2 inches per month for 3 months. How tall is he in feet?
""".strip().splitlines()

small, large = st.integers(2, 12), st.integers(40, 999)
names = st.sampled_from(["Ann", "Omar", "Ingrid", "Wei", "Zofia"])
goods = st.sampled_from(["apples", "marbles", "toy cars", "golf balls", "stamps"])
units = st.sampled_from(["km", "miles", "meters"])

Template = tuple[str, Callable[[int, int, int], Fraction]]
STORIES: list[Template] = [
    (
        "{n} has {a} {g}. {n} buys {b} more {g} and gives away {c} {g}. How many {g} does {n} have?",
        lambda a, b, c: Fraction(a + b - c),
    ),
    (
        "{n} had {a} {g}. {n} lost {b} {g} on Monday and {c} {g} on Tuesday. How many {g} are left?",
        lambda a, b, c: Fraction(a - b - c),
    ),
    ("{n} has {b} boxes with {c} {g} in each box. How many {g} does {n} have?", lambda _a, b, c: Fraction(b * c)),
    ("A train travels at {a} {u} per hour for {b} hours. How far does it go?", lambda a, b, _c: Fraction(a * b)),
    ("{b} tickets cost ${a}. How much do {c} tickets cost?", lambda a, b, c: Fraction(a, b) * c),
    (
        "{n} buys {b} pens at ${c} each and pays with ${a}. How much change does {n} get?",
        lambda a, b, c: Fraction(a - b * c),
    ),
    ("A coat costs ${a}. It is {b}% off. What is the sale price?", lambda a, b, _c: a * (1 - Fraction(b, 100))),
    ("${a} is invested at {b}% compounded annually for {c} years. What is it worth at the end?",
     lambda a, b, c: a * (1 + Fraction(b, 100)) ** c),
    ("Zed has {b} more {g} than {n}. {n} has {a} {g}. How many {g} do they have together?",
     lambda a, b, _c: Fraction(2 * a + b)),
    ("A rectangle is {b} cm long and {c} cm wide. What is its perimeter?", lambda _a, b, c: Fraction(2 * (b + c))),
    ("{n} is {b} years older than Zed. Zed is {c}. How old is {n}?", lambda _a, b, c: Fraction(b + c)),
    ("1/{b} of the {a} pupils are absent. How many are present?", lambda a, b, _c: a - Fraction(a, b)),
    ("There were {a} people on the bus. {b} got off and {c} got on. How many people are on the bus now?",
     lambda a, b, c: Fraction(a - b + c)),
    ("A tank holds {a} liters and leaks {b} liters per hour. How much is left after {c} hours?",
     lambda a, b, c: Fraction(a - b * c)),
    ("A car uses {b} liters per {c} {u}. How many liters does it need for {a} {u}?",
     lambda a, b, c: Fraction(a * b, c)),
    ("{n} has ${a}. {n} spends ${b} on lunch and then half of what is left on a book. How much money does {n} have?",
     lambda a, b, _c: Fraction(a - b, 2)),
    ("A baker sells {b} cakes at ${c} each and {c} pies at ${b} each. The flour costs ${b}. What is the profit?",
     lambda _a, b, c: Fraction(2 * b * c - b)),
    ("A shop sells {b} pens for ${c}. How much do {a} pens cost?", lambda a, b, c: Fraction(a * c, b)),
    ("It takes a printer {b} minutes to print {a} pages. How many pages does it print per minute?",
     lambda a, b, _c: Fraction(a, b)),
    ("{n} wants to buy a ${a} bike. {n} has saved ${b}. How much more money does {n} need?",
     lambda a, b, _c: Fraction(a - b)),
    ("{n} runs {b} {u} {c} times a week. How far does {n} run in 2 weeks?", lambda _a, b, c: Fraction(2 * b * c)),
    ("A plumber charges ${a} for the visit and ${b} per hour. How much is a {c}-hour job?",
     lambda a, b, c: Fraction(a + b * c)),
    ("Zed is {b} years old. {n} has {a} {g} and loses {c} {g}. How many {g} does {n} have now?",
     lambda a, _b, c: Fraction(a - c)),
    ("The distance between two towns is {a} {u}. {n} walked {b} {u}. How many {u} are left?",
     lambda a, b, _c: Fraction(a - b)),
    ("{n} earns ${a} a month. {n} saves {b}% of it. How much does {n} save each month?",
     lambda a, b, _c: a * Fraction(b, 100)),
    ("{g} cost {b} for ${c}. How much do {a} {g} cost?", lambda a, b, c: a * Fraction(c, b)),
    ("{b} friends pay ${c} each for a present. How much does the present cost?", lambda _a, b, c: Fraction(b * c)),
    ("A team won {a} games and lost {b}. How many games did they play?", lambda a, b, _c: Fraction(a + b)),
    ("A bus has {b} seats. How many buses are needed for {a} people?", lambda a, b, _c: Fraction(a, b)),
    ("A lift carries {b} people. How many trips are needed for {a} people?", lambda a, b, _c: Fraction(a, b)),
    ("How much more does a ${a} ticket cost than a ${b} ticket?", lambda a, b, _c: Fraction(a - b)),
    ("How many times heavier is a {a} kg man than a {b} kg dog?", lambda a, b, _c: Fraction(a, b)),
    ("How many times as big as {b} is {a}?", lambda a, b, _c: Fraction(a, b)),
    ("{n} has a {a} m roll of wire. {n} cuts {b} pieces of {c} m each. How much wire is left?",
     lambda a, b, c: Fraction(a - b * c)),
    ("{n} has {a} {g} and puts {b} on each page. How many pages does {n} fill?", lambda a, b, _c: Fraction(a, b)),
    ("{n} picked {a} plums and Zed picked {b} plums. They put the plums in bags of {b}. How many bags did they fill?",
     lambda a, b, _c: Fraction(a + b, b)),
    ("The recipe makes {b} cookies. I want to make {a} cookies. How many batches do I need?",
     lambda a, b, _c: Fraction(a, b)),
    ("A cake recipe calls for {b} eggs. How many eggs do I need for {c} cakes?", lambda _a, b, c: Fraction(b * c)),
    ("On Friday {a} people visited the zoo, on Saturday {b} and on Sunday {c}. How many people visited in all?",
     lambda a, b, c: Fraction(a + b + c)),
    ("A crate holds {a} eggs. {b} eggs are broken. How many eggs are not broken?", lambda a, b, _c: Fraction(a - b)),
    ("A bike costs ${a}. {n} has saved 1/{b} of the price. How much more does {n} need?",
     lambda a, b, _c: a - Fraction(a, b)),
    ("How much is left of ${a} after paying ${b}?", lambda a, b, _c: Fraction(a - b)),
    ("{n} eats {b} {g} a day. How many {g} does {n} eat in June?", lambda _a, b, _c: Fraction(30 * b)),
    ("A car travels {b} {u} on {c} liters of fuel. How far can it travel on {a} liters?",
     lambda a, b, c: a * Fraction(b, c)),
    ("{n} is {b} years old. In how many years will {n} be {a}?", lambda a, b, _c: Fraction(a - b)),
    ("{n} spends 1/{b} of the ${a} salary on rent and ${c} on food. How much does {n} have left?",
     lambda a, b, c: a - Fraction(a, b) - c),
    ("{a} {g} and {b} more {g} are in a basket. How many {g} are there?", lambda a, b, _c: Fraction(a + b)),
    ("A barn has {b} times as many hens as ducks. There are {a} hens. How many ducks are there?",
     lambda a, b, _c: Fraction(a, b)),
    ("Rent is ${a} a month and power is ${b} a month. How much do both cost in a year?",
     lambda a, b, _c: Fraction(12 * (a + b))),
    ("{b} pens and {c} pencils cost how much if a pen costs ${c} and a pencil costs ${a}?",
     lambda a, b, c: Fraction(b * c + c * a)),
    ("A class has {a} students, {b} of whom are boys. How many girls are in the class?",
     lambda a, b, _c: Fraction(a - b)),
]  # fmt: skip


def answer(text: str) -> Fraction | None:
    problem = read(text)
    assert isinstance(problem, Calculation), text
    return value(problem.expressions[0])


@pytest.mark.requirement("offline-stories")
@pytest.mark.parametrize("story", STORIES, ids=[text[:30] for text, _ in STORIES])
@settings(max_examples=6)
@given(st.tuples(large, small, small), names, goods, units)
def test_another_number_name_or_unit_changes_the_answer_as_the_arithmetic_says(
    story: Template, numbers: tuple[int, int, int], n: str, g: str, u: str
) -> None:
    text, worked_out = story
    factor, b, c = numbers
    a = factor * b * c
    assert answer(text.format(a=a, b=b, c=c, n=n, g=g, u=u)) == worked_out(a, b, c)


@pytest.mark.requirement("offline-stories")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rita has 26 coins. Pavel has 7 more coins than Rita. How many coins do they have together?",
         "Pavel has 7 more coins than Rita. Rita has 26 coins. How many coins do they have together?"),
        ("Sam has 12 apples. He buys 8 more and eats 5. How many apples does he have?",
         "Sam has 12 apples. He eats 5 and buys 8 more. How many apples does he have?"),
        ("We need 3 cans. Paint costs $24 per can. What is the cost?",
         "Paint costs $24 per can. We need 3 cans. What is the cost?"),
        ("How far does a train go in 3 hours if it travels at 80 km per hour?",
         "A train travels at 80 km per hour. How far does it go in 3 hours?"),
    ],
)  # fmt: skip
def test_the_order_of_the_sentences_does_not_matter(one: str, other: str) -> None:
    assert answer(one) == answer(other) is not None


@pytest.mark.requirement("offline-stories")
@given(st.permutations(["Toy Town", "Book Barn", "Lake Shop"]), small, small)
@settings(max_examples=10)
def test_stores_may_be_renamed_and_reordered(stores: list[str], a: int, b: int) -> None:
    lists = [f"{a} kites at $9 each", f"{b} novels at $8 each, shipping $3", "1 rope at $99"]
    text = " ".join(f"{name}: {each}." for name, each in zip(stores, lists, strict=True))
    problem = read(f"{text} Which store is cheapest?")
    assert isinstance(problem, Comparison)
    costs = [9 * a, 8 * b + 3, 99]
    assert [value(part.expression) for part in problem.parts] == costs
    said, declined = converse(f"{text} Which store is cheapest?")
    if costs.count(min(costs)) == 1:
        assert said.endswith(f"Answer: {stores[costs.index(min(costs))]}")
    assert declined == (costs.count(min(costs)) > 1)


@pytest.mark.requirement("offline-stories")
@given(st.permutations(["Ann", "Omar", "Ingrid"]), small, small, small, st.booleans())
@settings(max_examples=10, deadline=None)
def test_people_in_one_sentence_are_parts_however_they_are_named_and_ordered(
    people: list[str],
    a: int,
    b: int,
    c: int,
    swapped: bool,  # noqa: FBT001
) -> None:
    bought = {people[0]: (a, b), people[1]: (b, c)}
    order = [people[1], people[0]] if swapped else [people[0], people[1]]
    told = " and ".join(f"{name} buys {bought[name][0]} pens at ${bought[name][1]} each" for name in order)
    spent = {name: count * price for name, (count, price) in bought.items()}
    problem = read(f"{told}. How much do they spend together?")
    assert isinstance(problem, Comparison)
    assert {part.name: value(part.expression) for part in problem.parts} == spent
    said, declined = converse(f"{told}. Who spends more, and by how much?")
    most = max(spent, key=lambda name: spent[name])
    if spent[people[0]] == spent[people[1]]:
        assert declined
    else:
        assert said.splitlines()[-1] == f"Answer: {most}, by ${abs(spent[people[0]] - spent[people[1]])}.00"


@pytest.mark.requirement("offline-stories")
@given(names, goods, small, small, st.booleans())
@settings(max_examples=10, deadline=None)
def test_what_each_has_is_found_from_what_they_have_together(
    n: str,
    g: str,
    x: int,
    k: int,
    reordered: bool,  # noqa: FBT001
) -> None:
    said = [f"{n} has {k} times as many {g} as Zed.", f"Together they have {x * (k + 1)} {g}."]
    problem = read(" ".join([*(reversed(said) if reordered else said), "How many does each have?"]))
    assert isinstance(problem, Calculation)
    assert [value(each) for each in problem.expressions] == [k * x, x]
    assert [each.name for each in problem.shown] == [n, "Zed"]
    said = [f"{n} has {k} more {g} than Zed.", f"Together they have {2 * x + k} {g}."]
    assert answer(f"{' '.join(said)} How many {g} does Zed have?") == x


@pytest.mark.requirement("offline-stories")
@given(names, small, small)
@settings(max_examples=10, deadline=None)
def test_several_questions_are_answered_one_after_the_other(n: str, b: int, c: int) -> None:
    told = f"{n} buys {b} pens at ${c} each and pays with a ${b * c + 5} note."
    for asked in (
        f"How much does {n} spend and how much change does {n} get?",
        f"How much does {n} spend? How much change does {n} get?",
    ):
        said, declined = converse(f"{told} {asked}")
        assert not declined, said
        assert said.endswith(f"Answer: ${b * c}.00 and $5.00")


@pytest.mark.requirement("offline-stories")
@pytest.mark.parametrize(
    ("text", "unused", "found"),
    [
        ("Mia is 8 years old. She has 15 dolls and gets 4 more. How many dolls does she have?", "mia 8", "19"),
        ("Our house number is 14. We bought 6 chairs at $35 each. How much did we pay?", "house number 14", "$210.00"),
        ("Nora, who is 11, picked 26 figs and 19 plums. How many figs did she pick?", "", ""),
        ("An 8-year-old girl has 15 dolls and gets 4 more. How many dolls does she have?", "the age 8", "19"),
        ("Mia is 8 years old. She gets 2 dolls every year. How many dolls does she get?", "", ""),
        ("Mia is 8 years old. She has 15 dolls. How old will she be in 4 years?", "", ""),
    ],
)
def test_an_age_or_the_number_of_a_house_is_named_as_not_used_or_the_text_is_declined(
    text: str, unused: str, found: str
) -> None:
    said, declined = converse(text)
    assert declined == (not unused), said
    if unused:
        assert f"Not used: {unused}" in said.splitlines()
        assert said.endswith(f"Answer: {found}")


@pytest.mark.requirement("offline-stories")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A tank holds 80 liters and leaks 5 liters per hour. How much is left after 6 hours?",
         "A barrel contains 80 litres and loses 5 litres an hour. How many litres are left after 6 hours?"),
        ("A jug holds 2 liters. How many 250 ml glasses can I fill?",
         "A jug holds 2,000 ml. How many 250 ml glasses can I fill?"),
        ("The train ride takes 2 hours and 40 minutes. How many minutes is that?",
         "The train ride takes 160 minutes. How many minutes is that?"),
        ("Three friends share a taxi that costs $42. How much does each of them pay?",
         "Three friends split a $42 taxi equally. How much does each friend pay?"),
    ],
)  # fmt: skip
def test_other_words_for_the_same_change_nothing(one: str, other: str) -> None:
    assert answer(one) == answer(other) is not None


@pytest.mark.requirement("offline-stories")
async def test_people_of_one_sentence_are_delegated_at_once(kit: Any, client: AsyncAnthropic) -> None:
    calculators = kit.Calculators(client)
    question = "Ann buys 3 pens at $2 and Bob 4 at $1.75; who spends more, and by how much?"
    run = await kit.converse(client, question, tools=[kit.agent_tool], tool=calculators)
    assert [len(turn) for turn in run.turns] == [2]
    assert sorted(calculators.prompts) == [
        "Ann: 3 pens at $2. What is the total?",
        "Bob: 4 pens at $1.75. What is the total?",
    ]
    assert run.text.splitlines()[-1] == "Answer: Bob, by $1.00"


@pytest.mark.requirement("offline-declines")
@pytest.mark.parametrize("text", DECLINED)
def test_a_story_in_doubt_is_declined(text: str) -> None:
    said, declined = converse(text)
    assert declined, said


@pytest.mark.requirement("offline-stories")
async def test_the_answer_says_what_was_read_and_the_arithmetic(kit: Any, client: AsyncAnthropic) -> None:
    story = "Julie is reading a 120-page book. Yesterday she read 12 pages and today she read twice as many pages as "
    calculators = kit.Calculators(client)
    question = f"{story}yesterday. How many pages are left?"
    run = await kit.converse(client, question, tools=[kit.agent_tool], tool=calculators)
    assert run.text.splitlines() == [
        "Read: 120-page book; 12 pages; twice as many pages",
        "12 * 2 = 24",
        "12 + 24 = 36",
        "120 - 36 = 84",
        "Answer: 84",
    ]


@pytest.mark.requirement("offline-stories")
async def test_trips_people_and_months_are_delegated_at_once(kit: Any, client: AsyncAnthropic) -> None:
    calculators = kit.Calculators(client)
    question = "April: rent $900, food $320. May: rent $900, food $285. How much less did I spend in May than in April?"
    run = await kit.converse(client, question, tools=[kit.agent_tool], tool=calculators)
    assert [len(turn) for turn in run.turns] == [2]
    assert run.text.splitlines() == ["April: $1220.00", "May: $1185.00", "Answer: $35.00"]


@pytest.mark.requirement("offline-calculator")
async def test_turns_are_the_depth_of_the_graph(kit: Any, client: AsyncAnthropic) -> None:
    for text, _ in STORIES:
        question = text.format(a=240, b=4, c=3, n="Ann", g="stamps", u="km")
        run = await kit.converse(client, question)
        assert len(run.turns) == len(plan(read(question)).levels())


HOSTILE = {
    "10 MB of words": "Sam has 3 apples. " * 600_000,
    "10 MB of digits": "1" * 10_000_000,
    "many numbers": "1 " * 2_400,
    "deep": "(" * 4_900,
    "control characters": "Sam has\x00 3 apples. How many apples?",
    "many sentences": "Sam has 3 apples. " * 270,
    "one sentence": "Sam has " + "3 apples and " * 380,
    "sixty words": "Sam has " + "3 apples and " * 19 + "2 pears or",
    "many commas": "," * 4_900,
    "many labels": "a: " * 1_600,
    "many readings": "Sam has 3 apples on Monday and 4 pears with 5 hats each for $3 each. " * 8 + "How many apples?",
    "parses beyond number": "How many " + "drinks charges $2 prints " * 13 + "?",
    "nouns that are verbs": "plants walks boxes cuts packs drives runs " * 8 + ". How many?",
    "one such noun": "at " + "drinks " * 56 + "?",
}


@pytest.mark.requirement("offline-hostile")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_declined_with_little_work_and_in_bounded_memory(name: str) -> None:
    converse("Sam has 3 apples. How many apples does he have?")  # loads the grammars
    text = HOSTILE[name]
    tools = [{"name": "sum_numbers", "input_schema": {"type": "object"}}]
    asked = {"model": "any", "max_tokens": 9, "tools": tools, "messages": [{"role": "user", "content": text}]}
    body = json.dumps(asked).encode()
    message = json.loads(b"".join(respond("POST", "/v1/messages", HEADERS, body).pieces))
    assert message["stop_reason"] == "refusal"
    assert "tool" not in message["content"][0]["text"]  # it was read
    _read.cache_clear()
    assert calls(partial(respond, "POST", "/v1/messages", HEADERS, body)) < MOST_CALLS
    _read.cache_clear()
    tracemalloc.start()
    try:
        respond("POST", "/v1/messages", HEADERS, body)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body) + 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.requirement("offline-hostile")
def test_a_text_that_was_read_leaves_nothing_and_is_not_waited_for_by_the_garbage_collector() -> None:
    read_or_declined("Sam has 3 apples. How many apples does he have?")  # loads the grammars
    read_or_declined("2 + 3")
    texts = [f"at {'drinks ' * 55}{name}?" for name in ("Ann", "Bob")]
    assert collections(partial(read_or_declined, texts[0])) < 5  # 50 if they were not held off
    assert objects_left(partial(read_or_declined, texts[1])) < 1_000
    assert gc.isenabled()


@pytest.mark.slow
@pytest.mark.requirement("offline-hostile")
def test_no_text_of_the_corpus_takes_half_of_what_a_turn_can_bear() -> None:
    for entry in corpus():
        _read.cache_clear()
        made = calls(partial(read_or_declined, entry.problem))
        assert made < MOST_CALLS / 2, entry


def read_or_declined(text: str) -> None:
    with suppress(Unread):
        read(text)
