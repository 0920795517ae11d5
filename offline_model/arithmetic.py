"""Texts that are arithmetic from end to end: calculations in figures or words, and equations -> Calculation."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Any

from lark import Token, Transformer, Tree
from lark.parsers.lalr_parser import LALR_Parser

from offline_model.arithmetic_words import ARITHMETIC
from offline_model.lexeme import Lexeme, NotThis, Unread
from offline_model.lexing import lexemes
from offline_model.money import currency_of, money_degree
from offline_model.number_words import decimal
from offline_model.parsing import Refused, loaded, parsed
from offline_model.polynomial import solutions
from offline_model.problem import Calculation, Expression, Negation, Number, Power, Product, Root, Sum, Unknown
from offline_model.spoken import check_spoken
from offline_model.tables import Grammar
from offline_model.value import value

GRAMMAR = Grammar("arithmetic.lark", ("calculation", "equation"), ARITHMETIC.terminals | {"NEWLINE"})
_ONE, _TWO, _HUNDRED = Number("1"), Number("2"), Number("100")
_IT = Unknown("it")


@dataclass(frozen=True)
class _Glued(Product):
    """Factors with no sign between them, "2x" and "2(x + 1)": only equations have them."""


@dataclass(frozen=True)
class _Percentage:
    expression: Expression


@dataclass(frozen=True)
class _Sides:
    left: Expression
    right: Expression


def read_arithmetic(text: str) -> Calculation:
    """Raises Unread if the text is not one calculation or one equation, each word accounted for."""
    found = _tidy(lexemes(text, ARITHMETIC))
    made = parsed(_parser(), "calculation", found)
    if isinstance(made, Refused):
        unknowns = _with_unknowns(found)
        solved = parsed(_parser(), "equation", unknowns) if unknowns else made
        if isinstance(solved, Refused):
            raise NotThis(_stuck(text, found, max(made.at, solved.at)))
        return _solved(text, solved, unknowns)
    check_spoken(text, found)
    return _calculated(text, made, found)


def _solved(text: str, sides: _Sides, found: Sequence[Lexeme]) -> Calculation:
    names = {lexeme.text for lexeme in found if lexeme.kind == "VAR" and len(lexeme.text) == 1}
    if len(names) > 1:
        raise Unread(f"more than one unknown: {', '.join(sorted(names))}")
    expressions = solutions(sides.left, sides.right)
    if any(lexeme.kind == "MONEY" for lexeme in found):
        raise Unread("an equation with money in it")
    return Calculation(expressions, text, read=_read(text, found))


def _calculated(text: str, made: Expression | _Percentage, found: Sequence[Lexeme]) -> Calculation:
    expression = made.expression if isinstance(made, _Percentage) else made
    if isinstance(expression, Number):
        raise Unread(f'"{text.strip()[:200]}": there is nothing to calculate')
    if any(isinstance(each, _Glued | Unknown) for each in _all(expression)):
        raise Unread(f'"{text.strip()[:200]}": two things stand together with no sign between them')
    currency = currency_of(expression)
    degree = money_degree(expression)
    if currency and degree not in {0, 1}:
        raise Unread("money is multiplied by money, or divides a number")
    unit = "%" if isinstance(made, _Percentage) else "money" if degree == 1 else ""
    return Calculation((expression,), text, currency if unit == "money" else "", unit, _read(text, found))


def _read(text: str, found: Sequence[Lexeme]) -> tuple[str, ...]:
    """The numbers that are not written as the tools take them, with their words."""
    numbers = [lexeme for lexeme in found if lexeme.kind in {"NUMBER", "MONEY", "FRACTION", "PERCENT"}]
    pairs = [(text[lexeme.start : lexeme.end], lexeme) for lexeme in numbers]
    return tuple(
        dict.fromkeys(
            f"{words} = {decimal(Number(each.text).value / 100) if each.kind == 'PERCENT' else each.text}"
            for words, each in pairs
            if words != each.text and each.kind != "MONEY"
        )
    )


def _tidy(found: Sequence[Lexeme]) -> list[Lexeme]:
    """Line ends are sentence ends; "times" is a sign between two numbers unless what follows is named by words."""
    tidied: list[Lexeme] = []
    for index, lexeme in enumerate(found):
        kind = {"NEWLINE": "END", "DOZEN": "NUMBER"}.get(lexeme.kind, lexeme.kind)
        if kind == "END" and (not tidied or tidied[-1].kind == "END"):
            continue
        following = found[index + 1].kind if index + 1 < len(found) else ""
        if kind == "TIMESWORD" and following in {"NUMBER", "MONEY", "FRACTION", "LPAR", "MINUS", "SQRT"}:
            kind = "TIMES"
        if lexeme.text.lower() == "double" and kind == "TWICE" and _begins(tidied):
            kind = "DOUBLE"
        tidied.append(replace(lexeme, kind=kind))
    return tidied


def _begins(before: Sequence[Lexeme]) -> bool:
    return not before or before[-1].kind in {"THEN", "COMMA", "END", "AND", "POLITE", "I"}


def _with_unknowns(found: Sequence[Lexeme]) -> list[Lexeme]:
    """Single letters as unknowns, also where they touch a number ("3x"); empty if there are none."""
    glued = {
        two.text
        for one, two in itertools.pairwise(found)
        if one.kind in {"NUMBER", "CODE"} and one.end == two.start and len(two.text) == 1 and two.text.isalpha()
    }
    made = [_unknown(lexeme, glued) for lexeme in found]
    return made if any(lexeme.kind in {"VAR", "UNKNOWNWORD", "THINK"} for lexeme in made) else []


def _unknown(lexeme: Lexeme, glued: set[str]) -> Lexeme:
    if lexeme.kind == "CODE" and lexeme.text.replace(".", "", 1).isdecimal():
        return replace(lexeme, kind="NUMBER")
    letter = lexeme.text.lower()
    if (
        lexeme.kind in {"WORD", "X"}
        and len(letter) == 1
        and (letter in glued or letter not in "aiklm" or letter == "k")
    ):
        return replace(lexeme, kind="VAR", text=letter)
    return lexeme


def _stuck(text: str, found: Sequence[Lexeme], at: int) -> str:
    if at >= len(found):
        return f'"{text.strip()[-60:]}": it seems to stop short'
    words = text[found[at].start : found[min(at + 5, len(found) - 1)].end]
    return f'"{text[found[at].start : found[at].end]}" in "{words[:200]}"'


def _all(expression: Expression) -> Iterator[Expression]:
    yield expression
    match expression:
        case Negation(operand=operand) | Root(operand=operand):
            yield from _all(operand)
        case Sum(terms=pairs) | Product(factors=pairs):
            for _, each in pairs:
                yield from _all(each)
        case Power(base=base, exponent=exponent):
            yield from _all(base)
            yield from _all(exponent)


def _replaced(expression: Expression, it: Expression) -> Expression:
    """A step with what it works on in the place of `it`."""
    match expression:
        case Unknown(name="it"):
            return it
        case Sum(terms=pairs):
            return Sum(tuple((sign, _replaced(each, it)) for sign, each in pairs))
        case Product(factors=pairs):
            return Product(tuple((sign, _replaced(each, it)) for sign, each in pairs))
        case _:
            return expression


def _plus(left: Expression, right: Expression, *, positive: bool = True) -> Sum:
    terms = left.terms if isinstance(left, Sum) and not isinstance(left, _Closed) else ((True, left),)
    return Sum((*terms, (positive, right)))


def _by(left: Expression, right: Expression, *, times: bool = True) -> Product:
    plain = isinstance(left, Product) and not isinstance(left, _Glued | _Part)
    factors = left.factors if isinstance(left, Product) and plain else ((True, left),)
    if not times and isinstance(right, _Glued):
        raise Unread("a division by what is written together: parentheses would tell")
    return Product((*factors, (times, right)))


@dataclass(frozen=True)
class _Closed(Sum):
    """A sum that is one operand: in parentheses or in words."""


@dataclass(frozen=True)
class _Part(Product):
    """A share of something, which is one operand."""


def _share(text: str, kind: str) -> Number:
    return Number(decimal(Number(text).value / 100)) if kind == "PERCENT" else Number(text)


class _Meaning(Transformer[Token, Any]):
    """One method per rule of the grammar; words that carry no meaning are tokens, and passed over."""

    def __default__(self, data: Any, children: list[Any], meta: Any) -> Any:
        return Tree(data, children, meta) if data.startswith("_") else _kept(children)[0]

    def equation(self, children: list[Any]) -> _Sides:
        kept = _kept(children)
        return kept[0] if isinstance(kept[0], _Sides) else _Sides(kept[0], kept[1])

    def sides(self, children: list[Any]) -> _Sides:
        return _Sides(*_kept(children))

    def said(self, children: list[Any]) -> _Sides:
        return _Sides(*_kept(children))

    def number(self, children: list[Token]) -> Number:
        token = children[0]
        return Number(str(token)) if token.type == "NUMBER" else Number(str(token[1:]), str(token[0]))

    def unknown(self, children: list[Token]) -> Unknown:
        return Unknown(str(children[0]) if len(children[0]) == 1 else "the number")

    def glued(self, children: list[Any]) -> _Glued:
        factors = [self.unknown([each]) if isinstance(each, Token) else each for each in children if _means(each)]
        return _Glued(tuple((True, each) for each in factors))

    def grouped(self, children: list[Any]) -> Expression:
        inner: Expression = _kept(children)[0]
        return _Closed(inner.terms) if isinstance(inner, Sum) else inner

    def plus(self, children: list[Any]) -> Sum:
        return _plus(*_kept(children))

    def minus(self, children: list[Any]) -> Sum:
        return _plus(*_kept(children), positive=False)

    plus_open, minus_open = plus, minus

    def times(self, children: list[Any]) -> Product:
        return _by(*_kept(children))

    def over(self, children: list[Any]) -> Product:
        return _by(*_kept(children), times=False)

    times_open, over_open = times, over

    def negation(self, children: list[Any]) -> Expression:
        operand = _kept(children)[0]
        if isinstance(operand, Number) and not operand.text.startswith("-"):
            return Number(f"-{operand.text}", operand.currency)
        return Negation(operand)

    def power(self, children: list[Any]) -> Power:
        return Power(*_kept(children))

    def squared(self, children: list[Any]) -> Power:
        return Power(_kept(children)[0], _TWO)

    def cubed(self, children: list[Any]) -> Power:
        return Power(_kept(children)[0], Number("3"))

    def root(self, children: list[Any]) -> Root:
        return Root(_kept(children)[0])

    def percent_share(self, children: list[Token]) -> Number:
        return _share(str(children[0]), children[0].type)

    def plain_share(self, children: list[Any]) -> tuple[str, Expression]:
        return "plain", _kept(children)[0]

    def twice(self, _children: list[Any]) -> Number:
        return _TWO

    def portion(self, children: list[Any]) -> _Part:
        return _Part(tuple((True, each) for each in _kept(children)))

    def terms(self, children: list[Any]) -> list[Expression]:
        return _kept(children)

    def sum_of(self, children: list[Any]) -> Sum:
        return _Closed(tuple((True, each) for each in _kept(children)[0]))

    def product_of(self, children: list[Any]) -> Product:
        return _Part(tuple((True, each) for each in _kept(children)[0]))

    def average_of(self, children: list[Any]) -> Product:
        terms = _kept(children)[0]
        total = Sum(tuple((True, each) for each in terms))
        return Product(((True, total), (False, Number(str(len(terms))))))

    def difference_of(self, children: list[Any]) -> Sum:
        one, two = _kept(children)
        first, second = value(one), value(two)
        if first is not None and second is not None and first < second:
            one, two = two, one
        return _Closed(((True, one), (False, two)))

    def excess(self, children: list[Any]) -> Sum:
        one, two = _kept(children)
        first, second = value(one), value(two)
        if first is None or second is None or first < second:
            raise Unread("how much more it is, but it is less")
        return Sum(((True, one), (False, two)))

    def quotient_of(self, children: list[Any]) -> Product:
        one, two = _kept(children)
        return _Part(((True, one), (False, two)))

    def percent_of_first(self, children: list[Any]) -> _Percentage:
        whole, part = _kept(children)
        return _Percentage(Product(((True, part), (False, whole), (True, _HUNDRED))))

    def percent_of_second(self, children: list[Any]) -> _Percentage:
        part, whole = _kept(children)
        return _Percentage(Product(((True, part), (False, whole), (True, _HUNDRED))))

    def more_than(self, children: list[Any]) -> Sum:
        extra, base = _kept(children)
        return Sum(((True, base), (True, extra)))

    def less_than(self, children: list[Any]) -> Sum:
        extra, base = _kept(children)
        return Sum(((True, base), (False, extra)))

    def increased(self, children: list[Any], *, up: bool = True) -> Expression:
        base, share = _kept(children)
        if isinstance(share, tuple):
            return Sum(((True, base), (up, share[1])))
        return _Part(((True, base), (True, Sum(((True, _ONE), (up, share))))))

    def decreased(self, children: list[Any]) -> Expression:
        return self.increased(children, up=False)

    def up(self, children: list[Any]) -> Expression:
        return self.increased([Unknown("the number"), *_kept(children)])

    def down(self, children: list[Any]) -> Expression:
        return self.increased([Unknown("the number"), *_kept(children)], up=False)

    def whatnumber(self, children: list[Any]) -> _Sides:
        return _Sides(*_kept(children))

    def added(self, children: list[Any]) -> Sum:
        extra, base = self._operands(children)
        return Sum(((True, base), (True, extra)))

    def subtracted(self, children: list[Any]) -> Sum:
        extra, base = self._operands(children)
        return Sum(((True, base), (False, extra)))

    def multiplied(self, children: list[Any]) -> Product:
        one, two = self._operands(children)
        return _Part(((True, one), (True, two)))

    def divided(self, children: list[Any]) -> Product:
        one, two = self._operands(children)
        return _Part(((True, one), (False, two)))

    def _operands(self, children: list[Any]) -> list[Expression]:
        return [self.unknown([each]) if isinstance(each, Token) else each for each in children if _means(each)]

    def taken(self, children: list[Any]) -> Expression:
        inner: Expression = _kept(children)[0]
        return inner

    def doubled(self, children: list[Any]) -> Product:
        return _Part(((True, _TWO), (True, _kept(children)[0])))

    def step_add(self, children: list[Any]) -> Sum:
        return Sum(((True, _IT), (True, _kept(children)[0])))

    def step_subtract(self, children: list[Any]) -> Sum:
        return Sum(((True, _IT), (False, _kept(children)[0])))

    def step_multiply(self, children: list[Any]) -> Product:
        return Product(((True, _IT), (True, _kept(children)[0])))

    def step_divide(self, children: list[Any]) -> Product:
        return Product(((True, _IT), (False, _kept(children)[0])))

    def step_double(self, _children: list[Any]) -> Product:
        return Product(((True, _IT), (True, _TWO)))

    def step_halve(self, _children: list[Any]) -> Product:
        return Product(((True, _IT), (False, _TWO)))

    def chain(self, children: list[Any]) -> Expression:
        made: Expression = reduce(lambda it, step: _replaced(step, it), _kept(children))
        return made

    puzzle_next = chain

    def puzzle_first(self, children: list[Any]) -> Expression:
        return _replaced(_kept(children)[0], Unknown("the number"))


def _means(child: Any) -> bool:
    return not isinstance(child, Token) or child.type == "VAR"


def _kept(children: Sequence[Any]) -> list[Any]:
    return [child for child in children if not isinstance(child, Token)]


@cache
def _parser() -> LALR_Parser:
    return loaded(GRAMMAR, _Meaning())
