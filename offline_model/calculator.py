"""The calculator's turns: one level of the plan at a time, then the arithmetic that was done and the answer."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from offline_model.combining import combined
from offline_model.conversation import Asked, Call
from offline_model.lexeme import Unread
from offline_model.numerals import Answer, money, number, percentage, plain, result, several, together
from offline_model.planning import Operand, Plan, Ref, arguments, plan, shown
from offline_model.problem import Calculation, Comparison, Problem, Purchases
from offline_model.reading import read


@dataclass
class _Progress:
    """What is known of a plan's steps, by index, and which calls are next."""

    values: dict[int, str] = field(default_factory=dict)
    exact: dict[int, bool] = field(default_factory=dict)
    last_exact: dict[int, bool] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)

    def value(self, operand: Operand) -> str | None:
        return self.values.get(operand.step) if isinstance(operand, Ref) else operand

    def is_exact(self, operand: Operand) -> bool:
        return self.exact[operand.step] if isinstance(operand, Ref) else True


def calculate(conversation: Asked, offered: AbstractSet[str]) -> str | list[Call]:
    """The next calls, or the final text. Raises Unread if the problem, a tool or a result is not to be had."""
    problem = read(conversation.question)
    made = plan(problem)
    if missing := [tool for tool in made.tools if tool not in offered]:
        raise Unread(f"it needs {' and '.join(missing)}, which this request does not offer")
    progress = _replay(made, conversation)
    if not progress.pending:
        return _final(problem, made, progress)
    if conversation.turns > len(made.steps):
        raise Unread("the calls in this conversation are not the ones that were asked for")
    return list({call.key: call for call in progress.pending}.values())


def _replay(made: Plan, conversation: Asked) -> _Progress:
    progress = _Progress()
    for index, step in enumerate(made.steps):
        known = [value for operand in step.operands if (value := progress.value(operand)) is not None]
        if len(known) < len(step.operands):
            continue
        call = Call(step.tool, arguments(step.tool, known))
        outcome = conversation.outcomes.get(call.key)
        if outcome is None:
            progress.pending.append(call)
            continue
        if outcome.is_error:
            raise Unread(f"{shown(step.tool, known)} failed: {' '.join(outcome.texts)}")
        found = result(outcome.texts)
        if found is None:
            raise Unread(f"{step.tool} gave no number: {' '.join(outcome.texts)[:200]}")
        progress.values[index], progress.last_exact[index] = found
        inputs = all(progress.is_exact(operand) for operand in step.operands)
        progress.exact[index] = found[1] and inputs
        line = f"{shown(step.tool, known)} {'=' if found[1] else 'is about'} {found[0]}"
        progress.lines += [] if line in progress.lines else [line]
    return progress


def _final(problem: Problem, made: Plan, progress: _Progress) -> str:
    lines = [f"Read: {'; '.join(problem.read)}"] if problem.read else []
    if isinstance(problem, Calculation) and problem.unused:
        lines.append(f"Not used: {'; '.join(problem.unused)}")
    lines += progress.lines
    if len(made.parts) > 1:
        lines += [f"{name}: {_answer(problem, total, progress).text}" for name, total in made.parts]
    if isinstance(problem, Comparison):
        found = {name: _answer(problem, total, progress) for name, total in made.parts}
        return "\n".join([*lines, combined(problem, found).line])
    if isinstance(problem, Calculation) and problem.shown:
        each = [replace(problem, currency=shown.currency, unit=shown.unit) for shown in problem.shown]
        answers = [_answer(one, operand, progress) for one, operand in zip(each, made.answers, strict=True)]
        return "\n".join([*lines, together(answers, [shown.name for shown in problem.shown]).line])
    return "\n".join([*lines, several([_answer(problem, each, progress) for each in made.answers]).line])


def _answer(problem: Problem, operand: Operand, progress: _Progress) -> Answer:
    text = progress.value(operand)
    assert text is not None
    exact = progress.is_exact(operand)
    if isinstance(problem, Purchases) or problem.money:
        value = number(text)
        assert value is not None
        return money(value, problem.currency, exact=exact)
    last: Mapping[int, bool] = progress.last_exact
    found = plain(text, last_exact=last[operand.step] if isinstance(operand, Ref) else True, exact=exact)
    return percentage(found) if problem.unit == "%" else found
