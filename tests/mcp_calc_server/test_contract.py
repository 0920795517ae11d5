"""schemas.json, the functions' signatures, tools/list and what Claude is sent say the same."""

import inspect
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from mcp import Client

from agentloop.delegate import agent_spec
from agentloop.delegation_context import STEPS, USAGE
from agentloop.testing import RecordedRequest, ScriptedMessages, calls, says
from mcp_calc_server.calculator import (
    AGENT_TOOL,
    FUNCTIONS,
    agent_tool_async,
    calculator_assistant,
    local_fallbacks,
    math_tools_async,
)
from mcp_calc_server.contract import load_specs
from tests.processes import SERVER, OwnedClient, environment

pytestmark = pytest.mark.requirement("contract")
on_one_loop = pytest.mark.asyncio(loop_scope="module")

FILE = Path(__file__).parents[2] / "schemas.json"
ENTRIES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["tools"]
BY_NAME = {entry["name"]: entry for entry in ENTRIES}


def multiply_then_answer(request: RecordedRequest) -> Any:
    return says("Answer: 6") if request.results else calls(("multiply_numbers", {"numbers": [2, "3"]}))


@pytest.fixture(scope="module")
def model() -> Any:
    with ScriptedMessages(multiply_then_answer) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    async with OwnedClient(SERVER, tmp_path_factory.mktemp("server") / "log", env=env) as client:
        yield client


def test_the_file_describes_the_six_functions_and_the_agent_in_the_order_they_are_published() -> None:
    assert list(BY_NAME) == [*(function.__name__ for function in FUNCTIONS), AGENT_TOOL]
    assert len(ENTRIES) == len(BY_NAME) == 7


def test_the_contract_is_read_as_the_file_has_it() -> None:
    assert [spec.to_json() for spec in load_specs().values()] == ENTRIES


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: str(function.__name__))
def test_a_functions_parameters_are_the_properties_of_its_schema(function: Callable[..., Any]) -> None:
    schema = BY_NAME[function.__name__]["inputSchema"]
    parameters = inspect.signature(function).parameters
    required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    assert list(schema["properties"]) == list(parameters)
    assert schema["required"] == required
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("kind", ["inputSchema", "outputSchema"])
@pytest.mark.parametrize("name", BY_NAME)
def test_every_schema_is_valid_json_schema_for_an_object(name: str, kind: str) -> None:
    schema = BY_NAME[name][kind]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"


@pytest.mark.requirement("annotations")
@pytest.mark.parametrize("name", BY_NAME)
def test_every_tool_has_a_title_a_description_and_all_annotations(name: str) -> None:
    entry = BY_NAME[name]
    assert entry["title"]
    assert entry["description"]
    assert entry["annotations"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": name == AGENT_TOOL,
    }


def test_the_agent_takes_what_any_delegated_agent_takes() -> None:
    entry = BY_NAME[AGENT_TOOL]
    agent = calculator_assistant(model="any", client=lambda: pytest.fail("asked for a client"))
    generic = agent_spec(agent)
    assert _without_descriptions(entry["inputSchema"]) == _without_descriptions(generic.input_schema)
    assert (generic.name, generic.description) == (entry["name"], entry["description"])
    assert generic.to_json()["annotations"] == entry["annotations"]


def test_server_and_local_fallbacks_offer_the_same_tools() -> None:
    agent = calculator_assistant(model="any", client=lambda: pytest.fail("asked for a client"))
    published = [*math_tools_async(), agent_tool_async(agent)]
    assert [tool.spec for tool in local_fallbacks(agent)] == [tool.spec for tool in published]
    assert [tool.spec.to_json() for tool in published] == ENTRIES


@pytest.mark.requirement("annotations")
@pytest.mark.requirement("publishes-seven")
@on_one_loop
async def test_the_server_lists_the_tools_exactly_as_the_file_has_them(client: Client) -> None:
    listed = (await client.list_tools()).tools
    assert [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed] == ENTRIES


@on_one_loop
async def test_claude_is_sent_the_functions_as_the_file_has_them(client: Client, model: ScriptedMessages) -> None:
    """Only what a model does not need for a call is left out: that other arguments are refused."""
    await client.call_tool(AGENT_TOOL, {"prompt": "2 * 3?"})
    entries = [entry for entry in ENTRIES if entry["name"] != AGENT_TOOL]
    schemas = [{k: v for k, v in e["inputSchema"].items() if k != "additionalProperties"} for e in entries]
    assert model.requests[-1].body["tools"] == [
        {"name": entry["name"], "description": entry["description"], "input_schema": schema}
        for entry, schema in zip(entries, schemas, strict=True)
    ]


@pytest.mark.requirement("agent-structured")
@on_one_loop
async def test_the_agents_structured_result_fits_its_output_schema(client: Client) -> None:
    result = await client.call_tool(AGENT_TOOL, {"prompt": "2 * 3?"})
    Draft202012Validator(BY_NAME[AGENT_TOOL]["outputSchema"]).validate(result.structured_content)
    assert result.structured_content == {"answer": "Answer: 6", "exact": True}
    assert result.meta is not None
    assert [step["tool"] for step in result.meta[STEPS]] == ["multiply_numbers"]
    assert [usage["requests"] for usage in result.meta[USAGE]["models"].values()] == [2]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sum_numbers", {"numbers": [1, "2/3"]}),
        ("subtract_numbers", {"a": 1, "b": "0.9"}),
        ("multiply_numbers", {"numbers": ["1e-7", 3]}),
        ("divide_numbers", {"a": 1, "b": 3}),
        ("power", {"base": 2, "exponent": "0.5"}),
        ("square_root", {"x": "1/4"}),
    ],
)
@on_one_loop
async def test_a_functions_structured_result_fits_its_output_schema(
    client: Client, name: str, arguments: dict[str, Any]
) -> None:
    result = await client.call_tool(name, arguments)
    assert not result.is_error
    Draft202012Validator(BY_NAME[name]["outputSchema"]).validate(result.structured_content)


def _without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_descriptions(value) for key, value in schema.items() if key != "description"}
    return schema
