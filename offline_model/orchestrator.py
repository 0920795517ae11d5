"""The orchestrator's turns: hand every part to the agent at once, then put the answers together.

The sum of the parts' totals is taken here. What goes beyond a sum, such as a tax on everything, is one more delegation.
"""

from collections.abc import Mapping
from fractions import Fraction

from offline_model.calculator import chosen
from offline_model.conversation import Asked, Call, Outcome
from offline_model.numbers import decimal
from offline_model.numerals import Answer, answered, explained, money
from offline_model.problem import (
    Expression,
    NoResult,
    Number,
    PartTotal,
    Power,
    Problem,
    Product,
    Root,
    Sum,
    Unread,
    value,
    written,
)
from offline_model.reading import prompt_for, read


def orchestrate(conversation: Asked, agent: str) -> str | list[Call]:
    """The delegations, or the final text. Raises Unread or NoResult if there is no answer to the problem or a part."""
    problem = read(conversation.question)
    if not problem.parts:
        calls = [Call(agent, {"prompt": problem.source})]
        return _pending(calls, conversation) or _calculated(problem, _outcomes(calls, conversation)[0])
    calls = [Call(agent, {"prompt": prompt_for(part)}) for part in problem.parts]
    if pending := _pending(calls, conversation):
        return pending
    totals = _answers(
        problem, {part.name: each for part, each in zip(problem.parts, _outcomes(calls, conversation), strict=True)}
    )
    goals: list[Answer] = []
    further: list[Call] = []
    for goal in problem.goals:
        known = _with_totals(goal.value, totals, problem.currency)
        if isinstance(known, Number) or goal.pick or _is_sum_of_parts(goal.value):
            goals.append(money(value(known) or Fraction(0), problem.currency))
            continue
        call = Call(agent, {"prompt": written(known)})
        further.append(call)
        if call.key in conversation.outcomes:
            goals += _answers(problem, {goal.label: conversation.outcomes[call.key]})
    return _pending(further, conversation) or _final(problem, totals, goals)


def _pending(calls: list[Call], conversation: Asked) -> list[Call]:
    pending = {call.key: call for call in calls if call.key not in conversation.outcomes}
    if pending and conversation.turns > len(conversation.outcomes):
        raise Unread("a conversation whose calls are not the ones that were asked for")
    return list(pending.values())


def _outcomes(calls: list[Call], conversation: Asked) -> list[Outcome]:
    return [conversation.outcomes[call.key] for call in calls]


def _calculated(problem: Problem, outcome: Outcome) -> str:
    answer = _answers(problem, {"": outcome})[0]
    return "\n".join([*(explained(outcome.texts) if problem.read else []), f"Answer: {answer.text}"])


def _answers(problem: Problem, outcomes: Mapping[str, Outcome]) -> list[Answer]:
    answers: dict[str, Answer] = {}
    failures: list[str] = []
    for name, outcome in outcomes.items():
        found = None if outcome.is_error else answered(outcome.texts)
        if found is None or found.currency != problem.currency.strip():
            said = " ".join(outcome.texts)[:1000] or "nothing"
            failures.append(f"{name or 'the calculation'} was not worked out, the agent said: {said}")
        else:
            answers[name] = found
    if failures:
        finished = [f"{name}: {each.text}" for name, each in answers.items()]
        raise NoResult("; ".join(failures + ([f"finished were {', '.join(finished)}"] if finished else [])))
    return list(answers.values())


def _is_sum_of_parts(expression: Expression) -> bool:
    return isinstance(expression, Sum) and all(
        forward and isinstance(each, PartTotal) for forward, each in expression.terms
    )


def _with_totals(expression: Expression, totals: list[Answer], currency: str) -> Expression:
    match expression:
        case PartTotal(index=index):
            text = decimal(totals[index].value)
            return Number(text, "" if "/" in text or text.startswith("-") else currency + text)
        case Sum(terms=pairs):
            return Sum(tuple((forward, _with_totals(each, totals, currency)) for forward, each in pairs))
        case Product(factors=pairs):
            return Product(tuple((forward, _with_totals(each, totals, currency)) for forward, each in pairs))
        case Power() | Root():
            raise TypeError(expression)
        case _:
            return expression


def _final(problem: Problem, totals: list[Answer], goals: list[Answer]) -> str:
    """A receipt: each part with what it was read as, then what was asked."""
    lines: list[str] = []
    for part, total in zip(problem.parts, totals, strict=True):
        named = part.name or ("Other" if len(problem.parts) > 1 else "")
        lines += [f"{named}: {total.text}"] if named else []
        lines += [f"  {line}" if named else line for line in part.read]
    lines += problem.read
    lines += [
        f"{goal.label}: {chosen(problem, goal, totals, answer)}"
        for goal, answer in zip(problem.goals, goals, strict=True)
    ]
    return "\n".join(lines)
