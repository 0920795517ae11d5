"""Questions of tools to a person: forms, answers, and the time that they take."""

import asyncio
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from agentloop import (
    Accepted,
    Agent,
    Answer,
    CallContext,
    Cancelled,
    CannotAsk,
    ConfigurationError,
    DeadlineExceeded,
    Declined,
    Limits,
    Question,
    QuestionHandler,
    RunScope,
    Tool,
    ToolError,
    create_agent_tool_sync,
    tool,
)
from agentloop.question_tools import ask_user
from agentloop.questions import form_schema
from agentloop.testing import ScriptedMessages, calls, says
from agentloop.testing.server import Script
from tests.people import NeverAnswers

Serve = Callable[[Script], ScriptedMessages]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    name: str = Field(description="Yours.")
    size: Literal["S", "M"]
    colour: Colour = Colour.RED
    extras: list[Literal["bow", "card"]] = []
    count: int = 1
    is_gift: bool = False
    note: str | None = None


def answering(answer: Answer[Any], asked: list[Question] | None = None) -> QuestionHandler:
    async def person(question: Question) -> Answer[Any]:
        if asked is not None:
            asked.append(question)
        return answer

    return person


def asking(person: QuestionHandler | None, **context: Any) -> CallContext:
    return CallContext(scope=RunScope(ask=person), **context)


def test_a_model_becomes_a_form_of_flat_fields() -> None:
    schema = form_schema(Order)
    assert schema["required"] == ["name", "size"]
    fields = {
        name: {key: each for key, each in value.items() if key not in {"title", "description"}}
        for name, value in schema["properties"].items()
    }
    assert fields == {
        "name": {"type": "string"},
        "size": {"type": "string", "enum": ["S", "M"]},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "extras": {"type": "array", "items": {"type": "string", "enum": ["bow", "card"]}, "default": []},
        "count": {"type": "integer", "default": 1},
        "is_gift": {"type": "boolean", "default": False},
        "note": {"type": "string"},
    }


def test_a_form_has_no_nested_fields() -> None:
    class Parcel(BaseModel):
        order: Order

    with pytest.raises(ConfigurationError, match=r"Parcel\.order cannot be asked for in a form"):
        form_schema(Parcel)


@pytest.mark.requirement("questions")
async def test_an_answer_is_a_value_of_the_model_with_its_defaults() -> None:
    answer = await asking(answering(Accepted({"name": "Ada", "size": "M"}))).ask("What?", Order)
    assert answer == Accepted(Order(name="Ada", size="M"))
    for refusal in (Declined(), Cancelled()):
        assert await asking(answering(refusal)).ask("What?", Order) == refusal
    with pytest.raises(ToolError, match="does not fit the form: size"):
        await asking(answering(Accepted({"name": "Ada", "size": "XXL"}))).ask("What?", Order)


@pytest.mark.requirement("questions")
@pytest.mark.parametrize(
    ("arguments", "answer", "told"),
    [
        ({"question": "Who?"}, Accepted({"answer": "Ada"}), 'The user answered: "Ada"'),
        ({"question": "How many?", "kind": "number"}, Accepted({"answer": 3}), "The user answered: 3"),
        ({"question": "Go?", "kind": "yes_or_no"}, Accepted({"answer": True}), "The user answered: true"),
        (
            {"question": "Which?", "kind": "choices", "options": ["a", "b"]},
            Accepted({"answer": ["b"]}),
            'The user answered: ["b"]',
        ),
        ({"question": "Which?", "kind": "choice", "options": ["a", "b"]}, Accepted({"answer": "c"}), "does not fit"),
        ({"question": "Which?", "kind": "choice"}, Accepted({}), "Give `options`"),
        ({"question": "Who?"}, Declined(), "The user declined to answer"),
        ({"question": "Who?"}, Cancelled(), "The user dismissed the question"),
    ],
)
async def test_ask_user_tells_the_model_what_the_person_did(
    arguments: dict[str, Any], answer: Answer[Any], told: str
) -> None:
    agent = Agent("asker", "", [ask_user])
    output = await agent.call_tool("ask_user", arguments, context=asking(answering(answer)))
    assert told in output.text


@pytest.mark.requirement("questions")
@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (lambda _question: "MIT", "on_question returned str. It has to return Accepted, Declined or Cancelled."),
        (lambda _question: None, "on_question returned NoneType."),
        (lambda _question: Accepted("MIT"), "The answer does not fit the form: give an object with the fields answer."),
        (lambda _question: Accepted({"answer": "MIT"}), 'The user answered: "MIT"'),
    ],
)
async def test_what_is_no_answer_is_not_taken_for_one(
    scripted_messages: Serve, handler: Callable[[Question], Any], told: str
) -> None:
    async def person(question: Question) -> Any:
        return handler(question)

    for on_question in (person, handler):
        server = scripted_messages([calls(("ask_user", {"question": "Which licence?"})), says("done")])
        asker = Agent("asker", "Ask.", [ask_user], client=server.client)
        (step,) = (await asker.run("Ask.", on_question=on_question)).steps
        assert step.result.startswith(told)


async def test_without_anybody_to_ask_the_model_is_told_at_once(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("ask_user", {"question": "Who?"})), says("I cannot know.")])
    agent = Agent("asker", "", [ask_user], client=server.client)
    assert (await agent.run("go")).answer == "I cannot know."
    (result,) = server.requests[1].results
    assert result["is_error"]
    assert "Nobody can be asked" in result["content"][0]["text"]


@pytest.mark.requirement("questions")
@pytest.mark.parametrize("wrap", [Agent.as_tool, create_agent_tool_sync])
async def test_a_question_comes_up_from_a_nested_agent_also_from_a_thread(
    scripted_messages: Serve, wrap: Callable[[Agent], Tool]
) -> None:
    server = scripted_messages(
        [
            calls(("inner_agent", {"prompt": "x"})),
            calls(("ask_user", {"question": "Who?"})),
            says("Ada it is."),
            says("Done."),
        ]
    )
    inner = Agent("inner", "", [ask_user], client=server.client)
    outer = Agent("outer", "", [wrap(inner)], client=server.client)
    asked: list[Question] = []
    await outer.run("go", on_question=answering(Accepted({"answer": "Ada"}), asked))
    (question,) = asked
    assert (question.message, question.agent) == ("Who?", "inner")
    assert server.requests[2].results[0]["content"][0]["text"] == 'The user answered: "Ada"'


@pytest.mark.requirement("questions")
async def test_a_sync_tool_asks_from_its_thread() -> None:
    @tool
    def order(context: CallContext) -> str:
        return str(context.ask_sync("What?", Order))

    agent = Agent("asker", "", [order])
    output = await agent.call_tool("order", {}, context=asking(answering(Accepted({"name": "Ada", "size": "M"}))))
    assert output.text == str(Accepted(Order(name="Ada", size="M")))
    assert "Nobody can be asked" in (await agent.call_tool("order", {}, context=asking(None))).text
    with pytest.raises(ConfigurationError, match="await `ask`"):
        asking(answering(Declined())).ask_sync("What?", Order)


@pytest.mark.requirement("question-waits")
async def test_a_sync_tool_that_asks_ends_with_its_call() -> None:
    ended, person = threading.Event(), NeverAnswers()

    @tool
    def order(context: CallContext) -> str:
        try:
            return str(context.ask_sync("What?", Order))
        finally:
            ended.set()

    call = asyncio.create_task(Agent("asker", "", [order]).call_tool("order", {}, context=asking(person)))
    async with asyncio.timeout(30):
        await person.is_asked.wait()
        call.cancel()
        await asyncio.wait({call})
        await person.is_withdrawn.wait()
    assert call.cancelled()
    assert await asyncio.to_thread(ended.wait, 30)


@pytest.mark.requirement("question-waits")
async def test_waiting_for_a_person_counts_against_no_timeout(scripted_messages: Serve) -> None:
    limit = 0.5

    @tool(timeout=limit)
    async def ask_late(context: CallContext) -> str:
        return str(await context.ask("Sure?", Order))

    @tool(timeout=limit)
    def ask_late_in_a_thread(context: CallContext) -> str:
        return str(context.ask_sync("Sure?", Order))

    async def person(_question: Question) -> Answer[Any]:
        await asyncio.sleep(3 * limit)  # longer than each limit: nothing else would show that they do not run
        return Declined()

    server = scripted_messages([calls(("ask_late", {}), ("ask_late_in_a_thread", {})), says("Done.")])
    tools = [ask_late, ask_late_in_a_thread]
    agent = Agent("asker", "", tools, client=server.client, limits=Limits(run_timeout=2 * limit))
    assert (await agent.run("go", on_question=person)).answer == "Done."
    assert [result["content"][0]["text"] for result in server.requests[1].results] == ["Declined()"] * 2


@pytest.mark.requirement("question-waits")
async def test_the_deadline_and_cancelling_end_the_wait(scripted_messages: Serve) -> None:
    person = NeverAnswers()

    def agent() -> Agent:
        server = scripted_messages([calls(("ask_user", {"question": "Who?"}))])
        return Agent("asker", "", [ask_user], client=server.client)

    with pytest.raises(DeadlineExceeded):
        await agent().run("go", on_question=person, deadline=0.5)
    assert person.is_withdrawn.is_set()
    person.is_withdrawn.clear()
    person.is_asked.clear()
    run = asyncio.create_task(agent().run("go", on_question=person))
    await person.is_asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert person.is_withdrawn.is_set()


@pytest.mark.requirement("questions")
async def test_a_page_to_open_is_a_question_too() -> None:
    asked: list[Question] = []
    context = asking(answering(Accepted({}), asked))
    assert await context.ask_to_open("Log in.", "https://example.org/login") == Accepted(None)
    assert asked[0].url == "https://example.org/login"
    with pytest.raises(ConfigurationError, match="not an http"):
        await context.ask_to_open("Log in.", "file:///etc/passwd")
    with pytest.raises(CannotAsk):
        await asking(None).ask_to_open("Log in.", "https://example.org/login")
