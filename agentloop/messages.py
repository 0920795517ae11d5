"""The messages of a conversation, in the Messages API's form. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

Block = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages so far. `result.conversation.ask("And of 5?")` continues one.

    `bound_to` identifies the model, system prompt and tools the conversation began with; it may only continue with the
    same.
    """

    messages: tuple[Message, ...] = ()
    bound_to: str | None = None
    kept: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Tool results that were too long to be shown whole, by the ids under which the model may read them."""

    @property
    def question(self) -> str:
        """The text of the last user message that has any."""
        for message in reversed(self.messages):
            content = message["content"]
            if message["role"] == "user" and isinstance(content, str):
                return content
            texts = [block["text"] for block in content if isinstance(block, dict) and block.get("type") == "text"]
            if message["role"] == "user" and texts:
                return "\n".join(texts)
        return ""

    def ask(self, prompt: str) -> Conversation:
        """The conversation with one more question."""
        text = prompt.encode("utf-8", "replace").decode()
        return self.extend({"role": "user", "content": [{"type": "text", "text": text}]})

    def extend(self, *messages: Message) -> Conversation:
        """The conversation with `messages` appended."""
        return replace(self, messages=(*self.messages, *messages))
