"""Results that are too long for a conversation: the model gets their beginning and end, and reads the rest in parts.

The tool for that is not in the list of tools. The model gets it after the first result that was cut, in a message with
the role `system`: so nothing before it changes, and the prompt is still read from the cache. Servers that refuse such a
message get the tool in the list from then on.
Reference: https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from dataclasses import replace

from agentloop.errors import ToolError
from agentloop.limits import Limits
from agentloop.messages import READ_ADVICE, Block, Message, without_thinking
from agentloop.model import ModelRequest
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, ToolSpec

MAX_RESULT = 10_000_000
"""Characters of one result that are kept."""
MAX_KEPT = 20_000_000
"""Characters that are kept for one conversation; the oldest results go first."""
MAX_SHOWN = 20_000
"""Characters of a result that is too long which the model gets at first."""
ADDITION_BETA = "inline-tools-2026-09-15"

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
_DEFINITION = {"type": "tool_definition", "definition": READ_RESULT.for_model()}
_ADDITION: Message = {"role": "system", "content": [{"type": "tool_addition", "tool": _DEFINITION}]}


def with_reader(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages, with the tool added after the first result that was cut, if one was.

    The API takes the addition only between a message of the user and one of the model, or at the end.
    """
    cut = next((number for number, message in enumerate(messages) if any(map(_is_cut, message["content"]))), None)
    if cut is None:
        return messages
    following = range(cut + 1, len(messages))
    end = next((number for number in following if messages[number]["role"] != "user"), len(messages))
    return (*messages[:end], _ADDITION, *messages[end:])


def adds_reader(request: ModelRequest) -> bool:
    """Whether a message of the request gives the model the tool."""
    return _ADDITION in request.messages


def with_reader_listed(request: ModelRequest) -> ModelRequest:
    """The request with the tool in its list of tools, if a message gives it to the model.

    Thinking is bound to the list of tools, so what the model thought before is left out.
    """
    if not adds_reader(request):
        return request
    at = request.messages.index(_ADDITION)
    before = (message | {"content": without_thinking(message["content"])} for message in request.messages[:at])
    messages = (*before, *request.messages[at + 1 :])
    tools = (*request.settings.tools, READ_RESULT)
    return replace(request, settings=replace(request.settings, tools=tools), messages=messages)


def _is_cut(block: Block) -> bool:
    is_result = block.get("type") == "tool_result"
    return is_result and any(READ_ADVICE in str(part.get("text")) for part in block["content"])


def whole(limits: Limits) -> Limits:
    """The limits of a call within a call: what the model is shown of the result is decided outside."""
    return replace(limits, max_result_chars=MAX_RESULT)


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
        text = "\n".join(texts)
        # The same name in a durable run that continues after a crash, whose model has read it before.
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        self._keep(name, text)
        tail = min(most, MAX_SHOWN) // 4
        head = min(most, MAX_SHOWN) - tail
        # The note comes first, so that it stays if there is no room for all of this.
        shown = (
            f"[Characters {head:,} to {len(text) - tail:,} of {len(text):,} are left out. "
            f'{READ_ADVICE}id="{name}", from=..., to=...), at most {most:,} characters at once.]\n\n'
            f"{text[:head]}\n\n[...]\n\n{text[len(text) - tail :]}"
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
        text = self._kept.get(name)
        if text is None:
            raise ToolError(f"No result {name!r} is stored (any more). Call the tool that returned it again.")
        end = min(len(text), int(str(arguments.get("to", start + most))))
        if not 0 <= start < end:
            raise ToolError(f"`from` must be at least 0, below `to`, and below {len(text):,}, the result's length.")
        if end - start > most:
            raise ToolError(f"At most {most:,} characters can be read at once.")
        return text[start:end]
