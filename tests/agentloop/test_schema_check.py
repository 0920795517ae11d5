"""Checking values against schemas that somebody wrote to do harm."""

import time
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


def test_the_patterns_of_a_trusted_schema_are_checked() -> None:
    assert SchemaCheck({"pattern": "^a$"}, is_trusted=True).misfit("b") is not None
