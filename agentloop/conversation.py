"""What was said, and what a turn of the model calls for next. No I/O, no clock, no tools.

The history is append-only: on current models thinking blocks are bound to everything before them, so nothing said is
ever rewritten, and system prompt, tools and model stay as they were when the conversation began. A turn that asks for
tools enters the history only together with all of its results, so a conversation is valid to send at any moment.

What a turn calls for, by its stop reason:

    tool_use, with calls         RunTools; then `answer` appends the turn and one user message of results
    end_turn, stop_sequence      Answered; empty: one nudge, then NoAnswer;
                                 does not fit the output type: one correction, then InvalidOutput
                                 with calls: as tool_use (seen with compatible servers, which end every message so)
    tool_use without calls       as end_turn (seen with compatible servers)
    pause_turn                   AskAgain, nothing is run; with calls or nothing said: ModelError
    max_tokens                   AskAgain with a larger allowance, once; then Truncated. The cut turn is dropped
    refusal                      Refused; the refused turn is dropped
    model_context_window_exceeded    ContextWindowExceeded
    anything else                ModelError: a reason this program does not know
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentloop.errors import (
    ConfigurationError,
    ContextWindowExceeded,
    InvalidOutput,
    ModelError,
    NoAnswer,
    Refused,
    ToolError,
    Truncated,
)
from agentloop.messages import Block, Conversation
from agentloop.turn import ToolUse, Turn

NUDGE = "Please give the answer."
CORRECTION = "The answer does not fit: {}. Answer again, with one JSON object that fits and nothing else."
NOTE = "A note from the user, who sent it while you were at work: {}"
LARGER = 4  # times the allowance, the second time


@dataclass(frozen=True, slots=True)
class RunTools:
    """Run these calls, all at once, and `answer` with their results in this order."""

    uses: tuple[ToolUse, ...]


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Send the conversation as it now is."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The run is over. `output` is what the answer says, if the agent has an output type."""

    text: str
    output: Any = None


Step = RunTools | AskAgain | Answered


class ConversationState:
    """One question being answered: a conversation that grows turn by turn until there is an answer."""

    def __init__(
        self,
        conversation: Conversation,
        *,
        max_tokens: int,
        bound_to: str | None = None,
        read_output: Callable[[str], Any] | None = None,
    ) -> None:
        """`bound_to` is what the conversation has to be bound to, see `Conversation`.

        `read_output` makes a value of an answer's text, or raises `ToolError`.

        Raises:
            ConfigurationError: there is no question, it is blank, which the Messages API refuses, or the conversation
                is bound to something else.
        """
        messages = tuple(map(_in_blocks, conversation.messages))
        if not messages or messages[-1]["role"] != "user":
            raise ConfigurationError("The conversation has no open question: add one with `conversation.ask(...)`.")
        if all(map(_is_blank, messages[-1]["content"])):
            raise ConfigurationError("The prompt is empty: say what is wanted.")
        if conversation.bound_to not in (None, bound_to):
            raise ConfigurationError(
                "This conversation began with another model, system prompt or set of tools, and thinking is bound to "
                "them. Continue it with the agent it began with, or begin a new one."
            )
        self.conversation = Conversation(messages, bound_to, dict(conversation.kept))
        self.max_tokens = max_tokens
        self.container = ""
        """Where the API executes the model's code."""
        self.later_notes: list[str] = []
        self._enlarged = False
        self._nudged = False
        self._read_output = read_output
        self._corrected = False
        self._renamed = 0
        blocks = (block for message in messages for block in message["content"])
        self._ids = {block["id"] for block in blocks if block.get("type") == "tool_use"}

    def take(self, turn: Turn) -> Step:
        """What the turn calls for.

        Raises:
            RunError: the turn ends the run without an answer.
        """
        self.container = turn.container or self.container
        match turn.stop_reason:
            case "tool_use" | "end_turn" | "stop_sequence" if turn.tool_uses:
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
        ids = [self._unused(use.id) for use in turn.tool_uses]
        rest = iter(ids)
        self._say([block | {"id": next(rest)} if block.get("type") == "tool_use" else block for block in turn.content])
        renamed = [block | {"tool_use_id": name} for block, name in zip(results, ids, strict=True)]
        self.conversation = self.conversation.extend({"role": "user", "content": renamed})

    @property
    def takes_notes(self) -> bool:
        """Whether the last message is the user's, so that a note can become a part of it. It has not been answered."""
        return bool(self.conversation.messages[-1]["role"] == "user")

    def note(self, text: str, *, later: bool = False) -> None:
        """Append a note of the user, to the last message if that is the user's and in a message of its own otherwise.

        The API wants it after the results of calls. One for `later` is kept until `pass_notes_on`.
        """
        if later:
            self.later_notes.append(text)
            return
        asked = self.conversation.ask(NOTE.format(text))
        if self.takes_notes:
            *earlier, last, note = asked.messages
            asked = replace(asked, messages=(*earlier, {**last, "content": [*last["content"], *note["content"]]}))
        self.conversation = asked

    def pass_notes_on(self) -> None:
        """Append the notes that came after the last turn had begun."""
        notes, self.later_notes = self.later_notes, []
        for note in notes:
            self.note(note)

    def _unused(self, wanted: str) -> str:
        name = wanted
        while name in self._ids or not name.strip():
            self._renamed += 1
            name = f"call_{self._renamed}"
        self._ids.add(name)
        return name

    def _end(self, turn: Turn) -> Step:
        self._say(turn.content)
        if turn.text:
            return self._answered(turn.text)
        if self._nudged:
            raise NoAnswer("The model ended its turn without an answer, also when asked once more.")
        self._nudged = True
        self.conversation = self.conversation.ask(NUDGE)
        return AskAgain()

    def _answered(self, text: str) -> Step:
        if self._read_output is None:
            return Answered(text)
        try:
            return Answered(text, self._read_output(text))
        except ToolError as error:
            if self._corrected:
                raise InvalidOutput(str(error), text) from None
            self._corrected = True
            self.conversation = self.conversation.ask(CORRECTION.format(error))
            return AskAgain()

    def _go_on(self, turn: Turn) -> Step:
        before = self.conversation
        if not turn.tool_uses:
            self._say(turn.content)
        if self.conversation is before:
            raise ModelError("The model paused its turn and left nothing from which it could go on.")
        return AskAgain()

    def _enlarge(self, turn: Turn) -> Step:
        if self._enlarged:
            raise Truncated(self.max_tokens, turn.text)
        self._enlarged = True
        self.max_tokens *= LARGER
        return AskAgain()

    def _say(self, blocks: Sequence[Block]) -> None:
        content = [block for block in blocks if not _is_blank(block)]
        if content:
            self.conversation = self.conversation.extend({"role": "assistant", "content": content})


def _in_blocks(part: Mapping[str, Any]) -> dict[str, Any]:
    """The message or result of a call with its content as a list of blocks. The API also takes text."""
    content = part.get("content") or []
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**part, "content": [_in_blocks(each) if each.get("type") == "tool_result" else each for each in blocks]}


def _is_blank(block: Mapping[str, Any]) -> bool:
    """Models write blank text blocks, and the API answers 400 to them."""
    return block.get("type") == "text" and not str(block.get("text") or "").strip()
