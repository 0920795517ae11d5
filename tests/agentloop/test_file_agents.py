"""Agents made of agent files: their tools, their model, and whom they ask."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentloop import Accepted, Agent, Answer, BudgetExceeded, Question, Tool
from agentloop.agent_files import AgentFile, load_agents
from agentloop.file_agents import AFTER_TIMEOUT, publishable, resolve_model, select_tools, to_agent
from agentloop.testing import ScriptedMessages, calls, says

AGENTS = Path(__file__).parent / "agents"
FUNCTIONS = "tests.agentloop.file_tools"


def tool(name: str) -> Tool:
    def function() -> str:
        return name

    return Tool.from_function(function, name=name)


AVAILABLE = [tool(name) for name in ("git__log", "git__push", "web__fetch", "count")]


def file(**values: object) -> AgentFile:
    return AgentFile(path=Path("a.md"), name="a", description="Does a.", lines={"tools": 4}, **values)  # type: ignore[arg-type]


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize(
    ("tools", "denied", "selected"),
    [
        (None, (), ["git__log", "git__push", "web__fetch", "count"]),
        ((), (), []),
        (("*",), (), ["git__log", "git__push", "web__fetch", "count"]),
        (("git__log", "count"), (), ["git__log", "count"]),
        (("git__*",), (), ["git__log", "git__push"]),
        (("mcp__git__log",), (), ["git__log"]),
        (("mcp__git",), (), ["git__log", "git__push"]),
        (("mcp__*",), (), ["git__log", "git__push", "web__fetch"]),
        (None, ("mcp__*",), ["count"]),
        (None, ("*push",), ["git__log", "web__fetch", "count"]),
        (("git__*",), ("git__push",), ["git__log"]),
    ],
)
def test_patterns_select_tools_and_what_is_disallowed_is_never_selected(
    tools: tuple[str, ...] | None, denied: tuple[str, ...], selected: list[str]
) -> None:
    selection = select_tools(file(tools=tools, disallowed_tools=denied), AVAILABLE)
    assert [tool.name for tool in selection.tools] == selected
    assert not selection.problems


@pytest.mark.requirement("agent-files")
def test_patterns_that_match_nothing_and_tools_of_claude_code_are_warnings() -> None:
    asked = file(tools=("Read", "Bash(git diff:*)", "mcp__slack", "git__log", "cuont"), disallowed_tools=("Edit", "x"))
    selection = select_tools(asked, AVAILABLE)
    assert [tool.name for tool in selection.tools] == ["git__log"]
    assert [str(problem) for problem in selection.problems] == [
        "a.md:4: warning: not available outside Claude Code: Read, Bash(git diff:*)",
        "a.md:4: warning: tools: mcp__slack matches no tool",
        "a.md:4: warning: tools: cuont matches no tool. A Python function is written as module:function",
        "a.md:1: warning: disallowedTools: x matches no tool",
    ]


@pytest.mark.requirement("agent-files")
def test_python_functions_and_tools_are_loaded_by_module_and_name() -> None:
    selection = select_tools(file(tools=(f"{FUNCTIONS}:words", f"{FUNCTIONS}:letters")))
    assert [tool.name for tool in selection.tools] == ["words", "letters"]
    assert selection.tools[0].spec.description == "Count the words of a text."
    assert not selection.problems
    selection = select_tools(file(tools=(f"{FUNCTIONS}:words",), disallowed_tools=("words",)))
    assert not selection.tools


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:f", "there is no module no_such_module"),
        (f"{FUNCTIONS}:nothing", f"{FUNCTIONS} has no nothing."),
        (f"{FUNCTIONS}:NUMBER", "that is int, not a function or a Tool."),
        (f"{FUNCTIONS}:Tool", "that is type, not a function or a Tool."),
        (f"{FUNCTIONS}:unannotated", "no tool can be made of it: unannotated: parameter 'text' must be annotated"),
        ("os:system", "no tool can be made of it"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_an_error(name: str, reason: str) -> None:
    (problem,) = select_tools(file(tools=(name,))).problems
    assert str(problem).startswith(f"a.md:4: error: {name}: {reason}")


@pytest.mark.requirement("agent-files")
@pytest.mark.parametrize(
    ("named", "model"),
    [
        ("inherit", "the-default"),
        ("haiku", "claude-haiku-5-5"),
        ("Sonnet", "claude-sonnet-5-5"),
        ("sonnet[1m]", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5"),
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("qwen3:8b", "qwen3:8b"),
    ],
)
def test_aliases_of_models_stand_for_current_ones(named: str, model: str) -> None:
    assert resolve_model(named, "the-default") == model


@pytest.mark.requirement("agent-files")
async def test_an_agent_of_a_file_runs_as_the_file_says() -> None:
    (reader,) = load_agents(AGENTS / "reader.md").files
    published = publishable(reader)
    assert published.agent is not None
    assert published.tool is not None
    assert (published.tool.name, published.tool.timeout) == ("reader_agent", 45 + AFTER_TIMEOUT)
    assert (published.agent.limits.max_turns, published.agent.limits.run_timeout) == (4, 45)
    with ScriptedMessages([calls(("words", {"text": "a b c"})), says("A moment.")]) as model:
        agent = to_agent(reader, published.agent.tools, client=model.client)
        assert (await agent.run("How long is 'a b c'?")).answer == "A moment."
    first = model.requests[0].body
    assert (first["model"], first["output_config"]) == ("claude-haiku-5-5", {"effort": "low"})
    assert first["system"].startswith("Count the words with your tool.")
    assert model.requests[1].results[0]["content"][0]["text"] == "3"


@pytest.mark.requirement("approvals")
async def test_a_file_says_who_may_ask_and_what_has_to_be_approved() -> None:
    asked: list[Question] = []

    async def person(question: Question) -> Answer[Any]:
        asked.append(question)
        return Accepted({"answer": "short"} if "How" in question.message else {"allow": False})

    published = publishable(file(can_ask=True, approve=("words",), tools=(f"{FUNCTIONS}:words",)))
    assert published.agent is not None
    turns = [calls(("ask_user", {"question": "How long?"}), ("words", {"text": "a b"})), says("done")]
    with ScriptedMessages(turns) as model:
        agent = to_agent(
            file(can_ask=True, approve=("words",)), select_tools(file(tools=(f"{FUNCTIONS}:words",))).tools
        )
        await replace(agent, client=model.client).run("go", on_question=person)
        answer, refused = (result["content"][0]["text"] for result in model.requests[1].results)
    assert answer == 'The user answered: "short"'
    assert "words was not called: the user did not allow it" in refused
    assert {question.message for question in asked} == {"How long?", 'a wants to run words {"text": "a b"}'}
    assert {question.agent for question in asked} == {"a"}


@pytest.mark.requirement("approvals")
async def test_a_person_sees_the_arguments_of_a_call_in_the_order_that_they_have() -> None:
    asked: list[str] = []

    async def person(question: Question) -> Answer[Any]:
        asked.append(question.message)
        return Accepted({"allow": False})

    named = file(tools=(f"{FUNCTIONS}:words",), approve=("words",))
    with ScriptedMessages([calls(("words", {"text": "é \u202egpj.exe"})), says("done")]) as model:
        await to_agent(named, select_tools(named).tools, client=model.client).run("go", on_question=person)
    assert asked == ['a wants to run words {"text": "é \\u202egpj.exe"}']


@pytest.mark.requirement("approvals")
@pytest.mark.parametrize("approved", ["words", f"{FUNCTIONS}:words", f"{FUNCTIONS}:*", "*"])
async def test_a_function_is_approved_by_its_name_and_by_the_one_it_has_in_the_file(approved: str) -> None:
    named = file(tools=(f"{FUNCTIONS}:words",), approve=(approved,))
    selection = select_tools(named)
    assert not selection.problems
    with ScriptedMessages([calls(("words", {"text": "a b"})), says("done")]) as model:
        await to_agent(named, selection.tools, client=model.client).run("go")
        assert "words was not called: a person has to approve it" in str(model.requests[1].results)


@pytest.mark.requirement("approvals")
def test_an_approval_that_no_tool_can_have_keeps_the_agent_from_being_published() -> None:
    server = {"git": {"command": "git-server"}, "my files": None}
    approve = ("gitt__push", "mcp__gti", "git__push", "mcp__git", "my_files__move", "push", "*__push", "web__*")
    published = publishable(file(mcp_servers=server, tools=("gitt__log", "git__log"), approve=approve))
    assert published.agent is None
    assert [str(problem).partition(": ")[2] for problem in published.problems] == [
        "warning: tools: gitt__log matches no tool",
        "error: approve: gitt__push matches no tool",
        "error: approve: mcp__gti matches no tool",
        "warning: approve: web__* matches no tool",
    ]


@pytest.mark.requirement("approvals")
def test_what_runs_at_the_api_cannot_be_approved() -> None:
    published = publishable(file(tools=("WebSearch",), approve=("WebSearch", "git__push", "delte")))
    assert published.agent is None
    assert [str(problem).partition(": ")[2] for problem in published.problems] == [
        "error: approve: WebSearch runs at the API, so nobody can be asked before it does",
        "warning: approve: git__push matches no tool",
        "error: approve: delte matches no tool",
    ]


@pytest.mark.requirement("agent-files")
async def test_what_a_run_may_cost_is_bounded_by_the_file_and_by_the_caller() -> None:
    with ScriptedMessages(lambda _request: says("x")) as model:
        agent = to_agent(file(max_usd=0.000001), client=model.client)
        with pytest.raises(BudgetExceeded):
            await agent.run("go")
        assert not model.requests
        agent = to_agent(file(max_usd=5), client=model.client)
        assert (await agent.run("go")).answer == "x"
        with pytest.raises(BudgetExceeded):
            await agent.run("go", max_usd="0.000001")


@pytest.mark.requirement("typed-results")
async def test_the_schemas_of_a_file_are_those_of_its_agent() -> None:
    place = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    weather = {"type": "object", "properties": {"degrees": {"type": "number"}}, "required": ["degrees"]}
    with ScriptedMessages([says('{"degrees": 4.5}')]) as model:
        published = publishable(file(input=place, output=weather), client=model.client)
        assert published.tool is not None
        assert (published.tool.spec.input_schema, published.tool.spec.output_schema) == (place, weather)
        output = await Agent("boss", "", [published.tool]).call_tool(published.tool.name, {"city": "Oslo"})
    assert output.structured == {"degrees": 4.5}
    with_sessions = publishable(file(sessions=True)).tool
    assert with_sessions is not None
    assert "session_id" in with_sessions.spec.input_schema["properties"]


def test_two_functions_of_one_name_are_an_error() -> None:
    both = file(tools=(f"{FUNCTIONS}:words", "tests.agentloop.more_file_tools:words"))
    assert "has more than one tool named words" in str(publishable(both).problems[-1])
