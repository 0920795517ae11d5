"""The corpus that is shipped: its answers, worked out a second time, and what the model makes of it."""

import ast
import re
from fractions import Fraction
from math import isqrt

import pytest

from offline_model.score import HALVES, corpus, out_of_scope, verdict

# See docs/offline-model.md. To be raised with the reader, never lowered; 129 + 44 held out were right at first sight.
RIGHT = {"developed": 745, "held out": 185}


def worked_out(node: ast.AST) -> object:
    """The value of a check: fractions, square roots, lists of solutions, the name of the cheapest or dearest."""
    match node:
        case ast.Expression(body=body):
            return worked_out(body)
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.List(elts=each):
            return [worked_out(one) for one in each]
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return Fraction(isqrt(int(number_of(inner))))
        case ast.Call(func=ast.Name(id=name), args=[ast.Dict(keys=keys, values=values)]):
            worth = {str(ast.literal_eval(key)): number_of(one) for key, one in zip(keys, values, strict=True) if key}
            return (min if name == "cheapest" else max)(worth, key=lambda each: worth[each])
        case _:
            return number_of(node)


def number_of(node: ast.AST) -> Fraction:
    if not isinstance(node, ast.BinOp):
        found = worked_out(node)
        assert isinstance(found, Fraction)
        return found
    one, two = number_of(node.left), number_of(node.right)
    match node.op:
        case ast.Add():
            return one + two
        case ast.Sub():
            return one - two
        case ast.Mult():
            return one * two
        case ast.Div():
            return one / two
        case _:
            return Fraction(one ** int(two))


def stated(answer: str) -> object:
    if answer.count(" (") > 1 or " and " in answer or ", by " in answer:
        return [stated(each) for each in re.split(r" and |, by ", answer)]
    figure = answer.partition(" (")[0]
    if " or " in figure:
        return [Fraction(each) for each in figure.split(" or ")]
    bare = figure.translate(str.maketrans("", "", "$%\N{EURO SIGN}\N{POUND SIGN}"))
    return figure if any(each.isalpha() for each in figure) else Fraction(bare)


def test_the_answers_of_the_corpus_are_those_of_an_independent_calculation() -> None:
    assert len(corpus()) >= 1000
    for entry in corpus():
        value, answer = worked_out(ast.parse(entry.check, mode="eval")), stated(entry.answer)
        if "rounded" in entry.answer:
            assert isinstance(value, Fraction)
            assert isinstance(answer, Fraction)
            assert 0 < abs(value - answer) <= Fraction(1, 200), entry
        else:
            assert value == answer, entry


@pytest.mark.requirement("offline-reads")
@pytest.mark.parametrize("half", HALVES)
def test_no_answer_is_wrong_and_no_fewer_are_right_than_stated(half: str) -> None:
    verdicts = [verdict(entry) for entry in corpus() if entry.half == half]
    assert [each.entry.id for each in verdicts if each.wrong] == []
    assert sum(each.right for each in verdicts) >= RIGHT[half]


@pytest.mark.requirement("offline-declines")
def test_all_that_is_out_of_scope_is_declined() -> None:
    assert len(out_of_scope()) >= 260
    assert [each.id for each in out_of_scope() if not verdict(each).declined] == []
