"""The value of an expression, as far as a reader needs it to judge what a text may mean."""

from fractions import Fraction
from math import isqrt, prod

from offline_model.problem import Expression, Negation, Number, Power, Product, Root, Sum, Unknown

_MOST_EXPONENT = 400
_MOST_BITS = 4_000


def value(expression: Expression) -> Fraction | None:
    """None if it is not rational, unknown, undefined or very long."""
    match expression:
        case Number():
            return expression.value
        case Unknown():
            return None
        case Negation(operand=operand):
            inner = value(operand)
            return None if inner is None else -inner
        case Sum(terms=pairs) | Product(factors=pairs):
            return _combined(expression, [(forward, value(each)) for forward, each in pairs])
        case Power(base=base, exponent=exponent):
            return _power(value(base), value(exponent))
        case Root(operand=operand):
            return square_root(value(operand))


def square_root(radicand: Fraction | None) -> Fraction | None:
    if radicand is None or radicand < 0:
        return None
    root = Fraction(isqrt(radicand.numerator), isqrt(radicand.denominator))
    return root if root * root == radicand else None


def _combined(expression: Sum | Product, pairs: list[tuple[bool, Fraction | None]]) -> Fraction | None:
    known = [(forward, each) for forward, each in pairs if each is not None]
    if len(known) < len(pairs):
        return None
    if isinstance(expression, Sum):
        return sum((each if forward else -each for forward, each in known), Fraction(0))
    if any(not forward and each == 0 for forward, each in known):
        return None
    return prod((each if forward else 1 / each for forward, each in known), start=Fraction(1))


def _power(base: Fraction | None, exponent: Fraction | None) -> Fraction | None:
    if base is None or exponent is None or exponent.denominator != 1 or abs(exponent) > _MOST_EXPONENT:
        return None
    if (base == 0 and exponent < 0) or (base.numerator * base.denominator).bit_length() * abs(exponent) > _MOST_BITS:
        return None
    return Fraction(base ** int(exponent))
