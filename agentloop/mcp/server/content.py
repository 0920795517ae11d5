"""The content of a tool's result in the form of MCP."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote

from mcp.types import BlobResourceContents, ContentBlock, EmbeddedResource, ImageContent, TextContent
from mcp.types import TextResourceContents as TextResource

from agentloop import ToolOutput
from agentloop.messages import Block


def content_of(output: ToolOutput) -> list[ContentBlock]:
    """The content, texts that follow each other as one. Images and documents are what they are; others are named."""
    content: list[ContentBlock] = []
    for is_other, blocks in itertools.groupby(output.content, key=_is_sendable):
        if is_other:
            content += [_content(number, block) for number, block in enumerate(blocks, len(content) + 1)]
        else:
            content.append(TextContent(text=ToolOutput(tuple(blocks)).text))
    return content or [TextContent(text="")]


def _is_sendable(block: Block) -> bool:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    return (block.get("type"), kind) in {("image", "base64"), ("document", "base64"), ("document", "text")}


def _content(number: int, block: Block) -> ContentBlock:
    source: dict[str, Any] = block["source"]
    data, media_type = source["data"], source["media_type"]
    if block["type"] == "image":
        return ImageContent(data=data, mime_type=media_type)
    uri = f"attachment:///{number}/{quote(block.get('title') or 'document', safe='')}"
    if source["type"] == "text":
        return EmbeddedResource(resource=TextResource(uri=uri, mime_type=media_type, text=data))
    return EmbeddedResource(resource=BlobResourceContents(uri=uri, mime_type=media_type, blob=data))
