import logging
from contextlib import suppress
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lark import Lark, logger
from lark.lexer import Lexer

from offline_model.grammar import STARTS
from offline_model.lexeme import Unread
from offline_model.lexicon import SHOPPING
from offline_model.planning import Plan, Ref, arguments, plan
from offline_model.problem import Calculation, Fee, Item, Purchases
from offline_model.reading import read

settings.register_profile("reader", deadline=None, max_examples=25)  # the first example loads the grammars
settings.load_profile("reader")

GOODS = ("shirt", "hats", "garden gnomes", "t-shirts", "boxes of chocolate", "blue wool socks")
STORES = ("Toy Town", "Book Barn", "Joe's Diner", "Pet Shop", "Garden Gate", "The Paper Palace")
KNOWN = "3 hats at $5.50 each , . : and what is the total I buy a ( ) - * / ^ x 2 plus shipping"
WORDS = (*KNOWN.split(), "\n")
NUMERALS = "zero one two three four five six seven eight nine ten eleven twelve"

cents = st.integers(1, 500_000)
counts = st.integers(1, 1_500)
items = st.tuples(counts, st.sampled_from(GOODS), cents, st.integers(0, 9))
entries = st.lists(items, min_size=1, max_size=5)
fees = st.lists(
    st.tuples(st.sampled_from(["shipping", "tax", "tip", "delivery"]), cents, st.integers(0, 4)), max_size=2
)
stores = st.lists(st.tuples(entries, fees), min_size=1, max_size=len(STORES))


def price(amount: int) -> str:
    return f"${amount // 100:,}.{amount % 100:02d}"


def item(count: int, goods: str, amount: int, way: int) -> str:
    number = NUMERALS.split()[count] if way % 2 and count <= 12 else f"{count:,}"
    if way == 8 and count == 1:
        return f"a {goods} for {price(amount)}"
    return (
        f"{number} {goods} "
        + (
            f"at {price(amount)} each",
            f"at {price(amount)}",
            f"for {price(amount)} each",
            f"@ {price(amount)} apiece",
            f"({price(amount)} each)",
            f"costing {price(amount)} each",
            f"priced at {price(amount)}",
            f"{price(amount)} each",
            f"at a price of {price(amount)} each",
            f"for {price(amount)} a piece",
        )[way]
    )


def fee(name: str, amount: int, way: int) -> str:
    return (
        f"{name} {price(amount)}",
        f"{price(amount)} {name}",
        f"{name} of {price(amount)}",
        f"{name} is {price(amount)}",
        f"{price(amount)} for {name}",
    )[way]


def listed(parts: list[str], way: int) -> str:
    if way == 0 or len(parts) == 1:
        return ", ".join(parts)
    return ", ".join(parts[:-1]) + (" and ", ", and ", ", plus ")[way - 1] + parts[-1]


def worth(bought: Any, charged: Any) -> Fraction:
    return Fraction(sum(each[0] * each[2] for each in bought) + sum(each[1] for each in charged), 100)


def evaluated(made: Plan) -> Fraction:
    """Runs the plan with exact fractions, through the JSON the tools would get."""
    values: list[Fraction] = []
    for step in made.steps:
        texts = [str(values[each.step]) if isinstance(each, Ref) else each for each in step.operands]
        given_numbers = arguments(step.tool, texts)
        numbers = [Fraction(each) for each in given_numbers.get("numbers", given_numbers.values())]
        total = numbers[0]
        for number in numbers[1:]:
            match step.tool:
                case "sum_numbers":
                    total += number
                case "subtract_numbers":
                    total -= number
                case "multiply_numbers":
                    total *= number
                case "divide_numbers":
                    total /= number
                case _:
                    total = Fraction(total ** int(number))
        values.append(total)
    [answer] = made.answers
    return values[answer.step] if isinstance(answer, Ref) else Fraction(answer)


@pytest.mark.requirement("offline-reads")
@given(stores, st.integers(0, 3), st.integers(0, 4), st.booleans())
def test_shopping_is_read_as_it_was_written(bought: Any, joined: int, layout: int, stated: bool) -> None:  # noqa: FBT001
    lists = [
        listed([item(*each) for each in items] + [fee(*each) for each in charged], joined) for items, charged in bought
    ]
    named = list(zip(STORES, lists, strict=False))
    text = (
        " ".join(f"{name}: {each}." for name, each in named),
        "\n".join(f"- {name}: {each}" for name, each in named),
        "\n".join(f"{number}. {name}: {each}." for number, (name, each) in enumerate(named, 1)),
        " ".join(f"At {name} I buy {each}." for name, each in named),
        "; ".join(f"from {name}, we ordered {each}" for name, each in named),
    )[layout]
    if layout == 2 and len(named) == 1:
        text = text.removeprefix("1. ")  # a list of one is not numbered
    opening = f"I am shopping at {len(named)} stores. " if stated and len(named) > 1 and layout in {0, 3} else ""
    problem = read(f"{opening}{text}\nWhat does each store cost, and what is the total?")
    assert isinstance(problem, Purchases)
    assert len(problem.parts) == len(bought)
    assert evaluated(plan(problem)) == sum((worth(*each) for each in bought), Fraction(0))
    for part, each in zip(problem.parts, bought, strict=True):
        assert [entry.quantity.value for entry in part.entries if isinstance(entry, Item)] == [
            one[0] for one in each[0]
        ]
        assert sum(isinstance(entry, Fee) for entry in part.entries) == len(each[1])
        again = read(str(part))
        assert isinstance(again, Purchases)
        assert evaluated(plan(again)) == worth(*each)


def expressions() -> st.SearchStrategy[tuple[str, Fraction]]:
    """(text, value); every operand that is not a number is in parentheses, and no value is divided by zero."""
    numbers = st.tuples(st.integers(0, 9999), st.integers(0, 99)).map(
        lambda pair: (f"{pair[0]}.{pair[1]:02d}", Fraction(pair[0] * 100 + pair[1], 100))
    )

    def extend(inner: st.SearchStrategy[tuple[str, Fraction]]) -> st.SearchStrategy[tuple[str, Fraction]]:
        return st.tuples(inner, st.sampled_from("+-*/^~"), inner, st.booleans()).map(combine)

    return st.recursive(numbers, extend, max_leaves=12)


def combine(parts: tuple[tuple[str, Fraction], str, tuple[str, Fraction], bool]) -> tuple[str, Fraction]:
    (left, one), sign, (right, two), worded = parts
    words = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
    shown = words[sign] if worded and sign in words else sign
    match sign:
        case "+":
            return f"({left} {shown} {right})", one + two
        case "-":
            return f"({left} {shown} {right})", one - two
        case "/" if two:
            return f"({left} {shown} {right})", one / two
        case "^" if abs(one) < 10**6:
            return f"({left}^2)", one**2
        case "~":
            return f"(-{left})", -one
        case _:
            return f"({left} * {right})", one * two


@pytest.mark.requirement("offline-reads")
@given(expressions(), st.sampled_from(["{}", "What is {}?", "Please calculate {}.", "{} ="]))
def test_an_expression_is_worth_what_fractions_say(expression: tuple[str, Fraction], frame: str) -> None:
    text, value = expression
    text = f"{text} + 0"
    problem = read(frame.format(text))
    assert isinstance(problem, Calculation)
    assert evaluated(plan(problem)) == value
    assert evaluated(plan(read(str(problem)))) == value


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(1, 99)), min_size=1, max_size=12))
def test_precedence_is_that_of_python(rest: list[tuple[str, int]]) -> None:
    text = "7" + "".join(f" {sign} {number}" for sign, number in rest)
    assert evaluated(plan(read(text))) == eval(text)  # noqa: S307 - digits and signs


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stores)
async def test_both_roles_answer_with_the_exact_total(kit: Any, client: AsyncAnthropic, bought: Any) -> None:
    lists = [
        ", ".join([*(item(*each) for each in items), *(fee(*each) for each in charged)]) for items, charged in bought
    ]
    question = " ".join(f"{name}: {each}." for name, each in zip(STORES, lists, strict=False))
    total = sum((worth(*each) for each in bought), Fraction(0))
    calculators = kit.Calculators(client)
    run = await kit.converse(client, question, tools=[kit.agent_tool], tool=calculators)
    assert run.answer == f"${float(total):.2f}"
    assert [len(turn) for turn in run.turns] == [len(bought)]
    direct = await kit.converse(client, question)
    assert direct.answer == run.answer
    assert len(direct.turns) <= 3


def is_read_or_declined(text: str) -> None:
    with suppress(Unread):
        read(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    is_read_or_declined(text)


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_no_run_of_known_words_breaks_the_reader(words: list[str]) -> None:
    is_read_or_declined(" ".join(words))


class _Nothing(Lexer):
    def __init__(self, _conf: Any) -> None:
        pass

    def lex(self, _data: Any) -> Any:  # type: ignore[override]
        return iter(())


def test_the_grammar_has_no_construction_with_two_readings(caplog: pytest.LogCaptureFixture) -> None:
    grammar = files("offline_model").joinpath("grammar.lark").read_text(encoding="utf-8")
    logger.propagate = True
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark(
            f"{grammar}\n%declare {' '.join(SHOPPING.terminals)}",
            parser="lalr",
            lexer=_Nothing,
            start=list(STARTS),
            debug=True,
        )
    assert "onflict" not in caplog.text
