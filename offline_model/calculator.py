"""The calculator's turns: one level of the plan at a time, then the arithmetic that was done and the answer."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from offline_model.conversation import Asked, Call
from offline_model.numerals import Answer, Result, money, number, plain, result, with_unit
from offline_model.planning import Operand, Plan, Ref, arguments, plan, shown
from offline_model.problem import Goal, NoResult, Problem, Unread
from offline_model.reading import read


@dataclass
class _Progress:
    """What is known of a plan's steps, by index, and which calls are next."""

    results: dict[int, Result] = field(default_factory=dict)
    exact: dict[int, bool] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)

    def known(self, operand: Operand) -> Result | None:
        return (
            self.results.get(operand.step)
            if isinstance(operand, Ref)
            else Result(operand, is_exact=True, approximation="")
        )

    def is_exact(self, operand: Operand) -> bool:
        return self.exact[operand.step] if isinstance(operand, Ref) else True


def calculate(conversation: Asked, offered: AbstractSet[str]) -> str | list[Call]:
    """The next calls, or the final text. Raises Unread if the problem, a tool or a result is not to be had."""
    problem = read(conversation.question)
    made = plan(problem)
    if missing := [tool for tool in made.tools if tool not in offered]:
        raise Unread(f"a problem that needs {' and '.join(missing)}, which this request does not offer")
    progress = _replay(made, conversation)
    if not progress.pending:
        return _final(problem, made, progress)
    if conversation.turns > len(made.steps):
        raise Unread("a conversation whose calls are not the ones that were asked for")
    return list({call.key: call for call in progress.pending}.values())


def _replay(made: Plan, conversation: Asked) -> _Progress:
    progress = _Progress()
    for index, step in enumerate(made.steps):
        known = [found.text for operand in step.operands if (found := progress.known(operand)) is not None]
        if len(known) < len(step.operands):
            continue
        call = Call(step.tool, arguments(step.tool, known))
        outcome = conversation.outcomes.get(call.key)
        if outcome is None:
            progress.pending.append(call)
            continue
        if outcome.is_error:
            raise NoResult(f"{shown(step.tool, known)} has no result: {' '.join(outcome.texts)}")
        found = result(outcome.texts)
        if found is None:
            raise NoResult(f"{step.tool} gave no number: {' '.join(outcome.texts)[:200]}")
        progress.results[index] = found
        progress.exact[index] = found.is_exact and all(progress.is_exact(operand) for operand in step.operands)
        line = f"{shown(step.tool, known)} {'=' if found.is_exact else 'is about'} {found.text}"
        progress.lines += [] if line in progress.lines else [line]
    return progress


def _final(problem: Problem, made: Plan, progress: _Progress) -> str:
    read_as = [*(line for part in problem.parts for line in part.read), *problem.read]
    lines = [f"Read: {'; '.join(read_as)}"] if read_as else []
    lines += progress.lines
    totals = [_answer(problem, operand, progress) for operand in made.parts]
    if len(problem.parts) > 1:
        lines += [f"{part.name or 'Other'}: {total.text}" for part, total in zip(problem.parts, totals, strict=True)]
    answers = [_answer(problem, operand, progress) for operand in made.goals]
    return "\n".join([*lines, f"Answer: {together(problem, totals, answers)}"])


def together(problem: Problem, totals: Sequence[Answer], answers: Sequence[Answer]) -> str:
    """ "$191.12", "-2 or 3", "$713.00 (total) and April $366.00 (most)"."""
    if problem.alternatives:
        return " or ".join(answer.text for answer in answers)
    if len(answers) == 1:
        return answers[0].text
    pairs = zip(problem.goals, answers, strict=True)
    return " and ".join(f"{chosen(problem, goal, totals, answer)} ({goal.label.lower()})" for goal, answer in pairs)


def chosen(problem: Problem, goal: Goal, totals: Sequence[Answer], answer: Answer) -> str:
    """The answer to a goal; of one that is a part, the part and its total, or all parts that are equal."""
    if not goal.pick:
        return answer.text
    best = (max if goal.pick == "most" else min)(total.value for total in totals)
    names = [part.name for part, total in zip(problem.parts, totals, strict=True) if total.value == best]
    return f"{' and '.join(names)} {next(total.text for total in totals if total.value == best)}"


def _answer(problem: Problem, operand: Operand, progress: _Progress) -> Answer:
    found = progress.known(operand)
    assert found is not None
    exact = progress.is_exact(operand)
    if problem.unit == "money":
        value = number(found.text)
        assert value is not None
        return money(value, problem.currency, exact=exact)
    return with_unit(plain(found, exact=exact), problem.unit)
