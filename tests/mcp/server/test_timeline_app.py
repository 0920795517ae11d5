"""The timeline as an MCP App: for hosts that show apps, and for nobody else."""

from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents

from agentloop import Agent, Tool
from agentloop.mcp.server import timeline_app
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.serving import build_server
from agentloop.mcp.server.timeline_app import TIMELINE, URI
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.agentloop.test_events import Serve

HOST = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]
both = pytest.mark.parametrize("mode", ["auto", "legacy"])


def script(request: RecordedRequest) -> Reply:
    return says("four") if request.results else calls(("double", {"number": 2}))


def double(number: int) -> int:
    return number * 2


def client(model: ScriptedMessages, mode: str, **options: Any) -> Client:
    agent = Agent("doubler", "You double.", [Tool.from_function(double)], client=model.client)
    server = build_server(Publication([Tool.from_function(double)], [agent]))
    return Client(server, mode=mode, **options)


@pytest.mark.requirement("timeline-app")
@both
async def test_a_host_that_shows_apps_gets_the_timeline_with_the_answer(scripted_messages: Serve, mode: str) -> None:
    async with client(scripted_messages(script), mode, extensions=HOST) as host:
        function, agent = (await host.list_tools()).tools
        assert (agent.meta or {})["ui"] == {"resourceUri": URI}
        assert "ui" not in (function.meta or {})
        result = await host.call_tool("doubler_agent", {"prompt": "2?"})
        data = (result.meta or {})[TIMELINE]
        (lane,) = data["lanes"]
        assert (lane["prompt"], lane["answer"]) == ("2?", "four")
        assert [bar["name"] for bar in lane["bars"]] == ["claude-sonnet-5-5", "double", "claude-sonnet-5-5"]
        assert TIMELINE not in ((await host.call_tool("double", {"number": 2})).meta or {})


@pytest.mark.requirement("timeline-app")
@both
async def test_other_clients_get_what_they_got_before(scripted_messages: Serve, mode: str) -> None:
    model = scripted_messages(script)
    async with client(model, mode) as plain, client(model, mode, extensions=HOST) as host:
        assert all("ui" not in (tool.meta or {}) for tool in (await plain.list_tools()).tools)
        without = await plain.call_tool("doubler_agent", {"prompt": "2?"})
        with_app = await host.call_tool("doubler_agent", {"prompt": "2?"})
    assert TIMELINE not in (without.meta or {})
    assert without.content == with_app.content
    assert set(without.structured_content or {}) == set(with_app.structured_content or {})


@pytest.mark.requirement("timeline-app")
@both
async def test_the_app_is_a_resource_that_needs_no_network(scripted_messages: Serve, mode: str) -> None:
    async with client(scripted_messages(script), mode, extensions=HOST) as host:
        if mode == "auto":  # the older revision has no word for a server's extensions
            assert EXTENSION_ID in (host.server_capabilities.extensions or {})
        (listed,) = (await host.list_resources()).resources
        assert (str(listed.uri), listed.mime_type) == (URI, APP_MIME_TYPE)
        (content,) = (await host.read_resource(URI)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == APP_MIME_TYPE
    assert content.text.startswith("<!DOCTYPE html>")
    assert TIMELINE in content.text
    assert "ui/initialize" in content.text


async def test_a_resource_that_is_not_there_is_an_error(scripted_messages: Serve) -> None:
    async with client(scripted_messages(script), "auto") as host:
        with pytest.raises(Exception, match="There is no resource 'ui://other'"):
            await host.read_resource("ui://other")


async def test_a_timeline_that_is_too_large_is_left_out(
    scripted_messages: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_app, "MAX_DATA", 10)
    async with client(scripted_messages(script), "auto", extensions=HOST) as host:
        result = await host.call_tool("doubler_agent", {"prompt": "2?"})
    assert (result.meta or {})[TIMELINE] == {"too_large": True}
