"""The server over stdio, with the SDK's own client, in both of the protocol's eras."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client
from mcp.types import CallToolResult, TextContent

from agentloop import Agent, ConfigurationError, Tool
from agentloop.delegation_context import STEPS, USAGE
from agentloop.mcp.server.publication import Publication
from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, calls, says
from mcp_calc_server.calculator import AGENT_TOOL, math_tools
from tests.processes import SERVER, OwnedClient, environment

on_one_loop = pytest.mark.asyncio(loop_scope="module")
PARTIES = 5


class Model:
    """Answers by what the prompt says, so that all tests can share one server."""

    def __init__(self) -> None:
        self.meeting = Rendezvous(PARTIES)

    async def __call__(self, request: RecordedRequest) -> Reply:
        if "meet" in request.prompt:
            await self.meeting.meet()
        if "hold" in request.prompt:
            return replace(says("too late"), seconds_per_event=60)
        if "fail" in request.prompt:
            return Reply(status=400, error={"type": "invalid_request_error", "message": "scripted"})
        if request.results or "meet" in request.prompt:
            return says(f"Answer: {request.prompt}")
        return calls(("sum_numbers", {"numbers": [1, "0.5"]}), ("square_root", {"x": "-1"}))


@pytest.fixture(scope="module")
def model() -> Any:
    with ScriptedMessages(Model()) as server:
        yield server


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server with credentials wrote to stderr."""
    return tmp_path_factory.mktemp("server") / "log"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(model: ScriptedMessages, log: Path) -> AsyncIterator[Client]:
    env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
    async with OwnedClient(SERVER, log, env=env) as client:
        yield client


@pytest.fixture(scope="module")
def offline_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offline") / "log"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def legacy_client(offline_log: Path) -> AsyncIterator[Client]:
    """A client of the handshake era; its server has no credentials."""
    async with OwnedClient(SERVER, offline_log, mode="legacy") as client:
        yield client


@pytest.fixture(params=["client", "legacy_client"], ids=["modern", "legacy"])
def any_client(request: pytest.FixtureRequest, client: Client, legacy_client: Client) -> Client:
    return client if request.param == "client" else legacy_client


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@on_one_loop
async def test_both_eras_of_the_protocol_are_spoken(client: Client, legacy_client: Client) -> None:
    assert [client.protocol_version, legacy_client.protocol_version] == ["2026-07-28", "2025-11-25"]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("sum_numbers", {"numbers": [0.1, 0.2]}, "0.3"),
        ("sum_numbers", {"numbers": [0.1, "0.2", "1/2"]}, "0.8"),
        ("subtract_numbers", {"a": 1, "b": "0.9"}, "0.1"),
        ("multiply_numbers", {"numbers": ["1/3", 3]}, "1"),
        ("divide_numbers", {"a": 1, "b": 3}, "1/3"),
        ("power", {"base": "2", "exponent": 100}, "1267650600228229401496703205376"),
        ("square_root", {"x": "1/4"}, "0.5"),
    ],
)
@on_one_loop
async def test_functions_answer_exactly(
    any_client: Client, name: str, arguments: dict[str, Any], expected: str
) -> None:
    result = await any_client.call_tool(name, arguments)
    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["result"] == expected
    assert result.structured_content["exact"] is True
    assert f'"result": "{expected}"' in text(result)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("divide_numbers", {"a": 1, "b": 0}, "Check the divisor"),
        ("square_root", {"x": "-4"}, "Check the sign"),
        ("divide_numbers", {"a": True, "b": 2}, "a: True is not valid"),
        ("sum_numbers", {"numbers": ["NaN"]}, "numbers[0]"),
        ("sum_numbers", {"numbers": []}, "numbers"),
        ("sum_numbers", {"numbers": "1, 2"}, "numbers"),
        ("divide_numbers", {"a": 1}, "'b' is a required property"),
        ("divide_numbers", {"a": 1, "b": 2, "c": 3}, "'c' was unexpected"),
        ("square_root", {}, "'x' is a required property"),
        ("factorial", {"n": 3}, "There is no tool named 'factorial'. Available: sum_numbers, "),
        (AGENT_TOOL, {"prompt": ""}, "prompt"),
        (AGENT_TOOL, {"prompt": " \n"}, "empty"),
    ],
)
@on_one_loop
async def test_what_cannot_be_done_is_an_error_result_that_says_what_to_change(
    any_client: Client, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = await any_client.call_tool(name, arguments)
    assert result.is_error
    assert said in text(result)


@on_one_loop
async def test_a_power_too_large_to_write_down_is_refused_at_once(client: Client) -> None:
    began = time.monotonic()
    result = await client.call_tool("power", {"base": "9", "exponent": "999999999"})
    assert time.monotonic() - began < 10  # computing it would take hours
    assert result.is_error
    assert "digits" in text(result)


@pytest.mark.requirement("agent-structured")
@on_one_loop
async def test_the_agent_answers_with_text_and_the_same_for_programs(legacy_client: Client) -> None:
    result = await legacy_client.call_tool(AGENT_TOOL, {"prompt": "2 pens at $1.10 each, 3 pads at $0.30 each."})
    assert not result.is_error
    assert text(result).splitlines()[-1] == "Answer: $3.10"
    assert result.structured_content == {"answer": text(result), "exact": True}
    assert result.meta is not None
    assert [(step["tool"], step["is_error"]) for step in result.meta[STEPS]] == [
        ("multiply_numbers", False),
        ("multiply_numbers", False),
        ("sum_numbers", False),
    ]
    assert result.meta[USAGE]["models"]["offline-rule-based"]["requests"] == 3


@pytest.mark.requirement("agent-progress")
@on_one_loop
async def test_the_agent_reports_each_step_in_order(any_client: Client) -> None:
    values: list[float] = []
    lines: list[str] = []

    async def receive(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        values.append(progress)
        lines.append(message or "")

    result = await any_client.call_tool(AGENT_TOOL, {"prompt": "1.5 + 2 * 3"}, progress_callback=receive)
    assert result.meta is not None
    steps = result.meta[STEPS]
    assert len(steps) == 2
    assert values == list(range(1, len(lines) + 1))
    assert lines[4:]
    assert all(sentence in text(result) for sentence in lines[4:])
    for number, step in enumerate(steps, 1):
        asked, answered = (line for line in lines if f"{step['tool']}#{number}" in line)
        assert asked.startswith("calls ")
        assert answered.startswith(f"{step['tool']}#{number} {'failed' if step['is_error'] else 'answered'} after ")
        assert answered.endswith(step["result"])
    assert lines[0].startswith("calls ")


@on_one_loop
async def test_a_progress_line_has_at_most_200_characters(legacy_client: Client) -> None:
    lines: list[str] = []

    async def receive(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        lines.append(message or "")

    problem = " + ".join(f"{number}.25" for number in range(100))
    await legacy_client.call_tool(AGENT_TOOL, {"prompt": problem}, progress_callback=receive)
    assert max(map(len, lines)) == 200


@on_one_loop
async def test_agent_calls_run_at_once(client: Client) -> None:
    prompts = [f"meet {number}" for number in range(PARTIES)]
    results = await asyncio.gather(*(client.call_tool(AGENT_TOOL, {"prompt": prompt}) for prompt in prompts))
    assert [text(result) for result in results] == [f"Answer: {prompt}" for prompt in prompts]


@on_one_loop
async def test_an_agent_without_an_answer_is_an_error_result(client: Client) -> None:
    result = await client.call_tool(AGENT_TOOL, {"prompt": "fail"})
    assert result.is_error
    assert text(result) == "calculator_assistant has no answer: The Messages API answered 400: scripted"


@on_one_loop
async def test_cancelling_an_agent_call_closes_its_model_request_and_starts_none_after(
    client: Client, model: ScriptedMessages
) -> None:
    call = asyncio.create_task(_call(client.call_tool(AGENT_TOOL, {"prompt": "hold this"})))

    def held() -> list[RecordedRequest]:
        return [request for request in model.requests if request.prompt == "hold this"]

    await model.until(lambda: len(held()) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await model.until(lambda: held()[0].outcome == "cancelled")
    await client.call_tool(AGENT_TOOL, {"prompt": "one more, which passes through the same server"})
    assert len(held()) == 1


@pytest.mark.requirement("no-credentials")
@on_one_loop
async def test_only_a_server_without_credentials_says_that_its_model_is_offline(
    client: Client, legacy_client: Client, log: Path, offline_log: Path
) -> None:
    await client.call_tool("sum_numbers", {"numbers": [1]})
    await legacy_client.call_tool(AGENT_TOOL, {"prompt": "1 + 1"})
    said = await asyncio.to_thread(offline_log.read_text)
    assert said.count("\n") == 1
    assert "built-in reader" in said
    assert "ANTHROPIC_API_KEY" in said
    assert await asyncio.to_thread(log.read_text) == ""


def test_two_tools_of_one_name_are_not_published() -> None:
    with pytest.raises(ConfigurationError, match=r"published as square_root, sum_numbers\.$"):
        Publication([*math_tools(), *math_tools()[::5]])


def test_a_tool_and_an_agent_of_one_name_are_not_published() -> None:
    def helper_agent() -> str:
        return "help"

    helper = Tool.from_function(helper_agent)
    with pytest.raises(ConfigurationError, match="helper_agent"):
        Publication([helper], [Agent("helper", "Help.")])


async def _call(call: Awaitable[CallToolResult]) -> CallToolResult:
    return await call
