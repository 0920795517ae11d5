"""A request -> the message the offline model answers with. Every turn is read from the conversation alone.

With an agent among its tools it hands every part to the agent at once, then puts the answers together; with math tools
it calls one level of the graph of operations at a time.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline_model import MODEL
from offline_model.numbers import decimal
from offline_model.planning import TOOLS, Call, Outcome, Working, tools_of
from offline_model.problem import Expression, NoResult, Number, Operation, PartTotal, Problem, Unread, value, written
from offline_model.reading import FORMS, prompt_for, read
from offline_model.results import Answer, answered, explained, money, shown

ABOUT = "The built-in reader follows fixed rules; an API key, or a local model with --base-url, reads any wording."
_PREFERRED = "calculator_assistant_agent"


@dataclass(frozen=True)
class Asked:
    """The question that is being answered, and what tools have answered since it was asked, by the key of the call."""

    question: str
    outcomes: Mapping[str, Outcome]
    turns: int
    """How often tools were asked since the question."""
    place: str
    """Tells the ids of the next message from all others."""

    def pending(self, calls: Sequence[Call], done: int) -> list[Call]:
        """The calls without an outcome. Raises Unread if more turns were taken than the calls that are done explain."""
        pending = {call.key: call for call in calls if call.key not in self.outcomes}
        if pending and self.turns > done:
            raise Unread("a conversation whose calls are not the ones that were asked for")
        return list(pending.values())


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """A checked request's answer, as a Message of the API. Usage is estimated: four characters are a token."""
    place = f"{len(body['messages'])}"
    try:
        asked = _asked(body["messages"])
        place = asked.place
        said = _said(asked, body)
    except Unread as reason:
        about = str(reason) if str(reason)[:1].isupper() else f"I could not place {reason}"
        return _refused(body, place, f"{about}. What is read looks like {FORMS}.\n{ABOUT}")
    except NoResult as reason:
        return _refused(body, place, str(reason))
    if isinstance(said, str):
        return _message(body, place, [{"type": "text", "text": said}], "end_turn")
    if (body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        said = said[:1]
    blocks = [
        {"type": "tool_use", "id": f"toolu_offline_{place}_{n}", "name": call.tool, "input": dict(call.arguments)}
        for n, call in enumerate(said)
    ]
    return _message(body, place, blocks, "tool_use")


def _asked(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """Earlier questions and their answers are history; the last one counts."""
    at = max((index for index, message in enumerate(messages) if _is_question(message)), default=None)
    if at is None:
        raise Unread("a conversation without a question in words")
    blocks = _blocks(messages[at])
    if other := sorted({block["type"] for block in blocks} - {"text"}):
        raise Unread(f"a question with {', '.join(other)}: only text is read")
    question = "\n".join(block["text"] for block in blocks)
    since = [block for message in messages[at:] for block in _blocks(message)]
    calls = {block["id"]: Call(block["name"], block["input"]) for block in since if block["type"] == "tool_use"}
    outcomes = {
        calls[block["tool_use_id"]].key: Outcome(_texts(block.get("content")), bool(block.get("is_error")))
        for block in since
        if block["type"] == "tool_result" and block["tool_use_id"] in calls
    }
    turns = sum(any(block["type"] == "tool_use" for block in _blocks(message)) for message in messages[at:])
    digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
    return Asked(question, outcomes, turns, f"{digest}_{len(messages)}")


def _texts(content: Any) -> tuple[str, ...]:
    if isinstance(content, str):
        return (content,)
    return tuple(block["text"] for block in content or () if block.get("type") == "text")


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_question(message: Mapping[str, Any]) -> bool:
    kinds = {block["type"] for block in _blocks(message)}
    return message["role"] == "user" and bool(kinds) and "tool_result" not in kinds


def _said(asked: Asked, body: Mapping[str, Any]) -> str | list[Call]:
    """The next calls, or the final text. Raises Unread or NoResult if there is no problem, tool or result."""
    is_off = (body.get("tool_choice") or {}).get("type") == "none"
    tools = [] if is_off else body.get("tools", [])
    agents = [tool["name"] for tool in tools if _is_agent(tool)]
    if agents:
        return _orchestrated(asked, _PREFERRED if _PREFERRED in agents else agents[0])
    offered = TOOLS & {tool["name"] for tool in tools}
    if not offered:
        raise Unread("a request that offers no tool to calculate with")
    problem = read(asked.question)
    wanted = [part.total for part in problem.parts] + [goal.value for goal in problem.goals]
    if missing := sorted(set().union(*map(tools_of, wanted)) - offered):
        raise Unread(f"a problem that needs {' and '.join(missing)}, which this request does not offer")
    working = Working(problem, asked.outcomes)
    for expression in wanted:
        working.result(expression)
    return asked.pending(list(working.pending.values()), len(working.results)) or _calculated(problem, working)


def _is_agent(tool: Mapping[str, Any]) -> bool:
    """An agent takes one thing, a prompt."""
    schema = tool.get("input_schema", {})
    prompt = (schema.get("properties") or {}).get("prompt")
    only = list(schema.get("properties") or {}) == ["prompt"] == list(schema.get("required", []))
    return only and isinstance(prompt, Mapping) and prompt.get("type") == "string"


def _calculated(problem: Problem, working: Working) -> str:
    """What was read, the arithmetic that was done, and the answer."""

    def answer_of(expression: Expression) -> Answer:
        found = working.result(expression)
        assert found is not None
        return shown(found, problem.currency, problem.unit)

    read_as = [*(line for part in problem.parts for line in part.read), *problem.read]
    totals = [answer_of(part.total) for part in problem.parts]
    parts = [f"{part.name or 'Other'}: {each.text}" for part, each in zip(problem.parts, totals, strict=True)]
    answers = [_chosen(problem, goal.pick, totals, answer_of(goal.value)) for goal in problem.goals]
    if problem.parts and len(answers) > 1:
        answers = [f"{text} ({goal.label.lower()})" for text, goal in zip(answers, problem.goals, strict=True)]
    lines = [f"Read: {'; '.join(read_as)}"] if read_as else []
    lines += working.lines + (parts if len(parts) > 1 else [])
    return "\n".join([*lines, f"Answer: {(' and ' if problem.parts else ' or ').join(answers)}"])


def _chosen(problem: Problem, pick: str, totals: Sequence[Answer], found: Answer) -> str:
    """The answer to a goal; of one that is a part, the part and its total, or all parts that are equal."""
    if not pick:
        return found.text
    best = (max if pick == "most" else min)(total.value for total in totals)
    names = [part.name for part, total in zip(problem.parts, totals, strict=True) if total.value == best]
    return f"{' and '.join(names)} {next(total.text for total in totals if total.value == best)}"


def _orchestrated(asked: Asked, agent: str) -> str | list[Call]:
    """One delegation a part; the sum of the parts is taken here, what goes beyond it is one more delegation."""
    problem = read(asked.question)
    prompts = [prompt_for(problem, part) for part in problem.parts] or [asked.question.strip()]
    calls = [Call(agent, {"prompt": prompt}) for prompt in prompts]
    if pending := asked.pending(calls, len(asked.outcomes)):
        return pending
    outcomes = [asked.outcomes[call.key] for call in calls]
    if not problem.parts:
        found = _answers(problem, {"": outcomes[0]})[0]
        return "\n".join([*(explained(outcomes[0].texts) if problem.read else []), f"Answer: {found.text}"])
    names = [part.name or "Other" for part in problem.parts]
    totals = _answers(problem, dict(zip(names, outcomes, strict=True)))
    known = [_with_totals(goal.value, totals, problem.currency) for goal in problem.goals]
    further = {
        goal.label: Call(agent, {"prompt": written(each)})
        for goal, each in zip(problem.goals, known, strict=True)
        if not (isinstance(each, Number) or goal.pick or _adds_parts(goal.value))
    }
    if pending := asked.pending(list(further.values()), len(asked.outcomes)):
        return pending
    extra = _answers(problem, {label: asked.outcomes[call.key] for label, call in further.items()})
    by_label = dict(zip(further, extra, strict=True))
    goals = [
        by_label.get(goal.label) or money(value(each) or totals[0].value, problem.currency)
        for goal, each in zip(problem.goals, known, strict=True)
    ]
    return _receipt(problem, totals, goals)


def _answers(problem: Problem, outcomes: Mapping[str, Outcome]) -> list[Answer]:
    """Raises NoResult, naming what was not worked out and what was."""
    answers = {name: None if each.is_error else answered(each.texts) for name, each in outcomes.items()}
    good = {name: each for name, each in answers.items() if each and each.currency == problem.currency.strip()}
    failures = [
        f"{name or 'the calculation'} was not worked out, the agent said: {' '.join(each.texts)[:1000] or 'nothing'}"
        for name, each in outcomes.items()
        if name not in good
    ]
    if failures:
        finished = [f"{name}: {each.text}" for name, each in good.items()]
        raise NoResult("; ".join(failures + ([f"finished were {', '.join(finished)}"] if finished else [])))
    return list(good.values())


def _adds_parts(expression: Expression) -> bool:
    is_sum = isinstance(expression, Operation) and expression.tool == "sum_numbers"
    return is_sum and all(isinstance(each, PartTotal) for each in expression.operands)  # type: ignore[union-attr]


def _with_totals(expression: Expression, totals: Sequence[Answer], currency: str) -> Expression:
    match expression:
        case PartTotal(index=index):
            text = decimal(totals[index].value)
            return Number(text, "" if {"/", "-"} & set(text) else currency + text)
        case Operation(tool=tool, operands=operands):
            return Operation(tool, tuple(_with_totals(each, totals, currency) for each in operands))
    return expression


def _receipt(problem: Problem, totals: Sequence[Answer], goals: Sequence[Answer]) -> str:
    """Each part with what it was read as, then what was asked."""
    lines: list[str] = []
    for part, total in zip(problem.parts, totals, strict=True):
        name = part.name or ("Other" if len(problem.parts) > 1 else "")
        lines += [f"{name}: {total.text}", *(f"  {line}" for line in part.read)] if name else part.read
    answers = zip(problem.goals, goals, strict=True)
    lines += [*problem.read, *(f"{goal.label}: {_chosen(problem, goal.pick, totals, each)}" for goal, each in answers)]
    return "\n".join(lines)


def _refused(body: Mapping[str, Any], place: str, text: str) -> dict[str, Any]:
    details = {"type": "refusal", "category": None, "explanation": text}
    return _message(body, place, [{"type": "text", "text": text}], "refusal") | {"stop_details": details}


def _message(
    body: Mapping[str, Any], place: str, content: Sequence[Mapping[str, Any]], stop_reason: str
) -> dict[str, Any]:
    asked = [body.get("system"), body["messages"], body.get("tools")]
    read, said = (len(str(each)) // 4 + 1 for each in (asked, content))
    return {
        "id": f"msg_offline_{place}",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": read, "output_tokens": said},
    }
