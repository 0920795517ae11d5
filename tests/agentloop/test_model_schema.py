"""Other people's input schemas as the Messages API takes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop.model_schema import ModelSchema
from agentloop.testing.checks import WireError, check_tool

STRING = {"type": "string"}


def of(**schema: Any) -> dict[str, Any]:
    return dict(ModelSchema.of({"type": "object", **schema}).schema)


@pytest.mark.requirement("odd-schemas")
def test_alternatives_at_the_top_become_properties_and_words() -> None:
    either = [{"required": ["id"]}, {"required": ["name"], "properties": {"name": STRING}}]
    schema = of(properties={"id": STRING}, anyOf=either)
    assert set(schema["properties"]) == {"id", "name"}
    assert "anyOf" not in schema
    assert "required" not in schema
    assert '"required": ["name"]' in schema["description"]


def test_parts_that_all_have_to_fit_are_joined_also_through_a_reference() -> None:
    definitions = {"A": {"properties": {"a": STRING}, "required": ["a"]}}
    schema = of(
        allOf=[{"$ref": "#/$defs/A"}, {"properties": {"b": STRING}, "required": ["b"]}], **{"$defs": definitions}
    )
    assert set(schema["properties"]) == {"a", "b"}
    assert sorted(schema["required"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 0}),
        ({"type": "number", "maximum": 9, "exclusiveMaximum": False}, {"type": "number", "maximum": 9}),
        ({"type": "array", "items": [STRING, STRING]}, {"type": "array", "prefixItems": [STRING, STRING]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "any", "description": "x"}, {"description": "x"}),
    ],
)
def test_older_forms_are_rewritten(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert of(properties={"p": {"type": "array", "items": old}})["properties"]["p"]["items"] == new
    assert of(properties={"p": old})["properties"]["p"] == new


def test_required_of_a_property_moves_to_the_object() -> None:
    assert of(properties={"n": {"type": "string", "required": True}})["required"] == ["n"]


@pytest.mark.requirement("odd-schemas")
def test_names_of_properties_are_replaced_and_mapped_back() -> None:
    names = ["$filter", "ids[]", "größe", "k" * 70, "fine", "_filter"]
    made = ModelSchema.of({"type": "object", "properties": dict.fromkeys(names, STRING), "required": ["$filter"]})
    given_names = list(made.schema["properties"])
    assert len(set(given_names)) == len(names)
    assert "_filter" in given_names
    check_tool("tools.0", {"name": "t", "input_schema": dict(made.schema)}, set())
    arguments = dict(zip(given_names, range(len(names)), strict=True))
    assert made.original(arguments) == dict(zip(names, range(len(names)), strict=True))
    assert made.schema["required"] == [given_names[0]]
    assert made.schema["properties"][given_names[0]]["description"] == "$filter"


def test_a_schema_that_is_fine_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/P"}, "q": {"anyOf": [STRING, {"type": "null"}], "default": None}},
        "required": ["p"],
        "additionalProperties": False,
        "$defs": {"P": {"type": "object", "properties": {"x": {"type": "number"}}}},
    }
    assert ModelSchema.of(schema) == ModelSchema(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "string", "any", "#/$defs/a", "x y", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "items",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "not",
                    "enum",
                    "$ref",
                    "$defs",
                    "minimum",
                    "exclusiveMinimum",
                    "nullable",
                    "additionalProperties",
                    "additionalItems",
                    "pattern",
                    "a",
                    "b§",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@pytest.mark.requirement("odd-schemas")
@given(st.dictionaries(st.sampled_from(["type", "properties", "anyOf", "required", "$defs", "allOf"]), JSON))
def test_whatever_a_server_lists_the_api_takes_what_the_model_gets(schema: dict[str, Any]) -> None:
    try:
        check_tool("tools.0", {"name": "t", "input_schema": dict(ModelSchema.of(schema).schema)}, set())
    except WireError as error:
        pytest.fail(f"{schema} -> {error}")
