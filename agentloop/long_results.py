"""Results that are too long for a conversation: the model gets their beginning and end, and reads the rest in parts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import replace

from agentloop.errors import ToolError
from agentloop.limits import Limits
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, ToolSpec

MAX_RESULT = 10_000_000
"""Characters of one result that are kept."""
MAX_KEPT = 20_000_000
"""Characters that are kept for one conversation; the oldest results go first."""
MAX_SHOWN = 20_000
"""Characters of a result that is too long which the model gets at first."""

READ_RESULT = ToolSpec(
    name="read_result",
    description="Reads part of a long result.",
    input_schema={
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "from": {"type": "integer"},
            "to": {"type": "integer"},
        },
    },
    read_only=True,
    idempotent=True,
)


def may_be_long(tool: Tool) -> bool:
    """Whether its results may have text of any length: not numbers, answers of agents, nor those with a structure.

    Results of tools that the Messages API runs itself do not come here.

    Servers that are written with FastMCP describe a plain value as an object with the one property `result`.
    """
    if tool.has_short_results or tool.spec.is_agent or tool.spec.api_definition is not None:
        return False
    properties = (tool.spec.output_schema or {}).get("properties") or {}
    return set(properties) <= {"result"} and not _is_short(properties.get("result"))


def _is_short(schema: object) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in {"integer", "number", "boolean", "null"}


class LongResults:
    """The results that one conversation keeps, in `kept`, by their ids."""

    def __init__(self, kept: MutableMapping[str, str], limits: Limits) -> None:
        self._kept = kept
        self._limits = limits
        self.tool = Tool(READ_RESULT, self._read)

    def shortened(self, output: ToolOutput) -> ToolOutput:
        """The output as the model gets it. What is longer than `max_result_chars` is kept."""
        texts = [str(block["text"]) for block in output.content if block.get("type") == "text"]
        most = self._limits.max_result_chars
        if sum(map(len, texts)) <= most:
            return output
        text, name = "\n".join(texts), uuid.uuid4().hex[:12]
        self._keep(name, text)
        tail = min(most, MAX_SHOWN) // 4
        head = min(most, MAX_SHOWN) - tail
        shown = (
            f"{text[:head]}\n\n[Characters {head:,} to {len(text) - tail:,} of {len(text):,} are left out. Read what "
            f'you need with read_result(id="{name}", from=..., to=...), at most {most:,} characters at once.]\n\n'
            f"{text[len(text) - tail :]}"
        )
        others = [block for block in output.content if block.get("type") != "text"]
        return replace(output, content=({"type": "text", "text": shown}, *others))

    def _keep(self, name: str, text: str) -> None:
        self._kept[name] = text
        while sum(map(len, self._kept.values())) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _read(self, **arguments: object) -> str:
        most = self._limits.max_result_chars
        name, start = str(arguments.get("id", "")), int(str(arguments.get("from", 0)))
        end = int(str(arguments.get("to", start + most)))
        text = self._kept.get(name)
        if text is None:
            raise ToolError(f"No result {name!r} is stored (any more). Call the tool that returned it again.")
        if not 0 <= start < min(end, len(text)):
            raise ToolError(f"The result has {len(text):,} characters: `from` must be below that, and below `to`.")
        if end - start > most:
            raise ToolError(f"At most {most:,} characters can be read at once.")
        return text[start:end]
