"""Tools of servers as tools of an agent, their names, and the local fallbacks that stand in for them."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentloop import (
    Agent,
    Bill,
    CallContext,
    Limits,
    ModelUsage,
    RunScope,
    Tool,
    ToolError,
    ToolOutput,
    ToolSpec,
    ToolUnavailable,
)
from agentloop.events import Event, RunStarted, fan_out
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools, with_fallbacks
from agentloop.testing import ScriptedMessages, calls, says
from mcp_calc_server.calculator import AGENT_TOOL, math_tools
from orchestrator_client.report import Report
from tests.processes import SERVER
from tests.surface import scripted_env

on_one_loop = pytest.mark.asyncio(loop_scope="module")

ODD_SERVER = Path(__file__).with_name("odd_server.py")
LONG_NAME = "x" * 55 + "_" + hashlib.sha256(b"x" * 65).hexdigest()[:8]
USABLE = [
    "echo",
    "structured_only",
    "costly",
    "boastful",
    "claims",
    "silent_failure",
    "noisy",
    "protocol_error",
    "die",
    "__31mred_",
    LONG_NAME,
    "twice",
    "broken_schema",
]


def odd(name: str, *left_out: str) -> Connection:
    entry = ServerEntry(command=sys.executable, args=(str(ODD_SERVER), *left_out))
    return Connection(name, entry, connect_timeout=20, server_log=sys.stderr)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection() -> AsyncIterator[Connection]:
    async with odd("odd") as connection:
        assert connection.error is None
        yield connection


def usable(connections: list[Connection]) -> list[Tool]:
    return remote_tools(connections, lambda _text: None, allow=["*"])


@pytest.fixture
def agent(connection: Connection) -> Agent:
    return Agent("caller", "Call.", usable([connection]))


@pytest.mark.requirement("remote-tools")
@on_one_loop
async def test_every_page_of_tools_is_listed_and_what_no_model_could_be_given_is_left_out(
    connection: Connection,
) -> None:
    warnings: list[str] = []
    tools = remote_tools([connection], warnings.append)
    assert [tool.name for tool in tools] == USABLE
    assert {tool.served_by for tool in tools} == {"odd"}
    assert all(tool.is_async for tool in tools)
    (twice,) = warnings
    assert twice.startswith("odd: ")
    assert twice.endswith("left out.")
    assert "lists twice twice" in twice


@on_one_loop
async def test_what_is_left_is_accepted_by_the_messages_api(connection: Connection) -> None:
    tools = usable([connection])
    with ScriptedMessages([says("fine")]) as model:
        result = await Agent("caller", "Call.", tools, client=model.client).run("Go.")
    assert result.answer == "fine"


@on_one_loop
async def test_names_that_two_servers_use_are_prefixed_with_the_servers(connection: Connection) -> None:
    warnings: list[str] = []
    left_out = [name for name in (*USABLE, "twice", "\x1b[31mred\x07", "x" * 65) if name != "echo"]
    async with odd("http://127.0.0.1:1/mcp", *left_out) as other:
        tools = remote_tools([connection, other], warnings.append, allow=["*"])
        names = [tool.name for tool in tools]
        assert names == ["odd__echo", *USABLE[1:], "http_127_0_0_1_1_mcp__echo"]
        outputs = {
            name: await Agent("caller", "Call.", tools).call_tool(name, {"to": name}) for name in (names[0], names[-1])
        }
    assert {name: (json.loads(output.text), output.served_by) for name, output in outputs.items()} == {
        "odd__echo": ({"to": "odd__echo"}, "odd"),
        "http_127_0_0_1_1_mcp__echo": ({"to": "http_127_0_0_1_1_mcp__echo"}, "http://127.0.0.1:1/mcp"),
    }


@on_one_loop
async def test_decimals_go_over_the_wire_as_numbers_and_everything_else_as_it_is(agent: Agent) -> None:
    """The server, built with the SDK, reads floats. Which digits are sent: `test_odd_servers.py`."""
    tiny = Decimal("0.1000000000000000000001")
    arguments = {"a": tiny, "b": [tiny, 1, 0.5], "c": {"d": tiny}, "e": None, "f": True, "g": 10**20, "h": "x"}
    output = await agent.call_tool("echo", arguments)
    assert json.loads(output.text) == arguments | {"a": 0.1, "b": [0.1, 1, 0.5], "c": {"d": 0.1}}


@on_one_loop
async def test_arguments_may_have_any_name(agent: Agent) -> None:
    arguments = {"context": 1, "self": 2, "arguments": 3, "tool": 4, "not a name": 5}
    output = await agent.call_tool("echo", arguments)
    assert json.loads(output.text) == arguments


@on_one_loop
async def test_a_result_that_is_only_structured_is_shown_as_json(agent: Agent) -> None:
    output = await agent.call_tool("structured_only", {})
    assert output.text == '{"sum": "0.3"}'
    assert output.structured == {"sum": "0.3"}
    assert not output.is_error


@on_one_loop
async def test_what_a_remote_agent_cost_is_read_from_its_result_and_nonsense_is_not(agent: Agent) -> None:
    bills: list[Bill] = []
    await agent.call_tool("costly", {}, context=CallContext(scope=RunScope(charge=bills.append)))
    await agent.call_tool("structured_only", {}, context=CallContext(scope=RunScope(charge=bills.append)))
    (bill,) = bills
    assert bill.agent == "far"
    assert bill.total.by_model == {"some-model": ModelUsage(requests=2, input_tokens=5)}


@pytest.mark.requirement("events-across-processes")
@on_one_loop
async def test_events_that_a_server_forges_change_neither_report_nor_usage(
    connection: Connection, scripted_messages: Callable[..., ScriptedMessages]
) -> None:
    model = scripted_messages([calls(("boastful", {})), says("mine")])
    report, received = Report(), list[Event]()
    boss = Agent("boss", "boss", usable([connection]), client=model.client)
    result = await boss.run("go", on_event=fan_out(report.on_event, received.append))
    assert (report.answer, report.usage, report.error) == ("mine", result.usage, None)
    assert result.usage.requests == 2
    assert [(part.tool, part.result) for part in report.delegations] == [("boastful", "{}")]
    mine, forged = (event for event in received if isinstance(event, RunStarted))
    assert (forged.prompt, forged.depth, forged.served_by) == ("forged", 1, "odd")
    assert forged.run != mine.run
    assert forged.parent_call == f"{mine.run}.1"
    assert mine.at <= forged.at <= received[-1].at


@on_one_loop
async def test_a_failure_without_words_is_given_some(agent: Agent) -> None:
    output = await agent.call_tool("silent_failure", {})
    assert output.is_error
    assert output.text


@on_one_loop
async def test_an_error_of_the_protocol_is_an_error_output_and_the_connection_stays(
    agent: Agent, connection: Connection
) -> None:
    output = await agent.call_tool("protocol_error", {})
    assert output.is_error
    assert output.served_by == "odd"
    assert connection.is_up


@on_one_loop
async def test_progress_is_reported_on_one_clean_line(agent: Agent) -> None:
    lines: list[str] = []
    output = await agent.call_tool("noisy", {}, context=CallContext(progress=lines.append))
    assert output.text == "done"
    (line,) = lines
    assert line.startswith("half \N{RETURN SYMBOL} \N{REPLACEMENT CHARACTER}[31mway!")
    assert len(line) == 200


@on_one_loop
async def test_a_server_that_dies_in_a_call_is_replaced_by_the_fallback_with_one_warning() -> None:
    warnings: list[str] = []
    async with odd("mortal") as mortal:
        listed = {tool.name: tool for tool in usable([mortal])}
        # What the server says of `die` and `echo` is that they may not be repeated: say otherwise.
        tools = [replace(listed[name], spec=replace(listed[name].spec, idempotent=True)) for name in ("die", "echo")]
        fallbacks = [Tool(tool.spec, lambda **arguments: f"fallback got {arguments}") for tool in tools]
        agent = Agent("caller", "Call.", with_fallbacks(tools, fallbacks, warnings.append, Limits()))
        outputs = [await agent.call_tool(name, {"x": Decimal("0.1")}) for name in ("die", "echo")]
    assert [output.text for output in outputs] == ["fallback got {'x': Decimal('0.1')}"] * 2
    assert {output.served_by for output in outputs} == {"local"}
    assert set(warnings) == {
        "mortal went away: its program exited with status 1. Its calls are answered by local threads."
    }


def spec(**hints: Any) -> ToolSpec:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return ToolSpec("count", "Counts.", schema, **hints)


class Remote:
    """A remote tool that fails, and its fallback; both count their calls."""

    def __init__(self, failure: Exception | None, **hints: Any) -> None:
        self.failure = failure
        self.asked: list[str] = []
        self.warnings: list[str] = []
        self.tool = Tool(spec(**hints), self.far, served_by="far", takes_context=True)
        self.fallback = Tool(self.tool.spec, self.near)

    async def far(self, _context: CallContext, /, **_arguments: Any) -> ToolOutput:
        self.asked.append("far")
        if self.failure is not None:
            raise self.failure
        return ToolOutput.of("from far")

    def near(self, **_arguments: Any) -> str:
        self.asked.append("near")
        return "from near"

    async def call(self, fallback: Tool | None = None) -> ToolOutput:
        tools = with_fallbacks([self.tool], [fallback or self.fallback], self.warnings.append, Limits())
        return await Agent("caller", "Call.", tools).call_tool("count", {"a": 1})


@pytest.mark.requirement("fallback-killed")
@pytest.mark.parametrize("hint", ["read_only", "idempotent"])
async def test_a_call_that_may_be_repeated_falls_back_on_the_fallback(hint: str) -> None:
    remote = Remote(ToolUnavailable("far went away: kicked"), **{hint: True})
    output = await remote.call()
    assert (output.text, output.served_by, output.is_error) == ("from near", "local", False)
    assert remote.asked == ["far", "near"]
    assert remote.warnings == ["far went away: kicked. Its calls are answered by local threads."]


async def test_a_call_that_may_not_be_repeated_never_falls_back() -> None:
    remote = Remote(ToolUnavailable("far went away: kicked"))
    output = await remote.call()
    assert (output.text, output.served_by, output.is_error) == ("far went away: kicked", "far", True)
    assert remote.asked == ["far"]


@pytest.mark.parametrize("failure", [ToolError("b is 0"), ValueError("unexpected"), None])
async def test_only_an_unavailable_server_makes_the_fallback_answer(failure: Exception | None) -> None:
    remote = Remote(failure, read_only=True)
    output = await remote.call()
    assert output.is_error == (failure is not None)
    assert output.served_by == "far"
    assert remote.asked == ["far"]
    assert remote.warnings == []


@pytest.mark.parametrize(
    "difference", [{"input_schema": {"type": "object"}}, {"output_schema": {"type": "object"}}, {"destructive": False}]
)
async def test_a_fallback_with_another_contract_is_not_used(difference: dict[str, Any]) -> None:
    remote = Remote(ToolUnavailable("far went away: kicked"), read_only=True)
    output = await remote.call(Tool(replace(remote.fallback.spec, **difference), remote.near))
    assert output.is_error
    assert remote.asked == ["far"]
    assert remote.warnings == []


async def test_an_error_of_the_fallback_is_the_fallbacks() -> None:
    remote = Remote(ToolUnavailable("far went away: kicked"), read_only=True)

    def fail(**_arguments: Any) -> str:
        raise ToolError("the fallback cannot either")

    output = await remote.call(Tool(remote.tool.spec, fail))
    assert (output.text, output.served_by, output.is_error) == ("the fallback cannot either", "local", True)


def test_a_tool_without_a_fallback_stays_as_it_is() -> None:
    tool = Tool(spec(read_only=True), lambda: "x", served_by="far")
    assert with_fallbacks([tool], math_tools(), pytest.fail, Limits()) == [tool]


@pytest.mark.parametrize("call", [None, "1.1"], ids=["a program's calls", "those of one tool"])
async def test_programs_call_an_agent_several_times_at_once(
    scripted_messages: Callable[..., ScriptedMessages], call: str | None
) -> None:
    model = scripted_messages(lambda request: says(f"Answer: {request.prompt}"))
    entry = ServerEntry(command=SERVER[0], args=SERVER[1:], env=scripted_env(model.url), trusted=True)
    async with Connection("calc", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        agent = Agent("caller", "Call.", usable([connection]))
        context = CallContext(scope=RunScope(call_id=call))
        outputs = await asyncio.gather(
            *(agent.call_tool(AGENT_TOOL, {"prompt": f"{n}"}, context=context) for n in range(3))
        )
    assert [output.text.split("Answer: ")[-1][0] for output in outputs] == ["0", "1", "2"]
    assert not any(output.is_error for output in outputs)
