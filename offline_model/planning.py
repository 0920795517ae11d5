"""Problem -> the graph of its operations. Those whose operands are known are called at the same time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from offline_model.problem import SIGNS, Expression, NoResult, Number, Operation, PartTotal, Problem
from offline_model.results import Result, result_in

TOOLS = frozenset(SIGNS) | {"square_root"}
_EXACT_IN_JSON = 2**53  # integers beyond it change in clients that read JSON numbers as floats
_MOST = 1_000  # numbers a sum or a product takes


@dataclass(frozen=True)
class Call:
    tool: str
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        return json.dumps([self.tool, self.arguments], sort_keys=True)


@dataclass(frozen=True)
class Outcome:
    texts: tuple[str, ...]
    is_error: bool


@dataclass
class Working:
    """A problem's operations, as far as the conversation has their results."""

    problem: Problem
    outcomes: Mapping[str, Outcome]
    results: dict[Operation, Result | None] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    pending: dict[str, Call] = field(default_factory=dict)
    """What to call next, by key."""

    def result(self, expression: Expression) -> Result | None:
        """The result, None if it is not known yet. Raises NoResult if an operation failed."""
        match expression:
            case Number(text=text):
                return Result(text)
            case PartTotal(index=index):
                return self.result(self.problem.parts[index].total)
            case Operation(tool=tool, operands=operands) if len(operands) > _MOST:
                halves = (operands[:_MOST], operands[_MOST:])
                return self.result(Operation(tool, tuple(Operation(tool, half) for half in halves if half)))
            case Operation():
                if expression not in self.results:
                    self.results[expression] = self._worked(expression)
                return self.results[expression]
        raise TypeError(expression)

    def _worked(self, operation: Operation) -> Result | None:
        operands = [self.result(each) for each in operation.operands]
        known = [each for each in operands if each is not None]
        if len(known) < len(operands):
            return None
        numbers = [each.text for each in known]
        call = Call(operation.tool, _arguments(operation.tool, numbers))
        outcome = self.outcomes.get(call.key)
        if outcome is None:
            self.pending[call.key] = call
            return None
        found = None if outcome.is_error else result_in(outcome.texts)
        if found is None:
            raise NoResult(f"{_shown(operation.tool, numbers)} has no result: {' '.join(outcome.texts)[:200]}")
        line = f"{_shown(operation.tool, numbers)} {'=' if found.is_exact else 'is about'} {found.text}"
        self.lines += [] if line in self.lines else [line]
        inputs = all(each.is_exact and each.inputs for each in known)
        return Result(found.text, found.is_exact, found.approximation, inputs)


def tools_of(expression: Expression) -> set[str]:
    if not isinstance(expression, Operation):
        return set()
    return {expression.tool}.union(*map(tools_of, expression.operands))


def _arguments(tool: str, numbers: Sequence[str]) -> dict[str, Any]:
    """The JSON a tool takes: integers as such, other numbers as exact strings."""
    values: list[int | str] = []
    for text in numbers:
        number = Fraction(text)
        values.append(int(number) if number.denominator == 1 and abs(number) < _EXACT_IN_JSON else text)
    if tool in {"sum_numbers", "multiply_numbers"}:
        return {"numbers": values}
    names = {"power": ("base", "exponent"), "square_root": ("x",)}.get(tool, ("a", "b"))
    return dict(zip(names, values, strict=True))


def _shown(tool: str, numbers: Sequence[str]) -> str:
    if tool == "square_root":
        return f"sqrt({numbers[0]})"
    return f" {SIGNS[tool]} ".join(f"({number})" if {"-", "/"} & set(number) else number for number in numbers)
