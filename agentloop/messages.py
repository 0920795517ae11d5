"""The messages of a conversation, in the format of the Messages API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

Block = dict[str, Any]
Message = dict[str, Any]

READ_ADVICE = "Read what you need with read_result("
"""In the first line of a result that was cut: see `long_results`."""
THINKING = frozenset({"thinking", "redacted_thinking"})
"""Types of blocks that are bound to everything before them."""


class ContentPart(Protocol):
    """A part of a prompt that is not text: an `Image` or a `Document`."""

    def to_block(self) -> Block: ...


Prompt: TypeAlias = str | ContentPart | Sequence[str | ContentPart]
"""Text, an image, a document, or several of them in order."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages so far.

    `bound_to` identifies the model, system prompt and tools with which the conversation began. It can only be continued
    with the same ones.

    Example:
        first = await agent.run("What is 2 + 3?")
        second = await agent.run(first.conversation.ask("And of 5?"))
    """

    messages: tuple[Message, ...] = ()
    bound_to: str | None = None
    kept: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Tool results that were too long to be shown whole, by the ids under which the model may read them."""

    @property
    def question(self) -> str:
        """The text of the last user message that has text."""
        for content in (message["content"] for message in reversed(self.messages) if message["role"] == "user"):
            if isinstance(content, str):
                return content
            texts = [block["text"] for block in content if isinstance(block, dict) and block.get("type") == "text"]
            if texts:
                return "\n".join(texts)
        return ""

    def ask(self, prompt: Prompt) -> Conversation:
        """The conversation with one more question: text, an image, a document, or a list of them.

        Raises:
            TypeError: the prompt is something else.

        Example:
            conversation.ask(["What is on this picture?", Image.from_file("cat.png")])
        """
        parts = prompt if isinstance(prompt, list | tuple) else [prompt]
        return self.extend({"role": "user", "content": [_block(part) for part in parts]})

    def extend(self, *messages: Message) -> Conversation:
        """The conversation with `messages` appended."""
        return replace(self, messages=(*self.messages, *messages))


def without_thinking(blocks: Sequence[Block]) -> list[Block]:
    """The blocks of a message of the model without its thinking."""
    return [block for block in blocks if block.get("type") not in THINKING]


def _block(part: Any) -> Block:
    if isinstance(part, str):
        return {"type": "text", "text": part.encode("utf-8", "replace").decode()}
    try:
        block: Block = part.to_block()
    except AttributeError:
        raise TypeError(
            f"A prompt is text, an Image, a Document or a list of these, not {type(part).__name__}."
        ) from None
    return block
