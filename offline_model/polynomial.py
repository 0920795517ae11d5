"""Equations in one unknown of degree one or two -> expressions for their solutions."""

from collections.abc import Iterator
from typing import TypeAlias

from offline_model.lexeme import Unread
from offline_model.problem import Expression, Negation, Number, Power, Product, Root, Sum, Unknown
from offline_model.value import value

Polynomial: TypeAlias = dict[int, Expression]
"""Coefficients that are not zero, by degree."""

_ONE, _TWO, _FOUR = Number("1"), Number("2"), Number("4")
_HIGHEST = 2


def solutions(left: Expression, right: Expression) -> tuple[Expression, ...]:
    """In rising order. Raises Unread if there is none, if all numbers are, or if the degree is higher."""
    one, other = _polynomial(left), _polynomial(right)
    if max(_added(one, _negated(other)), default=0) == _HIGHEST:
        return _quadratic(_added(one, _negated(other)))
    slope = _difference(one.get(1), other.get(1))
    constant = _difference(other.get(0), one.get(0)) or Number("0")
    if slope is None or not value(slope):
        raise Unread("the equation has no one solution")
    if value(slope) == 1:
        return (constant,)
    return (Product(((True, constant), (False, slope))),)


def _quadratic(made: Polynomial) -> tuple[Expression, ...]:
    a = made[2]
    b, c = made.get(1, Number("0")), made.get(0, Number("0"))
    discriminant = Sum(((True, Power(b, _TWO)), (False, Product(((True, _FOUR), (True, a), (True, c))))))
    size, leading = value(discriminant), value(a)
    if size is None or leading is None or size < 0:
        raise Unread("the equation has no real solution")
    divisor = Product(((True, _TWO), (True, a)))
    if size == 0:
        return (Product(((True, Negation(b)), (False, divisor))),)
    root = Root(discriminant)
    low = Product(((True, Sum(((True, Negation(b)), (False, root)))), (False, divisor)))
    high = Product(((True, Sum(((True, Negation(b)), (True, root)))), (False, divisor)))
    return (low, high) if leading > 0 else (high, low)


def _polynomial(expression: Expression) -> Polynomial:
    match expression:
        case Unknown():
            return {1: _ONE}
        case Negation(operand=operand):
            return _negated(_polynomial(operand))
        case Sum(terms=terms):
            total: Polynomial = {}
            for positive, term in terms:
                made = _polynomial(term)
                total = _added(total, made if positive else _negated(made))
            return total
        case Product(factors=factors):
            return _product([(times, _polynomial(factor)) for times, factor in factors])
        case Power(base=base, exponent=exponent) if value(exponent) == _HIGHEST and list(_polynomial(base)) != [0]:
            return _times(_polynomial(base), _polynomial(base))
        case _ if _has_unknown(expression):
            raise Unread("the unknown is under a root or in a power that is not solved here")
        case _:
            return {0: expression} if value(expression) != 0 else {}


def _product(factors: list[tuple[bool, Polynomial]]) -> Polynomial:
    total: Polynomial = {0: _ONE}
    for times, factor in factors:
        if times:
            total = _times(total, factor)
        elif list(factor) == [0]:
            total = {degree: _over(each, factor[0]) for degree, each in total.items()}
        else:
            raise Unread("a division by the unknown or by zero")
    return total


def _times(one: Polynomial, other: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for first, left in one.items():
        for second, right in other.items():
            if first + second > _HIGHEST:
                raise Unread("an equation of a higher degree than two")
            total = _added(total, {first + second: _scaled(left, right)})
    return total


def _scaled(left: Expression, right: Expression) -> Expression:
    if value(left) == 1:
        return right
    return left if value(right) == 1 else Product(((True, left), (True, right)))


def _over(top: Expression, bottom: Expression) -> Expression:
    return Product(((True, top), (False, bottom)))


def _negated(made: Polynomial) -> Polynomial:
    return {degree: _opposite(each) for degree, each in made.items()}


def _opposite(expression: Expression) -> Expression:
    if isinstance(expression, Negation):
        return expression.operand
    if isinstance(expression, Number):
        text = expression.text.removeprefix("-") if expression.text.startswith("-") else f"-{expression.text}"
        return Number(text, expression.currency)
    return Negation(expression)


def _added(one: Polynomial, other: Polynomial) -> Polynomial:
    total = dict(one)
    for degree, each in other.items():
        total[degree] = Sum((*_terms(total[degree]), (True, each))) if degree in total else each
    return {degree: each for degree, each in total.items() if value(each) != 0}


def _terms(expression: Expression) -> Iterator[tuple[bool, Expression]]:
    if isinstance(expression, Sum):
        yield from expression.terms
    else:
        yield True, expression


def _difference(one: Expression | None, other: Expression | None) -> Expression | None:
    if one is None:
        return None if other is None else _opposite(other)
    return one if other is None else Sum(((True, one), (False, other)))


def _has_unknown(expression: Expression) -> bool:
    match expression:
        case Unknown():
            return True
        case Negation(operand=operand) | Root(operand=operand):
            return _has_unknown(operand)
        case Sum(terms=pairs) | Product(factors=pairs):
            return any(_has_unknown(each) for _, each in pairs)
        case Power(base=base, exponent=exponent):
            return _has_unknown(base) or _has_unknown(exponent)
        case Number():
            return False
