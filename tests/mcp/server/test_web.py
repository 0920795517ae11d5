"""What the HTTP transports are like below the protocol: sockets, pieces, tasks."""

import asyncio
import json
import socket
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from agentloop import CallContext, Tool, ToolSpec
from agentloop.mcp.server.gathering import GatheringTransport
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.serving import build_server
from agentloop.mcp.server.web import Address, listen, web_app
from mcp_calc_server.calculator import calculator_assistant, math_tools_async
from offline_model.choice import claude_client

REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {}}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_to_a_client_leaves_at_once(host: str) -> None:
    with listen(Address("sse", host, port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class Written(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.is_closed = True


async def test_what_is_written_in_one_go_is_sent_in_one_piece() -> None:
    written = Written()
    gathering = GatheringTransport(written)
    for piece in (b"head", b"body", b""):
        gathering.write(piece)
    await asyncio.sleep(0)
    gathering.write(b"more")
    await asyncio.sleep(0)
    gathering.write(b"")
    await asyncio.sleep(0)
    assert written.pieces == [b"headbody", b"more"]
    assert gathering.get_extra_info("peername") == ("127.0.0.1", 1)


async def test_what_is_written_before_a_connection_is_closed_is_sent_before() -> None:
    written = Written()
    gathering = GatheringTransport(written)
    gathering.write(b"last words")
    gathering.close()
    assert (written.pieces, written.is_closed) == ([b"last words"], True)
    await asyncio.sleep(0)
    assert written.pieces == [b"last words"]


tasks: list[asyncio.Task[Any] | None] = []


async def brief() -> str:
    """Note the task it runs in."""
    tasks.append(asyncio.current_task())
    return "done"


async def call(tool: Tool, **more: str) -> httpx2.Response:
    publication = Publication([tool])
    app = web_app(build_server(publication), Address("streamable-http"), publication.is_brief)
    params = {"name": tool.name, "arguments": {}, "_meta": META}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": REVISION,
        "mcp-method": "tools/call",
        "mcp-name": tool.name,
    }
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as http,
    ):
        return await http.post("/mcp", json=request, headers=headers | more)


@pytest.mark.requirement("brief-calls-plainly")
async def test_a_brief_call_has_no_task_of_its_own() -> None:
    tasks.clear()
    tool = Tool.from_function(brief)
    for one in (replace(tool, timeout=1.0), tool):
        answer = await call(one)
        assert answer.json()["result"]["content"][0]["text"] == "done"
    assert [task is asyncio.current_task() for task in tasks] == [True, False]


@pytest.mark.requirement("brief-calls-plainly")
async def test_a_call_that_pretends_to_be_a_brief_one_is_refused() -> None:
    tool = replace(Tool.from_function(brief), timeout=1.0)
    answer = await call(tool, **{"mcp-name": "other"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


async def tells(context: CallContext) -> str:
    """Tell something."""
    context.report("on it")
    return "done"


@pytest.mark.requirement("brief-calls-plainly")
def test_what_has_something_to_tell_or_to_be_stopped_for_is_not_brief() -> None:
    functions = [*math_tools_async(), replace(Tool.from_function(tells), timeout=1.0), Tool.from_function(brief)]
    publication = Publication(functions, [calculator_assistant(model="m", client=claude_client)])
    names = [*(tool.name for tool in functions), "calculator_assistant_agent", "no such tool"]
    assert [publication.is_brief(name) for name in names] == [True] * 6 + [False] * 4


def test_the_sdk_is_given_only_schemas_with_arguments_for_headers() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    routed = Tool(ToolSpec("routed", "Route.", schema), brief)
    publication = Publication([*math_tools_async(), routed])
    assert publication.input_schema("routed") == json.loads(json.dumps(schema))
    assert publication.input_schema("sum_numbers") is None
    assert publication.input_schema("no such tool") is None
