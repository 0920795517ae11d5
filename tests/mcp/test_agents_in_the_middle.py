"""Agents of files that use MCP servers themselves: a caller, an agent in the middle, and an agent at the end."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from agentloop import Agent, BudgetExceeded, CallContext, DeadlineExceeded, RunScope, Tool, ToolError, tool
from agentloop.agent_files import load_agents
from agentloop.events import Event, RunFinished, RunStarted, ToolStarted
from agentloop.file_agents import to_agent
from agentloop.mcp import connect
from agentloop.mcp.file_agents import connected_agents, servers_of
from agentloop.observers.trace import Trace
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.in_process import server
from tests.otlp import Collector
from tests.surface import ROOT, scripted_env

LEAF, MIDDLE = "claude-haiku-5-5", "claude-sonnet-5-5"


def write(folder: Path, name: str, body: str, **front: Any) -> Path:
    """An agent file; JSON is YAML."""
    path = folder / f"{name}.md"
    front = {"name": name, "description": f"The {name}.", **front}
    path.write_text("\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", body]))
    return path


def entry(*arguments: str | Path, **env: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": ["-m", "mcp_calc_server", *map(str, arguments)], "env": env}


def files_of(path: Path) -> Any:
    return [(file, servers_of(file, {})[0]) for file in load_agents(path).files]


def maker(model: ScriptedMessages) -> Callable[[Any, Sequence[Tool]], Agent]:
    return lambda file, tools: to_agent(file, tools, default_model=MIDDLE, client=model.client)


def script(request: RecordedRequest) -> Reply:
    system = str(request.body["system"])
    if system == "leaf" and "forever" in str(request.body["messages"][0]):
        tokens = min(4000, request.body["max_tokens"])
        return replace(calls(("sum_numbers", {"numbers": [1]})), usage={"input_tokens": 10, "output_tokens": tokens})
    if request.results:
        return says(f"{system} heard: {request.results[0]['content'][0]['text']}")
    if system == "lead":
        return calls(("middle_agent", {"prompt": request.prompt}))
    if system == "middle":
        return calls(("leaf_agent", {"prompt": request.prompt}))
    if "hold" in request.prompt:
        return Reply(says("word " * 2000).content, seconds_per_event=0.05)
    return calls(("sum_numbers", {"numbers": [1, 2]}))


def three_processes(folder: Path, url: str, **more: str) -> dict[str, Any]:
    """The entry of a server with an agent in the middle, whose own server publishes the agent at the end."""
    env = scripted_env(url, PYTHONPATH=str(ROOT), **more)
    calculator = entry("--offline")
    leaf = write(folder, "leaf", "leaf", model=LEAF, mcpServers={"calculator": calculator}, tools="calculator__sum_*")
    below = {**entry("--agents", leaf, **env), "trusted": True}
    middle = write(folder, "middle", "middle", model=MIDDLE, mcpServers=[{"below": below}], tools="mcp__below")
    return {**entry("--agents", middle, **env), "trusted": True}


@pytest.mark.slow
@pytest.mark.requirement("agents-in-the-middle")
async def test_events_usage_deadline_and_cancel_pass_through_three_processes(tmp_path: Path) -> None:
    with ScriptedMessages(script) as model:
        async with connect({"middle": three_processes(tmp_path, model.url)}) as servers:
            lead = Agent("lead", "lead", servers.tools, client=model.client)
            events = list[Event]()
            result = await lead.run("add", max_usd=1, deadline=100, on_event=events.append)
            check_events(events)
            assert result.answer == 'lead heard: middle heard: leaf heard: {"result": "3", "exact": true}'
            assert {name: each.requests for name, each in result.usage.by_model.items()} == {LEAF: 2, MIDDLE: 4}
            (middle,) = result.bill.delegated
            assert [bill.agent for bill in (middle, *middle.delegated)] == ["middle", "leaf"]

            running = asyncio.create_task(lead.run("hold"))
            await model.until(lambda: len(model.requests) == 9)
            running.cancel()
            await nobody_goes_on(running, asyncio.CancelledError, model)
            running = asyncio.create_task(lead.run("hold", deadline=6))
            await model.until(lambda: len(model.requests) == 12)
            await nobody_goes_on(running, DeadlineExceeded, model)


@pytest.mark.slow
@pytest.mark.requirement("agents-in-the-middle")
async def test_budget_and_trace_hold_in_three_processes(tmp_path: Path) -> None:
    """The agent at the end never stops of itself, and what it may spend is what the first one has left."""
    provider = TracerProvider(resource=Resource({"service.name": "lead"}))
    context = CallContext(scope=RunScope(trace=Trace(provider).on_event))
    with ScriptedMessages(script) as model, Collector() as collector:
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
        entry = three_processes(tmp_path, model.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        async with connect({"middle": entry}) as servers:
            lead = Agent("lead", "lead", servers.tools, client=model.client)
            with pytest.raises(BudgetExceeded) as ended:
                await lead.run("add forever", max_usd=0.02, context=context)
    used = ended.value.usage
    assert used is not None
    assert used.by_model[LEAF].requests == 10, "fewer than the 25 turns that it has"
    assert used.usd is not None
    assert 0.015 < used.usd <= 0.02
    assert len(model.requests) == sum(each.requests for each in used.by_model.values())
    assert {span.service for span in collector.spans} == {"lead", "mcp-calc-server"}
    (leaf,) = collector.named("invoke_agent leaf")
    assert [name for name in collector.above(leaf) if not name.startswith("MCP")] == [
        "tools/call leaf_agent",
        "execute_tool leaf_agent",
        "invoke_agent middle",
        "tools/call middle_agent",
        "execute_tool middle_agent",
        "invoke_agent lead",
    ]


def check_events(events: Sequence[Event]) -> None:
    started = [(event.agent, event.depth) for event in events if isinstance(event, RunStarted)]
    assert started == [("lead", 0), ("middle", 1), ("leaf", 2)]
    tools = [event.tool for event in events if isinstance(event, ToolStarted)]
    assert tools == ["middle_agent", "leaf_agent", "sum_numbers"]
    assert [event.agent for event in events if isinstance(event, RunFinished)] == ["leaf", "middle", "lead"]


async def nobody_goes_on(running: asyncio.Task[Any], ends_as: type[BaseException], model: ScriptedMessages) -> None:
    """The request of the agent at the end is closed, and there is no further one."""
    requests = len(model.requests)
    with pytest.raises(ends_as):
        await running
    await model.until(lambda: model.requests[-1].outcome is not None)
    assert (model.requests[-1].outcome, len(model.requests)) == ("cancelled", requests)


@pytest.mark.requirement("agents-in-the-middle")
async def test_a_server_is_connected_once_and_its_tools_stay_while_it_is_away(tmp_path: Path) -> None:
    """Two files name the server; it dies during a call of the first, and the second's is answered by its function."""
    (tmp_path / "other.py").write_text(OTHER_SERVER, encoding="utf-8")
    log = tmp_path / "starts"
    other = {
        "command": sys.executable,
        "args": [str(tmp_path / "other.py"), str(log)],
        "env": {"PYTHONPATH": str(ROOT)},
    }
    for name in ("one", "two"):
        write(
            tmp_path,
            name,
            name,
            mcpServers=[{"other": {**other, "trusted": True}}],
            tools=f"other__*, {__name__}:words",
        )
    warned = list[str]()

    def answer(request: RecordedRequest) -> Reply:
        if request.results:
            return says(str(request.results[0]["content"][0]["text"]))
        return calls((request.prompt, {"text": "a b"}))

    with ScriptedMessages(answer) as model:
        async with connected_agents(files_of(tmp_path), maker(model), warned.append) as (one, two):
            assert [tool.name for tool in (await one.agent()).tools] == ["other__words", "leave", "words"]
            assert await one.agent() is await one.agent()
            assert (await (await one.agent()).run("other__words")).answer == "20", "the server's"
            assert log.read_text(encoding="utf-8") == "started\n"
            assert "went away" in (await (await one.agent()).run("leave")).answer
            assert (await (await two.agent()).run("other__words")).answer == "2", "the function's"
            assert [line for line in warned if "are answered by local threads" in line]
            listed = one.tool().spec
            assert (listed.read_only, listed.destructive, listed.open_world) == (None, None, True)


@pytest.mark.requirement("agents-in-the-middle")
async def test_tools_that_a_file_names_are_called_and_an_approval_of_none_of_them_stops_it(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(OTHER_SERVER, encoding="utf-8")
    arguments = [str(tmp_path / "other.py"), str(tmp_path / "starts")]
    other = {"command": sys.executable, "args": arguments, "env": {"PYTHONPATH": str(ROOT)}}
    for name, approve in (("one", "words"), ("two", "other__wrods")):
        write(tmp_path, name, name, mcpServers={"other": other}, tools="mcp__other", approve=approve)
    with ScriptedMessages([calls(("leave", {"text": "a"})), says("left")]) as model:
        async with connected_agents(files_of(tmp_path), maker(model), lambda _line: None) as (one, two):
            with pytest.raises(ToolError, match=r"two\.md:6: error: approve: other__wrods matches no tool"):
                await two.tool().function(CallContext(), prompt="go")
            assert (await one.tool().function(CallContext(), prompt="go")).text == "left"
    assert "other went away" in str(model.requests[1].results)


OTHER_SERVER = """
import os, sys
from agentloop import tool
from agentloop.mcp import serve

@tool(read_only=True)
def words(text: str) -> int:
    "Count."
    return 10 * len(text.split())

@tool
def leave(text: str) -> int:
    "End the server."
    os._exit(1)

with open(sys.argv[1], "a") as log:
    log.write("started\\n")
serve(words, leave)
"""


@tool(read_only=True)
def words(text: str) -> int:
    """Count."""
    return len(text.split())


@pytest.mark.slow
@pytest.mark.requirement("agents-in-the-middle")
async def test_an_agent_whose_server_was_never_reached_says_so_and_works_once_it_is(tmp_path: Path) -> None:
    script = tmp_path / "late.py"
    late = {"command": sys.executable, "args": [str(script)], "env": {"PYTHONPATH": str(ROOT)}}
    file = write(tmp_path, "one", "one", mcpServers={"late": late})
    with ScriptedMessages([calls(("words", {"text": "a b"})), says("Two.")]) as model:
        async with connected_agents(files_of(file), maker(model), lambda _line: None) as (one,):
            published = one.tool()
            with pytest.raises(ToolError, match="one cannot work: its MCP servers cannot be reached"):
                await published.function(CallContext(), prompt="go")
            assert not model.requests
            script.write_text(OTHER_SERVER.replace("sys.argv[1]", "os.devnull"), encoding="utf-8")
            answers = list[str]()
            async with asyncio.timeout(60):
                while not answers:
                    with suppress(ToolError):
                        answers.append((await published.function(CallContext(), prompt="go")).text)
            assert answers == ["Two."]


@pytest.mark.requirement("agents-in-the-middle")
@pytest.mark.parametrize(
    ("servers", "said"),
    [
        (["git"], "error: mcpServers: git is not configured: give it a `command` or a `url` here, or a configuration"),
        ({"a": {"url": "ftp://x"}}, "error: mcpServers.a.url: is not an http:// or https:// address"),
        (
            {"a": {"command": "x", "env": {"K": "${NOT_SET}"}}},
            "mcpServers.a.env.K: the environment variable NOT_SET is",
        ),
        ({"a": {"command": "x", "colour": 1}}, "warning: mcpServers.a: `colour` is not known here and has no effect"),
    ],
)
def test_wrong_servers_are_said_with_file_and_line(tmp_path: Path, servers: Any, said: str) -> None:
    (file,) = load_agents(write(tmp_path, "one", "one", mcpServers=servers)).files
    _, (problem,) = servers_of(file, {})
    assert str(problem).startswith(f"{tmp_path}/one.md:4: ")
    assert said in str(problem)


@pytest.mark.requirement("agents-in-the-middle")
def test_servers_that_are_configured_elsewhere_are_found(tmp_path: Path) -> None:
    file = write(tmp_path, "one", "one", mcpServers=["git"], tools="git__log, words")
    config = tmp_path / "servers.json"
    servers = {"git": {"command": "uvx", "args": ["mcp-server-git"]}, "other": {"command": "${NOT_SET_HERE}"}}
    config.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    assert "is not configured" in server("check", str(file)).stdout
    shown = server("--mcp-config", str(config), "check", str(file))
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "  tools    git__log, words\n  servers  git\n" in shown.stdout
