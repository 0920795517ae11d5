"""What agents with types of their own take and give over MCP."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import BlobResourceContents, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from pydantic import BaseModel

from agentloop import Agent, Document, Image, Tool
from agentloop.agent_files import load_agents
from agentloop.delegation_context import SESSION, STEPS, USAGE
from agentloop.file_agents import publishable
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.serving import build_server
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script
from tests.surface import scripted_env, serving

PNG = b"\x89PNG\r\n\x1a\n picture"
Serve = Callable[[Script], ScriptedMessages]


class Place(BaseModel):
    city: str
    days: int = 1


class Weather(BaseModel):
    degrees: float
    words: list[str]


@pytest.mark.requirement("typed-results")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_sees_the_schemas_and_the_value_and_nothing_else(scripted_messages: Serve, mode: Any) -> None:
    value = {"degrees": 4.5, "words": ["cold"]}
    model = scripted_messages(lambda request: says(json.dumps(value) if "Oslo" in request.prompt else "Who knows."))
    agent = Agent("forecaster", "", client=model.client, input_type=Place, output_type=Weather)
    async with Client(build_server(Publication([], [agent])), mode=mode) as client:
        (tool,) = (await client.list_tools()).tools
        assert (tool.input_schema, tool.output_schema) == (Place.model_json_schema(), Weather.model_json_schema())
        result = await client.call_tool("forecaster_agent", {"city": "Oslo"})
        assert result.structured_content == value
        assert json.loads(result.content[0].text) == value  # type: ignore[union-attr]
        assert result.meta is not None
        assert (result.meta[STEPS], result.meta[USAGE]["agent"]) == ([], "forecaster")
        wrong = await client.call_tool("forecaster_agent", {"prompt": "Oslo?"})
        assert wrong.is_error
        assert "'city' is a required property" in str(wrong.content)
        lost = await client.call_tool("forecaster_agent", {"city": "Atlantis"})
        assert (lost.is_error, lost.structured_content) == (True, None)
        assert "does not fit the output type, also after a correction: not JSON" in str(lost.content)
        assert lost.meta is not None
        assert [used["requests"] for used in lost.meta[USAGE]["models"].values()] == [2]


@pytest.mark.requirement("agent-files")
async def test_a_call_that_runs_out_of_time_says_what_it_has_spent(scripted_messages: Serve, tmp_path: Path) -> None:
    async def reply(request: RecordedRequest) -> Reply:
        if request.results:
            await asyncio.Event().wait()
        return calls(("no_such_tool", {}))

    model = scripted_messages(reply)
    (tmp_path / "a.md").write_text("---\nname: slow\ndescription: Slow.\ntimeout: 3\n---\nWait.", encoding="utf-8")
    (file,) = load_agents(tmp_path / "a.md").files
    tool = publishable(file, client=model.client).tool
    assert tool is not None
    async with Client(build_server(Publication([tool]))) as client:
        result = await client.call_tool("slow_agent", {"prompt": "Wait."})
    assert (result.is_error, "slow ran out of time" in str(result.content)) == (True, True)
    assert result.meta is not None
    assert [used["input_tokens"] for used in result.meta[USAGE]["models"].values()] == [10]


@pytest.mark.slow
@pytest.mark.requirement("sessions")
async def test_a_client_continues_its_own_sessions_only(scripted_messages: Serve) -> None:
    model = scripted_messages(lambda request: says(f"{len(request.body['messages'])} messages"))
    options = ("--publish", "tests.durable.published:clerk", "--trusted-proxy", "127.0.0.1")
    async with serving("streamable-http", *options, env=scripted_env(model.url)) as served:
        headers = [{"x-forwarded-for": address} for address in ("10.0.0.1", "10.0.0.2")]
        async with served.client(headers=headers[0]) as mine, served.client("legacy", headers=headers[1]) as other:
            first = await mine.call_tool("clerk_agent", {"prompt": "one"})
            session = {"session_id": (first.meta or {})[SESSION]}
            assert "3 messages" in str((await mine.call_tool("clerk_agent", {"prompt": "two", **session})).content)
            refused = await other.call_tool("clerk_agent", {"prompt": "two", **session})
            assert refused.is_error
            assert "There is no session" in str(refused.content)


@pytest.mark.requirement("images-and-documents")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_images_and_documents_go_out_as_what_they_are(scripted_messages: Serve, mode: Any) -> None:
    def draw() -> list[Any]:
        return ["a", "b", Image(PNG), Document("c", title="über.txt"), Document(b"%PDF-1"), "d"]

    model = scripted_messages([calls(("draw", {})), says("Here.")])
    artist = Agent("artist", "", [Tool.from_function(draw)], client=model.client, attach=True)
    async with Client(build_server(Publication([*artist.tools], [artist])), mode=mode) as client:
        text, image, written, pdf, last = (await client.call_tool("draw", {})).content
        attached = (await client.call_tool("artist_agent", {"prompt": "Draw."})).content
    data = base64.b64encode(PNG).decode()
    assert (text, image, last) == (
        TextContent(text="a\nb"),
        ImageContent(data=data, mime_type="image/png"),
        TextContent(text="d"),
    )
    assert isinstance(written, EmbeddedResource)
    assert isinstance(written.resource, TextResourceContents)
    assert (str(written.resource.uri), written.resource.text) == ("attachment:///3/%C3%BCber.txt", "c")
    assert isinstance(pdf, EmbeddedResource)
    assert isinstance(pdf.resource, BlobResourceContents)
    assert (pdf.resource.mime_type, base64.b64decode(pdf.resource.blob)) == ("application/pdf", b"%PDF-1")
    assert attached == [TextContent(text="Here."), image, written.model_copy(), pdf.model_copy()]
