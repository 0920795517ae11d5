"""`serve` and `connect` as the README shows them, and what they refuse."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentloop import (
    Agent,
    ConfigurationError,
    Event,
    ServerChanged,
    ToolStarted,
    event_from_json,
    event_to_json,
    tool,
)
from agentloop.mcp import ServerEntry, connect, serve
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.processes import finished, started
from tests.surface import ROOT, Served, scripted_env, serving, text

EXAMPLES = {
    block.split()[1].strip(","): block
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
}
NOBODY = "http://127.0.0.1:9/mcp"


@tool(read_only=True)
def word_count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


writer = Agent("writer", "Write short texts. Count the words.", tools=[word_count])


def answer(request: RecordedRequest) -> Reply:
    if request.results:
        return says(f"Told: {request.results[0]['content'][0]['text']}")
    if str(request.body["system"]).startswith("Delegate"):
        return calls(("writer_agent", {"prompt": "Two haikus about rain"}))
    return calls(("word_count", {"text": "drip drip drip"}))


@asynccontextmanager
async def program(tmp_path: Path, source: str, *, url: str, transport: str = "stdio") -> AsyncIterator[Served]:
    """A program of the user's, saved as `program.py`, which says where it listens."""
    (tmp_path / "program.py").write_text(source, encoding="utf-8")
    command = (sys.executable, "program.py")
    env = scripted_env(url, PYTHONPATH=str(ROOT))
    async with serving(transport, env=env, command=command, cwd=tmp_path) as served:
        yield served


@pytest.mark.requirement("public-api")
async def test_the_two_programs_of_the_readme_work_together(
    tmp_path: Path,
) -> None:
    source, lead = EXAMPLES["writer.py"], EXAMPLES["lead.py"]
    assert "port=8000" in source
    with ScriptedMessages(answer) as model:
        (tmp_path / "writer.py").write_text(source, encoding="utf-8")
        async with program(tmp_path, source.replace("8000", "0"), url=model.url, transport="http") as served:
            (tmp_path / "lead.py").write_text(lead.replace("http://127.0.0.1:8000/mcp", served.url), encoding="utf-8")
            env = scripted_env(model.url, PYTHONPATH=str(ROOT))
            async with started([sys.executable, "lead.py"], env=env, cwd=tmp_path) as process:
                end = await finished(process)
    assert (end.code, end.err) == (0, "")
    assert end.out.splitlines()[-1] == "Told: Told: 3"
    assert "ToolStarted" in end.out, "on_event=print"
    assert {request.body["model"] for request in model.requests} == {"claude-sonnet-5-5"}


@pytest.mark.requirement("public-api")
async def test_a_fallback_answers_for_a_server_that_cannot_be_reached() -> None:
    warned, events = list[str](), list[Event]()
    with ScriptedMessages(answer) as model:
        local = Agent("writer", "Write.", [word_count], client=model.client)
        async with connect(NOBODY, fallback=[local.as_tool()], warn=warned.append, on_event=events.append) as remote:
            lead = Agent("lead", "Delegate.", remote.tools, client=model.client)
            result = await lead.run("Two haikus about rain", on_event=events.append)
    assert result.answer == "Told: Told: 3"
    assert [line.startswith(f"{NOBODY} cannot be reached: ") for line in warned] == [True]
    assert [event.is_up for event in events if isinstance(event, ServerChanged)] == [False]
    assert [event.tool for event in events if isinstance(event, ToolStarted)] == ["writer_agent", "word_count"]
    assert [event_from_json(event_to_json(event)) for event in events] == events
    async with connect(NOBODY, warn=warned.append) as remote:
        with pytest.raises(ConfigurationError, match="No server could be reached"):
            _ = remote.tools


SPANNED = """
from contextlib import asynccontextmanager
from dataclasses import replace
from agentloop import Agent, tool
from agentloop.mcp import connect, serve

@tool(read_only=True)
def shout(text: str) -> str:
    "Write in capitals."
    return text.upper()

@asynccontextmanager
async def lifespan():
    async with connect({"calculator": {"command": %r, "args": ["-m", "mcp_calc_server", "--offline"]}}) as servers:
        yield [Agent("counter", "Delegate", servers.only("sum_*", "calculator__power")), *servers.only("power")]
        print("left", flush=True)

serve(shout, lifespan=lifespan, name="mine", title="Mine", version="7", instructions="Shout.")
"""


@pytest.mark.slow
@pytest.mark.requirement("public-api")
@pytest.mark.parametrize("end", ["stdin", "signal"])
async def test_a_lifespan_opens_what_published_agents_need_and_is_left_at_the_end(tmp_path: Path, end: str) -> None:
    with ScriptedMessages([calls(("sum_numbers", {"numbers": [1, "0.5"]})), says("It is 1.5.")]) as model:
        async with program(tmp_path, SPANNED % sys.executable, url=model.url) as served:
            async with served.client() as client:
                listed = {each.name: each for each in (await client.list_tools()).tools}
                about, instructions = client.server_info, client.instructions
                result = await client.call_tool("counter_agent", {"prompt": "1 + 0.5"})
                if end == "signal":
                    served.process.terminate()
                    await served.process.wait()
            await served.process.wait()
    assert set(listed) == {"shout", "counter_agent", "power"}
    assert about is not None
    assert (about.name, about.title, about.version, instructions) == ("mine", "Mine", "7", "Shout.")
    assert text(result) == "It is 1.5."
    assert '"1.5"' in model.requests[1].results[0]["content"][0]["text"]
    assert "left\n" in served.said, "on stderr: stdout is the protocol's"
    for name in ("power", "counter_agent"):
        assert listed[name].annotations is None, "nobody believes an untrusted server because of us"
    assert listed["shout"].annotations is not None
    assert listed["shout"].annotations.read_only_hint is True


KEPT = """
from agentloop import Agent
from agentloop.mcp import OAuth, serve

oauth = OAuth(%r, "https://agents.example/mcp", "http://127.0.0.1:9/jwks")
serve(
    Agent("writer", "Write."), transport="http", port=0, allow_hosts=["agents.example"], oauth=oauth,
    durable="sqlite:runs.sqlite", respond_within=60,
)
"""


@pytest.mark.requirement("public-api")
async def test_a_program_serves_durable_runs_to_those_who_have_a_token_of_its_issuer(tmp_path: Path) -> None:
    issuer = "https://login.example/"
    async with (
        program(tmp_path, KEPT % issuer, url=NOBODY, transport="http") as served,
        httpx2.AsyncClient(base_url=served.base, headers={"host": "agents.example"}) as client,
    ):
        refused = await client.post("/mcp", json={})
        about = await client.get("/.well-known/oauth-protected-resource/mcp")
    assert (refused.status_code, about.json()["authorization_servers"]) == (401, [issuer])
    assert (tmp_path / "runs.sqlite").exists()


@pytest.mark.requirement("public-api")
async def test_servers_are_urls_commands_files_and_mappings_and_only_named_ones_are_trusted(tmp_path: Path) -> None:
    file = tmp_path / "servers.json"
    entry = {"command": sys.executable, "args": ["-m", "mcp_calc_server", "--offline"]}
    file.write_text('{"mcpServers": {"a": {"url": "http://127.0.0.1:9/a"}, "b": {"command": "x", "disabled": true}}}')
    servers = connect(NOBODY, "server --flag", file, {"mcpServers": {"a": entry}}, trusted=["a"])
    found = {each.name: (each.entry.url or each.entry.command, each.is_trusted) for each in servers.connections}
    assert found == {
        NOBODY: (NOBODY, False),
        "server": ("server", False),
        "a": ("http://127.0.0.1:9/a", True),
        "a-2": (sys.executable, False),
    }
    async with connect({"calc": ServerEntry(command=sys.executable, args=tuple(entry["args"]))}, trusted=True) as one:
        assert [each.name for each in one.only("calc__s*_numbers", "power")] == [
            "sum_numbers",
            "subtract_numbers",
            "power",
        ]
        assert all(each.is_harmless for each in one.only("power"))
        with pytest.raises(ConfigurationError, match=r"powr matches no tool\. There are: sum_numbers, "):
            one.only("powr")


@pytest.mark.requirement("public-api")
async def test_tools_without_a_connection_are_an_error_that_says_how_to_connect() -> None:
    warnings: list[str] = []
    servers = connect(NOBODY, fallback=[word_count], warn=warnings.append)
    with pytest.raises(ConfigurationError, match="within their block: `async with connect"):
        assert servers.tools
    async with servers:
        assert [tool.name for tool in servers.tools] == ["word_count"]
    with pytest.raises(ConfigurationError, match="within their block"):
        assert servers.tools
    with pytest.raises(ConfigurationError, match="call `connect` again"):
        async with servers:
            pass
    assert len(warnings) == 1, "the one about the server that is down"


@pytest.mark.requirement("tool-changes")
async def test_tools_of_servers_follow_the_list_that_a_server_announces() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    entry = {"command": sys.executable, "args": [str(ROOT / "tests/mcp/client/growing_server.py")]}
    async with connect({"growing": entry}, trusted=True, warn=said.put_nowait) as servers:
        agent = Agent("lead", "Grow.", servers.tools)
        await agent.call_tool("grow", {})
        line = await asyncio.wait_for(said.get(), 30)
        assert line == "growing has changed its tools and has 2 now. Servers.tools has them; an agent keeps its own."
        assert [len(servers.tools), len(agent.tools)] == [2, 1]


@pytest.mark.requirement("public-api")
@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (["http://"], {}, "this is not an http:// or https:// address with a host"),
        ([""], {}, "neither a configured server, a URL nor a command"),
        ([{"a": {"url": "x"}}], {}, "connect: mcpServers.a.url: is not an http:// or https:// address"),
        (["ftp://me:planted@h"], {}, "ftp://***@h is not an http:// or https:// address"),
        ([5], {}, "connect: 5 is not a URL, a command line, a Path or a mapping of entries"),
        ([NOBODY], {"fallback": [len]}, "fallback[0] is len, which is not a Tool. Make it a tool with @tool"),
        ([Path("/nowhere.json")], {}, "Cannot read /nowhere.json"),
        ([NOBODY], {"trusted": ["b"]}, "trusted: there is no server 'b'. There are: http"),
    ],
)
def test_what_is_no_server_is_refused(given: Sequence[Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        connect(*given, **options)
    assert said in str(refused.value)


IN_A_THREAD = """
import signal, sys, threading
from agentloop import tool
from agentloop.mcp import serve

@tool(read_only=True)
def shout(text: str) -> str:
    "Write in capitals."
    return text.upper()

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
threading.Thread(target=serve, args=[shout], kwargs={"transport": "http", "port": 0}, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.requirement("public-api")
async def test_a_program_serves_in_a_thread_beside_its_own_work(tmp_path: Path) -> None:
    async with program(tmp_path, IN_A_THREAD, url=NOBODY, transport="http") as served, served.client() as client:
        assert text(await client.call_tool("shout", {"text": "hey"})) == "HEY"


@pytest.mark.requirement("public-api")
async def test_async_code_is_not_blocked_by_a_server() -> None:
    with pytest.raises(ConfigurationError, match="serve was called from async code"):
        serve(writer)


@pytest.mark.requirement("public-api")
@pytest.mark.parametrize(
    ("published", "options", "said"),
    [
        ([], {}, "nothing to publish"),
        ([len], {}, "an agent or a tool is needed, not <built-in function len>. Is the function a @tool?"),
        ([writer], {"transport": "smtp"}, "transport is stdio, http or sse, not 'smtp'"),
        ([writer], {"transport": "http", "host": "192.0.2.1"}, "can be reached from other machines"),
        ([writer], {"transport": "http", "port": 70_000}, "port is 70000: give a number from 0"),
        ([writer], {"transport": "http", "path": "mcp"}, "path is 'mcp': a path begins with a slash"),
        ([writer], {"transport": "http", "allow_hosts": "agents.example"}, "allow_hosts is the text 'agents.example'"),
        ([writer], {"token": "x" * 16}, "token and oauth are for transport="),
        ([writer], {"respond_within": 5}, "respond_within needs durable"),
        (
            [writer],
            {"durable": "sqlite:runs.sqlite", "respond_within": -5},
            "respond_within is -5: give seconds above 0",
        ),
        ([writer], {"durable": "runs.sqlite"}, "A store is sqlite:PATH or postgresql://"),
        ([writer, [word_count, writer]], {}, "More than one tool is published as writer_agent"),
        ([replace(writer, description="half \ud83d")], {}, "writer_agent has half a character"),
    ],
)
def test_what_cannot_be_served_is_refused(published: Sequence[Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        serve(*published, **options)
    assert said in str(refused.value)
