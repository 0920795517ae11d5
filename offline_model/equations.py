"""Equations in one unknown of degree one or two -> expressions for their solutions."""

from fractions import Fraction
from functools import reduce
from typing import TypeAlias

from offline_model.numbers import decimal
from offline_model.problem import Expression, Number, Operation, Unknown, Unread, minus, over, product, total, value

_Polynomial: TypeAlias = tuple[Fraction, ...]
"""The constant and the coefficients of x and x squared."""


def solutions(left: Expression, right: Expression) -> tuple[Expression, ...]:
    """In rising order. Raises Unread if there is none, if every number is one, or if the degree is higher than two."""
    one, other = _polynomial(left), _polynomial(right)
    c, b, a = (first - second for first, second in zip(one, other, strict=True))
    if a:
        return _quadratic(*((a, b, c) if a > 0 else (-a, -b, -c)))
    if not b:
        raise Unread("an equation without a single solution")
    constant, slope = _difference(other[0], one[0]), _difference(one[1], other[1])
    return (constant if slope == Number("1") else over(constant, slope),)


def _difference(one: Fraction, other: Fraction) -> Expression:
    return minus(Number(decimal(one)), Number(decimal(other))) if other else Number(decimal(one))


def _quadratic(a: Fraction, b: Fraction, c: Fraction) -> tuple[Expression, ...]:
    leading, linear, constant, minus_b = (Number(decimal(each)) for each in (a, b, c, -b))
    size = b * b - 4 * a * c
    if size < 0:
        raise Unread("an equation without a real solution")
    divisor = product(Number("2"), leading)
    if not size:
        return (over(minus_b, divisor),)
    root = Operation("square_root", (minus(product(linear, linear), product(Number("4"), leading, constant)),))
    return over(minus(minus_b, root), divisor), over(total(minus_b, root), divisor)


def _polynomial(expression: Expression) -> _Polynomial:
    match expression:
        case Unknown():
            return Fraction(0), Fraction(1), Fraction(0)
        case Operation(tool="sum_numbers", operands=operands):
            return tuple(map(sum, zip(*map(_polynomial, operands), strict=True)))  # type: ignore[arg-type]
        case Operation(tool="subtract_numbers", operands=(one, other)):
            return tuple(first - second for first, second in zip(_polynomial(one), _polynomial(other), strict=True))
        case (
            Operation(tool="multiply_numbers", operands=operands)
            | Operation(tool="power", operands=(*operands, Number(text="2")))
        ):
            return reduce(_times, map(_polynomial, operands if expression.tool == "multiply_numbers" else operands * 2))
        case Operation(tool="divide_numbers", operands=(one, other)) if (by := value(other)) is not None:
            return tuple(each / by for each in _polynomial(one))
    if (known := value(expression)) is None:
        raise Unread("an equation of this form")
    return known, Fraction(0), Fraction(0)


def _times(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    (c, b, a), (f, e, d) = one, other
    if a * e or a * d or b * d:
        raise Unread("an equation of a higher degree than two")
    return c * f, c * e + b * f, c * d + b * e + a * f
