"""Servers that are not quite right, or of another time: what they say arrives all the same."""

import asyncio
import json
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentloop.mcp.client import sdk_session, transports
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from tests.mcp.client.raw import OBJECT, agent_with, call, raw, tool

TEXT = {"type": "text", "text": "good text"}


@pytest.mark.requirement("odd-servers")
async def test_one_odd_tool_costs_no_server_its_other_tools() -> None:
    odd: list[Any] = [
        {"name": "no_type", "inputSchema": {"properties": {"a": {"type": "string"}}}},
        {"name": "no_schema"},
        {"name": "null_schema", "inputSchema": None},
        {"name": "true_property", "inputSchema": {"type": "object", "properties": {"a": True}}},
        tool("bad_output", outputSchema={"description": "x"}),
        tool("bad_description", description=5),
        tool("bad_annotations", annotations="readOnly"),
        tool("bad_icons", icons={}),
        {"inputSchema": OBJECT},
        tool(""),
        "no tool",
    ]
    async with raw(tools=[tool("fine"), *odd]) as connection:
        assert connection.error is None
        assert [each.name for each in connection.tools] == [
            "fine", "no_type", "no_schema", "null_schema", "true_property", "bad_output", "bad_description",
            "bad_annotations", "bad_icons",
        ]  # fmt: skip
        assert connection.catalog.left_out == ("A tool without a name is left out.",) * 3
        assert connection.tools[1].input_schema == {"properties": {"a": {"type": "string"}}, "type": "object"}
        assert not (await call(connection, "no_type", a="x")).is_error
        assert (await call(connection, "no_type", a=1)).is_error


async def test_a_list_that_has_changed_names_what_is_left_out_of_it() -> None:
    before = [tool("stay"), tool("grow"), tool("")]
    changed = {"method": "notifications/tools/list_changed"}
    entry = raw(
        tools=before,
        later={"grow": [*before, tool("new")]},
        notify={"stay": [changed], "grow": [changed]},
        capabilities={"tools": {"listChanged": True}},
    ).entry
    lists: asyncio.Queue[int] = asyncio.Queue()
    reporting = partial(Connection, tools_changed=lambda connection: lists.put_nowait(len(connection.tools)))
    async with reporting("raw", entry, connect_timeout=30, server_log=sys.stderr) as connection:
        assert connection.catalog.left_out == ("A tool without a name is left out.",)
        await call(connection, "stay")
        await call(connection, "grow")
        assert await asyncio.wait_for(lists.get(), 30) == 3, "the same list is no change"
        assert connection.catalog.left_out == ("A tool without a name is left out.",)


@pytest.mark.parametrize(
    ("deny", "entry", "line"),
    [
        (["*"], {}, "raw: --deny leaves out all of its tools: 2."),
        ([], {"disabledTools": ["*"]}, "raw: The configuration leaves out all of its tools: 2."),
    ],
)
async def test_a_server_of_which_nothing_is_left_is_named(deny: list[str], entry: dict[str, Any], line: str) -> None:
    lines: list[str] = []
    async with raw("one", "two", entry=entry) as connection:
        assert remote_tools([connection], lines.append, deny=deny) == []
    assert lines == [line]


@pytest.mark.requirement("odd-servers")
async def test_an_argument_with_a_default_may_be_left_out_although_the_schema_requires_it() -> None:
    schema = OBJECT | {"properties": {"scale": {"default": "css"}, "page": {}}, "required": ["scale", "page"]}
    async with raw(tools=[{"name": "shoot", "inputSchema": schema}]) as connection:
        assert not (await call(connection, "shoot", page="x")).is_error
        assert "'page' is a required property" in (await call(connection, "shoot")).text


@pytest.mark.requirement("tool-names")
async def test_names_that_no_model_can_write_are_mapped_and_called_by_the_servers_own_name() -> None:
    names = ["files.read", "files/read", "files_read", "größe", "日本", "two words", "x" * 80]
    async with raw(*names) as connection:
        agent = agent_with(connection)
        assert [each.name for each in agent.tools][2] == "files_read"
        called = [json.loads((await agent.call_tool(each.name, {})).text)["params"]["name"] for each in agent.tools]
    assert called == names


@pytest.mark.requirement("odd-servers")
async def test_a_server_without_tools_is_up() -> None:
    async with raw(capabilities={}) as connection:
        assert (connection.error, connection.is_up, connection.tools) == (None, True, ())


@pytest.mark.requirement("odd-servers")
@pytest.mark.parametrize("probe", ["exit", "silent"])
async def test_a_server_that_does_not_stand_the_probe_gets_the_plain_handshake_and_is_not_probed_again(
    probe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "PROBE_TIMEOUT", 1.0)
    with (tmp_path / "log").open("w+") as log:
        async with raw("t", probe=probe, log=log) as connection:
            assert connection.error is None
            assert not (await call(connection, "t")).is_error
        assert (tmp_path / "log").read_text() == ""


@pytest.mark.requirement("odd-servers")
async def test_what_a_server_says_of_the_probe_is_shown_only_if_it_fails(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        async with raw("t", log=file) as connection:
            assert connection.is_up
        assert log.read_text() == ""
        async with raw("t", log=file, version="no such revision") as connection:
            assert not connection.is_up
    assert "the server did not expect this" in log.read_text()


async def test_an_entry_can_name_the_handshake_so_that_there_is_no_probe(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        async with raw("t", probe="exit", entry={"protocol": "2025-06-18"}, log=log) as connection:
            assert connection.is_up
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.requirement("odd-results")
async def test_results_that_are_not_quite_right_arrive() -> None:
    results: dict[str, Any] = {
        "array": {"content": [], "structuredContent": [1, 2]},
        "scalar": {"content": [], "structuredContent": 7},
        "no_content": {"structuredContent": {"a": 1}},
        "text": {"content": "plain"},
        "unknown": {"content": [{"type": "video", "data": "x"}, TEXT]},
        "null_error": {"content": [TEXT], "isError": None},
        "null_meta": {"content": [TEXT], "_meta": None},
        "error_as_text": {"content": [TEXT], "isError": "true"},
        "no_error_as_text": {"content": [TEXT], "isError": "false"},
    }
    async with raw(*results, results=results) as connection:
        outputs = {name: await call(connection, name) for name in results}
    texts = {name: output.text for name, output in outputs.items()}
    assert [name for name, output in outputs.items() if output.is_error] == ["error_as_text"]
    assert texts == {
        "array": "[1, 2]",
        "scalar": "7",
        "no_content": '{"a": 1}',
        "text": "plain",
        "unknown": "[Content of the kind 'video', which cannot be read]\ngood text",
        "null_error": "good text",
        "null_meta": "good text",
        "error_as_text": "good text",
        "no_error_as_text": "good text",
    }


@pytest.mark.requirement("odd-results")
async def test_text_beside_structured_content_that_breaks_its_promise_is_given_with_a_note() -> None:
    promise = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    result = {"content": [TEXT], "structuredContent": {"n": "good"}}
    async with raw(tools=[tool("t", outputSchema=promise)], results={"t": result}) as connection:
        output = await call(connection, "t")
    assert not output.is_error
    first, *_, last = output.content
    assert first == TEXT
    assert "not what the tool promises: n: 'good' is not of type 'integer'" in last["text"]


@pytest.mark.requirement("odd-results")
async def test_details_of_errors_arrive() -> None:
    text = {"type": "text", "text": "Request failed."}
    limited = {"content": [text], "structuredContent": {"code": "RATE_LIMITED", "retry_after": 30}, "isError": True}
    error = {"code": -32000, "message": "no", "data": {"hint": "use an id"}}
    async with raw("limited", "rpc", results={"limited": limited}, errors={"rpc": error}) as connection:
        output = await call(connection, "limited")
        assert output.is_error
        assert '{"code": "RATE_LIMITED", "retry_after": 30}' in output.text
        assert (await call(connection, "rpc")).text == 'raw refused the call: no ({"hint": "use an id"})'


@pytest.mark.requirement("exact-numbers")
@pytest.mark.parametrize(
    "number", ["0.1", "1E+400", "12345678901234567890.123456789", "3.14159265358979323846", "-1E-400"]
)
async def test_numbers_reach_a_server_as_json_numbers_with_all_digits(number: str) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number"}}}
    async with raw(tools=[{"name": "t", "inputSchema": schema}]) as connection:
        output = await call(connection, "t", x=Decimal(number), text=number)
    assert f'"x":{number},"text":"{number}"' in output.text


async def test_a_tool_that_has_to_be_called_as_a_task_is_called_as_one() -> None:
    listed = tool("slow", execution={"taskSupport": "required"})
    async with raw(tools=[listed], tasks=["slow"], version="2025-11-25") as connection:
        assert (await call(connection, "slow")).text == "the task's result"


async def test_progress_is_told_with_its_numbers_and_log_messages_with_their_level(tmp_path: Path) -> None:
    steps = [{"progress": 1}, {"progress": 2, "total": 4}, {"progress": 3, "total": 4, "message": "almost"}]
    messages = [
        {"method": "notifications/message", "params": {"level": level, "logger": "db", "data": f"disk {level}"}}
        for level in ("info", "warning", "error")
    ]
    lines: list[str] = []
    with (tmp_path / "log").open("w") as log:
        async with raw("t", progress={"t": steps}, notify={"t": messages}, log=log) as connection:
            await call(connection, "t", lines)
            async with asyncio.timeout(10):
                while "error" not in (tmp_path / "log").read_text():  # noqa: ASYNC110 - a file, not an event
                    await asyncio.sleep(0.01)
    assert lines == ["1", "2/4", "3/4 almost"]
    assert (tmp_path / "log").read_text() == "raw: warning: db: disk warning\nraw: error: db: disk error\n"


@pytest.mark.slow
@pytest.mark.requirement("idle-limit")
async def test_progress_resets_the_limit_of_silence_and_a_timeout_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk_session, "IDLE_TIMEOUT", 1.5)
    steps = [{"progress": n} for n in range(5)]
    results = {"silent": "never"}
    async with raw("busy", "silent", progress={"busy": steps}, pause=0.5, results=results) as connection:
        busy, silent = await asyncio.gather(call(connection, "busy"), call(connection, "silent"))
    assert not busy.is_error
    assert silent.text == "raw returned no result and no progress for 1.5 s."
    async with raw("silent", results=results, entry={"timeout": 2000}) as connection:
        output = await call(connection, "silent")
    assert "raw returned no result in time" in output.text


async def test_instructions_are_kept_and_bounded() -> None:
    async with raw("t", instructions="Call `t` first. " * 1000) as connection:
        assert len(connection.catalog.instructions) == sdk_session.MAX_INSTRUCTIONS


@pytest.mark.requirement("odd-schemas")
async def test_a_tool_whose_schema_no_api_takes_is_called_with_the_names_it_knows() -> None:
    schema = {"type": "object", "properties": {"$filter": {"type": "string"}}, "anyOf": [{"required": ["$filter"]}]}
    async with raw(tools=[{"name": "find", "inputSchema": schema}]) as connection:
        (found,) = remote_tools([connection], lambda _text: None)
        assert list(found.spec.for_model()["input_schema"]["properties"]) == ["_filter"]
        output = await call(connection, "find", _filter="a")
        assert json.loads(output.text)["params"]["arguments"] == {"$filter": "a"}
        assert (await call(connection, "find")).is_error


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"results": {"t": "text"}}, "it is not a JSON-RPC response"),
        ({"results": {"t": [5]}}, "it is not a JSON-RPC response"),
        ({"errors": {"t": {"code": "ENOENT", "message": "no such file"}}}, "no such file"),
        ({"errors": {"t": {"code": -32000.5, "message": "no such file"}}}, "no such file"),
        ({"errors": {"t": {"code": -32000}}}, "it is not a JSON-RPC response"),
    ],
)
async def test_an_answer_that_cannot_be_read_ends_its_call(answer: dict[str, Any], said: str) -> None:
    async with raw(tools=[tool("t"), tool("other")], **answer) as connection:
        output = await call(connection, "t")
        assert output.is_error
        assert f"Its answer cannot be read: {said}" in output.text
        assert not (await call(connection, "other")).is_error


async def test_half_a_character_in_an_answer_is_replaced() -> None:
    content = [{"type": "text", "text": "a\ud83d"}]
    async with raw(tools=[tool("t")], results={"t": {"content": content}}) as connection:
        assert (await call(connection, "t")).text == "a\ufffd"


async def test_numbers_that_are_not_json_become_text() -> None:
    result = {"content": [{"type": "text", "text": "mean"}], "structuredContent": {"v": [float("nan"), 1e999, 2.5]}}
    async with raw(tools=[tool("t")], results={"t": result}) as connection:
        output = await call(connection, "t")
        assert output.structured == {"v": ["nan", "inf", 2.5]}
        assert output.text.startswith("mean")
