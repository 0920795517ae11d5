"""The output of a tool, as a model, an MCP client and a program read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from agentloop import exact_json
from agentloop.content import Document, Image
from agentloop.errors import ToolError
from agentloop.messages import Block

MAX_DATA = 20_000_000
"""Characters of images and documents, in base64, in one message. A request may have 32 MB."""

_SILENT = "The tool failed and gave no reason."


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """The output of a tool.

    `content` are the blocks that a model reads, and `structured` is the same as an object: most MCP hosts show it to
    their model. `meta` is only for programs; MCP sends it in `_meta`. `served_by` is the server, or `local`.

    Example:
        output = await writer.call_tool("word_count", {"text": "drip drip"})
        print(output.text, output.is_error)
    """

    content: tuple[Block, ...]
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    served_by: str | None = None
    meta: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        return "\n".join(str(block.get("text", f"[{block.get('type')}]")) for block in self.content)

    @classmethod
    def of(cls, value: object) -> ToolOutput:
        """Convert the return value of a function: text, images and documents stay as they are, others become JSON.

        A list that contains images or documents becomes several blocks, each converted in this way.

        Raises:
            ToolError: the value cannot be encoded as JSON that other programs can read.
        """
        if isinstance(value, ToolOutput):
            return value
        if isinstance(value, str):
            return cls(_text(value))
        if isinstance(value, Image | Document):
            return cls((value.to_block(),))
        if isinstance(value, list | tuple) and any(isinstance(part, Image | Document) for part in value):
            return cls(tuple(block for part in value for block in cls.of(part).content))
        if isinstance(value, BaseModel):
            value = value.model_dump(mode="json", exclude_none=True)
        text = _json(value)
        return cls(_text(text), _read(text) if isinstance(value, Mapping) else None)

    @classmethod
    def error(cls, text: str, **rest: Any) -> ToolOutput:
        return cls(_text(text) or _text(_SILENT), is_error=True, **rest)

    def sendable(self) -> ToolOutput:
        """The output without content that the API rejects: blank text, unpaired surrogates, an error without text.

        Raises:
            ToolError: as `of`.
        """
        content = tuple(clean for block in self.content for clean in _sendable(block))
        return replace(
            self,
            content=content or (_text(_SILENT) if self.is_error else ()),
            structured=_readable(self.structured),
            meta=_readable(self.meta),
        )

    def to_result(self, use_id: str) -> Block:
        """The `tool_result` block of the Messages API for the call with that id."""
        block: Block = {"type": "tool_result", "tool_use_id": use_id, "content": list(self.content)}
        if not self.is_error:
            return block
        if all(each.get("type") == "text" for each in self.content):
            return block | {"is_error": True}
        # The API takes nothing but text in an error.
        return block | {"content": [{"type": "text", "text": "The tool reported an error:"}, *self.content]}

    def cut_to(self, characters: int) -> ToolOutput:
        """The output with its text truncated to `characters`, and a notice if something was truncated."""
        if sum(len(block.get("text", "")) for block in self.content) <= characters:
            return self
        kept: list[Block] = []
        room = characters
        for block in self.content:
            if block.get("type") == "text":
                kept.append({"type": "text", "text": block["text"][:room]})
                room = max(0, room - len(block["text"]))
            else:
                kept.append(block)
        notice = f"[The result was cut to {characters:,} characters.]"
        content = tuple(block for block in kept if block.get("text") != "") + _text(notice)
        return replace(self, content=content)


def bounded(outputs: Sequence[ToolOutput], characters: int) -> list[ToolOutput]:
    """The outputs of one message with so many characters of text together: the longest are cut, to the same length.

    Images and documents beyond `MAX_DATA` are replaced by a text that says so.
    """
    lengths = [sum(len(block.get("text", "")) for block in output.content) for output in outputs]
    limit = _limit(lengths, characters)
    space = MAX_DATA
    found = []
    for output in outputs:
        blocks = []
        for block in output.content:
            size = _data(block)
            space -= size
            is_too_much = size > 0 and space < 0
            blocks.append(_left_out(block) if is_too_much else block)
        found.append(replace(output, content=tuple(blocks)).cut_to(limit))
    return found


def _text(text: str) -> tuple[Block, ...]:
    """One text block, or none for blank text, which the API rejects."""
    clean = _clean(text)
    return ({"type": "text", "text": clean},) if clean.strip() else ()


def _json(value: object) -> str:
    try:
        return _clean(exact_json.dumps(value))
    except RecursionError:
        raise ToolError("The tool's result is nested too deeply.") from None
    except (TypeError, ValueError) as error:
        raise ToolError(f"The tool's result is not JSON: {error}") from None


def _read(text: str) -> Mapping[str, Any]:
    try:
        value: Mapping[str, Any] = exact_json.loads_as_floats(text)
    except ValueError as error:
        raise ToolError(f"The tool's result cannot be sent: {error}") from None
    return value


def _readable(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if value is None else _read(_json(value))


def _clean(text: str) -> str:
    """The text without unpaired surrogates, which cannot be sent."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _sendable(block: Block) -> tuple[Block, ...]:
    if block.get("type") != "text":
        return (block,)
    return tuple(block | text for text in _text(str(block.get("text") or "")))


def _limit(lengths: Sequence[int], total: int) -> int:
    """The length such that all texts, each cut to it, have `total` characters at most."""
    left = total
    waiting = sorted(lengths)
    for number, length in enumerate(waiting):
        share = left // (len(waiting) - number)
        if length > share:
            return share
        left -= length
    return max(waiting, default=0)


def _data(block: Block) -> int:
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    return len(data) if isinstance(data, str) else 0


def _left_out(block: Block) -> Block:
    return {
        "type": "text",
        "text": f"[{block['type']} left out: the results of one message may have {MAX_DATA:,} characters of data.]",
    }
