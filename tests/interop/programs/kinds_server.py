# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
# FastMCP is not installed where types are checked.
"""A FastMCP server on stdio with 300 tools of odd names and schemas, some of which return every kind of content.

The description of each tool is different, so that it can be found under whatever name a client gives it.
"""

import base64
import json
import logging
import struct
import wave
import zlib
from io import BytesIO

from fastmcp import FastMCP
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

TOOLS = 300


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0\xff\0\0\0\xff\0" + b"\0\0\0\xff\xff\xff\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav():
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 80)
    return file.getvalue()


def pdf():
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + table + b"trailer << /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(data)


def coded(data):
    return base64.b64encode(data).decode()


def text(value):
    return TextContent(type="text", text=value)


def image(media_type="image/png"):
    return ImageContent(type="image", data=coded(png()), mime_type=media_type)


def embedded(uri, media_type, *, value=None, data=None):
    if value is not None:
        resource = TextResourceContents(uri=uri, mime_type=media_type, text=value)
    else:
        resource = BlobResourceContents(uri=uri, mime_type=media_type, blob=coded(data))
    return EmbeddedResource(type="resource", resource=resource)


LINK = ResourceLink(
    type="resource_link", uri="kinds://note", name="note", description="A note to read", mime_type="text/plain"
)
RESULTS = {
    "text": ToolResult([text("plain"), text("Zoë → 東京")]),
    "image": ToolResult([image()]),
    "image with the wrong type": ToolResult([image("image/jpg")]),
    "audio": ToolResult([AudioContent(type="audio", data=coded(wav()), mime_type="audio/wav")]),
    "embedded text": ToolResult([embedded("kinds://a.md", "text/markdown", value="# Title")]),
    "embedded PDF": ToolResult([embedded("kinds://a.pdf", "application/pdf", data=pdf())]),
    "embedded image": ToolResult([embedded("kinds://a.png", "image/png", data=png())]),
    "embedded bytes": ToolResult([embedded("kinds://a.bin", "application/octet-stream", data=b"\0\1\2\3")]),
    "resource link": ToolResult([LINK]),
    "structured": ToolResult([], structured_content={"degrees": 21.5, "sky": "clear"}),
    "structured beside text": ToolResult([text("It is mild.")], structured_content={"degrees": 17.25}),
    "mixed": ToolResult([text("before"), image(), embedded("kinds://b.txt", "text/plain", value="inside"), LINK]),
    "error with an image": ToolResult([text("It broke so:"), image()], is_error=True),
}
SCHEMAS = (
    {
        "type": "object",
        "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
        "properties": {"place": {"$ref": "#/$defs/place"}},
    },
    {
        "type": "object",
        "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    },
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "definitions": {"size": {"type": "integer", "minimum": 0}},
        "properties": {"pair": {"type": "array", "items": [{"type": "string"}, {"$ref": "#/definitions/size"}]}},
    },
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"share": {"type": "number", "minimum": 0, "exclusiveMinimum": True}},
    },
    {"type": "object", "properties": {"$filter": {"type": "string"}, "größe": {"type": "number"}}},
    {"type": "object", "properties": {"note": {"type": "string", "nullable": True}, "any": True}},
)
ARGUMENTS = (
    {"place": {"city": "Rome"}},
    {"name": "x"},
    {"pair": ["a", 1]},
    {"share": 0.5},
    {"$filter": "a eq 1", "größe": 1.5},
    {"note": "n", "any": [1]},
)
NAMES = ("files.read_{}", "issues/create_{}", "über_tool_{}", "天気_{}", "with space {}", "long_" * 14 + "{}")


class Returning(Tool):
    """Returns the result of its kind, or what it got as JSON."""

    async def run(self, arguments):
        kind = self.description.partition(": ")[2]
        return RESULTS[kind] if kind in RESULTS else ToolResult([text(json.dumps(arguments, sort_keys=True))])


def main():
    logging.disable(logging.WARNING)  # of names that are odd
    app = FastMCP("kinds", dereference_schemas=False)
    for number in range(TOOLS):
        kinds = list(RESULTS)
        purpose = kinds[number] if number < len(kinds) else f"echo {number % len(SCHEMAS)}"
        app.add_tool(
            Returning(
                name=NAMES[number % len(NAMES)].format(number),
                description=f"Tool {number}: {purpose}",
                parameters={"type": "object"} if number < len(kinds) else SCHEMAS[number % len(SCHEMAS)],
                annotations=ToolAnnotations(read_only_hint=True),
            )
        )

    @app.resource("kinds://note", mime_type="text/plain")
    def note():
        return "Read me."

    app.run("stdio", show_banner=False)


if __name__ == "__main__":
    main()
