"""Whether an expression is an amount of money, and of which currency."""

from collections.abc import Iterator

from offline_model.lexeme import Unread
from offline_model.problem import Expression, Negation, Number, Power, Product, Root, Sum, Unknown


def currency_of(expression: Expression) -> str:
    return one_currency(numbers(expression))


def one_currency(found: Iterator[Number]) -> str:
    symbols = sorted({number.currency for number in found} - {""})
    if len(symbols) > 1:
        raise Unread(f"more than one currency: {' and '.join(symbols)}")
    return symbols[0] if symbols else ""


def money_degree(expression: Expression) -> int:  # noqa: PLR0911
    """1 for an amount of money, 0 for a plain number. A plain number added to money counts as money."""
    match expression:
        case Number():
            return 1 if expression.currency else 0
        case Unknown():
            return 0
        case Negation(operand=operand):
            return money_degree(operand)
        case Sum(terms=terms):
            degrees = {money_degree(term) for _, term in terms}
            if not degrees <= {0, 1}:
                raise Unread("money is multiplied by money")
            return max(degrees)
        case Product(factors=factors):
            return sum(money_degree(factor) if times else -money_degree(factor) for times, factor in factors)
        case Power(base=base, exponent=exponent):
            return _no_money(base, exponent)
        case Root(operand=operand):
            return _no_money(operand)


def numbers(expression: Expression) -> Iterator[Number]:
    match expression:
        case Number():
            yield expression
        case Unknown():
            pass
        case Negation(operand=operand) | Root(operand=operand):
            yield from numbers(operand)
        case Sum(terms=pairs) | Product(factors=pairs):
            for _, each in pairs:
                yield from numbers(each)
        case Power(base=base, exponent=exponent):
            yield from numbers(base)
            yield from numbers(exponent)


def _no_money(*operands: Expression) -> int:
    if any(money_degree(operand) for operand in operands):
        raise Unread("a power or a root of an amount of money")
    return 0
