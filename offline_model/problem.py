"""The typed form between reading and planning: what a text says, once nothing about it is in doubt."""

from dataclasses import dataclass
from fractions import Fraction
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
    """How it is written in an expression if not as `text`: "$12.50", "15%"."""


@dataclass(frozen=True)
class Unknown:
    """What an equation is solved for."""


@dataclass(frozen=True)
class PartTotal:
    """The total of one of the problem's parts."""

    index: int


@dataclass(frozen=True)
class Sum:
    terms: tuple[tuple[bool, "Expression"], ...]
    """Each with whether it is added (True) or subtracted."""


@dataclass(frozen=True)
class Product:
    factors: tuple[tuple[bool, "Expression"], ...]
    """Each with whether it multiplies (True) or divides."""


@dataclass(frozen=True)
class Power:
    base: "Expression"
    exponent: "Expression"


@dataclass(frozen=True)
class Root:
    operand: "Expression"


Expression: TypeAlias = Number | Unknown | PartTotal | Sum | Product | Power | Root


@dataclass(frozen=True)
class Part:
    """A store, trip, person, month: `read` says how each of its entries was read."""

    name: str
    read: tuple[str, ...]
    total: Expression
    prompt: str
    """In words."""

    @property
    def expression(self) -> str:
        """The total as a calculation in figures."""
        return written(self.total)


@dataclass(frozen=True)
class Goal:
    """Something that is asked. With `pick` ("least", "most") it is one of the parts and `value` is not used."""

    label: str
    value: Expression
    pick: str = ""


@dataclass(frozen=True)
class Problem:
    goals: tuple[Goal, ...]
    parts: tuple[Part, ...] = ()
    read: tuple[str, ...] = ()
    """What was read that belongs to no part: a tax on everything, the words that stand for a number."""
    source: str = ""
    """A calculation's text, which gives the same problem when it is read again."""
    currency: str = ""
    unit: str = ""
    """"money", "%" or "fraction": how results are shown."""
    alternatives: bool = False
    """Whether the goals are the several solutions of one equation."""


def value(expression: Expression) -> Fraction | None:
    """The value, to compare readings with: None if it is not rational or too large to be worth knowing.

    Raises:
        NoResult: it divides by zero.
    """
    match expression:
        case Number(text=text):
            return Fraction(text)
        case Sum(terms=pairs) | Product(factors=pairs):
            return _folded(expression, [(forward, value(each)) for forward, each in pairs])
        case Power(base=base, exponent=exponent):
            one, other = value(base), value(exponent)
            if one is None or other is None or other.denominator != 1 or abs(other) > 99 or abs(one) > 10**9:  # noqa: PLR2004
                return None
            if one == 0 and other < 0:
                raise NoResult("This divides by zero, which has no result.")
            return Fraction(one**other)
    return None


def _folded(expression: Expression, pairs: list[tuple[bool, Fraction | None]]) -> Fraction | None:
    if isinstance(expression, Product) and any(not forward and each == 0 for forward, each in pairs):
        raise NoResult("This divides by zero, which has no result.")
    total = Fraction(isinstance(expression, Product))
    for forward, each in pairs:
        if each is None:
            return None
        if isinstance(expression, Product):
            total = total * each if forward else total / each
        else:
            total = total + each if forward else total - each
    return total


def written(expression: Expression) -> str:
    """The expression as a calculation that can be read again."""
    match expression:
        case Number(text=text, shown=shown):
            return shown or (f"({text})" if {"-", "/"} & set(text) else text)
        case Sum(terms=pairs):
            signs = (" + ", " - ")
        case Product(factors=pairs):
            signs = (" * ", " / ")
        case _:
            raise TypeError(expression)
    texts = [(forward, _bracketed(each)) for forward, each in pairs]
    return texts[0][1] + "".join(signs[not forward] + text for forward, text in texts[1:])


def _bracketed(expression: Expression) -> str:
    text = written(expression)
    return text if isinstance(expression, Number) else f"({text})"
