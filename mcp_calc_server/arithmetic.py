"""The six functions, exact on rational numbers.

`schemas.json` describes them to a model; `exact` has their limits. Each raises `agentloop.errors.ToolError`, worded
for a model, if an argument is not a number, too long, or the result has too many digits; only further reasons are
listed with the functions.
"""

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction

from agentloop.errors import ToolError
from mcp_calc_server.exact import (
    MAX_RESULT_BITS,
    TOO_MANY_DIGITS,
    Calculation,
    Number,
    exact_result,
    read_number,
    read_numbers,
    rounded_result,
)
from mcp_calc_server.roots import MAX_EXPONENT_DIGITS, exact_root, rounded_power, rounded_square_root

_HALF = Fraction(1, 2)


def sum_numbers(numbers: Sequence[Number]) -> Calculation:
    """The sum of one to `MAX_LIST_LENGTH` numbers."""
    return exact_result(_combine(operator.add, read_numbers(numbers, "numbers")))


def multiply_numbers(numbers: Sequence[Number]) -> Calculation:
    """The product of one to `MAX_LIST_LENGTH` numbers."""
    return exact_result(_combine(operator.mul, read_numbers(numbers, "numbers")))


def subtract_numbers(a: Number, b: Number) -> Calculation:
    """The difference a - b."""
    return exact_result(read_number(a, "a") - read_number(b, "b"))


def divide_numbers(a: Number, b: Number) -> Calculation:
    """The quotient a / b.

    Raises:
        ToolError: also if b is 0.
    """
    dividend, divisor = read_number(a, "a"), read_number(b, "b")
    if divisor == 0:
        raise ToolError("Division by zero: b is 0. Check the divisor.")
    return exact_result(dividend / divisor)


def power(base: Number, exponent: Number) -> Calculation:
    """The real power of base; exact if it is rational. 0 to the power of 0 is 1.

    Raises:
        ToolError: also for 0 to a negative power, a negative base with an exponent that is not an integer, and
            such an exponent with a numerator or denominator over `MAX_EXPONENT_DIGITS`.
    """
    root, index = read_number(base, "base"), read_number(exponent, "exponent")
    if root == 0 and index < 0:
        raise ToolError("0 to a negative power is a division by zero: base is 0. Check base and exponent.")
    if index.denominator == 1:
        return exact_result(_integer_power(root, index.numerator))
    if root < 0:
        raise ToolError(
            "A negative base with an exponent that is not an integer has no real result: base is negative. "
            "Check the signs, or use an integer exponent."
        )
    return _fractional_power(root, index)


def square_root(x: Number) -> Calculation:
    """The square root of x that is not negative; exact if x is the square of a rational.

    Raises:
        ToolError: also if x is negative.
    """
    radicand = read_number(x, "x")
    if radicand < 0:
        raise ToolError("The square root of a negative number is not real: x is negative. Check the sign of x.")
    return _square_root(radicand)


def _combine(operation: Callable[[Fraction, Fraction], Fraction], values: list[Fraction]) -> Fraction:
    """Combine neighbours, then their results: the operands of the long, slow operations are few."""
    while len(values) > 1:
        paired = [operation(*pair) for pair in zip(values[::2], values[1::2], strict=False)]
        values = paired + values[2 * len(paired) :]
    return values[0]


def _integer_power(base: Fraction, exponent: int) -> Fraction:
    longer = max(base.numerator.bit_length(), base.denominator.bit_length())
    # The power of an integer of n bits has more than (n - 1) * exponent bits.
    if (longer - 1) * abs(exponent) > MAX_RESULT_BITS:
        raise ToolError(
            f"{TOO_MANY_DIGITS} Use a smaller exponent, round base to fewer digits, or raise it in steps and "
            "round in between."
        )
    return base**exponent


def _square_root(radicand: Fraction) -> Calculation:
    root = exact_root(radicand, 2)
    return rounded_result(rounded_square_root(radicand)) if root is None else exact_result(root)


def _fractional_power(base: Fraction, exponent: Fraction) -> Calculation:
    longer = max(abs(exponent.numerator), exponent.denominator)
    if longer >= 10**MAX_EXPONENT_DIGITS:
        raise ToolError(
            f"exponent, written as a fraction, has a numerator or denominator of more than "
            f"{MAX_EXPONENT_DIGITS} digits. Round exponent to fewer digits."
        )
    if exponent == _HALF:
        return _square_root(base)
    root = exact_root(base, exponent.denominator)
    if root is None:
        return rounded_result(rounded_power(base, exponent))
    return exact_result(_integer_power(root, exponent.numerator))
