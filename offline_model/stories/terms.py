"""Quantities with units, and what may be done with them. Every number of the text that goes in is remembered."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from offline_model.number_words import decimal
from offline_model.problem import Expression, Number, Product, Sum
from offline_model.stories.clauses import Figure
from offline_model.stories.nouns import TIMES, conversion
from offline_model.value import value

MONEY = "$"
ONE, HUNDRED = Number("1"), Number("100")
_MOST_ATOMS = 8


@dataclass(frozen=True)
class Term:
    """So many `unit` for each of `per`; `uses` holds the places of the numbers it was made from."""

    value: Expression
    unit: str = ""
    per: tuple[str, ...] = ()
    uses: frozenset[int] = frozenset()
    adjectives: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def dimensions(self) -> Counter[str]:
        counted = Counter([self.unit] if self.unit else [])
        counted.subtract(self.per)
        return counted

    @property
    def worth(self) -> Fraction | None:
        return value(self.value)


def figure(given: Figure) -> Expression:
    if given.percent:
        return Product(((True, Number(given.text)), (False, HUNDRED)))
    return Number(given.text, given.currency)


def uses(given: Figure) -> frozenset[int]:
    return frozenset({given.at} if given.at >= 0 else ())


def plus(terms: Sequence[Term], signs: Sequence[bool] | None = None) -> Term:
    pairs = tuple(zip(signs or [True] * len(terms), (term.value for term in terms), strict=True))
    made: Expression = pairs[0][1] if len(pairs) == 1 and pairs[0][0] else Sum(pairs)
    return replace(terms[0], value=made, uses=frozenset().union(*(term.uses for term in terms)))


def less(one: Term, other: Term) -> Term:
    return plus([one, other], [True, False])


def times(one: Term, other: Term, *, over: bool = False) -> Term:
    """The product's value and numbers; the unit is that of `one`."""
    made: Expression = Product(((True, one.value), (not over, other.value)))
    if isinstance(one.value, Number) and one.value.text == "1" and not over:
        made = other.value
    if isinstance(other.value, Number) and other.value.text == "1":
        made = one.value
    return replace(one, value=made, uses=one.uses | other.uses)


def compared(base: Term, sign: str, by: Term) -> Term:
    """What is so much, or such a share, more or less than the base, or so many times the base."""
    if sign == "*":
        return times(base, by)
    if sign.endswith("%"):
        return times(base, plus([plain(1), by], [True, sign == "+%"]))
    return plus([base, by], [True, sign == "+"])


def share_of(share: Figure, whole: Term) -> Term:
    return times(whole, Term(figure(share), uses=uses(share)))


def plain(number: int | Fraction) -> Term:
    return Term(Number(decimal(Fraction(number))))


def chain(atoms: Sequence[Term], target: Counter[str]) -> list[Term]:
    """Every product of all atoms, each once and each upright or inverted, that has the dimensions of the target."""
    if not atoms or len(atoms) > _MOST_ATOMS:
        return []
    exact: list[Term] = []
    bridged: list[Term] = []
    for signs in itertools.product((True, False), repeat=len(atoms)):
        if not any(signs) and len(atoms) > 1:
            continue
        left = Counter[str]()
        for upright, atom in zip(signs, atoms, strict=True):
            left.update(atom.dimensions) if upright else left.subtract(atom.dimensions)
        left.subtract(target)
        factor = _bridge(left)
        if factor is not None:
            made = _product(atoms, signs, factor)
            (exact if factor == 1 else bridged).append(made)
    return exact or bridged


def _product(atoms: Sequence[Term], signs: Sequence[bool], factor: Fraction) -> Term:
    factors = [(upright, atom.value) for upright, atom in zip(signs, atoms, strict=True)]
    if factor.numerator != 1:
        factors.append((True, Number(decimal(Fraction(factor.numerator)))))
    if factor.denominator != 1:
        factors.append((False, Number(decimal(Fraction(factor.denominator)))))
    factors = [pair for pair in factors if not (isinstance(pair[1], Number) and pair[1].text == "1")] or factors[:1]
    made: Expression = factors[0][1] if len(factors) == 1 and factors[0][0] else Product(tuple(factors))
    return Term(made, uses=frozenset().union(*(atom.uses for atom in atoms)))


def _bridge(left: Counter[str]) -> Fraction | None:
    """What the number is multiplied by so that left-over units cancel; None if they do not."""
    over = [unit for unit, count in left.items() for _ in range(count)]
    under = [unit for unit, count in left.items() for _ in range(-count)]
    if len(over) != len(under):
        return None
    factor = Fraction(1)
    for unit in over:
        other = next((each for each in under if conversion(unit, each)), None)
        if other is None:
            return None
        under.remove(other)
        factor *= conversion(unit, other) or 1
    return factor


def is_time(unit: str) -> bool:
    return unit in TIMES
