"""The six functions against `fractions.Fraction`, on any arguments."""

import math
import re
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from agentloop.errors import ToolError
from mcp_calc_server.arithmetic import (
    divide_numbers,
    multiply_numbers,
    power,
    square_root,
    subtract_numbers,
    sum_numbers,
)
from mcp_calc_server.exact import MAX_CHARACTERS, NUMBER_PATTERN, SIGNIFICANT_DIGITS, Calculation, Number, read_number

PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
FRACTION = re.compile(r"-?[1-9][0-9]*/[1-9][0-9]*")

numbers: st.SearchStrategy[Number] = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.fractions(max_denominator=10**12).map(str),
    st.tuples(st.integers(), st.integers(-60, 60)).map(lambda parts: f"{parts[0]}e{parts[1]}"),
)
positive = st.fractions(min_value=Fraction(1, 10**6), max_value=10**40, max_denominator=10**12)
# To the power of 12 * 9 it has fewer than 3,000 digits.
short = st.fractions(min_value=Fraction(1, 10**6), max_value=10**6, max_denominator=10**6)


def fraction(number: Number) -> Fraction:
    """What `number` prints, read by the standard library."""
    return Fraction(number if isinstance(number, int) else str(number))


def assert_is(calculation: Calculation, value: Fraction) -> None:
    """`calculation` is exactly `value`, in its only spelling, which can be an argument."""
    assert calculation.exact
    assert read_number(calculation.result, "x") == fraction(calculation.result) == value
    assert sum_numbers([calculation.result]) == calculation
    if calculation.approximation is None:
        assert PLAIN.fullmatch(calculation.result)
        assert calculation.result != "-0"
    else:
        assert FRACTION.fullmatch(calculation.result)
        assert str(value) == calculation.result
        assert_rounds(calculation.approximation, value, Fraction(1))


def assert_rounds(text: str, base: Fraction, exponent: Fraction) -> None:
    """`text` is the nearest of all decimals of 34 digits to `base` to the power of `exponent`."""
    reading = Decimal(text)
    sign, digits, _ = reading.as_tuple()
    assert len(digits) <= SIGNIFICANT_DIGITS
    nearest = abs(Fraction(reading))
    above = Fraction(10) ** (reading.adjusted() + 1 - SIGNIFICANT_DIGITS) / 2
    below = above / 10 if digits.count(0) == len(digits) - 1 and digits[0] == 1 else above
    power_of_base = abs(base) ** exponent.numerator
    assert (nearest - below) ** exponent.denominator <= power_of_base
    assert (nearest + above) ** exponent.denominator >= power_of_base
    assert bool(sign) == (base < 0)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_a_sum_equals_that_of_fractions(values: list[Number]) -> None:
    assert_is(sum_numbers(values), sum(map(fraction, values), Fraction(0)))


@given(st.lists(numbers, min_size=1, max_size=6))
def test_a_product_equals_that_of_fractions(values: list[Number]) -> None:
    assert_is(multiply_numbers(values), math.prod(map(fraction, values), start=Fraction(1)))


@given(numbers, numbers)
def test_a_difference_equals_that_of_fractions(a: Number, b: Number) -> None:
    assert_is(subtract_numbers(a, b), fraction(a) - fraction(b))


@given(numbers, numbers)
def test_a_quotient_equals_that_of_fractions(a: Number, b: Number) -> None:
    assume(fraction(b) != 0)
    assert_is(divide_numbers(a, b), fraction(a) / fraction(b))


@given(st.fractions(max_denominator=10**9, min_value=-(10**9), max_value=10**9), st.integers(-60, 60))
def test_an_integer_power_equals_that_of_fractions(base: Fraction, exponent: int) -> None:
    assume(base != 0 or exponent >= 0)
    assert_is(power(str(base), exponent), base**exponent)


@given(st.lists(numbers, min_size=1, max_size=8).flatmap(lambda v: st.tuples(st.just(v), st.permutations(v))))
def test_the_order_of_terms_and_factors_does_not_matter(orders: tuple[list[Number], list[Number]]) -> None:
    assert sum_numbers(orders[0]) == sum_numbers(orders[1])
    assert multiply_numbers(orders[0]) == multiply_numbers(orders[1])


@given(numbers, numbers)
def test_subtracting_undoes_adding_and_dividing_undoes_multiplying(a: Number, b: Number) -> None:
    assert_is(subtract_numbers(sum_numbers([a, b]).result, b), fraction(a))
    assume(fraction(b) != 0)
    assert_is(divide_numbers(multiply_numbers([a, b]).result, b), fraction(a))


@given(st.one_of(positive, positive.map(lambda x: x / 10**400), positive.map(lambda x: x * 10**400)))
@example(Fraction(10**68 - 1))
@example(Fraction(10**34 + 5) ** 2 + Fraction(1, 10**900))
def test_a_square_root_is_exact_or_correctly_rounded(x: Fraction) -> None:
    root = square_root(str(x))
    if root.exact:
        assert read_number(root.result, "x") ** 2 == x
    else:
        assert_rounds(root.result, x, Fraction(1, 2))
        assert math.isqrt(x.numerator) ** 2 != x.numerator or math.isqrt(x.denominator) ** 2 != x.denominator
    assert power(str(x), "1/2") == root


@given(positive)
def test_the_root_of_a_square_is_the_number_again(x: Fraction) -> None:
    assert_is(square_root(str(x * x)), x)


@given(positive, st.fractions(min_value=-9, max_value=9, max_denominator=12))
def test_a_rational_power_is_exact_or_correctly_rounded(base: Fraction, exponent: Fraction) -> None:
    result = power(str(base), str(exponent))
    if result.exact:
        assert read_number(result.result, "x") ** exponent.denominator == base**exponent.numerator
    else:
        assert_rounds(result.result, base, exponent)


@given(short, st.fractions(min_value=-9, max_value=9, max_denominator=12))
def test_a_power_of_a_rational_has_its_exact_root(root: Fraction, exponent: Fraction) -> None:
    assume(exponent != 0)
    assert_is(power(str(root**exponent.denominator), str(exponent)), root**exponent.numerator)


@given(st.integers(10**33, 10**34 - 1), st.sampled_from([2, 3, 5]), st.integers(40, 100), st.sampled_from([-1, 1]))
def test_a_root_beside_the_middle_of_two_readings_is_correctly_rounded(
    digits: int, degree: int, places: int, side: int
) -> None:
    base = (digits + Fraction(1, 2)) ** degree + Fraction(side, 10**places)
    result = power(str(base), f"1/{degree}")
    assert not result.exact
    assert Decimal(result.result) == digits + (side > 0)


@given(st.from_regex(re.compile(NUMBER_PATTERN, re.ASCII)))
@example("1e3100")
@example("1e3101")
@example("0" * MAX_CHARACTERS)
@example("0" * (MAX_CHARACTERS + 1))
@example("1e" + "0" * 3000 + "1")
def test_text_that_matches_the_pattern_is_read_or_refused_for_its_size(text: str) -> None:
    try:
        value = read_number(text, "x")
    except ToolError as error:
        assert re.match(r"x is too (long|large or too small): ", str(error))  # noqa: PT017
    else:
        assert value == Fraction(text.strip())


@given(st.one_of(st.text(), st.text("0123456789.eE/+-_ \n\tx"), st.text("01./e-", max_size=6)))
def test_text_is_read_only_if_it_matches_the_pattern(text: str) -> None:
    matches = re.search(NUMBER_PATTERN, text) is not None
    try:
        read_number(text, "x")
    except ToolError as error:
        assert not matches or "is too" in str(error)  # noqa: PT017
    else:
        assert matches


@given(st.text(), st.text())
def test_any_text_is_answered_or_refused_with_an_error_for_the_model(a: str, b: str) -> None:
    for function in (subtract_numbers, divide_numbers, power):
        try:
            assert function(a, b).result
        except ToolError as error:
            assert len(str(error)) < 500  # noqa: PT017
