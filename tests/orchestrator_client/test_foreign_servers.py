"""An orchestrator with servers of other people."""

import sys
from typing import Any

import pytest

from agentloop.mcp.client.config import ServerEntry
from agentloop.testing import ScriptedMessages, calls, says
from orchestrator_client.answer import RESULT_SHOWN, print_answer
from orchestrator_client.attachments import resources_of
from orchestrator_client.orchestrator import SYSTEM_PROMPT, Session
from orchestrator_client.report import DelegatedCall, Report
from orchestrator_client.setting_up import is_calculator
from tests.mcp.client.raw import raw


def session(model: ScriptedMessages, **wish: Any) -> Session:
    entry = raw(**wish).entry
    return Session({"raw": entry}, model="some-model", client=model.client)


@pytest.mark.requirement("server-instructions")
async def test_instructions_of_a_server_reach_the_model_quoted_under_its_name() -> None:
    with ScriptedMessages([says("fine")]) as model:
        async with session(model, tools=[], instructions="Dates are DD/MM.\n\nNever guess.") as servers:
            await servers.orchestrator().run("Go.")
    system = model.requests[0].body["system"]
    assert system.startswith(SYSTEM_PROMPT)
    assert "not instructions of the user" in system
    assert system.endswith("raw:\n> Dates are DD/MM.\n> \n> Never guess.")


@pytest.mark.parametrize(
    ("args", "is_it"),
    [
        (["--offline"], True),
        (["--agents", "mine"], False),
        (["--agents=mine"], False),
        (["--publish=a:b", "--calculator"], True),
    ],
)
def test_the_calculators_server_is_known_by_its_options(args: list[str], *, is_it: bool) -> None:
    entry = ServerEntry(command=sys.executable, args=("-m", "mcp_calc_server", *args))
    assert is_calculator(entry) is is_it


async def test_a_pattern_that_matches_no_tool_of_a_server_is_reported() -> None:
    entry = raw(tools=[{"name": "git_log", "inputSchema": {"type": "object"}}]).entry
    lines: list[str] = []
    patterns = ["git_*", "raw__git_log", "git-*", "raw__log"]
    with ScriptedMessages([]) as model:
        async with Session(
            {"raw": entry},
            model="some-model",
            client=model.client,
            deny=patterns,
            must_match=patterns,
            warn=lines.append,
        ) as session:
            session.orchestrator()
    assert [line for line in lines if "matches no" in line] == [
        f"--deny {pattern} matches no tool of the servers that are up." for pattern in ("git-*", "raw__log")
    ]


async def test_a_servers_tool_gets_no_name_of_a_built_in_function() -> None:
    names = ["read_result", "search_tools", "call_tool"]
    with ScriptedMessages([]) as model:
        async with session(
            model, tools=[{"name": name, "inputSchema": {"type": "object"}} for name in names]
        ) as servers:
            agent = servers.orchestrator()
    assert [tool.name for tool in agent.tools] == [f"raw__{name}" for name in names]
    assert agent.keeps_long_results, "which a tool of that name would switch off"


async def test_a_model_without_any_tools_answers_by_itself() -> None:
    with ScriptedMessages([says("fine")]) as model:
        async with session(model, capabilities={}) as servers:
            assert (await servers.orchestrator().run("Go.")).answer == "fine"
    assert "tools" not in model.requests[0].body


@pytest.mark.requirement("content-whole")
async def test_a_model_can_list_and_read_resources() -> None:
    resource = {"uri": "file:///a.md", "name": "a", "mimeType": "text/markdown", "description": "notes"}
    contents = {"uri": "file:///a.md", "mimeType": "text/markdown", "text": "# Notes"}
    script = [
        calls(("list_mcp_resources", {"server": "raw"})),
        calls(
            ("read_mcp_resource", {"server": "raw", "uri": "file:///a.md"}),
            ("read_mcp_resource", {"server": "x", "uri": "y"}),
        ),
        says("read"),
    ]
    with ScriptedMessages(script) as model:
        async with session(model, capabilities={"resources": {}}, resources=[resource], contents=contents) as servers:
            result = await servers.orchestrator().run("Go.")
    listed, read, unknown = (step.result for step in result.steps)
    assert listed == "file:///a.md | a | text/markdown | notes"
    assert read == "[Resource file:///a.md (text/markdown)]\n# Notes"
    assert unknown == "There is no server 'x' with resources. There are: \"raw\"."


async def test_the_resources_of_all_pages_can_be_attached() -> None:
    resources = [{"uri": f"file:///{name}.md", "name": name} for name in "abc"]
    async with raw(capabilities={"resources": {}}, resources=resources, page=2) as server:
        assert [each.name for each in await resources_of(server)] == ["a", "b", "c"]


def test_results_are_not_printed_whole_when_there_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    part = DelegatedCall("dump", {}, "raw", 0.0, 1.0, is_error=False, result="x" * 100_000)
    print_answer(Report([part], error="no budget"), "all", lambda _line: None)
    shown = capsys.readouterr().err
    assert len(shown) < RESULT_SHOWN + 200
    assert "98,000 more characters" in shown
