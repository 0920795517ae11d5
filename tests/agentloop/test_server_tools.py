"""Server tools: the API runs them, their results stay in the conversation, and what they cost is counted."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentloop import Agent, BudgetExceeded, ConfigurationError, Limits, Tool, TurnLimitExceeded, server_tool
from agentloop.agent_files import AgentFile
from agentloop.events import Event, Notice
from agentloop.file_agents import select_tools
from agentloop.testing import Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.usage import Usage

Serve = Callable[[Script], ScriptedMessages]

SEARCH: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"type": "web_search_result", "url": "https://e.org", "title": "Rain", "encrypted_content": "x"}],
    },
]
SEARCHED = {"input_tokens": 1000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 3}}


def double(number: int) -> int:
    return 2 * number


DOUBLE = Tool.from_function(double)


@pytest.mark.requirement("server-tools")
async def test_searches_run_at_the_api_stay_in_the_conversation_and_are_paid(scripted_messages: Serve) -> None:
    first = calls(("double", {"number": 4}))
    first = replace(first, content=[*SEARCH, *first.content], usage=SEARCHED)
    server = scripted_messages([first, says("8")])
    agent = Agent("a", "Search.", [DOUBLE, server_tool("web_search", max_uses=5)], client=server.client)
    result = await agent.run("go")
    assert (result.answer, [step.tool for step in result.steps]) == ("8", ["double"])
    assert server.requests[0].body["tools"][1] == {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
    assert server.requests[1].body["messages"][1]["content"] == first.content
    usage = result.usage.by_model["claude-sonnet-5-5"]
    assert usage.web_search_requests == 3
    tokens = (usage.input_tokens * 2 + usage.output_tokens * 10) / Decimal(1_000_000)
    assert usage.usd == tokens + Decimal("0.03")
    assert Usage.from_json(result.usage.to_json()) == result.usage


@pytest.mark.requirement("server-tools")
async def test_a_turn_that_the_api_pauses_goes_on_within_the_turn_limit_and_in_its_container(
    scripted_messages: Serve,
) -> None:
    pauses = Reply(SEARCH[:1], "pause_turn", container="container_1")
    server = scripted_messages(lambda _: pauses)
    agent = Agent("a", "Search.", [server_tool("code_execution")], client=server.client, limits=Limits(max_turns=3))
    with pytest.raises(TurnLimitExceeded):
        await agent.run("go")
    assert server.refusals == []
    assert [request.body.get("container") for request in server.requests] == [None, "container_1", "container_1"]
    assert [len(request.body["messages"]) for request in server.requests] == [1, 2, 3]


@pytest.mark.requirement("server-tools")
async def test_the_price_of_all_searches_is_reserved_before_a_request(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: says("ok"))
    agent = Agent("a", "s", client=server.client, max_tokens=100)
    assert (await agent.run("go", max_usd="0.02")).answer == "ok"
    with pytest.raises(BudgetExceeded):
        await replace(agent, tools=[server_tool("web_search", max_uses=2)]).run("go", max_usd="0.02")
    assert len(server.requests) == 1


@pytest.mark.requirement("server-tools")
async def test_a_server_without_web_search_costs_the_run_that_tool_only(scripted_messages: Serve) -> None:
    text = "tools.1: Input tag 'web_search_20250305' found using 'type' does not match any of the expected tags"
    refusal = Reply(status=400, error={"type": "invalid_request_error", "message": text})
    server = scripted_messages(
        lambda request: refusal if "web_search" in str(request.body["tools"]) else says("without searching")
    )
    events: list[Event] = []
    agent = Agent("a", "s", [DOUBLE, server_tool("web_search")], client=server.client)
    assert (await agent.run("go", on_event=events.append)).answer == "without searching"
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.startswith("web_search is left out")


@pytest.mark.requirement("server-tools")
@pytest.mark.parametrize(
    ("tools", "denied", "definitions"),
    [
        (("WebSearch",), (), [{"type": "web_search_20250305", "name": "web_search"}]),
        (("WebFetch",), (), [{"type": "web_fetch_20250910", "name": "web_fetch"}]),
        (
            ("WebFetch(domain:a.org)", "WebFetch(domain:b.org)"),
            (),
            [{"type": "web_fetch_20250910", "name": "web_fetch", "allowed_domains": ["a.org", "b.org"]}],
        ),
        (("WebSearch", "WebFetch"), ("WebFetch",), [{"type": "web_search_20250305", "name": "web_search"}]),
        (None, (), []),
    ],
)
def test_agent_files_name_them_as_claude_code_does(
    tools: tuple[str, ...] | None, denied: tuple[str, ...], definitions: list[dict[str, Any]]
) -> None:
    file = AgentFile(path=Path("a.md"), name="a", description="d", tools=tools, disallowed_tools=denied)
    selection = select_tools(file)
    assert [tool.spec.for_model() for tool in selection.tools] == definitions
    assert not selection.problems


def test_wrong_definitions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="web_search, web_fetch, code_execution, not 'bash'"):
        server_tool("bash")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_uses"):
        server_tool("code_execution", max_uses=1)


async def test_it_cannot_be_called_from_here() -> None:
    output = await Agent("a", "s", [server_tool("web_search")]).call_tool("web_search", {})
    assert output.is_error
    assert "runs at the Messages API" in output.text
