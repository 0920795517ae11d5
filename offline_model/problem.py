"""The typed form between reading and planning: what a text says, once nothing about it is in doubt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias


class Unread(Exception):
    """The text cannot be read with certainty; the message names what could not be placed."""


class NoResult(Exception):
    """The problem was read and has no result, such as a division by zero."""


@dataclass(frozen=True)
class Number:
    text: str
    """A decimal or a fraction as the tools take it."""
    shown: str = ""
    """How it is written in an expression if not as `text`: "$12.50"."""


@dataclass(frozen=True)
class Unknown:
    """What an equation is solved for."""


@dataclass(frozen=True)
class PartTotal:
    """The total of one of the problem's parts."""

    index: int


@dataclass(frozen=True)
class Operation:
    """One of the six operations, by the name of its tool."""

    tool: str
    operands: "tuple[Expression, ...]"


Expression: TypeAlias = Number | Unknown | PartTotal | Operation


@dataclass(frozen=True)
class Part:
    """A store, trip, person, month: `read` says how each of its entries was read."""

    name: str
    read: tuple[str, ...]
    total: Expression


@dataclass(frozen=True)
class Goal:
    """Something that is asked. With `pick` ("most", "least") it is one of the parts and `value` is not used."""

    label: str
    value: Expression
    pick: str = ""


@dataclass(frozen=True)
class Problem:
    goals: tuple[Goal, ...]
    """The several solutions if it is an equation."""
    parts: tuple[Part, ...] = ()
    read: tuple[str, ...] = ()
    """What was read that belongs to no part: a tax on everything, the words that stand for a number."""
    currency: str = ""
    unit: str = ""
    """"money", "%" or "fraction": how results are shown."""


def total(*terms: Expression) -> Expression:
    return terms[0] if len(terms) == 1 else Operation("sum_numbers", terms)


def product(*factors: Expression) -> Expression:
    return factors[0] if len(factors) == 1 else Operation("multiply_numbers", factors)


def minus(one: Expression, other: Expression) -> Expression:
    return Operation("subtract_numbers", (one, other))


def over(one: Expression, other: Expression) -> Expression:
    return Operation("divide_numbers", (one, other))


def power(base: Expression, exponent: str) -> Expression:
    return Operation("power", (base, Number(exponent)))


def changed(base: Expression, portion: str, *, off: bool) -> Expression:
    """The base with a portion of it taken off or added: 0.1 is a tenth."""
    one, other = Number("1"), Number(portion)
    return product(base, minus(one, other) if off else total(one, other))


def value(expression: Expression) -> Fraction | None:
    """The value, to compare readings with: None if it is not rational or too large to be worth knowing.

    Raises:
        NoResult: it divides by zero.
    """
    match expression:
        case Number(text=text):
            return Fraction(text)
        case Operation(tool=tool, operands=operands):
            known = [found for each in operands if (found := value(each)) is not None]
            return _VALUES[tool](known) if len(known) == len(operands) else None
    return None


def _quotient(known: list[Fraction]) -> Fraction:
    if not known[1]:
        raise NoResult("This divides by zero, which has no result.")
    return known[0] / known[1]


def _power(known: list[Fraction]) -> Fraction | None:
    base, exponent = known
    if exponent.denominator != 1 or abs(exponent) > 99 or abs(base) > 10**9:  # noqa: PLR2004
        return None
    return Fraction(base**exponent) if base or exponent > 0 else _quotient([Fraction(1), Fraction(exponent == 0)])


_VALUES: Mapping[str, Callable[[list[Fraction]], Fraction | None]] = {
    "sum_numbers": lambda known: sum(known, Fraction(0)),
    "multiply_numbers": lambda known: prod(known, start=Fraction(1)),
    "subtract_numbers": lambda known: known[0] - known[1],
    "divide_numbers": _quotient,
    "power": _power,
    "square_root": lambda _: None,
}
SIGNS = {"sum_numbers": "+", "subtract_numbers": "-", "multiply_numbers": "*", "divide_numbers": "/", "power": "^"}


def written(expression: Expression) -> str:
    """The expression as a calculation that can be read again."""
    match expression:
        case Number(text=text, shown=shown):
            return shown or (f"({text})" if {"-", "/"} & set(text) else text)
        case Operation(tool=tool, operands=operands):
            texts = [f"({written(each)})" if isinstance(each, Operation) else written(each) for each in operands]
            return f" {SIGNS[tool]} ".join(texts)
    raise TypeError(expression)
