"""The orchestrator's turns: hand every part to the agent at once, then put the answers together.

The sum of the parts' totals is taken here. What goes beyond a sum, such as a tax on everything, is one more delegation.
"""

from collections.abc import Mapping

from offline_model.calculator import chosen
from offline_model.conversation import Asked, Call, Outcome
from offline_model.numbers import decimal
from offline_model.numerals import Answer, answered, explained, money
from offline_model.problem import Expression, NoResult, Number, Operation, PartTotal, Problem, Unread, value, written
from offline_model.reading import prompt_for, read


def orchestrate(conversation: Asked, agent: str) -> str | list[Call]:
    """The delegations, or the final text. Raises Unread or NoResult if there is no answer to the problem or a part."""
    problem = read(conversation.question)
    prompts = [prompt_for(problem, part) for part in problem.parts] or [conversation.question.strip()]
    calls = [Call(agent, {"prompt": prompt}) for prompt in prompts]
    if pending := _pending(calls, conversation):
        return pending
    outcomes = [conversation.outcomes[call.key] for call in calls]
    if not problem.parts:
        answer = _answers(problem, {"": outcomes[0]})[0]
        return "\n".join([*(explained(outcomes[0].texts) if problem.read else []), f"Answer: {answer.text}"])
    names = [part.name or "Other" for part in problem.parts]
    totals = _answers(problem, dict(zip(names, outcomes, strict=True)))
    known = [_with_totals(goal.value, totals, problem.currency) for goal in problem.goals]
    further = {
        goal.label: Call(agent, {"prompt": written(each)})
        for goal, each in zip(problem.goals, known, strict=True)
        if not (isinstance(each, Number) or goal.pick or _adds_parts(goal.value))
    }
    if pending := _pending(list(further.values()), conversation):
        return pending
    extra = _answers(problem, {label: conversation.outcomes[call.key] for label, call in further.items()})
    found = dict(zip(further, extra, strict=True))
    sums = [money(value(each) or totals[0].value, problem.currency) for each in known]
    return _final(
        problem, totals, [found.get(goal.label, each) for goal, each in zip(problem.goals, sums, strict=True)]
    )


def _pending(calls: list[Call], conversation: Asked) -> list[Call]:
    pending = {call.key: call for call in calls if call.key not in conversation.outcomes}
    if pending and conversation.turns > len(conversation.outcomes):
        raise Unread("a conversation whose calls are not the ones that were asked for")
    return list(pending.values())


def _answers(problem: Problem, outcomes: Mapping[str, Outcome]) -> list[Answer]:
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
    return (
        isinstance(expression, Operation)
        and expression.tool == "sum_numbers"
        and all(isinstance(each, PartTotal) for each in expression.operands)
    )


def _with_totals(expression: Expression, totals: list[Answer], currency: str) -> Expression:
    match expression:
        case PartTotal(index=index):
            text = decimal(totals[index].value)
            return Number(text, "" if {"/", "-"} & set(text) else currency + text)
        case Operation(tool=tool, operands=operands):
            return Operation(tool, tuple(_with_totals(each, totals, currency) for each in operands))
    return expression


def _final(problem: Problem, totals: list[Answer], goals: list[Answer]) -> str:
    """A receipt: each part with what it was read as, then what was asked."""
    lines: list[str] = []
    for part, total in zip(problem.parts, totals, strict=True):
        name = part.name or ("Other" if len(problem.parts) > 1 else "")
        lines += [f"{name}: {total.text}", *(f"  {line}" for line in part.read)] if name else part.read
    answers = zip(problem.goals, goals, strict=True)
    return "\n".join(
        [*lines, *problem.read, *(f"{goal.label}: {chosen(problem, goal, totals, each)}" for goal, each in answers)]
    )
