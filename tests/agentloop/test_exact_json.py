"""Numbers keep their value, however long they are."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import exact_json

digits = st.text("0123456789", min_size=1, max_size=60)
whole = digits.map(lambda text: text.lstrip("0") or "0")
decimals = st.builds(lambda sign, head, tail: f"{sign}{head}.{tail}", st.sampled_from(["", "-"]), whole, digits)
numbers = st.one_of(
    st.builds(lambda sign, head: f"{sign}{head}", st.sampled_from(["", "-"]), whole),
    decimals,
    st.builds(lambda number, power: f"{number}e{power}", decimals, st.integers(-400, 400)),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(numbers)
def test_a_number_of_any_length_keeps_its_value(text: str) -> None:
    value = exact_json.loads(text)
    printed = repr(value) if isinstance(value, float) else str(value)
    assert Fraction(printed) == Fraction(text)


@given(numbers)
def test_what_is_read_is_written_with_the_same_value(text: str) -> None:
    written = json.loads(exact_json.dumps(exact_json.loads(text)), parse_float=str, parse_int=str)
    assert Fraction(written) == Fraction(text)


@given(json_values)
def test_ordinary_json_comes_through_both_ways_as_it_was(value: Any) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value
    assert exact_json.loads_as_floats(json.dumps(value)) == value


@given(numbers)
def test_what_is_read_for_the_history_can_always_be_sent(text: str) -> None:
    json.dumps(exact_json.loads_as_floats(f"[{text}]"), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.75", 3.75),
        ("0.1", 0.1),
        ("1e2", 100.0),
        ("0.1000000000000000000001", Decimal("0.1000000000000000000001")),
        ("123456789012345678901.5", Decimal("123456789012345678901.5")),
        ("1e400", Decimal("1e400")),
        ("-2.5e-400", Decimal("-2.5e-400")),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_number_is_a_float_only_when_the_float_prints_as_that_value(text: str, value: object) -> None:
    read = exact_json.loads(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "9" * 4301,
        '"\\ud800"',
        '{"\\uDFFF": 1}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("read", [exact_json.loads, exact_json.loads_as_floats])
def test_what_is_not_readable_json_is_a_value_error(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)


@pytest.mark.parametrize("text", ["1e99999999999999999999", "1e-99999999999999999999"])
def test_an_exponent_beyond_all_measure_is_refused_and_still_fits_the_history(text: str) -> None:
    with pytest.raises(ValueError, match="exponent is too large"):
        exact_json.loads(text)
    assert exact_json.loads_as_floats(text) in (text, 0.0)


def test_a_paired_surrogate_is_a_character() -> None:
    assert exact_json.loads('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_value_that_is_not_json_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        exact_json.dumps(object())
