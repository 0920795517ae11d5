"""What was said, and what a turn of the model calls for next. No I/O, no clock, no tools.

The history is append-only: on current models thinking blocks are bound to everything before them, so nothing said is
ever rewritten, and system prompt, tools and model stay as they were when the conversation began. A turn that asks for
tools enters the history only together with all of its results, so a conversation is valid to send at any moment.

What a turn calls for, by its stop reason:

    tool_use, with calls         RunTools; then `answer` appends the turn and one user message of results
    end_turn, stop_sequence      Answered; empty: one nudge, then NoAnswer
    tool_use without calls       as end_turn (seen with compatible servers)
    pause_turn                   AskAgain, nothing is run; with calls or nothing said: ModelError
    max_tokens                   AskAgain with a larger allowance, once; then Truncated. The cut turn is dropped
    refusal                      Refused; the refused turn is dropped
    model_context_window_exceeded    ContextWindowExceeded
    anything else                ModelError: a reason this program does not know
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentloop.errors import (
    ConfigurationError,
    ContextWindowExceeded,
    ModelError,
    NoAnswer,
    Refused,
    Truncated,
)
from agentloop.turn import Block, ToolUse, Turn

Message = dict[str, Any]

NUDGE = "Please give the answer."
LARGER = 4  # times the allowance, the second time


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages so far, in the Messages API's form.

    `bound_to` names the model, system prompt and tools the conversation began with; it may only go on with the same.
    """

    messages: tuple[Message, ...] = ()
    bound_to: str | None = None

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
        """The conversation with one more question.

        Raises:
            ConfigurationError: the prompt is blank, which the Messages API refuses.
        """
        if not prompt.strip():
            raise ConfigurationError("The prompt is empty: say what is wanted.")
        text = prompt.encode("utf-8", "replace").decode()
        return self.extend({"role": "user", "content": [{"type": "text", "text": text}]})

    def bind(self, frame: str) -> Conversation:
        """The conversation bound to `frame`.

        Raises:
            ConfigurationError: it is bound to another one.
        """
        if self.bound_to not in (None, frame):
            raise ConfigurationError(
                "This conversation began with another model, system prompt or set of tools, and thinking is bound to "
                "them. Continue it with the agent it began with, or begin a new one."
            )
        return replace(self, bound_to=frame)

    def extend(self, *messages: Message) -> Conversation:
        """The conversation with `messages` appended."""
        return replace(self, messages=(*self.messages, *messages))


@dataclass(frozen=True, slots=True)
class RunTools:
    """Run these calls, all at once, and `answer` with their results in this order."""

    uses: tuple[ToolUse, ...]


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Send the conversation as it now is."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The run is over."""

    text: str


Step = RunTools | AskAgain | Answered


class Exchange:
    """One question being answered: a conversation that grows turn by turn until there is an answer."""

    def __init__(self, conversation: Conversation, *, max_tokens: int) -> None:
        if not conversation.messages or conversation.messages[-1]["role"] != "user":
            raise ConfigurationError("The conversation has no open question: add one with `conversation.ask(...)`.")
        self.conversation = conversation
        self.max_tokens = max_tokens
        self._enlarged = False
        self._nudged = False
        self._renamed = 0
        self._ids = {
            block.get("id")
            for message in conversation.messages
            for block in message["content"]
            if isinstance(block, dict) and block.get("type") == "tool_use"
        }

    def take(self, turn: Turn) -> Step:
        """What the turn calls for.

        Raises:
            RunError: the turn ends the run without an answer.
        """
        match turn.stop_reason:
            case "tool_use" if turn.tool_uses:
                return RunTools(turn.tool_uses)
            case "end_turn" | "stop_sequence" | "tool_use":
                return self._end(turn)
            case "pause_turn":
                return self._go_on(turn)
            case "max_tokens":
                return self._enlarge(turn)
            case "refusal":
                details = turn.stop_details or {}
                raise Refused(details.get("category"), details.get("explanation") or turn.text or None)
            case "model_context_window_exceeded":
                raise ContextWindowExceeded("The conversation no longer fits the model's context window.")
            case reason:
                raise ModelError(f"The model stopped for a reason this program does not know: {reason!r}.")

    def answer(self, turn: Turn, results: Sequence[Block]) -> None:
        """Append the turn and its results, one `tool_result` block for each call, in asking order.

        A call whose id is blank or was used before gets another one, as has its result: the API refuses two calls with
        the same id.
        """
        ids = iter([self._unused(use.id) for use in turn.tool_uses])
        results = [block | {"tool_use_id": name} for block, name in zip(results, ids, strict=True)]
        renamed = iter(results)
        content = tuple(
            block | {"id": next(renamed)["tool_use_id"]} if block.get("type") == "tool_use" else block
            for block in turn.content
        )
        self._say(replace(turn, content=content))
        self.conversation = self.conversation.extend({"role": "user", "content": results})

    def _unused(self, wanted: str) -> str:
        name = wanted
        while name in self._ids or not name.strip():
            self._renamed += 1
            name = f"call_{self._renamed}"
        self._ids.add(name)
        return name

    def _end(self, turn: Turn) -> Step:
        if not turn.tool_uses:
            self._say(turn)
        if turn.text:
            return Answered(turn.text)
        if self._nudged:
            raise NoAnswer("The model ended its turn without an answer, also when asked once more.")
        self._nudged = True
        self.conversation = self.conversation.ask(NUDGE)
        return AskAgain()

    def _go_on(self, turn: Turn) -> Step:
        before = self.conversation
        if not turn.tool_uses:
            self._say(turn)
        if self.conversation is before:
            raise ModelError("The model paused its turn and left nothing from which it could go on.")
        return AskAgain()

    def _enlarge(self, turn: Turn) -> Step:
        if self._enlarged:
            raise Truncated(self.max_tokens, turn.text)
        self._enlarged = True
        self.max_tokens *= LARGER
        return AskAgain()

    def _say(self, turn: Turn) -> None:
        content = [block for block in turn.content if not _is_blank_text(block)]
        if content:
            message: Message = {"role": "assistant", "content": content}
            self.conversation = self.conversation.extend(message)


def _is_blank_text(block: Mapping[str, Any]) -> bool:
    """Blank text blocks can be said but not sent back: the API answers 400."""
    return block.get("type") == "text" and not str(block.get("text") or "").strip()
