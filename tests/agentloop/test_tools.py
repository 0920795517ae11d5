"""A tool is a specification and a function; its arguments are checked and its answer is made sendable."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from agentloop import Agent, CallContext, ConfigurationError, Tool, ToolError, ToolOutput, ToolSpec

OBJECT: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}


class Point(BaseModel):
    x: int
    y: int = 0
    label: str | None = None


def add(a: float, b: float = 1) -> float:
    """Add two numbers."""
    return a + b


def tool(schema: dict[str, Any]) -> Tool:
    return Tool(ToolSpec("f", "F.", schema), lambda **_: "ok")


def test_name_docstring_and_hints_of_a_function_are_its_specification() -> None:
    spec = Tool.from_function(add).spec
    assert (spec.name, spec.description) == ("add", "Add two numbers.")
    assert spec.input_schema["required"] == ["a"]
    assert spec.input_schema["properties"]["b"]["default"] == 1
    assert spec.input_schema["additionalProperties"] is False
    assert spec.for_model()["input_schema"] == {
        key: spec.input_schema[key] for key in ("type", "properties", "required")
    }


def test_programs_can_be_allowed_to_call_a_tool() -> None:
    spec = Tool.from_function(add, allowed_callers=("code_execution_20260120",)).spec
    assert spec.for_model()["allowed_callers"] == ["code_execution_20260120"]
    assert "allowed_callers" not in Tool.from_function(add).spec.for_model()


def test_name_description_and_hints_can_be_given() -> None:
    spec = Tool.from_function(add, name="plus", description="Sum.", read_only=True).spec
    assert (spec.name, spec.description, spec.read_only) == ("plus", "Sum.", True)


async def test_a_function_gets_what_its_annotations_say_instead_of_plain_json() -> None:
    def where(point: Point) -> str:
        return f"{type(point).__name__} {point.x} {point.y}"

    agent = Agent("a", "", [Tool.from_function(where)])
    assert (await agent.call_tool("where", {"point": {"x": 1}})).text == "Point 1 0"


def test_parameters_that_cannot_be_described_are_refused() -> None:
    def bare(a) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001

    def many(*numbers: float) -> None: ...

    def named(**numbers: float) -> None: ...

    def positional(a: float, /) -> None: ...

    for function in (bare, many, named, positional):
        with pytest.raises(ConfigurationError, match="annotated and passable by keyword"):
            Tool.from_function(function)


def test_the_context_is_no_argument_of_the_model() -> None:
    def where(context: CallContext, a: float) -> None: ...

    made = Tool.from_function(where)
    assert made.takes_context
    assert list(made.spec.input_schema["properties"]) == ["a"]


def test_a_context_that_is_not_the_first_parameter_is_refused_with_what_to_do() -> None:
    def last(a: int, context: CallContext) -> str:
        return f"{a} {context}"

    def perhaps(context: CallContext | None, a: int) -> str:
        return f"{a} {context}"

    for function in (last, perhaps):
        with pytest.raises(
            ConfigurationError, match="'context' must be the first parameter, and annotated CallContext"
        ):
            Tool.from_function(function)


@pytest.mark.parametrize("name", ["", "with space", "dot.ted", "ä", "x" * 65, "a\n", "a/b"])
def test_names_the_api_refuses_are_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64 letters"):
        Tool(ToolSpec(name, "", OBJECT), add)


@pytest.mark.parametrize("name", ["a", "x" * 64, "A-b_9"])
def test_names_the_api_takes_are_taken(name: str) -> None:
    assert Tool(ToolSpec(name, "", OBJECT), add).name == name


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        ({}, "'a' is a required property"),
        ({"a": "3"}, "a: '3' is not of type 'number'"),
        ({"a": True}, "a: True is not of type 'number'"),
        ({"a": None}, "a: None is not of type 'number'"),
    ],
)
def test_arguments_that_do_not_fit_are_named_with_their_place(arguments: dict[str, Any], reported: str) -> None:
    with pytest.raises(ToolError, match="Invalid arguments for f") as caught:
        tool(OBJECT).check(arguments)
    assert reported in str(caught.value)


@pytest.mark.parametrize("number", [3, 3.75, Decimal("0.1000000000000000000001"), 10**400])
def test_every_kind_of_number_is_a_number(number: object) -> None:
    tool(OBJECT).check({"a": number})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
    ],
    ids=["no_schema", "reference_to_a_url", "reference_to_nothing", "endless", "broken_pattern"],
)
def test_a_broken_schema_leaves_the_judgement_to_the_tool(schema: dict[str, Any]) -> None:
    tool(schema).check({"a": "x"})


def test_a_specification_comes_through_the_contract_as_it_was() -> None:
    spec = ToolSpec("f", "F.", OBJECT, title="Eff", output_schema=OBJECT, read_only=True, destructive=False)
    assert ToolSpec.from_json(spec.to_json()) == spec
    assert "title" not in ToolSpec("f", "F.", OBJECT).to_json()


def test_hints_that_are_not_booleans_count_as_not_given() -> None:
    entry = {"name": "f", "inputSchema": OBJECT, "annotations": {"readOnlyHint": "yes", "idempotentHint": True}}
    spec = ToolSpec.from_json(entry)
    assert (spec.read_only, spec.idempotent, spec.description) == (None, True, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (3.5, "3.5"),
        (None, "null"),
        (Decimal("0.1000000000000000000001"), '"0.1000000000000000000001"'),
        ({"a": [1]}, '{"a": [1]}'),
        (Point(x=1), '{"x": 1, "y": 0}'),
        ("half \ud83d", "half ?"),
    ],
)
def test_what_a_function_returns_becomes_text(value: object, text: str) -> None:
    assert ToolOutput.of(value).text == text


def test_objects_are_structured_content_as_well() -> None:
    assert ToolOutput.of({"a": 1}).structured == {"a": 1}
    assert ToolOutput.of(Point(x=1)).structured == {"x": 1, "y": 0}
    assert ToolOutput.of([1]).structured is None


def test_an_output_stays_as_it_is() -> None:
    output = ToolOutput(({"type": "image", "source": {}},))
    assert ToolOutput.of(output) is output
    assert output.text == "[image]"


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_error_always_says_something(text: str) -> None:
    assert ToolOutput.error(text).text == "The tool failed and gave no reason."


def test_long_text_is_cut_with_a_notice_and_other_blocks_are_kept() -> None:
    image = {"type": "image", "source": {}}
    output = ToolOutput(({"type": "text", "text": "abc"}, image, {"type": "text", "text": "def"}))
    assert output.cut_to(6) is output
    assert output.cut_to(4).text == "abc\n[image]\nd\n[The result was cut to 4 characters.]"
    assert output.cut_to(2).text == "ab\n[image]\n[The result was cut to 2 characters.]"


@dataclass
class Line:
    item: str
    price: Decimal


class Size(Enum):
    SMALL = "small"


class Own:
    pass


def with_underscore(_x: int) -> None:
    pass


def with_callable(call: Callable[[int], int]) -> None:
    pass


def with_unknown(x: "Unknown") -> int:  # type: ignore[name-defined]  # noqa: F821
    return len(x)


def with_class(own: Own) -> None:
    pass


async def test_a_function_that_returns_no_json_is_an_error_for_the_model() -> None:
    def shelf() -> Any:
        return object()

    output = await Agent("a", "", [Tool.from_function(shelf)]).call_tool("shelf", {})
    assert output.is_error
    assert output.text == "The tool's result is not JSON: object is not JSON"


def test_values_that_pydantic_encodes_are_results() -> None:
    day, number = date(2026, 11, 29), UUID(int=1)
    output = ToolOutput.of({"a": Line("pen", Decimal("0.10")), "b": [day, Size.SMALL, number, Path("x"), {1}]})
    line = {"item": "pen", "price": 0.1}
    assert output.structured == {"a": line, "b": ["2026-11-29", "small", str(number), "x", [1]]}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (functools.partial(int, base=2), "has no name of its own: give it one, with name=..."),
        (with_underscore, "with_underscore: parameter '_x' must not begin with an underscore"),
        (with_callable, "with_callable: a parameter has no JSON Schema: Cannot generate a JsonSchema"),
        (int, "int: its parameters cannot be read: no signature found"),
        (with_unknown, "with_unknown: its parameters cannot be read: name 'Unknown' is not defined"),
        (with_class, "with_class: a parameter has no JSON Schema: Unable to generate pydantic-core schema"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_when_it_is_made_one(
    function: Callable[..., Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Tool.from_function(function)


@pytest.mark.parametrize("timeout", ["5", 0, float("nan")])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"timeout is {timeout!r}: give seconds above 0"):
        replace(Tool.from_function(add), timeout=timeout)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than one tool named add"):
        Agent("a", "", [Tool.from_function(add), Tool.from_function(add)])


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([add], "tools[0] is add, which is not a Tool. Make it a tool with @tool or Tool.from_function."),
        ([Tool.from_function(add), Agent("b", "")], "tools[1] is b, which is not a Tool. Its method as_tool() makes"),
        (["add"], "tools[0] is str, which is not a Tool."),
        ("add", "tools is str. Give a list of tools."),
        (add, "tools is function. Give a list of tools."),
        (map(Tool.from_function, [add]), "tools is map. Give a list of tools."),
        (Tool.from_function(add), "tools is Tool. Give a list of tools."),
    ],
)
def test_what_is_no_tool_is_refused_with_the_way_to_make_it_one(tools: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Agent("a", "", tools)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "made", [lambda: Tool.from_function(add, name="a b"), lambda: Tool.from_function(add, name="x" * 65)]
)
def test_names_are_checked_however_a_tool_is_made(made: Callable[[], Tool]) -> None:
    with pytest.raises(ConfigurationError):
        made()


def test_what_nobody_said_of_a_function_is_not_published() -> None:
    def look() -> str:
        return "seen"

    assert "annotations" not in Tool.from_function(look).spec.to_json()
    assert not Tool.from_function(look).is_harmless
    said = Tool.from_function(look, read_only=True, destructive=False).spec
    assert said.to_json()["annotations"] == {"readOnlyHint": True, "destructiveHint": False}
    assert ToolSpec.from_json(said.to_json()) == replace(said, model_schema=None)


@pytest.mark.parametrize("name", ["json", "schema", "copy", "model_config", "model_dump", "model_fields"])
async def test_a_parameter_may_have_any_name(name: str, recwarn: pytest.WarningsRecorder) -> None:
    named: dict[str, Any] = {}
    exec(f"def f({name}: int) -> int:\n    return {name}", named)  # noqa: S102
    made = Tool.from_function(named["f"])
    assert list(made.spec.input_schema["properties"]) == [name]
    assert (await Agent("a", "", [made]).call_tool("f", {name: 3})).text == "3"
    assert not list(recwarn)
