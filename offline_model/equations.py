"""Equations in one unknown of degree one or two -> expressions for their solutions."""

from fractions import Fraction
from typing import TypeAlias

from offline_model.numbers import decimal
from offline_model.problem import Expression, Number, Power, Product, Root, Sum, Unknown, Unread, value

_Polynomial: TypeAlias = tuple[Fraction, Fraction, Fraction]
"""The constant and the coefficients of x and x squared."""


def solutions(left: Expression, right: Expression) -> tuple[Expression, ...]:
    """In rising order. Raises Unread if there is none, if every number is one, or if the degree is higher than two."""
    one, other = _polynomial(left), _polynomial(right)
    c, b, a = (first - second for first, second in zip(one, other, strict=True))
    if a:
        return _quadratic(a, b, c)
    if not b:
        raise Unread("the equation has no single solution")
    constant = _difference(other[0], one[0])
    slope = _difference(one[1], other[1])
    return (constant if slope == Number("1") else Product(((True, constant), (False, slope))),)


def _difference(one: Fraction, other: Fraction) -> Expression:
    if not other:
        return Number(decimal(one))
    return Sum(((True, Number(decimal(one))), (False, Number(decimal(other)))))


def _quadratic(a: Fraction, b: Fraction, c: Fraction) -> tuple[Expression, ...]:
    if a < 0:
        a, b, c = -a, -b, -c
    leading, linear, constant = (Number(decimal(each)) for each in (a, b, c))
    four_a_c = Product(((True, Number("4")), (True, leading), (True, constant)))
    discriminant = Sum(((True, Power(linear, Number("2"))), (False, four_a_c)))
    size = b * b - 4 * a * c
    if size < 0:
        raise Unread("the equation has no real solution")
    divisor = Product(((True, Number("2")), (True, leading)))
    minus_b = Number(decimal(-b))
    if not size:
        return (Product(((True, minus_b), (False, divisor))),)
    root = Root(discriminant)
    return tuple(Product(((True, Sum(((True, minus_b), (plus, root)))), (False, divisor))) for plus in (False, True))


def _polynomial(expression: Expression) -> _Polynomial:
    match expression:
        case Unknown():
            return Fraction(0), Fraction(1), Fraction(0)
        case Sum(terms=terms):
            total = [Fraction(0)] * 3
            for forward, term in terms:
                total = [
                    each + (more if forward else -more) for each, more in zip(total, _polynomial(term), strict=True)
                ]
            return total[0], total[1], total[2]
        case Product(factors=factors):
            made: _Polynomial = (Fraction(1), Fraction(0), Fraction(0))
            for forward, factor in factors:
                made = _times(made, _polynomial(factor)) if forward else _divided(made, _polynomial(factor))
            return made
        case Power(base=base, exponent=Number(text="2")):
            return _times(_polynomial(base), _polynomial(base))
    known = value(expression)
    if known is None:
        raise Unread("an equation of this form")
    return known, Fraction(0), Fraction(0)


def _times(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    (c, b, a), (f, e, d) = one, other
    if a * e or a * d or b * d:
        raise Unread("an equation of a higher degree than two")
    return c * f, c * e + b * f, c * d + b * e + a * f


def _divided(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    if other[1] or other[2] or not other[0]:
        raise Unread("an equation with a division by the unknown or by zero")
    return one[0] / other[0], one[1] / other[0], one[2] / other[0]
