"""Problem -> dependency graph of the six operations. Steps whose operands are known may run at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from offline_model.problem import Expression, Number, PartTotal, Power, Problem, Product, Root, Sum

TOOLS = frozenset({"sum_numbers", "subtract_numbers", "multiply_numbers", "divide_numbers", "power", "square_root"})

_MOST = 1_000  # numbers a sum or a product takes
_EXACT_IN_JSON = 2**53  # integers beyond it change in clients that read JSON numbers as floats
_SIGNS: Mapping[str, str] = {
    "sum_numbers": " + ",
    "subtract_numbers": " - ",
    "multiply_numbers": " * ",
    "divide_numbers": " / ",
    "power": " ^ ",
}


@dataclass(frozen=True)
class Ref:
    """The result of an earlier step."""

    step: int


Operand: TypeAlias = str | Ref
"""A number's text, or where it comes from."""


@dataclass(frozen=True)
class Step:
    tool: str
    operands: tuple[Operand, ...]


@dataclass
class Plan:
    """`steps` in an order in which each comes after those it needs; the totals of parts and the goals refer to them."""

    steps: list[Step] = field(default_factory=list)
    parts: list[Operand] = field(default_factory=list)
    goals: list[Operand] = field(default_factory=list)
    places: dict[Step, int] = field(default_factory=dict)

    @property
    def tools(self) -> list[str]:
        return sorted({step.tool for step in self.steps})

    def add(self, tool: str, *operands: Operand) -> Operand:
        """The result of a step; one that is there already is not done twice."""
        step = Step(tool, operands)
        if step not in self.places:
            self.places[step] = len(self.steps)
            self.steps.append(step)
        return Ref(self.places[step])

    def fold(self, tool: str, operands: Sequence[Operand]) -> Operand:
        while len(operands) > _MOST:
            starts = range(0, len(operands), _MOST)
            operands = [self.fold(tool, operands[start : start + _MOST]) for start in starts]
        return operands[0] if len(operands) == 1 else self.add(tool, *operands)

    def expression(self, expression: Expression) -> Operand:
        match expression:
            case Number(text=text):
                return text
            case PartTotal(index=index):
                return self.parts[index]
            case Power(base=base, exponent=exponent):
                return self.add("power", self.expression(base), self.expression(exponent))
            case Root(operand=operand):
                return self.add("square_root", self.expression(operand))
            case Sum(terms=pairs):
                return self.inverse_pair(pairs, ("sum_numbers", "subtract_numbers", "0"))
            case Product(factors=pairs):
                return self.inverse_pair(pairs, ("multiply_numbers", "divide_numbers", "1"))
        raise TypeError(expression)

    def inverse_pair(self, pairs: Sequence[tuple[bool, Expression]], tools: tuple[str, str, str]) -> Operand:
        """Flat, so that the two sides can run together: a - b + c - d as (a + c) - (b + d), and the like for products."""
        together, apart, neutral = tools
        operands = [(forward, self.expression(each)) for forward, each in pairs]
        forward = [operand for positive, operand in operands if positive] or [neutral]
        backward = [operand for positive, operand in operands if not positive]
        first = self.fold(together, forward)
        return self.add(apart, first, self.fold(together, backward)) if backward else first


def plan(problem: Problem) -> Plan:
    made = Plan()
    made.parts = [made.expression(part.total) for part in problem.parts]
    made.goals = [made.expression(goal.value) for goal in problem.goals]
    return made


def arguments(tool: str, numbers: Sequence[str]) -> dict[str, Any]:
    """The JSON a tool takes: integers as such, other numbers as exact strings."""
    values = [_json_number(number) for number in numbers]
    if tool in {"sum_numbers", "multiply_numbers"}:
        return {"numbers": values}
    names = {"power": ("base", "exponent"), "square_root": ("x",)}.get(tool, ("a", "b"))
    return dict(zip(names, values, strict=True))


def shown(tool: str, numbers: Sequence[str]) -> str:
    """The step as a reader would write it."""
    if tool == "square_root":
        return f"sqrt({numbers[0]})"
    return _SIGNS[tool].join(f"({number})" if {"-", "/"} & set(number) else number for number in numbers)


def _json_number(text: str) -> int | str:
    number = Fraction(text)
    return int(number) if number.denominator == 1 and abs(number) < _EXACT_IN_JSON else text
