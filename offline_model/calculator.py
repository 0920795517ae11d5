"""The calculator's turns: one level of the graph at a time, then the arithmetic that was done and the answer."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from offline_model.conversation import Asked, Call
from offline_model.numerals import Answer, shown
from offline_model.planning import Working, tools_of
from offline_model.problem import Expression, Goal, Problem, Unread
from offline_model.reading import read


def calculate(conversation: Asked, offered: AbstractSet[str]) -> str | list[Call]:
    """The next calls, or the final text. Raises Unread or NoResult if there is no problem, tool or result."""
    problem = read(conversation.question)
    wanted = [part.total for part in problem.parts] + [goal.value for goal in problem.goals]
    if missing := sorted(set().union(*map(tools_of, wanted)) - offered):
        raise Unread(f"a problem that needs {' and '.join(missing)}, which this request does not offer")
    working = Working(problem, conversation.outcomes)
    for expression in wanted:
        working.result(expression)
    if not working.pending:
        return _final(problem, working)
    if conversation.turns > len(working.results):
        raise Unread("a conversation whose calls are not the ones that were asked for")
    return list(working.pending.values())


def _final(problem: Problem, working: Working) -> str:
    def answer(expression: Expression) -> Answer:
        found = working.result(expression)
        assert found is not None
        return shown(found, problem.currency, problem.unit)

    read_as = [*(line for part in problem.parts for line in part.read), *problem.read]
    totals = [answer(part.total) for part in problem.parts]
    parts = [f"{part.name or 'Other'}: {each.text}" for part, each in zip(problem.parts, totals, strict=True)]
    answers = [chosen(problem, goal, totals, answer(goal.value)) for goal in problem.goals]
    if problem.parts and len(answers) > 1:
        answers = [f"{text} ({goal.label.lower()})" for text, goal in zip(answers, problem.goals, strict=True)]
    lines = [f"Read: {'; '.join(read_as)}"] if read_as else []
    lines += working.lines + (parts if len(parts) > 1 else [])
    return "\n".join([*lines, f"Answer: {(' and ' if problem.parts else ' or ').join(answers)}"])


def chosen(problem: Problem, goal: Goal, totals: Sequence[Answer], answer: Answer) -> str:
    """The answer to a goal; of one that is a part, the part and its total, or all parts that are equal."""
    if not goal.pick:
        return answer.text
    best = (max if goal.pick == "most" else min)(total.value for total in totals)
    names = [part.name for part, total in zip(problem.parts, totals, strict=True) if total.value == best]
    return f"{' and '.join(names)} {next(total.text for total in totals if total.value == best)}"
