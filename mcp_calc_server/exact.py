"""Exact numbers: read from an argument, written as a result.

Inside, a number is a `fractions.Fraction`; outside it is text, so that no digit is lost on the way. Every result
is an argument that reads back to the same value.

The limits keep every call, refused or answered, under 50 ms on a slow core, because big-integer arithmetic holds
the GIL and no timeout can interrupt it. They also keep each conversion between int and text below Python's own limit
of 4,300 digits. Size is judged before anything is computed.
"""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict

from agentloop.errors import ToolError

Number: TypeAlias = int | float | Decimal | str

# A result has at most this many digits: those of a decimal, without leading zeros before the point, or those of a
# fraction's numerator and denominator together. A loan of 30 years at monthly interest, (1 + r/12)**360, fits.
MAX_RESULT_DIGITS: Final = 3_000
# An argument is a little longer than any result: a result has a sign, a point or a slash besides its digits.
MAX_CHARACTERS: Final = 3_100
# The exponent written in 1e-7; not that of `power`.
MAX_WRITTEN_EXPONENT: Final = 3_100
MAX_LIST_LENGTH: Final = 1_000
# The digits of a list's numbers together, each as long as its text, its numerator or its denominator, whichever is
# longest: the cost of a sum or product grows with the square of this. A thousand floats of 17 digits fit.
MAX_LIST_DIGITS: Final = 25_000
# Significant digits of a rounded reading, as in IEEE 754 decimal128.
SIGNIFICANT_DIGITS: Final = 34

# ECMA-262 and Python agree on this expression, also when searching: the blanks include the newline before which
# Python's `$` matches. It takes time in proportion to the text.
NUMBER_PATTERN: Final = (
    r"^[ \t\r\n]*[+-]?"
    r"(?:(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+/0*[1-9][0-9]*)"
    r"[ \t\r\n]*$"
)

# What the arguments of a call have at most, two more for each number, that is answered before a thread would begin:
# in 0.1 ms.
SHORT_CHARACTERS: Final = 100

_NUMBER: Final = re.compile(NUMBER_PATTERN)
_BLANKS: Final = " \t\r\n"
_BITS_PER_DIGIT: Final = math.log2(10)
MAX_RESULT_BITS: Final = math.ceil(MAX_RESULT_DIGITS * _BITS_PER_DIGIT)
_MAX_INTEGER_BITS: Final = int(MAX_CHARACTERS * _BITS_PER_DIGIT)
_ROUNDED: Final = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN)
_SHOWN: Final = 40

TOO_MANY_DIGITS: Final = f"The exact result has more than {MAX_RESULT_DIGITS:,} digits, which is the limit."


class Calculation(BaseModel):
    """A result.

    `result` is a plain decimal, or a fraction in lowest terms if the value has no finite decimal expansion
    within the limit. An irrational value is rounded half to even to 34 significant digits and `exact` is False;
    only then can `result` be in scientific notation. `approximation` is the decimal of 34 significant digits nearest
    to a fraction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: str
    exact: bool
    approximation: str | None = None


def read_number(value: Number, name: str) -> Fraction:
    """The exact value of the argument `name`. A float means what it prints: 0.1 is 1/10.

    Raises:
        ToolError: not a number, not finite, or over `MAX_CHARACTERS` or `MAX_WRITTEN_EXPONENT`.
    """
    return Fraction(*_ratio(_text(value, name), name))


def read_numbers(values: Sequence[Number], name: str) -> list[Fraction]:
    """The exact values of the list argument `name`, at least one.

    Raises:
        ToolError: not a list, empty, over `MAX_LIST_LENGTH` or `MAX_LIST_DIGITS`, or with an item refused.
    """
    if not isinstance(values, list | tuple):
        raise ToolError(f"{name} is not a list. Send a list of numbers, such as [1, 2.5].")
    if not values:
        raise ToolError(f"{name} is empty. Send at least one number.")
    if len(values) > MAX_LIST_LENGTH:
        raise ToolError(
            f"{name} has {len(values):,} items; the limit is {MAX_LIST_LENGTH:,}. "
            "Work on parts of the list, then on their results."
        )
    found, digits = [], 0
    for index, value in enumerate(values):
        where = f"{name}[{index}]"
        text = _text(value, where)
        numerator, denominator = _ratio(text, where)
        bits = max(numerator.bit_length(), denominator.bit_length())
        digits += max(len(text), int(bits / _BITS_PER_DIGIT))
        if digits > MAX_LIST_DIGITS:
            raise ToolError(
                f"The numbers up to {where} have more than {MAX_LIST_DIGITS:,} digits together, "
                "written without exponents. Send fewer numbers, or round them to fewer digits."
            )
        found.append(Fraction(numerator, denominator))
    return found


def are_short(arguments: Iterable[object]) -> bool:
    """Whether sums, products, quotients and square roots of these take less time than a thread to begin."""
    left = SHORT_CHARACTERS
    for argument in arguments:
        for value in argument if isinstance(argument, list | tuple) else (argument,):
            if isinstance(value, int) and value.bit_length() > SHORT_CHARACTERS:
                return False
            text = str(value)
            left -= len(text) + 2
            if left < 0 or "e" in text or "E" in text:  # few characters may be many digits
                return False
    return True


def _text(value: Number, name: str) -> str:
    """`value` as it prints, without surrounding blanks, at most `MAX_CHARACTERS` long."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ToolError(
            f'{name} is not a number but {type(value).__name__}. Send a number, or text such as "0.1", "1e-7" or "1/3".'
        )
    if isinstance(value, float | Decimal) and not _is_finite(value):
        raise ToolError(f"{name} is {value!s:.{_SHOWN}}, which is not a finite number. Send a finite number.")
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        digits = int(value.bit_length() / _BITS_PER_DIGIT)
        raise ToolError(
            f"{name} is an integer of about {digits:,} digits; the limit is {MAX_CHARACTERS:,}. Send a shorter number."
        )
    text = _printed(value)
    if len(text) > MAX_CHARACTERS:
        raise ToolError(
            f"{name} is too long: {shown(text)} has {len(text):,} characters; the limit is "
            f"{MAX_CHARACTERS:,}. Send a shorter number."
        )
    return text.strip(_BLANKS)


def _is_finite(value: float | Decimal) -> bool:
    # math.isfinite(Decimal("1E+400")) is False: it asks the nearest float.
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)


def _printed(value: Number) -> str:
    # The base classes' own methods: a subclass such as numpy.float64 or an IntEnum prints otherwise.
    if isinstance(value, float):
        return float.__repr__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)


def _ratio(text: str, name: str) -> tuple[int, int]:
    """Numerator and denominator of `text`, not in lowest terms."""
    if not _NUMBER.fullmatch(text):
        raise ToolError(
            f"{name} is not a number: {shown(text)}. Write a decimal such as -2.5, scientific notation such as "
            "1e-7, or a fraction such as 1/3 whose denominator is not 0; no other signs, words or expressions."
        )
    numerator, slash, denominator = text.partition("/")
    if slash:
        return int(numerator), int(denominator)
    mantissa, _, exponent = text.lower().partition("e")
    if abs(int(exponent or 0)) > MAX_WRITTEN_EXPONENT:
        raise ToolError(
            f"{name} is too large or too small: the exponent of {shown(text)} is beyond "
            f"{MAX_WRITTEN_EXPONENT:,}. Use numbers nearer to 1."
        )
    whole, _, decimals = mantissa.partition(".")
    shift = int(exponent or 0) - len(decimals)
    return int(whole + decimals) * 10 ** max(shift, 0), 10 ** max(-shift, 0)


def shown(text: str) -> str:
    """`text` quoted for an error message, cut."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}... (cut)"


def exact_result(value: Fraction) -> Calculation:
    """Write `value` without loss.

    Raises:
        ToolError: over `MAX_RESULT_DIGITS`.
    """
    numerator, denominator = value.as_integer_ratio()
    if max(numerator.bit_length(), denominator.bit_length()) <= MAX_RESULT_BITS:
        decimal = _plain(value)
        if decimal is not None:
            return Calculation(result=decimal, exact=True)
    if numerator.bit_length() + denominator.bit_length() <= MAX_RESULT_BITS + 2:
        digits = f"{abs(numerator)}/{denominator}"
        if len(digits) <= MAX_RESULT_DIGITS + 1:
            reading = _ROUNDED.divide(Decimal(numerator), Decimal(denominator))
            sign = "-" if numerator < 0 else ""
            return Calculation(result=sign + digits, exact=True, approximation=_written(reading))
    raise ToolError(f"{TOO_MANY_DIGITS} Round the arguments to fewer digits, or split the calculation.")


def rounded_result(value: Decimal) -> Calculation:
    """Write the reading `value` of an irrational number, which has `SIGNIFICANT_DIGITS` or more.

    Raises:
        ToolError: `MAX_RESULT_DIGITS` or more places from the decimal point.
    """
    if abs(value.adjusted()) >= MAX_RESULT_DIGITS:
        size = "large: 1e" if value.adjusted() > 0 else "small: 1e-"
        raise ToolError(f"The result is too {size}{MAX_RESULT_DIGITS} is the limit. Use numbers nearer to 1.")
    return Calculation(result=_written(_ROUNDED.plus(value)), exact=False)


def _plain(value: Fraction) -> str | None:
    """`value` as a decimal without exponent, None if it has no finite one within `MAX_RESULT_DIGITS`."""
    numerator, denominator = value.as_integer_ratio()
    places = _decimal_places(denominator)
    if places is None or places > MAX_RESULT_DIGITS:
        return None
    scaled = abs(numerator) * (10**places // denominator)
    if scaled >= 10**MAX_RESULT_DIGITS:
        return None
    digits = str(scaled).zfill(places + 1)
    point = len(digits) - places
    text = digits[:point] + ("." + digits[point:] if places else "")
    return "-" + text if numerator < 0 else text


def _decimal_places(denominator: int) -> int | None:
    """The length of the decimal expansion of 1/`denominator`, None if it does not end."""
    twos = (denominator & -denominator).bit_length() - 1
    odd = denominator >> twos
    fives = round(math.log(odd, 5))
    return max(twos, fives) if 5**fives == odd else None


def _written(value: Decimal) -> str:
    """A rounded `value` without trailing zeros; scientific 34 or more places from the decimal point."""
    value = _ROUNDED.normalize(value)
    return f"{value:f}" if abs(value.adjusted()) < SIGNIFICANT_DIGITS else str(value)
