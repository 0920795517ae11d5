"""Agents that take and give objects: what the model is asked for, and what becomes of an answer that does not fit."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from agentloop import (
    Agent,
    ConfigurationError,
    InvalidOutput,
    Tool,
    ToolSpec,
    create_agent_tool_async,
    create_agent_tool_sync,
)
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

pytestmark = pytest.mark.requirement("typed-results")

Serve = Callable[[Script], ScriptedMessages]


class Finding(BaseModel):
    """A problem in the code."""

    file: str
    line: int = Field(ge=1)
    price: Decimal = Decimal(0)

    @field_validator("file")
    @classmethod
    def _is_relative(cls, value: str) -> str:
        if value.startswith("/"):
            raise ValueError("a relative path is needed")
        return value


FINDING = {"file": "a.py", "line": 3, "price": 0.1}
PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 14}},
    "required": ["city"],
    "additionalProperties": False,
}


def agent(server: ScriptedMessages, **settings: Any) -> Agent:
    return Agent("reviewer", "Review.", client=server.client, **settings)


async def test_a_run_ends_with_a_value_that_the_api_was_told_the_schema_of(scripted_messages: Serve) -> None:
    def look() -> str:
        return "seen"

    server = scripted_messages([calls(("look", {})), says(json.dumps(FINDING))])
    reviewer = agent(server, tools=[Tool.from_function(look)], output_type=Finding, effort="low")
    result = await reviewer.run("go")
    assert result.output == Finding(file="a.py", line=3, price=Decimal("0.1"))
    assert result.answer == json.dumps(FINDING)
    for request in server.requests:
        config = request.body["output_config"]
        assert config["effort"] == "low"
        assert config["format"]["type"] == "json_schema"
        schema = config["format"]["schema"]
        assert (schema["required"], schema["additionalProperties"]) == (["file", "line"], False)
        assert "minimum" not in schema["properties"]["line"]  # which the API refuses


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("It is in a.py.", "not JSON"),
        ('{"file": "a.py"}', "'line' is a required property"),
        ('{"file": "a.py", "line": 0}', "line: 0 is less than the minimum of 1"),
        ('{"file": "/a.py", "line": 1}', "file: Value error, a relative path is needed"),
        ("[]", "is not of type 'object'"),
    ],
)
async def test_an_answer_that_does_not_fit_is_corrected_once(scripted_messages: Serve, first: str, reason: str) -> None:
    server = scripted_messages([says(first), says(json.dumps(FINDING))])
    result = await agent(server, output_type=Finding).run("go")
    assert result.output.line == 3
    correction = server.requests[1].body["messages"][-1]["content"][0]["text"]
    assert reason in correction
    assert server.requests[1].body["messages"][:-2] == server.requests[0].body["messages"]


async def test_an_answer_that_still_does_not_fit_is_a_typed_error_with_conversation_and_cost(
    scripted_messages: Serve,
) -> None:
    server = scripted_messages([says("Nothing."), says('{"file": 7, "line": 1}')])
    with pytest.raises(InvalidOutput, match="also after a correction: file: 7 is not of type 'string'") as failed:
        await agent(server, output_type=Finding).run("go")
    assert failed.value.answer == '{"file": 7, "line": 1}'
    assert failed.value.conversation is not None
    assert failed.value.usage is not None
    assert failed.value.usage.requests == 2


async def test_a_schema_gives_the_object_with_every_digit(scripted_messages: Serve) -> None:
    server = scripted_messages([says('{"city": "Rome", "days": 12345678901234567890}'), says('{"city": "Rome"}')])
    result = await agent(server, output_type=PLACE).run("go")
    assert result.output == {"city": "Rome"}
    server = scripted_messages([says('{"n": 0.1000000000000000000001}')])
    schema = {"type": "object", "properties": {"n": {"type": "number"}}}
    assert (await agent(server, output_type=schema).run("go")).output == {"n": Decimal("0.1000000000000000000001")}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "object", "properties": {"n": {"type": ["number", "null"]}}},
    ],
)
async def test_a_schema_that_the_api_cannot_enforce_is_told_in_words(
    scripted_messages: Serve, schema: dict[str, Any]
) -> None:
    server = scripted_messages([says('{"n": 1}')])
    assert (await agent(server, output_type=schema).run("go")).output == {"n": 1}
    body = server.requests[0].body
    assert "output_config" not in body
    assert body["system"].startswith("Review.\n\n")
    assert body["system"].endswith(json.dumps(schema))


def test_wrong_types_are_refused_when_the_agent_is_made() -> None:
    bad: Any
    for bad, reason in (
        (int, "give a pydantic model or a JSON Schema"),
        (RootModel[list[int]], "it has to describe an object"),
        ({"type": "array"}, "it has to describe an object"),
        ({"type": "object", "required": 3}, "not a valid JSON Schema"),
        ({"type": "object", "properties": {"a": {"$ref": "#b"}}}, r"not a valid JSON Schema: the \$ref '#b' leads"),
    ):
        with pytest.raises(ConfigurationError, match=f"The output type of reviewer: {reason}"):
            Agent("reviewer", "", output_type=bad)
        with pytest.raises(ConfigurationError, match=f"The input type of reviewer: {reason}"):
            Agent("reviewer", "", input_type=bad)


@pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])
async def test_as_a_tool_it_has_named_fields_and_gives_its_value_and_nothing_else(
    scripted_messages: Serve, wrap: Callable[[Agent], Tool]
) -> None:
    def script(request: RecordedRequest) -> Reply:
        assert json.loads(request.prompt) == {"city": "Rome", "days": 3}
        return says(json.dumps(FINDING))

    tool = wrap(agent(scripted_messages(script), output_type=Finding, input_type=PLACE))
    assert (tool.spec.input_schema, tool.spec.output_schema) == (PLACE, Finding.model_json_schema())
    boss = Agent("boss", "", [tool])
    output = await boss.call_tool(tool.name, {"city": "Rome", "days": 3})
    assert (output.structured, json.loads(output.text), output.is_error) == (FINDING, FINDING, False)
    wrong = await boss.call_tool(tool.name, {"city": "Rome", "days": 15})
    assert wrong.is_error
    assert "days: 15 is greater than the maximum of 14" in wrong.text


async def test_an_agent_with_an_input_type_is_asked_with_a_value_of_it(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda request: says(request.prompt))
    reviewer = agent(server, input_type=Finding)
    assert json.loads((await reviewer.run(Finding(file="a.py", line=3))).answer) == {**FINDING, "price": "0"}
    assert json.loads((await reviewer.run(FINDING)).answer) == FINDING
    assert (await reviewer.run("any text")).answer == "any text"
    with pytest.raises(ConfigurationError, match="The input type of reviewer: line: 0 is less than the minimum"):
        await reviewer.run({"file": "a.py", "line": 0})
    with pytest.raises(ConfigurationError, match="no input_type, so it cannot be asked with an object"):
        await agent(server).run(FINDING)


def test_a_specification_has_to_have_the_schemas_of_the_agents_types() -> None:
    typed = Agent("reviewer", "", output_type=PLACE, input_type=PLACE)
    spec = create_agent_tool_async(typed).spec
    assert create_agent_tool_async(typed, spec=spec).spec is spec
    with pytest.raises(ConfigurationError, match="not that of the agent's `output_type`"):
        create_agent_tool_async(typed, spec=ToolSpec("other", "", PLACE, output_schema={"type": "object"}))
    with pytest.raises(ConfigurationError, match="the agent takes city, days; the input schema has prompt too"):
        create_agent_tool_async(
            typed, spec=ToolSpec("other", "", {"type": "object", "properties": {"prompt": {"type": "string"}}})
        )


class Colour(Enum):
    RED = "red"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    colour: Colour
    day: date
    sizes: tuple[int, ...] = ()


STRICT = '{"colour": "red", "day": "2026-11-29", "sizes": [1]}'


async def test_a_strict_model_takes_what_json_has_no_types_for(scripted_messages: Serve) -> None:
    value = Strict(colour=Colour.RED, day=date(2026, 11, 29), sizes=(1,))

    def paint(strict: Strict) -> bool:
        return strict == value

    server = scripted_messages([calls(("paint", {"strict": json.loads(STRICT)})), says(STRICT)])
    tools = [Tool.from_function(paint)]
    result = await agent(server, tools=tools, input_type=Strict, output_type=Strict).run(value)
    assert [step.result for step in result.steps] == ["true"]
    assert result.output == value


async def test_an_input_that_cannot_be_encoded_is_an_error_with_its_type(scripted_messages: Serve) -> None:
    class Anything(BaseModel):
        value: Any

    with pytest.raises(ConfigurationError, match="The input type of reviewer: Unable to serialize"):
        await agent(scripted_messages([]), input_type=Anything).run(Anything(value=object()))
