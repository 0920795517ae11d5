"""Checking values against schemas that somebody wrote to do harm."""

import time
from decimal import Decimal
from typing import Any

import pytest

from agentloop.schema_check import SchemaCheck

SLOW = "a" * 60 + "!"
LAUGHS: dict[str, Any] = {
    "$defs": {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)} | {"l40": {}},
    "$ref": "#/$defs/l0",
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, SLOW),
        ({"properties": {"x": {"pattern": "^(a+)+$"}}}, {"x": SLOW}),
        ({"patternProperties": {"^(a+)+$": {}}}, {SLOW: 1}),
        ({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, {SLOW: 1}),
        ({"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False}, {SLOW: 1}),
        (LAUGHS, {}),
        (LAUGHS | {"unevaluatedProperties": False}, {"x": 1}),
        ({"$ref": "#"}, {}),
        ({"$ref": "http://127.0.0.1:9/schema"}, {}),
    ],
)
def test_what_cannot_be_checked_in_bounds_is_not_checked(schema: dict[str, Any], value: object) -> None:
    began = time.monotonic()
    assert SchemaCheck(schema, is_trusted=False).misfit(value) is None
    assert time.monotonic() - began < 5


def test_the_rest_of_an_untrusted_schema_is_checked() -> None:
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    check = SchemaCheck(schema, is_trusted=False)
    assert check.misfit({"n": 1}) is None
    assert check.misfit({"n": "x"}) == ("n", "'x' is not of type 'integer'")
    assert check.misfit({"n": 1, "m": 2}) is not None
    assert check.misfit({}) is not None


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_number_is_a_multiple_as_it_is_written_and_not_as_floats_are_divided(*, is_trusted: bool) -> None:
    cents = SchemaCheck({"multipleOf": 0.01}, is_trusted=is_trusted)
    for number in (19.99, 8.2, 0.57, Decimal("0.10"), 20, 10**400, 1e308, Decimal("1e999999999")):
        assert cents.misfit(number) is None, number
    assert cents.misfit(19.995) == ("", "19.995 is not a multiple of 0.01")
    assert cents.misfit(Decimal("19.9900000000000000000001")) is not None
    assert SchemaCheck({"multipleOf": 3}, is_trusted=is_trusted).misfit(10) is not None
    assert SchemaCheck({"multipleOf": 3}, is_trusted=is_trusted).misfit(9.0) is None


@pytest.mark.parametrize("is_trusted", [True, False])
def test_null_is_a_value_of_what_openapi_calls_nullable(*, is_trusted: bool) -> None:
    assert SchemaCheck({"type": "string", "nullable": True}, is_trusted=is_trusted).misfit(None) is None
    assert SchemaCheck({"type": "string", "nullable": True}, is_trusted=is_trusted).misfit(1) is not None
    assert SchemaCheck({"type": "string", "nullable": False}, is_trusted=is_trusted).misfit(None) is not None


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_reference_that_leads_nowhere_leaves_the_rest_of_the_schema_as_it_is(*, is_trusted: bool) -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/Adress"}, "b": {"type": "integer"}}, "$defs": {"Address": {}}}
    check = SchemaCheck(schema, is_trusted=is_trusted)
    assert check.unresolved == "the $ref '#/$defs/Adress' leads nowhere"
    assert check.misfit({"a": 1, "b": "x"}) == ("b", "'x' is not of type 'integer'")


@pytest.mark.parametrize(
    ("schema", "unresolved"),
    [
        ({"$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}, None),
        ({"$ref": "#"}, None),
        ({"$defs": {"a": {"$id": "https://a.test/a", "$defs": {"b": {}}, "items": {"$ref": "#/$defs/b"}}}}, None),
        ({"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "#/none"}}, None),
        ({"items": {"anyOf": [{"$ref": "https://a.test/none"}]}}, "https://a.test/none"),
        ({"items": {"$ref": "#/$defs/a~"}}, "#/$defs/a~"),
    ],
)
def test_references_are_followed_as_json_schema_says(schema: dict[str, Any], unresolved: str | None) -> None:
    said = None if unresolved is None else f"the $ref '{unresolved}' leads nowhere"
    assert SchemaCheck(schema, is_trusted=True).unresolved == said


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"pattern": "^a$", "description": "An a."}, "b", "'b' does not match '^a$'. Wanted: An a."),
        (
            {"description": "The sizes.", "items": {"anyOf": [{"type": "number"}, {"const": "S"}]}},
            [True],
            "True is not valid under any of the given schemas. Wanted: The sizes.",
        ),
        ({"description": "All of it.", "properties": {"a": {"pattern": "b"}}}, {"a": "c"}, "'c' does not match 'b'"),
        (
            {
                "$defs": {"p": {"items": {"pattern": "b"}}},
                "properties": {"a": {"$ref": "#/$defs/p", "description": "A."}},
            },
            {"a": ["c"]},
            "'c' does not match 'b'",
        ),
    ],
)
def test_a_pattern_or_a_choice_that_fails_is_followed_by_its_description(
    schema: dict[str, Any], value: object, said: str
) -> None:
    misfit = SchemaCheck(schema, is_trusted=True).misfit(value)
    assert misfit is not None
    assert misfit[1] == said


def test_the_patterns_of_a_trusted_schema_are_checked() -> None:
    assert SchemaCheck({"pattern": "^a$"}, is_trusted=True).misfit("b") == ("", "'b' does not match '^a$'")
    assert SchemaCheck({"pattern": "^a$"}, is_trusted=True).misfit("a") is None
    assert SchemaCheck({"pattern": "b"}, is_trusted=True).misfit("abc") is None
    assert SchemaCheck({"pattern": "^(?!b)"}, is_trusted=True).misfit("b") is not None, "run by Python"


def test_a_trusted_pattern_that_backtracks_takes_linear_time() -> None:
    began = time.monotonic()
    assert SchemaCheck({"pattern": "^(a+)+$"}, is_trusted=True).misfit(SLOW) is not None
    assert time.monotonic() - began < 5
