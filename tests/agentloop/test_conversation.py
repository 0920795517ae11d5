"""What a turn of the model calls for, and what it leaves in the history."""

from typing import Any

import pytest

from agentloop import (
    ConfigurationError,
    ContextWindowExceeded,
    Conversation,
    ModelError,
    NoAnswer,
    Refused,
    RunError,
    Truncated,
)
from agentloop.conversation import NUDGE, Answered, AskAgain, ConversationState, RunTools
from agentloop.turn import ToolUse, Turn

TEXT: dict[str, Any] = {"type": "text", "text": "42"}
BLANK = {"type": "text", "text": " \n"}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
USE = ToolUse("toolu_1", "add", "{}")
QUESTION: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "6 * 7?"}]}


def exchange() -> ConversationState:
    return ConversationState(Conversation().ask("6 * 7?"), max_tokens=100)


def turn(reason: str, *content: dict[str, Any], **rest: Any) -> Turn:
    uses = tuple(USE for block in content if block["type"] == "tool_use")
    return Turn(content=content, stop_reason=reason, tool_uses=uses, **rest)


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence", "tool_use"])
def test_text_without_calls_is_the_answer_and_enters_the_history(reason: str) -> None:
    talk = exchange()
    assert talk.take(turn(reason, THINKING, TEXT)) == Answered("42")
    assert talk.conversation.messages == (QUESTION, {"role": "assistant", "content": [THINKING, TEXT]})


def test_a_turn_with_calls_enters_the_history_only_together_with_its_results() -> None:
    talk, asking = exchange(), turn("tool_use", TEXT, CALL)
    assert talk.take(asking) == RunTools((USE,))
    assert list(talk.conversation.messages) == [QUESTION]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": []}
    talk.answer(asking, [result])
    assert talk.conversation.messages[1:] == (
        {"role": "assistant", "content": [TEXT, CALL]},
        {"role": "user", "content": [result]},
    )


def test_an_empty_turn_is_nudged_once() -> None:
    talk = exchange()
    assert talk.take(turn("end_turn", THINKING, BLANK)) == AskAgain()
    assert talk.conversation.messages[1:] == (
        {"role": "assistant", "content": [THINKING]},
        {"role": "user", "content": [{"type": "text", "text": NUDGE}]},
    )
    with pytest.raises(NoAnswer):
        talk.take(turn("end_turn"))


def test_a_pause_is_kept_and_sent_again() -> None:
    talk, paused = exchange(), {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
    assert talk.take(turn("pause_turn", TEXT, paused)) == AskAgain()
    assert talk.conversation.messages == (QUESTION, {"role": "assistant", "content": [TEXT, paused]})


@pytest.mark.parametrize("content", [(), (BLANK,), (TEXT, CALL)], ids=["empty", "blank", "call"])
def test_a_pause_that_leaves_nothing_to_go_on_from_is_an_error(content: tuple[dict[str, Any], ...]) -> None:
    talk = exchange()
    with pytest.raises(ModelError, match="paused"):
        talk.take(turn("pause_turn", *content))
    assert talk.conversation.messages == (QUESTION,)


def test_a_cut_turn_is_dropped_and_asked_for_once_more_with_a_larger_allowance() -> None:
    talk = exchange()
    assert talk.take(turn("max_tokens", TEXT, CALL)) == AskAgain()
    assert talk.conversation.messages == (QUESTION,)
    assert talk.max_tokens == 400
    with pytest.raises(Truncated, match="max_tokens=400") as caught:
        talk.take(turn("max_tokens", TEXT))
    assert caught.value.partial == "42"
    assert talk.conversation.messages == (QUESTION,)


def test_a_refusal_says_why_and_is_not_kept() -> None:
    talk = exchange()
    with pytest.raises(Refused, match="Not this") as caught:
        talk.take(turn("refusal", TEXT, stop_details={"category": "cyber", "explanation": "Not this."}))
    assert caught.value.category == "cyber"
    assert talk.conversation.messages == (QUESTION,)


def test_a_refusal_without_details_is_explained_by_its_text_or_not_at_all() -> None:
    with pytest.raises(Refused, match="42"):
        exchange().take(turn("refusal", TEXT))
    with pytest.raises(Refused, match="declined to answer"):
        exchange().take(turn("refusal"))


@pytest.mark.parametrize(
    ("reason", "error"), [("model_context_window_exceeded", ContextWindowExceeded), ("bored", ModelError)]
)
def test_other_reasons_end_the_run_and_leave_the_history_alone(reason: str, error: type[RunError]) -> None:
    talk = exchange()
    with pytest.raises(error):
        talk.take(turn(reason, TEXT, CALL))
    assert talk.conversation.messages == (QUESTION,)


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence"])
def test_calls_of_a_turn_that_ended_are_run(reason: str) -> None:
    assert isinstance(exchange().take(turn(reason, TEXT, CALL)), RunTools)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t"])
def test_a_blank_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(ConfigurationError, match="prompt is empty"):
        ConversationState(Conversation().ask(prompt), max_tokens=100)


def test_half_a_character_in_a_prompt_is_replaced() -> None:
    asked = Conversation().ask("a\ud83d b")
    assert asked.question.encode().decode() == "a? b"


def test_a_conversation_without_an_open_question_is_refused() -> None:
    said = {"role": "assistant", "content": [TEXT]}
    for conversation in (Conversation(), Conversation().ask("x").extend(said)):
        with pytest.raises(ConfigurationError, match="no open question"):
            ConversationState(conversation, max_tokens=100)


def test_a_conversation_stays_with_what_it_was_bound_to() -> None:
    bound = ConversationState(Conversation().ask("x"), max_tokens=100, bound_to="one").conversation
    assert ConversationState(bound, max_tokens=100, bound_to="one").conversation == bound
    with pytest.raises(ConfigurationError, match="another model, system prompt or set of tools"):
        ConversationState(bound, max_tokens=100, bound_to="another")


def test_the_question_is_the_last_thing_the_user_said_in_words() -> None:
    conversation = Conversation(({"role": "user", "content": "first"},))
    assert conversation.question == "first"
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": []}]}
    assert conversation.ask("second").extend({"role": "assistant", "content": [CALL]}, result).question == "second"
    assert Conversation().question == ""


def test_asking_leaves_the_conversation_asked_from_as_it_was() -> None:
    first = Conversation().ask("x")
    first.ask("y")
    assert len(first.messages) == 1
