"""Content of MCP results as blocks of the Messages API. `docs/content.md` has a table of what becomes what.

Nothing is dropped without a word: what a model cannot be given is described to it, and saved to a file if it is data.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from agentloop import ToolOutput, exact_json
from agentloop.delegation_context import SESSION, STEPS, USAGE
from agentloop.mcp.client.repair import STRUCTURED
from agentloop.media import MediaError, decoded, document_block, image_block
from agentloop.messages import Block
from agentloop.narration import clip

READ_RESOURCE = "read_mcp_resource"
"""The tool that reads what a resource link names."""
MAX_LABEL = 500
"""Characters of a URI, a name or a media type that are shown."""

_GIVEN = "(as above)"
"""Instead of a content block that structured content repeats."""
_META = {SESSION, STEPS, USAGE}
"""What is kept of a result's `_meta`."""
_TEXT_TYPES = re.compile(r"text/.*|application/(.*[+])?(json|xml|yaml|toml|javascript|sql|x-sh|x-yaml)|image/svg[+]xml")


@dataclass
class Content:
    """The `blocks` of one result, and in `notes` a line for the user for what was saved or left out.

    `has_resources`: whether links can be read with the tool `READ_RESOURCE`.
    """

    server: str
    has_resources: bool = False
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def add(self, item: Any) -> None:
        """Add one content block of an MCP result or prompt, or the contents of a resource."""
        match item:
            case TextContent():
                self.text(item.text)
            case ImageContent():
                await self._data("image", item.data, item.mime_type, "")
            case AudioContent():
                await self._data("audio", item.data, item.mime_type, "")
            case ResourceLink():
                self.text(self._link(item))
            case EmbeddedResource():
                await self.add(item.resource)
            case TextResourceContents():
                self.text(f"[{_label('Resource', item.uri, item.mime_type)}]\n{item.text}")
            case BlobResourceContents():
                await self._data("resource", item.blob, item.mime_type or "", item.uri)

    def text(self, text: str) -> None:
        self.blocks += ToolOutput.of(text).content

    async def _data(self, kind: str, data: str, media_type: str, uri: str) -> None:
        label = _label(kind.capitalize(), uri, media_type)
        try:
            raw = decoded(data)
        except MediaError as error:
            self._left_out(f"{label}: {error}")
            return
        media_type = media_type.partition(";")[0].strip().lower()
        guessed = media_type if media_type not in {"", "application/octet-stream"} else _guessed(uri)
        if kind != "audio" and _TEXT_TYPES.fullmatch(guessed) and _is_text(raw):
            self.text(f"[{label}]\n{raw.decode()}")
            return
        reason = await self._show(kind, guessed, raw, uri, label)
        if reason is not None:
            path = await asyncio.to_thread(_saved, raw, guessed, uri)
            self._left_out(f"{label}, {len(raw):,} bytes: {reason}; saved for the user as {path}")

    async def _show(self, kind: str, media_type: str, data: bytes, uri: str, label: str) -> str | None:
        """Add an image or a document after its label. Returns why that cannot be done, or None."""
        note: str | None = None
        try:
            if data.startswith(b"%PDF-"):
                block = document_block(data, uri.rpartition("/")[2] or "document")
            elif kind == "image" or media_type.startswith("image/"):
                block, note = await asyncio.to_thread(image_block, data)
            else:
                return "a model cannot be given this kind of data"
        except MediaError as error:
            return str(error)
        if uri:
            self.text(f"[{label}]")
        self.blocks.append(block)
        if note:
            self.text(f"[{note}]")
        return None

    def _left_out(self, what: str) -> None:
        self.text(f"[{what}]")
        self.notes.append(what)

    def _link(self, link: ResourceLink) -> str:
        size = f", {link.size:,} bytes" if link.size is not None else ""
        about = f": {clip(link.description, MAX_LABEL)}" if link.description else ""
        name = clip(link.title or link.name, MAX_LABEL)
        how = f". To read it: {READ_RESOURCE}(server={json.dumps(self.server)}, uri={json.dumps(link.uri)})"
        label = _label("Link to a resource", link.uri, link.mime_type)
        return f"[{label}, {name}{size}{about}{how if self.has_resources else ''}]"


async def output_of(
    result: CallToolResult, server: str, *, adds_structured: bool, has_resources: bool
) -> tuple[ToolOutput, list[str]]:
    """A tool's result for the model, and lines for the user.

    Structured content that says more than the text is given too, if `adds_structured`.
    """
    content = Content(server, has_resources)
    for item in result.content:
        await content.add(item)
    structured = (result.meta or {}).get(STRUCTURED, result.structured_content)
    text = "\n".join(str(block["text"]) for block in content.blocks if block["type"] == "text")
    has_content = bool(content.blocks)
    given = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in result.content]
    rest = _without_given(structured, given)
    if structured is not None and (not has_content or (adds_structured and _says_more(rest, text))):
        content.text(exact_json.dumps(rest))
    if result.is_error and not content.blocks:
        content.blocks += ToolOutput.error("").content
    kept = structured if isinstance(structured, Mapping) else None
    meta = {key: value for key, value in (result.meta or {}).items() if key in _META}
    return ToolOutput(tuple(content.blocks), kept, result.is_error, server, meta or None), content.notes


def _without_given(structured: Any, given: Sequence[Any]) -> Any:
    """Structured content without the content blocks beside it: some servers repeat their images in it."""
    if structured in given:
        return _GIVEN
    if isinstance(structured, dict):
        return {key: _without_given(each, given) for key, each in structured.items()}
    return [_without_given(each, given) for each in structured] if isinstance(structured, list) else structured


def _says_more(structured: Any, text: str) -> bool:
    """Whether a name, text or number of the structured content is not in the text beside it."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if said is not None and said in (structured, _unwrapped(structured)):
        return False
    return any(leaf not in text and json.dumps(leaf)[1:-1] not in text for leaf in _leaves(structured))


def _unwrapped(structured: Any) -> Any:
    """SDKs wrap what is no object: `{"result": [1, 2]}`."""
    return structured["result"] if isinstance(structured, dict) and set(structured) == {"result"} else structured


def _leaves(value: Any) -> Iterable[str]:
    """Its texts and numbers, as text. What is true, false or null is hardly ever said in the same words."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, list):
            stack += each
        elif each is not None and each != _GIVEN and not isinstance(each, bool):
            yield str(each).strip()


def _label(kind: str, uri: str, media_type: str | None) -> str:
    shown = f" {clip(uri, MAX_LABEL)}" if uri else ""
    return f"{kind}{shown} ({clip(media_type, MAX_LABEL)})" if media_type else f"{kind}{shown}"


def _guessed(uri: str) -> str:
    return mimetypes.guess_type(uri)[0] or ""


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


@cache
def files_folder() -> Path:
    """Where data is saved that a model cannot be given: a folder of this process, which only its user can read."""
    return Path(tempfile.mkdtemp(prefix="orchestrator-client-"))


def _suffix(media_type: str) -> str:
    """That of the type, or of the type as it was called before it was registered: `audio/x-wav`."""
    names = (media_type, media_type.replace("/", "/x-"))
    return next((found for name in names if (found := mimetypes.guess_extension(name))), ".bin")


def _saved(data: bytes, media_type: str, uri: str) -> Path:
    """Save the data under a name that no server chooses but for harmless characters."""
    name = Path(uri.rpartition("/")[2])
    is_harmless = re.fullmatch(r"\.[A-Za-z0-9]{1,10}", name.suffix)
    suffix = name.suffix if is_harmless else _suffix(media_type)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name.stem).strip("_")[:50] or "file"
    descriptor, path = tempfile.mkstemp(suffix=suffix, prefix=f"{stem}-", dir=files_folder())
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return Path(path)
