"""What a server returns, and what a model gets of it."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agentloop import Agent, ToolOutput
from agentloop.mcp.client.remote import remote_tools
from agentloop.media import MAX_IMAGE_BYTES, MAX_SIDE
from agentloop.testing import ScriptedMessages, calls, says
from tests.mcp.client.raw import call, raw

PDF = b"%PDF-1.4\n1 0 obj<</Type/Page>>endobj\nstartxref\n9\n%%EOF\n"
README = {"uri": "file:///repo/README.md", "mimeType": "text/markdown", "text": "# All of it"}


def picture(kind: str = "PNG", size: tuple[int, int] = (2, 2), *, noisy: bool = False) -> bytes:
    image = Image.effect_noise(size, 90).convert("RGB") if noisy else Image.new("RGB", size, "red")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image(data: str, kind: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "data": data, "mimeType": kind}


def embedded(**resource: Any) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "file:///x", **resource}}


PNG = text64(picture())
IMAGES = {
    "png": image(PNG),
    "jpg": image(text64(picture("JPEG")), "image/jpg"),
    "not_its_type": image(PNG, "image/jpeg"),
    "upper_case": image(PNG, "IMAGE/PNG"),
    "data_url": image("data:image/png;base64," + PNG),
    "line_breaks": image("\n".join(PNG[start : start + 40] for start in range(0, len(PNG), 40))),
    "no_padding": image(PNG.rstrip("=")),
    "bitmap": image(text64(picture("BMP")), "image/bmp"),
    "wide": image(text64(picture(size=(5000, 10)))),
    "heavy": image(text64(picture(size=(1900, 1900), noisy=True))),
    "embedded": embedded(uri="file:///a.png", mimeType="image/png", blob=PNG),
    "of_no_type": embedded(uri="file:///a.png", blob=PNG),
}


def assert_is_private(file: Path, data: bytes) -> None:
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o077 == 0


def sizes(output: ToolOutput) -> list[tuple[int, int]]:
    blocks = [block["source"] for block in output.content if block["type"] == "image"]
    return [Image.open(io.BytesIO(base64.b64decode(source["data"]))).size for source in blocks]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of the model SDK's transport
@pytest.mark.requirement("content-whole")
async def test_images_of_every_kind_and_size_reach_the_model_as_the_api_takes_them(tmp_path: Path) -> None:
    results = {name: {"content": [block]} for name, block in IMAGES.items()}
    async with raw(*IMAGES, results=results, folder=tmp_path) as connection:
        with ScriptedMessages([calls(*((name, {}) for name in IMAGES)), says("seen")]) as model:
            tools = remote_tools([connection], lambda _text: None, allow=["*"])
            assert (await Agent("a", "Look.", tools, client=model.client).run("Go.")).answer == "seen"
        outputs = {name: await call(connection, name) for name in ("png", "wide", "heavy")}
    asked = model.requests[1].body["messages"][-1]["content"]
    assert all(any(block["type"] == "image" for block in result["content"]) for result in asked)
    assert sizes(outputs["png"]) == [(2, 2)]
    assert sizes(outputs["wide"]) == [(MAX_SIDE, 4)]
    assert "scaled from 5,000 x 10 to 2,000 x 4 pixels" in outputs["wide"].text
    (heavy,) = (block for block in outputs["heavy"].content if block["type"] == "image")
    assert len(heavy["source"]["data"]) <= MAX_IMAGE_BYTES * 4 / 3 + 4


@pytest.mark.requirement("content-whole")
@pytest.mark.parametrize(
    ("block", "said"),
    [
        (image(""), "Image (image/png): it is empty"),
        (image("no base64!"), "Image (image/png): its data is not base64"),
        (image(text64(picture()[:30])), "it is not a valid image"),
        (embedded(mimeType="application/pdf", blob=text64(b"%PDF-1.4\n")), "it is not a complete PDF"),
        ({"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}, "a model cannot be given this kind of data"),
        (embedded(uri="file:///a/b.zip", blob="UEsDBA=="), "Resource file:///a/b.zip, 4 bytes"),
    ],
)
async def test_what_a_model_cannot_be_given_is_named_and_saved(block: dict[str, Any], said: str) -> None:
    lines: list[str] = []
    async with raw("t", results={"t": {"content": [block]}}) as connection:
        output = await call(connection, "t", lines)
    assert said in output.text
    assert said in lines[0]
    saved = re.search(r"saved for the user as (\S+)\]", output.text)
    if saved:
        data = block["data"] if "data" in block else block["resource"]["blob"]
        assert_is_private(Path(saved[1]), base64.b64decode(data))


@pytest.mark.requirement("content-whole")
@pytest.mark.parametrize(
    ("block", "given"),
    [
        (embedded(**README), "[Resource file:///repo/README.md (text/markdown)]\n# All of it"),
        (
            embedded(uri="file:///a.json", mimeType="application/json", blob=text64(b'{"a": 1}')),
            '[Resource file:///a.json (application/json)]\n{"a": 1}',
        ),
        (
            {"type": "resource_link", "uri": "file:///out.csv", "name": "report", "mimeType": "text/csv", "size": 12},
            (
                "[Link to a resource file:///out.csv (text/csv), report, 12 bytes. To read it: "
                'read_mcp_resource(server="raw", uri="file:///out.csv")]'
            ),
        ),
    ],
)
async def test_texts_and_links_are_given_with_uri_and_type(block: dict[str, Any], given: str) -> None:
    able: dict[str, Any] = {
        "capabilities": {"tools": {}, "resources": {}},
        "resources": [{"uri": "file:///a", "name": "a"}],
    }
    async with raw("t", results={"t": {"content": [block]}}, **able) as connection:
        assert (await call(connection, "t")).text == given


async def test_a_link_of_a_server_without_resources_does_not_name_a_tool_that_is_not_there() -> None:
    link = {"type": "resource_link", "uri": "https://a.example/b", "name": "page", "description": "the result"}
    async with raw("t", results={"t": {"content": [link]}}) as connection:
        assert (await call(connection, "t")).text == "[Link to a resource https://a.example/b, page: the result]"


@pytest.mark.requirement("content-whole")
async def test_a_pdf_is_a_document() -> None:
    block = embedded(uri="file:///a/report.pdf", mimeType="application/pdf", blob=text64(PDF))
    async with raw("t", results={"t": {"content": [block]}}) as connection:
        _, document = (await call(connection, "t")).content
    assert (document["type"], document["title"]) == ("document", "report.pdf")
    assert base64.b64decode(document["source"]["data"]) == PDF


@pytest.mark.requirement("content-whole")
@pytest.mark.parametrize(
    ("text", "structured", "more"),
    [
        ("Found 2 orders.", {"orders": [{"id": 17}, {"id": 18}]}, True),
        ('{"a": 1}', {"a": 1}, False),
        ("[1, 2]", {"result": [1, 2]}, False),
        ("7", {"result": 7}, False),
        ("It is 7 km.", {"length": 7, "unit": "km", "exact": True}, False),
    ],
)
async def test_structured_content_that_says_more_than_the_text_is_given_too(
    text: str,
    structured: Any,
    more: bool,  # noqa: FBT001
) -> None:
    result = {"content": [{"type": "text", "text": text}], "structuredContent": structured}
    async with raw("t", results={"t": result}) as connection:
        output = await call(connection, "t")
    assert len(output.content) == 1 + more


@pytest.mark.requirement("content-whole")
@pytest.mark.parametrize("more", [{}, {"camera": 7}])
async def test_an_image_that_structured_content_repeats_is_given_once(more: dict[str, Any]) -> None:
    result = {"content": [image(PNG)], "structuredContent": {"content": [image(PNG)], **more}}
    async with raw("t", results={"t": result}) as connection:
        output = await call(connection, "t")
    texts = [block["text"] for block in output.content if block["type"] == "text"]
    assert texts == (['{"content": ["(as above)"], "camera": 7}'] if more else [])


async def test_a_png_with_a_wrong_checksum_in_its_colour_profile_is_shown() -> None:
    whole = picture()
    profile = b"iCCP" + b"broken"
    broken = whole[:33] + len(profile[4:]).to_bytes(4, "big") + profile + b"\0\0\0\0" + whole[33:]
    async with raw("t", results={"t": {"content": [image(text64(broken))]}}) as connection:
        (block,) = (await call(connection, "t")).content
    assert block["source"]["data"] == text64(whole)


@pytest.mark.requirement("content-whole")
async def test_an_error_with_a_screenshot_does_not_end_the_run() -> None:
    text = {"type": "text", "text": "Element not found"}
    result = {"content": [text, image(PNG)], "isError": True}
    async with raw("click", results={"click": result}) as connection:
        with ScriptedMessages([calls(("click", {})), says("I clicked elsewhere.")]) as model:
            tools = remote_tools([connection], lambda _text: None, allow=["*"])
            run = await Agent("a", "Click.", tools, client=model.client).run("Go.")
    assert run.answer == "I clicked elsewhere."
    assert run.steps[0].is_error
    (block,) = model.requests[1].body["messages"][-1]["content"]
    assert [each.get("text") for each in block["content"]] == ["The tool reported an error:", "Element not found", None]
