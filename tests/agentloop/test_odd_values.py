"""Values that no JSON holds, or that others cannot read, in results and arguments are errors for the model."""

import io
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic_core import to_json
from rich.console import Console

from agentloop import Agent, Tool, ToolOutput, ToolSpec, create_agent_tool_async
from agentloop.delegation_context import MAX_SECONDS, DelegationContext
from agentloop.event_json import event_from_json, event_to_json
from agentloop.events import Event
from agentloop.narration import Narrator
from agentloop.observers.live import rows
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from orchestrator_client.report import Report
from orchestrator_client.tree_picture import picture_of

Serve = Callable[[Script], ScriptedMessages]

OBJECT = {"type": "object"}


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


VALUES: dict[str, Any] = {
    "deep": nested(300),
    "deeper than the stack": nested(5000),
    "endless": endless(),
    "a huge integer": 10**5000,
    "not a number": float("nan"),
    "a decimal that is none": Decimal("NaN"),
    "a decimal without end": Decimal("1e999999"),
    "half a character": "\ud800",
    "half a character as a key": {"\ud800": 1},
    "bytes": b"x",
    "an object": object(),
    "a key that is no text": {(1,): 2},
}
ARGUMENTS = {
    "deep": f'{{"a": {"[" * 150}{"]" * 150}}}',
    "deeper than the stack": f'{{"a": {"[" * 100_000}{"]" * 100_000}}}',
    "a huge integer": f'{{"a": {"9" * 5000}}}',
    "beyond every float": '{"a": 1e400, "b": 1e-400, "c": 1e999999}',
    "half a character": '{"a": "\\ud800"}',
    "half a character as a key": '{"\\udfff": 1}',
}


class Everybody:
    """All who receive events, and what each makes of them; an event that cannot be written as JSON fails."""

    def __init__(self) -> None:
        self.timeline, self.narrator, self.report = Timeline(), Narrator(), Report()

    def on_event(self, event: Event) -> None:
        assert event_from_json(json.loads(json.dumps(event_to_json(event), allow_nan=False))) is not None
        self.narrator.describe(event)
        for each in (self.timeline, self.report):
            each.on_event(event)

    def finish(self) -> None:
        picture = picture_of(rows(self.timeline, 20), time.monotonic(), width=100, unicode=True)
        Console(file=io.StringIO()).print(picture)
        timeline_page(self.timeline).encode()
        json.dumps(self.report.to_json(ok=True, seconds=1.0, servers={}), ensure_ascii=False, default=str).encode()


async def result_of(server: Serve, tool: Tool, arguments: dict[str, Any] | str) -> dict[str, Any]:
    """What the model of an agent, which is another one's tool, gets for a call of `tool`."""

    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says("ok")
        return calls(("inner_agent", {"prompt": "x"}) if request.system == "outer" else (tool.name, arguments))

    model, everybody = server(script), Everybody()
    inner = create_agent_tool_async(Agent("inner", "inner", [tool], client=model.client))
    result = await Agent("outer", "outer", [inner], client=model.client).run("go", on_event=everybody.on_event)
    assert result.answer == "ok"
    everybody.finish()
    (reported,) = (request for request in model.requests if request.results and request.system == "inner")
    block: dict[str, Any] = reported.results[0]
    return block


@pytest.mark.requirement("every-call-answered")
@pytest.mark.parametrize("name", VALUES)
async def test_any_value_a_function_returns_is_a_result_or_an_error_result(scripted_messages: Serve, name: str) -> None:
    def work() -> Any:
        return {"value": VALUES[name]}

    block = await result_of(scripted_messages, Tool.from_function(work), {})
    text = block["content"][0]["text"]
    if block.get("is_error"):
        assert text.startswith("The tool's result "), "said of the result, not of a library"
    else:
        assert json.loads(text).keys() == {"value"}


@pytest.mark.requirement("every-call-answered")
@pytest.mark.parametrize("name", VALUES)
async def test_any_structured_output_can_be_sent_or_is_an_error_result(scripted_messages: Serve, name: str) -> None:
    def work() -> Any:
        return ToolOutput(({"type": "text", "text": "words"},), structured={"value": VALUES[name]})

    tool = Tool.from_function(work)
    assert (await result_of(scripted_messages, tool, {}))["content"]
    output = await Agent("caller", "Call.", [tool]).call_tool("work", {})
    json.dumps(output.structured, allow_nan=False, ensure_ascii=False).encode()
    to_json(output.structured)
    assert output.is_error or output.structured


@pytest.mark.requirement("exact-arguments")
@pytest.mark.parametrize("name", ARGUMENTS)
async def test_any_arguments_a_model_writes_reach_the_tool_or_are_explained(
    scripted_messages: Serve, name: str
) -> None:
    def work(**_arguments: Any) -> str:
        return "fine"

    block = await result_of(scripted_messages, Tool(ToolSpec("work", "Work.", OBJECT), work), ARGUMENTS[name])
    text = block["content"][0]["text"]
    assert text == "fine" if name == "beyond every float" else text.startswith("The arguments were not valid JSON")


@pytest.mark.requirement("delegation-context")
@pytest.mark.parametrize("seconds", [10**400, 1e308, 5])
def test_the_seconds_of_a_delegation_context_are_bounded(seconds: float) -> None:
    delegation = DelegationContext.from_json({"id": "a", "depth": 10**400, "seconds": seconds})
    assert delegation.seconds is not None
    assert delegation.seconds <= MAX_SECONDS
    assert delegation.depth <= MAX_SECONDS


@pytest.mark.requirement("delegation-context")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", True, [], {}])
def test_seconds_that_are_no_number_are_not_taken_for_none(value: Any) -> None:
    with pytest.raises(ValueError, match="`seconds` must be a finite number"):
        DelegationContext.from_json({"id": "a", "depth": 1, "seconds": value})
