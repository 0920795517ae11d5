"""Tools that ask the person at the client: `ask_user`, and any tool whose calls a person has to approve."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agentloop import dispatch, exact_json
from agentloop.context import CallContext
from agentloop.errors import CannotAsk, ToolError
from agentloop.limits import Limits
from agentloop.long_results import whole
from agentloop.narration import escaped
from agentloop.questions import Accepted, Answer, Cancelled, Declined, Question
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, tool

MAX_SHOWN = 1_000
"""Characters of a call's arguments that a person sees."""

_KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "yes_or_no": {"type": "boolean"},
}
Option = Annotated[str, Field(min_length=1, max_length=200)]


@tool(read_only=True)
async def ask_user(
    context: CallContext,
    question: Annotated[str, Field(min_length=1, max_length=4_000, description="The question, with what it is about.")],
    kind: Annotated[
        Literal["text", "number", "yes_or_no", "choice", "choices"],
        Field(description="The kind of answer: `choice` is one of the options, `choices` any number of them."),
    ] = "text",
    options: Annotated[list[Option], Field(max_length=50, description="What can be chosen.")] = [],  # noqa: B006
) -> str:
    """Ask the user a question and wait for the answer.

    Ask only for what you cannot find out yourself and cannot go on without. Never ask for passwords or keys.
    """
    if (kind in {"choice", "choices"}) != bool(options):
        raise ToolError("Give `options` with the kinds choice and choices, and with no other kind.")
    choice = {"type": "string", "enum": list(dict.fromkeys(options))}
    field = {"choice": choice, "choices": {"type": "array", "items": choice}}.get(kind) or _KINDS[kind]
    form = {"type": "object", "properties": {"answer": field}, "required": ["answer"]}
    asked = Question(question, form)
    match await context.answer_to(asked):
        case Accepted(value):
            return f"The user answered: {exact_json.dumps(asked.completed(value)['answer'])}"
        case Declined():
            return "The user declined to answer. Go on without the answer, or say what you needed it for."
        case Cancelled():
            return "The user dismissed the question. Do not ask it again. Go on without the answer if that is possible."


class _Approval(BaseModel):
    allow: Annotated[bool, Field(title="Allow it?")]


def with_approval(approved: Tool, agent: str) -> Tool:
    """The tool, called only if the person at the client allows the call; `agent` is who wants to call it."""
    inner = replace(approved, spec=replace(approved.spec, model_schema=None))

    async def ask_and_call(context: CallContext, /, **arguments: Any) -> ToolOutput:
        # Whoever reads it must see what is run: direction marks would show the text in another order.
        shown = escaped(exact_json.dumps(arguments))
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]} ... [{len(shown) - MAX_SHOWN:,} more]"
        try:
            answer: Answer[_Approval] = await context.ask(f"{agent} wants to run {approved.name} {shown}", _Approval)
        except CannotAsk as error:
            raise ToolError(f"{approved.name} was not called: a person has to approve it. {error}") from None
        if not (isinstance(answer, Accepted) and answer.value.allow):
            raise ToolError(f"{approved.name} was not called: the user did not allow it. Do not try again.")
        return await dispatch.call(inner, arguments, context, whole(Limits()))

    return replace(approved, function=ask_and_call, takes_context=True)
