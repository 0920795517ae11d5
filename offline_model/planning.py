"""Problem -> dependency graph of the six operations. Steps whose operands are known may run at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from offline_model.problem import (
    Calculation,
    Comparison,
    Expression,
    Item,
    Negation,
    Number,
    Part,
    Power,
    Problem,
    Product,
    Root,
    Sum,
    Unknown,
)

TOOLS = frozenset({"sum_numbers", "subtract_numbers", "multiply_numbers", "divide_numbers", "power", "square_root"})

_MOST = 1_000  # numbers a sum or a product takes
_EXACT_IN_JSON = 2**53  # integers beyond it change in clients that read JSON numbers as floats


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
    """`steps` in an order in which each comes after those it needs; `answers` and the parts' totals refer to them."""

    steps: list[Step] = field(default_factory=list)
    answers: list[Operand] = field(default_factory=list)
    parts: list[tuple[str, Operand]] = field(default_factory=list)
    places: dict[Step, int] = field(default_factory=dict)

    @property
    def tools(self) -> list[str]:
        return sorted({step.tool for step in self.steps})

    def levels(self) -> list[list[Step]]:
        """The steps by depth: those of one level need only results of the levels before."""
        depths: list[int] = []
        levels: list[list[Step]] = []
        for step in self.steps:
            depth = max((depths[each.step] + 1 for each in step.operands if isinstance(each, Ref)), default=0)
            depths.append(depth)
            levels += [[]] if depth == len(levels) else []
            levels[depth].append(step)
        return levels

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


def plan(problem: Problem) -> Plan:
    made = Plan()
    if isinstance(problem, Calculation):
        made.answers = [_expression(made, each) for each in problem.expressions]
        return made
    if isinstance(problem, Comparison):
        made.parts = [(part.name, _expression(made, part.expression)) for part in problem.parts]
        made.answers = _compared(made, problem, [total for _, total in made.parts])
        return made
    made.parts = [(part.name, _part(made, part)) for part in problem.parts]
    made.answers = [made.fold("sum_numbers", [total for _, total in made.parts])]
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
    signs: Mapping[str, str] = {
        "sum_numbers": " + ",
        "subtract_numbers": " - ",
        "multiply_numbers": " * ",
        "divide_numbers": " / ",
        "power": " ^ ",
    }
    return signs[tool].join(f"({number})" if {"-", "/"} & set(number) else number for number in numbers)


def _json_number(text: str) -> int | str:
    value = Fraction(text)
    if value.denominator == 1 and abs(value) < _EXACT_IN_JSON:
        return int(value)
    return text


def _compared(made: Plan, problem: Comparison, totals: Sequence[Operand]) -> list[Operand]:
    match problem.ask:
        case "total":
            return [made.fold("sum_numbers", totals)]
        case "average":
            return [made.add("divide_numbers", made.fold("sum_numbers", totals), str(len(totals)))]
        case "difference":
            return [made.add("subtract_numbers", totals[0], totals[1])]
        case _:
            return [made.add("subtract_numbers", totals[0], totals[1])] if problem.gap else []


def _part(made: Plan, part: Part) -> Operand:
    costs: list[Operand] = []
    for entry in part.entries:
        if not isinstance(entry, Item):
            costs.append(entry.amount.text)
        elif entry.quantity.value == 1:
            costs.append(entry.price.text)
        else:
            costs.append(made.add("multiply_numbers", entry.quantity.text, entry.price.text))
    return made.fold("sum_numbers", costs)


def _expression(made: Plan, expression: Expression) -> Operand:
    match expression:
        case Number(text=text):
            return text
        case Unknown():
            raise AssertionError(expression)
        case Negation(operand=operand):
            return made.add("subtract_numbers", "0", _expression(made, operand))
        case Power(base=base, exponent=exponent):
            return made.add("power", _expression(made, base), _expression(made, exponent))
        case Root(operand=operand):
            return made.add("square_root", _expression(made, operand))
        case Sum(terms=pairs):
            return _inverse_pair(made, pairs, ("sum_numbers", "subtract_numbers", "0"))
        case Product(factors=pairs):
            return _inverse_pair(made, pairs, ("multiply_numbers", "divide_numbers", "1"))


def _inverse_pair(made: Plan, pairs: Sequence[tuple[bool, Expression]], tools: tuple[str, str, str]) -> Operand:
    """Flat, so that the two sides can run together: a - b + c - d as (a + c) - (b + d), and the like for products."""
    together, apart, neutral = tools
    operands = [(forward, _expression(made, each)) for forward, each in pairs]
    forward = [operand for positive, operand in operands if positive] or [neutral]
    backward = [operand for positive, operand in operands if not positive]
    first = made.fold(together, forward)
    return made.add(apart, first, made.fold(together, backward)) if backward else first
