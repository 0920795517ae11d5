"""What of a tool's result did not reach the model."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageFile
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

Block = Mapping[str, Any]

PIL.ImageFile.LOAD_TRUNCATED_IMAGES = True
"""Also images with wrong checksums are compared: `server-everything` sends one."""
_CLOCK = re.compile(r"\b\d{1,2}:\d\d:\d\d( [AP]M)?|\b\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z")
"""The time of a run, which is another one in the next run."""


def missing(sent: CallToolResult, got: Block) -> Iterator[str]:
    """A text for each part of a server's result that is not in the `tool_result` block."""
    content = got["content"]
    blocks: list[Block] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    data = [
        base64.b64decode(block["source"]["data"])
        for block in blocks
        if block["type"] in {"image", "document"} and block["source"]["type"] == "base64"
    ]
    for each in sent.content:
        if not _arrived(each, text, data):
            yield f"{each.type} is missing: {each.model_dump_json(exclude_none=True)[:200]} in {text[:500]!r}"
    given = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in sent.content]
    for value in _values(sent.structured_content, given):
        if value not in text and json.dumps(value, ensure_ascii=False)[1:-1] not in text:
            yield f"the structured content has {value!r}, and not {text[:500]!r}"
    if bool(sent.is_error) != (bool(got.get("is_error")) or text.startswith("The tool reported an error:")):
        yield f"is_error is {sent.is_error} and arrived otherwise"


def _arrived(block: ContentBlock, text: str, data: list[bytes]) -> bool:
    found = False
    match block:
        case TextContent():
            found = _timeless(block.text) in _timeless(text)
        case ImageContent():
            found = _pixels(base64.b64decode(block.data)) in map(_pixels, data)
        case AudioContent():
            found = _is_saved(block.data, text)
        case ResourceLink():
            found = str(block.uri) in text and block.name in text
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            whole = base64.b64decode(resource.blob)
            as_text = _timeless(whole.decode("utf-8", "replace"))
            found = whole in data or as_text in _timeless(text) or _is_saved(resource.blob, text)
        case EmbeddedResource(resource=TextResourceContents() as resource):
            found = _timeless(resource.text) in _timeless(text) and str(resource.uri) in text
    return found


def _timeless(text: str) -> str:
    return _CLOCK.sub("(time)", text)


def _pixels(data: bytes) -> tuple[Any, ...]:
    """Size and pixels of an image; the data itself if it is none."""
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            return image.size, image.convert("RGBA").tobytes()
    except OSError:
        return (data,)


def _is_saved(data: str, text: str) -> bool:
    """Whether the text names a file with these bytes."""
    paths = [Path(each.rstrip(".,])")) for each in re.findall(r"/\S+", text)]
    return any(path.is_file() and path.read_bytes() == base64.b64decode(data) for path in paths)


def _values(structured: Any, given: list[Any]) -> Iterator[str]:
    """The texts and numbers in structured content, without the content blocks that it repeats."""
    if structured in given or structured is None:
        return
    if isinstance(structured, Mapping):
        for value in structured.values():
            yield from _values(value, given)
    elif isinstance(structured, list):
        for value in structured:
            yield from _values(value, given)
    elif isinstance(structured, str):
        yield structured
    elif not isinstance(structured, bool):
        yield json.dumps(structured)
