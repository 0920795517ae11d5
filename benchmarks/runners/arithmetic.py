"""H: `arithmetic.py ours|others` prints microseconds for each operation."""

import json
import sys
import timeit
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

A, B = "12.50", "1234567.891"
LONG = "3." + "1415926535" * 20
Cases = dict[str, dict[str, Callable[[], object]]]
"""Operations, and who does them."""
NUMBERS = [f"{number}.{number % 100:02}" for number in range(100)]


def ours() -> Cases:
    from mcp_calc_server import arithmetic

    return {
        "a + b": {"ours": lambda: arithmetic.sum_numbers([A, B])},
        "a x b, 200 digits": {"ours": lambda: arithmetic.multiply_numbers([LONG, LONG])},
        "a / b": {"ours": lambda: arithmetic.divide_numbers(A, B)},
        "sum of 100": {"ours": lambda: arithmetic.sum_numbers(NUMBERS)},
        "square root of 2": {"ours": lambda: arithmetic.square_root("2")},
        "1.5 to the 1,000th": {"ours": lambda: arithmetic.power("1.5", "1000")},
    }


def others() -> Cases:
    import sympy

    def root() -> Decimal:
        with localcontext(prec=34):
            return Decimal(2).sqrt()

    def power() -> Decimal:
        with localcontext(prec=1100):
            return Decimal("1.5") ** 1000

    s = sympy.Rational
    return {
        "a + b": {
            "decimal": lambda: Decimal(A) + Decimal(B),
            "fractions": lambda: Fraction(A) + Fraction(B),
            "sympy": lambda: s(A) + s(B),
        },
        "a x b, 200 digits": {
            "decimal": lambda: Decimal(LONG) * Decimal(LONG),
            "fractions": lambda: Fraction(LONG) * Fraction(LONG),
            "sympy": lambda: s(LONG) * s(LONG),
        },
        "a / b": {
            "decimal": lambda: Decimal(A) / Decimal(B),
            "fractions": lambda: Fraction(A) / Fraction(B),
            "sympy": lambda: s(A) / s(B),
        },
        "sum of 100": {
            "decimal": lambda: sum(map(Decimal, NUMBERS)),
            "fractions": lambda: sum(map(Fraction, NUMBERS)),
            "sympy": lambda: sum(map(s, NUMBERS)),
        },
        "square root of 2": {
            "decimal": root,
            "fractions": lambda: Fraction(2) ** Fraction(1, 2),
            "sympy": lambda: sympy.sqrt(s("2")).evalf(34),
        },
        "1.5 to the 1,000th": {
            "decimal": power,
            "fractions": lambda: Fraction("1.5") ** 1000,
            "sympy": lambda: s("1.5") ** 1000,
        },
    }


def microseconds(function: Callable[[], object]) -> float:
    timer = timeit.Timer(function)
    number, _ = timer.autorange()
    return min(timer.repeat(3, max(1, number // 4))) / max(1, number // 4) * 1e6


if __name__ == "__main__":
    cases = {"ours": ours, "others": others}[sys.argv[1]]()
    print(json.dumps({name: {by: microseconds(f) for by, f in row.items()} for name, row in cases.items()}))
