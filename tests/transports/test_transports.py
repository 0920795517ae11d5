"""The same tools over every transport, in both of the protocol's eras."""

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest
from mcp import Client

from agentloop import Bill
from agentloop.delegation_context import STEPS, USAGE
from agentloop.testing import ScriptedMessages
from mcp_calc_server.calculator import AGENT_TOOL
from tests.journeys.test_cli import invoke
from tests.processes import SERVER
from tests.surface import Served, raw, scripted_env, serving, text

on_one_loop = pytest.mark.asyncio(loop_scope="session")

FUNCTIONS = ["sum_numbers", "subtract_numbers", "multiply_numbers", "divide_numbers", "power", "square_root"]
PUBLISHED = [*FUNCTIONS, AGENT_TOOL, "looped_agent", "threaded_agent", "impatient_agent"]


@pytest.mark.requirement("every-transport")
@on_one_loop
async def test_every_way_speaks_its_era(client: Client, way: tuple[str, str]) -> None:
    assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[way[1]]


@pytest.mark.requirement("every-transport")
@on_one_loop
async def test_every_way_lists_the_same_tools(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == PUBLISHED


@pytest.mark.requirement("every-transport")
@on_one_loop
async def test_every_way_calls_functions_at_once(client: Client) -> None:
    calls = (client.call_tool("sum_numbers", {"numbers": [n, "0.1"]}) for n in range(20))
    results = await asyncio.gather(*calls)
    assert [json.loads(text(result))["result"] for result in results] == ["0.1", *(f"{n}.1" for n in range(1, 20))]


@pytest.mark.requirement("exact-on-the-wire")
@pytest.mark.parametrize(
    ("sent", "total"),
    [
        ("12345678901234567890.5", "12345678901234567890.5"),
        ("0.1", "0.1"),
        ("0.1000000000000000000001", "0.1000000000000000000001"),
        ("1e-400", "0." + "0" * 399 + "1"),
        ("1e400", "1" + "0" * 400),
    ],
)
@on_one_loop
async def test_every_way_keeps_the_digits_of_a_json_number(client: Client, sent: str, total: str) -> None:
    result = await client.call_tool("sum_numbers", {"numbers": [raw(sent)]})
    assert result.structured_content == {"result": total, "exact": True}


@pytest.mark.slow
@pytest.mark.requirement("exact-on-the-wire")
@on_one_loop
async def test_every_way_keeps_the_digits_of_a_number_that_an_agents_model_sends(client: Client) -> None:
    result = await client.call_tool(AGENT_TOOL, {"prompt": "digits"})
    (step,) = (result.meta or {})[STEPS]
    assert json.loads(step["result"]) == {"result": "12345678901234567890.5", "exact": True}


@pytest.mark.requirement("exact-on-the-wire")
@pytest.mark.parametrize("sent", ["NaN", "-Infinity", "1e9999999999999999999"])
@on_one_loop
async def test_every_way_refuses_what_is_not_a_finite_number(client: Client, sent: str) -> None:
    result = await client.call_tool("sum_numbers", {"numbers": [raw(sent)]})
    assert result.is_error
    assert text(result).endswith("Send finite numbers, or numbers as text.")


HEARTBEAT = ": still working"
"""A line that comes when a call is slow, for example on a busy machine."""


@pytest.mark.requirement("every-transport")
@on_one_loop
async def test_every_way_reports_the_steps_of_an_agent_in_order(client: Client) -> None:
    values: list[float] = []
    lines: list[str] = []

    async def receive(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        values.append(progress)
        lines.append(message or "")

    result = await client.call_tool(AGENT_TOOL, {"prompt": "sums"}, progress_callback=receive)
    assert not result.is_error
    assert values == list(range(1, len(lines) + 1))
    lines = [line for line in lines if not line.endswith(HEARTBEAT)]
    assert lines[4:]
    assert all(sentence in text(result) for sentence in lines[4:])
    # The first call may be over before the model has moved on from the second.
    calls = [line.split("(")[0] for line in lines if line.startswith("calls ")]
    assert calls == ["calls sum_numbers#1", "calls square_root#2"]
    for name in ("sum_numbers#1", "square_root#2"):
        (began, ended) = (at for at, line in enumerate(lines) if name in line)
        assert f"calls {name}" in lines[began]
        assert lines[ended].startswith(name)
        assert " after " in lines[ended]


@on_one_loop
async def test_every_way_says_the_steps_of_agents_below(client: Client) -> None:
    lines: list[str] = []

    async def receive(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if not (message or "").endswith(HEARTBEAT):
            lines.append(message or "")

    result = await client.call_tool("threaded_agent", {"prompt": "below"}, progress_callback=receive)
    assert text(result) == "Answer: done: below"
    assert lines[0] == 'calls helper_agent#1(prompt="below")'
    assert lines[1] == "helper#1: asked: below"
    assert lines[2].startswith("helper#1: answered after ")
    assert lines[3].startswith("helper_agent#1 answered after ")


@pytest.mark.requirement("every-transport")
@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("factorial", {"n": 3}, "There is no tool named 'factorial'. Available: sum_numbers, "),
        ("divide_numbers", {"a": 1, "b": 0}, "Check the divisor"),
        ("divide_numbers", {"a": 1}, "'b' is a required property"),
        ("looped_agent", {"prompt": ""}, "prompt"),
        (AGENT_TOOL, {"prompt": "fail"}, "calculator_assistant has no answer: The Messages API answered 400: scripted"),
    ],
)
@on_one_loop
async def test_every_way_says_errors_as_results(
    client: Client, name: str, arguments: dict[str, object], said: str
) -> None:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    assert said in text(result)


@pytest.mark.requirement("bill-crosses-mcp")
@on_one_loop
async def test_the_bill_of_every_agent_comes_in_meta_and_its_model_reads_the_answer_alone(client: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    for name, prompt in ((AGENT_TOOL, "sums"), ("looped_agent", "schema"), ("threaded_agent", "schema")):
        result = await client.call_tool(name, {"prompt": prompt})
        assert not result.is_error
        bill = Bill.from_json((result.meta or {})[USAGE])
        assert bill is not None
        assert bill.own.requests > 0
        assert name == f"{bill.agent}_agent"
        schema = schemas[name]
        if schema is None:
            assert result.structured_content is None
        else:
            jsonschema.validate(result.structured_content, schema)


@pytest.mark.slow
@on_one_loop
async def test_the_path_can_be_chosen() -> None:
    for transport, path in (("streamable-http", "/api/tools"), ("sse", "/api/events")):
        async with serving(transport, "--offline", "--path", path) as served:
            assert served.url.endswith(path)
            async with served.client() as client:
                result = await client.call_tool("sum_numbers", {"numbers": [1]})
                assert not result.is_error


@on_one_loop
async def test_the_servers_say_nothing_but_where_they_listen(http: Served, sse: Served) -> None:
    for served in (http, sse):
        (line,) = served.said
        assert line == f"mcp-calc-server: listening at {served.url}\n"


@pytest.mark.slow
@pytest.mark.requirement("every-transport")
@on_one_loop
async def test_the_orchestrator_reaches_a_server_on_every_transport(
    model: ScriptedMessages, http: Served, sse: Served, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    env = scripted_env(model.url)
    entries: dict[str, object] = {
        "started": {"command": SERVER[0], "args": SERVER[1:], "env": env},
        "web": {"type": "http", "url": http.url},
        "old": {"type": "sse", "url": sse.url},
    }
    path.write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
    command = ("--json", "--config", str(path))
    for name in entries:
        end = await asyncio.to_thread(invoke, *command, "--server", name, "pass on", **env)
        assert end.exit_code == 0, end.stderr
        report = json.loads(end.stdout)
        assert report["answer"] == "Answer: done: passed on"
        assert [each["served_by"] for each in report["delegations"]] == [name]
    urls = (http.url, f"sse+{sse.url}")
    named = await asyncio.to_thread(invoke, "tools", "--json", *(part for url in urls for part in ("--server", url)))
    servers = json.loads(named.stdout)["servers"]
    assert {name: each["state"] for name, each in servers.items()} == dict.fromkeys(urls, "up"), named.stderr
