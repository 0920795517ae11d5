"""What the commands load before they are of use: a start is slow for what it imports, and this does not flake."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from agentloop.testing import ScriptedMessages, says
from orchestrator_client.config import ServerEntry
from orchestrator_client.connection import Connection
from tests.processes import OwnedClient, environment, run

LOOKS = (sys.executable, "-v")
"""Tells on stderr, as the process goes, what it imports."""

NOT_FOR_A_SERVER_AT_REST = {
    "anthropic",
    "cryptography",
    "httpx2",
    "jsonschema",
    "jwt",
    "mcp.client.client",
    "mcp.server.mcpserver.server",
    "mcp_calc_server.web",
    "sse_starlette.sse",
    "stamina",
    "uvicorn",
}
NOT_FOR_A_CLIENT_AT_REST = {
    "anthropic",
    "cryptography",
    "jsonschema",
    "mcp.server.lowlevel.server",
    "mcp.server.mcpserver.server",
    "starlette",
    "uvicorn",
}
NOT_FOR_A_REQUEST = {
    "anthropic.lib.bedrock",
    "anthropic.lib.vertex",
    "anthropic.resources.beta.beta",
    "mcp.server.lowlevel.server",
    "uvicorn",
}

AT_REST = """
import asyncio, sys
from orchestrator_client.__main__ import import_lean
import_lean()
from mcp_calc_server.calculator import calculator_assistant, local_twins
from offline_model.choice import choose_model
from orchestrator_client.config import servers_to_use
from orchestrator_client.orchestrator import Session, Setup

async def main():
    choice = choose_model("small")
    twins = local_twins(calculator_assistant(model=choice.model, client=choice.client))
    setup = Setup("big", choice.client, servers_to_use([], {}, {"ANTHROPIC_API_KEY": "a-key"}), twins)
    async with Session(setup, print) as session:
        print(len(session.orchestrator().tools))

asyncio.run(main())
"""

PREPARED = """
import sys
from mcp_calc_server.__main__ import lean
lean("anthropic", "mcp")
from agentloop.model import prepare
from offline_model.choice import claude_client
prepare()
before = set(sys.modules)
claude_client()
print(sorted(set(sys.modules) - before))
"""

SAME_NAMES = """
import importlib, runpy
from agentloop.imports import lean
lean("anthropic", "mcp", "sse_starlette")
compared = 0
packages = "anthropic anthropic.types anthropic.resources mcp mcp.client mcp.server mcp.types sse_starlette"
for name in packages.split():
    package = importlib.import_module(name)
    before = type(package).__name__
    scope = {"__name__": name, "__package__": name, "__path__": package.__path__, "__file__": package.__file__}
    exec(compile(open(package.__file__).read(), package.__file__, "exec"), scope)
    for key, value in scope.items():
        if not key.startswith("_") and (name, key) != ("anthropic", "resources"):  # the SDK has a lazy one of its own
            assert getattr(package, key) is value, (name, key, before)
            compared += 1
print(compared)
"""

BUILT = """
import sys
from importlib import import_module
import_module(f"{sys.argv[1]}.__main__").import_lean()
from mcp_types import methods
models = {*methods.CLIENT_REQUESTS.values(), *methods.CLIENT_NOTIFICATIONS.values()}
print(sum(model.__pydantic_complete__ for model in models))
methods.validate_client_request("tools/list", "2025-11-25", None)
print([model.__name__ for model in models if model.__pydantic_complete__])
"""

STREAMED = """
from mcp_calc_server.__main__ import import_lean
import_lean()
from mcp.server import streamable_http
response = streamable_http.EventSourceResponse(iter(()))
from sse_starlette import EventSourceResponse
from sse_starlette.sse import EventSourceResponse as Real
assert EventSourceResponse is type(response) is Real is not streamable_http.EventSourceResponse
"""


def imported(told: str) -> set[str]:
    return {line.split("'")[1] for line in told.splitlines() if line.startswith("import '")}


@pytest.mark.requirement("start-loads-little")
async def test_a_server_on_stdio_loads_no_model_client_and_no_web_before_it_is_called(tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = environment(ANTHROPIC_API_KEY="a-key")
    async with OwnedClient([*LOOKS, "-m", "mcp_calc_server"], log, env=env) as client:
        await client.list_tools()
        modules = imported(log.read_text(encoding="utf-8"))
    assert "mcp.server.lowlevel.server" in modules
    assert modules & NOT_FOR_A_SERVER_AT_REST == set()


@pytest.mark.requirement("start-loads-little")
async def test_a_connected_client_that_was_asked_nothing_has_no_model_client_and_no_server_in_it() -> None:
    env = environment(ANTHROPIC_API_KEY="a-key")
    end = await run(*LOOKS, "-c", AT_REST, env=env)
    assert (end.code, end.out) == (0, "7\n"), end.err[-2000:]
    assert imported(end.err) & NOT_FOR_A_CLIENT_AT_REST == set()


@pytest.mark.requirement("start-loads-little")
async def test_a_request_loads_only_the_part_of_the_sdk_it_needs(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    claude = scripted_messages([says("4")])
    async with httpx2.AsyncClient() as http:
        await http.get(claude.url)  # its thread imports until it answers, and a process is not to be forked meanwhile
    env = environment(ANTHROPIC_BASE_URL=claude.url, ANTHROPIC_API_KEY="a-key")
    end = await run(*LOOKS, "-m", "orchestrator_client", "What is 2 + 2?", env=env)
    assert (end.code, end.out) == (0, "4\n")
    assert imported(end.err) & NOT_FOR_A_REQUEST == set()


async def test_a_server_that_is_told_calls_come_soon_loads_what_they_need() -> None:
    reading, writing = os.pipe()
    entry = ServerEntry(
        command=sys.executable, args=("-v", "-m", "mcp_calc_server"), env=environment(ANTHROPIC_API_KEY="a-key")
    )

    def until_loaded() -> bool:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as log:
            return any(line.startswith("import 'httpcore2'") for line in log)

    waiting = asyncio.create_task(asyncio.to_thread(until_loaded))
    with os.fdopen(writing, "w") as log:
        async with asyncio.timeout(60), Connection("calc", entry, connect_timeout=30, server_log=log) as connection:
            await connection.announce()
            log.close()
            assert await waiting


async def test_what_is_prepared_is_all_that_the_first_client_needs() -> None:
    end = await run(sys.executable, "-c", PREPARED, env=environment(ANTHROPIC_API_KEY="a-key"))
    assert (end.code, end.out) == (0, "[]\n"), end.err


@pytest.mark.requirement("start-loads-little")
@pytest.mark.parametrize("command", ["mcp_calc_server", "orchestrator_client"])
async def test_a_command_builds_only_the_models_of_the_messages_it_gets(command: str) -> None:
    end = await run(sys.executable, "-c", BUILT, command)
    assert (end.code, end.out) == (0, "0\n['ListToolsRequest']\n"), end.err


async def test_what_a_server_leaves_out_is_there_when_it_is_wanted() -> None:
    end = await run(sys.executable, "-c", STREAMED)
    assert end.code == 0, end.err


@pytest.mark.requirement("start-loads-little")
async def test_lean_libraries_have_the_same_names_and_the_same_things_behind_them() -> None:
    end = await run(sys.executable, "-W", "ignore", "-c", SAME_NAMES)
    assert end.code == 0, end.err
    assert int(end.out) > 500
