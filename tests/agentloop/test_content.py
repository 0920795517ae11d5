"""Images and documents in prompts, in tools' results, and beside an agent's answer."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentloop import Agent, ConfigurationError, Document, Image, Tool, ToolOutput, create_agent_tool_async
from agentloop.content import MAX_IMAGE
from agentloop.messages import ContentPart
from agentloop.testing import ScriptedMessages, calls, says
from agentloop.testing.server import Script

pytestmark = pytest.mark.requirement("images-and-documents")

Serve = Callable[[Script], ScriptedMessages]

PNG = b"\x89PNG\r\n\x1a\n picture"
PDF = b"%PDF-1.7 contract"


def image_block(data: bytes = PNG, media_type: str = "image/png") -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


async def test_a_prompt_has_text_images_and_documents_in_the_order_given(
    scripted_messages: Serve, tmp_path: Path
) -> None:
    (tmp_path / "contract.pdf").write_bytes(PDF)
    (tmp_path / "notes.txt").write_text("Grüße", encoding="utf-8")
    server = scripted_messages([says("a cat"), says("a dog"), says("a bird")])
    agent = Agent("viewer", "", client=server.client)
    parts: list[str | ContentPart] = [
        Image(PNG),
        Document.from_file(tmp_path / "contract.pdf"),
        Document.from_file(tmp_path / "notes.txt"),
        "?",
    ]
    result = await agent.run(parts)
    result = await agent.run(result.conversation.ask(["And here?", Image(b"\xff\xd8\xff jpeg")]))
    await agent.run(Image(b"RIFF1234WEBP"))
    pdf = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(PDF).decode()}
    notes = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    first, second, third = (request.body["messages"] for request in server.requests)
    assert first[0]["content"] == [
        image_block(),
        {"type": "document", "source": pdf, "title": "contract.pdf"},
        {"type": "document", "source": notes, "title": "notes.txt"},
        {"type": "text", "text": "?"},
    ]
    assert second[2]["content"] == [
        {"type": "text", "text": "And here?"},
        image_block(b"\xff\xd8\xff jpeg", "image/jpeg"),
    ]
    assert third[0]["content"] == [image_block(b"RIFF1234WEBP", "image/webp")]


def test_what_the_api_does_not_take_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PNG, JPEG, GIF or WebP only, and this is none"):
        Image(b"<svg/>")
    with pytest.raises(ConfigurationError, match=r"image has .* takes 5,242,880 at most"):
        Image(PNG + b"x" * MAX_IMAGE)
    with pytest.raises(ConfigurationError, match=r"no\.png cannot be read: No such file"):
        Image.from_file(tmp_path / "no.png")
    with pytest.raises(ConfigurationError, match="as PDF or as text only"):
        Document(b"PK\x03\x04")
    (tmp_path / "report.docx").write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(ConfigurationError, match=r"report\.docx is neither a PDF nor UTF-8 text"):
        Document.from_file(tmp_path / "report.docx")


@pytest.mark.parametrize("prompt", [7, [7], b"bytes", ["text", None]])
async def test_a_prompt_that_is_something_else_is_a_clear_error(prompt: Any) -> None:
    with pytest.raises(TypeError, match="A prompt is text, an Image, a Document or a list of these, not "):
        await Agent("viewer", "").run(prompt)


@pytest.mark.parametrize("attach", [False, True])
async def test_images_of_tools_are_shown_to_the_model_and_come_with_the_answer_if_asked_for(
    scripted_messages: Serve,
    attach: bool,  # noqa: FBT001
) -> None:
    def draw(number: int) -> list[Any]:
        return [f"picture {number}", Image(PNG + bytes([number]))]

    server = scripted_messages([calls(*(("draw", {"number": number}) for number in range(12))), says("Here.")])
    artist = Agent("artist", "", [Tool.from_function(draw)], client=server.client, attach=attach)
    tool = create_agent_tool_async(artist)
    output = await Agent("boss", "", [tool]).call_tool(tool.name, {"prompt": "Draw."})
    assert server.requests[1].results[3]["content"] == [
        {"type": "text", "text": "picture 3"},
        image_block(PNG + b"\x03"),
    ]
    pictures = [image_block(PNG + bytes([number])) for number in range(2, 12)]
    notice = {"type": "text", "text": "[2 earlier attachments were left out.]"}
    answer = {"type": "text", "text": "Here."}
    assert output.content == ((answer, notice, *pictures) if attach else (answer,))


def test_a_function_may_return_an_image_a_document_or_a_list_with_some() -> None:
    assert ToolOutput.of(Image(PNG)).content == (image_block(),)
    assert ToolOutput.of(Document("text")).content[0]["source"]["data"] == "text"
    assert ToolOutput.of([{"a": 1}, Image(PNG)]).content == ({"type": "text", "text": '{"a": 1}'}, image_block())
    assert ToolOutput.of([1, 2]).text == "[1, 2]"


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # of aiohttp, for what is in memory
async def test_a_budget_counts_an_image_by_its_tokens_and_not_by_its_bytes(scripted_messages: Serve) -> None:
    server = scripted_messages([says("a cat")])
    agent = Agent("viewer", "", client=server.client, model="claude-haiku-5-5", max_tokens=100)
    assert (await agent.run([Image(PNG + b"x" * 2_000_000), "?"], max_usd=0.01)).answer == "a cat"
