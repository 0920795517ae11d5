"""Questions to the person at the client, and their answers."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from anyio import CapacityLimiter
from pydantic import BaseModel

from agentloop.errors import ConfigurationError, ToolError
from agentloop.limits import TimeLimit
from agentloop.schema_check import SchemaCheck

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

ANSWER_TIMEOUT = 3600.0
"""Seconds that a question waits for its answer."""
MAX_MESSAGE = 10_000
"""Characters of a question."""


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """The person answered with `value`. For a URL it is None: the person agreed to open it.

    Example:
        answer = Accepted({"day": "Monday"})
        print(answer.value["day"])
    """

    value: T


@dataclass(frozen=True, slots=True)
class Declined:
    """The person refused to answer.

    Example:
        async def decline(question: Question) -> Declined:
            return Declined()

        await lead.run("Book a room", on_question=decline)
    """


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The person dismissed the question without an answer.

    Example:
        async def dismiss(question: Question) -> Cancelled:
            return Cancelled()

        await lead.run("Book a room", on_question=dismiss)
    """


Answer: TypeAlias = Accepted[T] | Declined | Cancelled


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a form, or with a `url` that the person is to open.

    `schema` is a JSON Schema of an object in the form of MCP's elicitation: each property is a string, a number, an
    integer, a boolean, a string of several (`enum`, `oneOf`), or an array of such. `agent` is the name of the agent
    that asks and `server` where it runs, for example `reviews > licences`; both are empty if unknown.

    Example:
        async def answer(question: Question) -> Accepted[dict[str, str]]:
            print(question.agent, "asks:", question.message)
            return Accepted({"day": "Monday"})

        await lead.run("Book a room", on_question=answer)
    """

    message: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    url: str | None = None
    agent: str = ""
    server: str = ""

    def completed(self, content: Mapping[str, Any] | None) -> dict[str, Any]:
        """The content of an answer, with the defaults of the fields that it leaves out.

        Raises:
            ToolError: it does not fit the schema.
        """
        fields: Mapping[str, Mapping[str, Any]] = self.schema.get("properties", {})
        if not isinstance(content, Mapping | None):
            raise ToolError(f"The answer does not fit the form: give an object with the fields {', '.join(fields)}.")
        given = {name: value for name, value in (content or {}).items() if value is not None}
        value = {name: each["default"] for name, each in fields.items() if "default" in each} | given
        misfit = SchemaCheck(self.schema, is_trusted=False).misfit(value)
        for name, each in value.items():
            if isinstance(each, float) and not math.isfinite(each):
                misfit = (name, f"{each} is not a number of JSON")
        if misfit is not None:
            place, reason = misfit
            raise ToolError(f"The answer does not fit the form: {place or 'it'}: {reason}")
        return value


QuestionHandler = Callable[[Question], Awaitable[Answer[Any]]]
"""Asks a person. A form is answered with `Accepted` and a mapping of its fields.

It raises `CannotAsk` if there is nobody to ask.
"""


def checked(ask: QuestionHandler) -> QuestionHandler:
    """The same handler. What is no answer is an error, also for the agent, and never taken for the person's words.

    Raises:
        ConfigurationError: it is no function.
    """
    if not callable(ask):
        raise ConfigurationError(f"on_question is {ask!r:.100}: give a function that takes a question.")

    async def wait(question: Question) -> Answer[Any]:
        answer: object = ask(question)
        if isinstance(answer, Awaitable):
            answer = await answer
        if not isinstance(answer, Accepted | Declined | Cancelled):
            kind = type(answer).__name__
            raise ToolError(f"on_question returned {kind}. It has to return Accepted, Declined or Cancelled.")
        return answer

    return wait


def pausing(ask: QuestionHandler | None, limit: TimeLimit, agent: str = "") -> QuestionHandler | None:
    """The same handler; while it waits for a person, the time of `limit` does not run.

    `agent` is the name of the agent that asks, for questions that have none.
    """
    if ask is None:
        return None

    async def wait(question: Question) -> Answer[Any]:
        with limit.paused():
            return await ask(replace(question, agent=question.agent or ("" if question.server else agent)))

    return wait


def uncounted(ask: QuestionHandler, places: CapacityLimiter) -> QuestionHandler:
    """The same handler for a call that has one of the `places`; while it waits for a person, it does not count.

    Otherwise people who never answer would keep all other calls waiting.
    """
    questions = 0

    async def wait(question: Question) -> Answer[Any]:
        nonlocal questions
        questions += 1
        if questions == 1:
            places.total_tokens += 1
        try:
            return await ask(question)
        finally:
            questions -= 1
            if questions == 0:
                # The call goes on at once, also if another one has taken its place.
                places.total_tokens -= 1

    return wait


def form_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a form with the fields of a model.

    Raises:
        ConfigurationError: a field is not a text, a number, a boolean, or one or several of given texts.
    """
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    fields = {name: _field(value, definitions) for name, value in schema.get("properties", {}).items()}
    for name, value in fields.items():
        if not _is_form_field(value):
            raise ConfigurationError(
                f"{model.__name__}.{name} cannot be asked for in a form. Use str, int, float, bool, Literal or an Enum "
                "of texts, or a list of those two."
            )
    return {"type": "object", "properties": fields, "required": schema.get("required", [])}


def _field(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one field without references and without null, which a form says by leaving the field out."""
    if "$ref" in value:
        resolved = definitions[value["$ref"].rpartition("/")[2]]
        return _field(resolved | {key: each for key, each in value.items() if key != "$ref"}, definitions)
    kinds = [each for each in value.get("anyOf", ()) if each.get("type") != "null"]
    if len(kinds) == 1:
        rest = {key: each for key, each in value.items() if key not in {"anyOf", "default"} or each is not None}
        rest.pop("anyOf")
        return _field(rest | kinds[0], definitions)
    if "const" in value:
        value = {"type": "string", "enum": [value["const"]], **{k: v for k, v in value.items() if k != "const"}}
    if "items" in value:
        value = {**value, "items": _field(value["items"], definitions)}
    return dict(value)


def _is_form_field(value: Mapping[str, Any]) -> bool:
    match value:
        case {"type": "string" | "number" | "integer" | "boolean"}:
            return "enum" not in value or value["type"] == "string"
        case {"type": "array", "items": {"enum": list()} | {"anyOf": list()}}:
            return True
    return False


def parse(model: type[M], question: Question, answer: Answer[Any]) -> Answer[M]:
    """The answer with a value of the model.

    Raises:
        ToolError: the answer does not fit the form.
    """
    if not isinstance(answer, Accepted):
        return answer
    content = question.completed(answer.value)
    try:
        return Accepted(model.model_validate(content, strict=False))
    except ValueError as error:
        raise ToolError(f"The answer does not fit the form: {error}") from None
