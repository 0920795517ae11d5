"""Roots: exact where the value is rational, otherwise correctly rounded."""

import math
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from agentloop.errors import ToolError
from mcp_calc_server.exact import MAX_RESULT_DIGITS, SIGNIFICANT_DIGITS

# Digits of the numerator and of the denominator of an exponent that is not an integer: they add to the precision
# that `rounded_power` has to work with. A result of 34 digits fits.
MAX_EXPONENT_DIGITS: Final = 50

# Digits beyond the result's, tried in turn. The first are enough unless the arguments were made so that the result
# lies next to the middle between two numbers.
_GUARD_DIGITS: Final = (20, 100, 500)


def exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The rational whose `degree`-th power is `value` (not negative), None if there is none."""
    numerator = _integer_root(value.numerator, degree)
    denominator = _integer_root(value.denominator, degree)
    return None if numerator is None or denominator is None else Fraction(numerator, denominator)


def _integer_root(value: int, degree: int) -> int | None:
    if value <= 1:
        return value
    if value.bit_length() <= degree:
        return None
    root = math.isqrt(value) if degree == 2 else _floor_root(value, degree)  # noqa: PLR2004
    return root if root**degree == value else None


def _floor_root(value: int, degree: int) -> int:
    """Newton's method in integers, from above (Cohen, Computational Algebraic Number Theory, 1.7.1)."""
    log = math.log2(value) / degree
    shift = max(0, int(log) - 50)
    root = int(2.0 ** (log - shift) * (1 + 1e-9) + 1) << shift
    while True:
        lower = ((degree - 1) * root + value // root ** (degree - 1)) // degree
        if lower >= root:
            return root
        root = lower


def rounded_square_root(value: Fraction) -> Decimal:
    """The square root of `value`, which is positive and no square, rounded to `SIGNIFICANT_DIGITS`."""
    numerator, denominator = value.as_integer_ratio()
    magnitude = int((numerator.bit_length() - denominator.bit_length()) * math.log10(2))
    places = SIGNIFICANT_DIGITS + 2 - magnitude // 2
    radicand = numerator * 10 ** max(2 * places, 0) // (denominator * 10 ** max(-2 * places, 0))
    # The root is irrational: it lies strictly above this floor, so a last digit of 1 rounds as the root does.
    digits = 10 * math.isqrt(radicand) + 1
    return Context(prec=SIGNIFICANT_DIGITS).scaleb(Decimal(digits), -places - 1)


def rounded_power(base: Fraction, exponent: Fraction) -> Decimal:
    """The irrational `base` (positive) to the `exponent`, rounded to `SIGNIFICANT_DIGITS`.

    `decimal` rounds `ln` and `exp` correctly, so their error is known; if the result could still round either
    way, more digits are used (Ziv, ACM TOMS 17(3), 1991).

    Raises:
        ToolError: beyond 1e±`MAX_RESULT_DIGITS`, or nearer to a rounding boundary than the guard digits tell.
    """
    rounding = Context(prec=SIGNIFICANT_DIGITS)
    for guard in _GUARD_DIGITS:
        value, work = _power(base, exponent, guard)
        error = work.scaleb(value, -SIGNIFICANT_DIGITS - guard)
        low, high = rounding.plus(work.subtract(value, error)), rounding.plus(work.add(value, error))
        if low == high:
            return low
    raise ToolError(
        f"The result lies so close to the middle between two numbers of {SIGNIFICANT_DIGITS} digits that it cannot "
        "be rounded. Round base to fewer digits."
    )


def _power(base: Fraction, exponent: Fraction, guard: int) -> tuple[Decimal, Context]:
    """`base` to the `exponent` with a relative error below 10**-(`SIGNIFICANT_DIGITS` + `guard`)."""
    # With u = 10**(1 - precision), the product below is off by less than 0.6u * |exponent| from rounding the base,
    # whose logarithm may be near 0, and 1.6u * |product| from the rest, and |product| < 7,000.
    precision = SIGNIFICANT_DIGITS + guard + 7 + len(str(abs(exponent.numerator) // exponent.denominator))
    work = Context(prec=precision)
    logarithm = work.ln(work.divide(Decimal(base.numerator), Decimal(base.denominator)))
    power = work.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    product = work.multiply(power, logarithm)
    if abs(product) >= MAX_RESULT_DIGITS * math.log(10):
        size, limit = ("large", MAX_RESULT_DIGITS) if product > 0 else ("small", -MAX_RESULT_DIGITS)
        raise ToolError(f"The result is too {size}: 1e{limit} is the limit. Use a base or exponent nearer to 1.")
    return work.exp(product), work
