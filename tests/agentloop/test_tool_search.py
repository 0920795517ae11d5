"""Tools that are searched for: what the model gets of them, and what a question costs with 10 and with 300 tools."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agentloop import Agent, Tool, ToolSpec
from agentloop.limits import Limits
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.tool_search import CALL, MAX_TOKENS, SEARCH, How, searchable, tokens_of

VERBS = ("create", "delete", "list", "update", "archive", "assign", "merge", "export", "close", "watch")
THINGS = (
    *("issue", "label", "milestone", "branch", "comment", "project", "team", "webhook", "release", "invoice"),
    *("customer", "order", "refund", "shipment", "warehouse", "ticket", "calendar", "meeting", "contact", "campaign"),
    *("survey", "report", "dashboard", "alert", "secret", "cluster", "pipeline", "snapshot", "volume", "certificate"),
)
WANTED = "merge_branch"
QUESTION = "Merge the branch rain into main."


def tools_of(count: int) -> list[Tool]:
    """So many tools as servers describe them, `WANTED` among them."""
    names = [f"{verb}_{thing}" for thing in THINGS for verb in VERBS]
    names = [WANTED, *(name for name in names if name != WANTED)][:count]
    return [_tool(name) for name in names]


def _tool(name: str) -> Tool:
    verb, thing = name.split("_")
    text = {"type": "string", "description": f"The name of the {thing}, as it is shown in the list of the workspace."}
    properties = {
        f"{thing}_name": text,
        "workspace": {"type": "string", "description": "The workspace; the default one if it is left out."},
        "dry_run": {"type": "boolean", "description": "Only say what would be done, without doing it."},
    }

    async def run(**arguments: Any) -> str:
        return f"{name}: {json.dumps(arguments)}"

    schema = {"type": "object", "properties": properties, "required": [f"{thing}_name"]}
    description = f"{verb.capitalize()} a {thing} of the workspace. Returns the {thing} with its id, owner and state."
    return Tool(ToolSpec(name, description, schema), run, served_by="tracker", is_trusted=False)


def local_model(request: RecordedRequest) -> Reply:
    """Calls `WANTED` if it is listed, otherwise searches for it first."""
    arguments = {"branch_name": "rain"}
    listed = {tool["name"] for tool in request.body["tools"]}
    result = request.results[0]["content"][0]["text"] if request.results else ""
    if result.startswith(WANTED):
        return says(result)
    if WANTED in listed:
        return calls((WANTED, arguments))
    if not result:
        return calls((SEARCH, {"query": "merging branches"}))
    assert json.loads(result)[0]["name"] == WANTED
    return calls((CALL, {"name": WANTED, "arguments": arguments}))


def api_model(request: RecordedRequest) -> Reply:
    """As the API answers: its search is part of the message in which the found tool is called."""
    if request.results or not any(tool.get("defer_loading") for tool in request.body["tools"]):
        return local_model(request)
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_bm25", "input": {"query": "m"}}
    references = [{"type": "tool_reference", "tool_name": WANTED}]
    content = {"type": "tool_search_tool_search_result", "tool_references": references}
    found = {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": content}
    reply = calls((WANTED, {"branch_name": "rain"}))
    return Reply([searched, found, *reply.content], "tool_use")


def prompt_tokens(request: RecordedRequest) -> int:
    """About how many tokens the request is: definitions that are deferred count only where one is referred to."""
    messages = json.dumps(request.body["messages"])
    tools = [tool for tool in request.body["tools"] if not tool.get("defer_loading") or f'"{tool["name"]}"' in messages]
    return len(json.dumps({**request.body, "tools": tools})) // 4


async def spent(tools: Sequence[Tool], how: How, model: Callable[[RecordedRequest], Reply]) -> int:
    with ScriptedMessages(model) as server:
        agent = Agent("lead", "Use the tools.", searchable(tools, how, Limits()), client=server.client)
        result = await agent.run(QUESTION)
        assert result.answer == f'{WANTED}: {{"branch_name": "rain"}}'
        return sum(map(prompt_tokens, server.requests))


@pytest.mark.slow
@pytest.mark.requirement("many-tools")
@pytest.mark.parametrize(("how", "model"), [("local", local_model), ("api", api_model)])
async def test_a_question_with_300_tools_costs_at_most_a_third_more_than_with_10(
    how: How, model: Callable[[RecordedRequest], Reply]
) -> None:
    few, many = await spent(tools_of(10), how, model), await spent(tools_of(300), how, model)
    assert many <= 1.3 * few, f"{many} instead of {few} tokens"
    assert await spent(tools_of(300), "never", model) > 10 * few, "which it would cost without a search"


def test_few_tools_are_listed_and_trusted_ones_stay() -> None:
    few = tools_of(10)
    assert searchable(few, "api", Limits()) == few
    own = Tool(ToolSpec("add", "Add.", {"type": "object"}), print)
    found = searchable([own, *tools_of(300)], "local", Limits())
    assert [tool.name for tool in found] == ["add", SEARCH, CALL]
    assert tokens_of(tools_of(10)) <= MAX_TOKENS < tokens_of(tools_of(300))


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("close a support ticket", "close_ticket"),
        ("refunds: exporting", "export_refund"),
        ("createMeeting", "create_meeting"),
        ("xyzzy", None),
    ],
)
async def test_the_search_finds_tools_by_their_words(query: str, best: str | None) -> None:
    agent = Agent("lead", "", searchable(tools_of(300), "local", Limits()))
    output = await agent.call_tool(SEARCH, {"query": query})
    assert output.text.startswith("No tool fits." if best is None else f'[{{"name": "{best}"')


async def test_arguments_of_found_tools_are_checked_against_their_schema() -> None:
    agent = Agent("lead", "", searchable(tools_of(300), "local", Limits()))
    wrong = await agent.call_tool(CALL, {"name": WANTED, "arguments": {"branch_name": 5}})
    assert wrong.is_error
    assert "Invalid arguments for merge_branch: branch_name" in wrong.text
    unknown = await agent.call_tool(CALL, {"name": "merge", "arguments": {}})
    assert "There is no tool 'merge' to call by call_tool" in unknown.text
    right = await agent.call_tool(CALL, {"name": WANTED, "arguments": {"branch_name": "rain"}})
    assert (right.text, right.served_by) == ('merge_branch: {"branch_name": "rain"}', "tracker")
