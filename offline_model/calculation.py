"""Texts that are one calculation or one equation, in figures or words -> Problem.

A text is rewritten from the inside out. Each number, and each worded function whose operands are known, becomes an
atom, a letter with a number: n for a number or a finished group, c for what was in parentheses, o for a worded function
("sum of 3 and 4"), p for a share ("15% of 80"). What stands after an o or a p could belong to it or to its operand, so
it is declined. At the end atoms and signs are left, which Python's own parser puts in order.
"""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TypeAlias

from offline_model import problem
from offline_model.equations import solutions
from offline_model.marking import CURRENCY, symbol_of
from offline_model.numbers import decimal, figures, spoken, spoken_parts
from offline_model.problem import Expression, Goal, Number, Operation, Problem, Unknown, Unread, product, total, value
from offline_model.wording import CHANGING, ORDER, replaced, sides_of

_NUMBER = re.compile(
    rf"((?:(?<![a-z])(?!try)(?:{CURRENCY.lower()}) ?)?)"
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3})(?!\d|,\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![\d.]*\d)"
)
_FORM = re.compile(
    r"[(,]?\s*\b(?:(?:as|to|into|in)(?: an?)? |(?=decimal\b))(decimal|fraction|percent)(?:age)?(?: form"
    r"| please)?\b\)?(?! of)"
)
_ROUNDED = re.compile(
    r"[(,]?\s*(?:rounded |round )?(?:(?:off )?to )(?:the )?(?:(\d|one|two|three|four) (?:decimals?|dp)(?: places?)?"
    r"|nearest (hundredth|cent|tenth|whole number|integer))\b\)?"
)
_PLACES = {"hundredth": "2", "cent": "2", "tenth": "1"}
_RESULT = re.compile(r"\b(?:(?:from|to)\s+)?(?:result|what is left|that|it|answer|sum|product|total)\b")
_ATOM = r"[ncop]\d+"
_ARG = rf"(?:an? )?-?{_ATOM}(?:[*/^]{_ATOM})*"
_SEPARATOR = rf"(?:\s*[,;&]\s*(?:and )?|\s+and |\s+(?=-?{_ATOM}))"
_LIST = rf"({_ARG}(?:{_SEPARATOR}{_ARG})+)"
_COUNTED = r"(?<![,&⊕⊖⊗⊘*/^+-] )(?<!and )(?<![*/^+-])(n\d+(?:(?:, (?:and )?| and | & )n\d+)+)"
_FILLING = rf"(?: (?:of|(?!(?:{'|'.join(CHANGING)})\b)[a-z]+))+:|(?:\s*(?:of|these|those|numbers|up|all|together)\b)*:?"
_OF = rf"\b(?:{_FILLING})\s*"
_TOKEN = re.compile(rf"{_ATOM}%?|[a-z]+(?:['’-][a-z]+)*|\S")
_SIGNS = frozenset("+-*/^()⊕⊖⊗⊘")
_VERB = r"(?:add|subtract|multiply|divide)\b"
_STEPS = re.compile(rf",?\s*(?:and )?\bthen\b|,\s*(?=[⊕⊖⊗⊘]|{_VERB})|\s+and (?={_VERB})")
_STEP = re.compile(rf"\s*(add|subtract|multiply by|divide by|[⊕⊖⊗⊘])\s*({_ARG})\s*")
_WHAT, _PART, _WHOLE = r"what (?:percent(?:age)?|%)", r"(?P<part>[^a-z]+?)", r"(?P<whole>[^a-z]+?)"
_SHARES = (
    rf"{_PART} is {_WHAT} of {_WHOLE}",
    rf"{_WHAT} of {_WHOLE} is {_PART}",
    rf"{_WHAT} is {_PART} (?:out )?of {_WHOLE}",
    rf"{_PART} as an? percent(?:age)? of {_WHOLE}",
)
_CHANGE = re.compile(
    r"(?:percent(?:age)?|%) (?:(?:did|does|has) [a-z ]*?)?(change|increase|growth|rise|go up|decrease|drop|reduction"
    r"|fall|go down):? (?:from|between) ([^a-z]+) (?:to|and) ([^a-z]+)$"
)
_LONGEST, _DEEPEST, _MOST_DIGITS = 2_000, 50, 1_000


def read_calculation(text: str) -> Problem:
    """Raises Unread if the text is not one calculation with one meaning, NoResult if it divides by zero."""
    if found := re.search(r"\b(?:third|fourth|fifth|another|other) (?:number|value)\b", text):
        raise Unread(f'"{found[0]}"')
    if len(text) > _LONGEST or re.search(rf"\d!|\d{{{_MOST_DIGITS}}}", text):
        raise Unread("a factorial, or a calculation of this length")
    if found := re.search(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+", text):
        raise Unread(f'"{found[0]}"')
    low, reader = " ".join(text.lower().split()), _Rewriter()
    if sides := sides_of(replaced(low)):
        left, right = (reader.whole(side) for side in sides)
        return Problem(tuple(Goal("Answer", each) for each in solutions(left, right)))
    expression, unit = reader.shaped(low.strip(" ?!.="))
    if Unknown() in reader.atoms:
        raise Unread("what the number is")
    value(expression)
    degree = _degree(expression)
    if len(reader.currencies) > 1 or degree not in {0, 1}:
        raise Unread("more than one currency, or money multiplied by money")
    currency = "".join(reader.currencies) if degree else ""
    read = tuple(dict.fromkeys(reader.read))
    return Problem((Goal("Answer", expression),), (), read, currency, "money" if degree else unit)


def _degree(expression: Expression) -> int:
    """1 for an amount of money, 0 for a plain number, anything else for what is neither."""
    if not isinstance(expression, Operation):
        return int(isinstance(expression, Number) and bool(expression.shown))
    degrees = [_degree(each) for each in expression.operands]
    match expression.tool:
        case "sum_numbers" | "subtract_numbers":
            return max(degrees) if set(degrees) <= {0, 1} else 9
        case "multiply_numbers":
            return sum(degrees)
        case "divide_numbers":
            return degrees[0] - degrees[1]
    return 9 * max(degrees)


_Make: TypeAlias = Callable[..., Expression]
_SCALED: dict[str, _Make] = {
    **{word: partial(product, Number(by)) for word, by in (("double", "2"), ("triple", "3"), ("halve", "0.5"))},
    "square": lambda of: problem.power(of, "2"),
    "square root of": lambda of: Operation("square_root", (of,)),
}


@dataclass
class _Rewriter:
    atoms: list[Expression] = field(default_factory=list)
    currencies: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)

    def atom(self, expression: Expression, kind: str = "n") -> str:
        self.atoms.append(expression)
        return f"{kind}{len(self.atoms) - 1}"

    def shaped(self, text: str) -> tuple[Expression, str]:
        """The whole with its unit: "3/8 as a percentage", "28 is what percent of 80" or a plain calculation."""
        if rounded := _ROUNDED.search(text):
            places = str(spoken([rounded[1]])[0] or rounded[1]) if rounded[1] else _PLACES.get(rounded[2], "0")
            return self.shaped(text.replace(rounded[0], " ").strip(" ,?="))[0], places
        form = _FORM.search(text)
        if form:
            text = re.sub(r"^(?:convert|change|turn|write|express) ", "", text.replace(form[0], " ").strip(" ?="))
        for pattern in _SHARES:
            if found := re.search(rf"(?:^|\s){pattern}$", text):
                part, whole = (self.whole(found[name]) for name in ("part", "whole"))
                return problem.over(product(part, Number("100")), whole), "%"
        if found := _CHANGE.search(text):
            old, new = self.whole(found[2]), self.whole(found[3])
            pair = (new, old) if found[1] in {"change", "increase", "growth", "rise", "go up"} else (old, new)
            return problem.over(product(problem.minus(*pair), Number("100")), old), "%"
        expression = self.whole(text)
        if form and form[1] == "percent":
            return product(expression, Number("100")), "%"
        if isinstance(expression, Number) and not form:
            raise Unread(f'"{text[:60]}", in which there is nothing to calculate')
        expression = problem.over(expression, Number("1")) if isinstance(expression, Number) else expression
        return expression, "fraction" if form and form[1] == "fraction" else ""

    def whole(self, text: str) -> Expression:
        """The expression that is all of the text, but for words at its ends that change nothing."""
        first, *steps = _STEPS.split(self.numbers(replaced(text)))
        expression = self.functions(first)
        if steps and re.search(rf"{_VERB} {_ATOM}\s*$", first):
            raise Unread("what the first number is added to")
        for step in steps:
            plain = " ".join(_RESULT.sub(" ", step).rstrip(" .!").split()).removeprefix("take ")
            if plain in _SCALED:
                expression = _SCALED[plain](expression)
            elif found := _STEP.fullmatch(plain):
                sign = {"add": "+", "subtract": "-", "multiply by": "*", "divide by": "/"}.get(found[1], found[1])
                expression = self.parsed(f"{self.atom(expression)}{sign}{found[2]}")
            else:
                raise Unread(f'"{step.strip()[:60]}"')
        return expression

    def numbers(self, text: str) -> str:
        """Every number an atom, those in words too; "3/4" before "of", and "2 1/2", are one."""

        def figure(match: re.Match[str]) -> str:
            digits = figures(match[0].removeprefix(match[1]))
            if digits is None:
                raise Unread(f'"{match[0]}"')
            self.currencies |= {symbol_of(match[1].strip())} - {""}
            return self.atom(Number(digits, match[0] if match[1] else ""))

        text = _NUMBER.sub(figure, self.words(text))
        text = re.sub(r"\bunknown\b", lambda _: self.atom(Unknown(), "c"), text)
        if re.search("[⊕⊖⊗⊘]", text):  # "5/6 minus 1/4"
            tight = rf"(?<![/\w]){_ATOM}/{_ATOM}(?![/\w^])"
            text = re.sub(tight, lambda match: self.atom(self.parsed(match[0])), text)
        mixed = rf"({_ATOM})\s({_ATOM}/{_ATOM})"
        text = re.sub(mixed, lambda match: self.atom(self.parsed(f"{match[1]}+{match[2]}")), text)
        return re.sub(rf"{_ATOM}/{_ATOM}(?= of\b)", lambda match: self.atom(self.parsed(match[0])), text)

    def words(self, text: str) -> str:
        """Numbers in words in figures, and what they were read as."""
        parts, at = re.split(r"([a-z]+(?:-[a-z]+)*)", text), 1
        while at < len(parts):
            run = parts[at::2][:10]
            joined = next((n for n, gap in enumerate(parts[at + 1 :: 2][:9]) if gap != " "), len(run) - 1) + 1
            number, length = spoken_parts(run[:joined])
            if number is not None:
                written = "".join(parts[at : at + 2 * length - 1])
                figure = decimal(number)
                parts[at : at + 2 * length - 1] = [figure if number.denominator == 1 else f"({figure})"]
                self.read.append(f"{written} = {figure}")
            at += 2
        return "".join(parts)

    def functions(self, text: str) -> Expression:
        """Groups in parentheses and worded functions, from the inside out, then the rest."""
        if text.count("(") > _DEEPEST:
            raise Unread(f"more than {_DEEPEST} pairs of parentheses")
        before = ""
        while before != text:
            before = text
            text = re.sub(r"\(([^()a-bd-mq-z]*)\)", lambda match: self.atom(self.parsed(match[1]), "c"), text)
            for pattern, make in _FUNCTIONS:
                text = pattern.sub(partial(make, self), text)
        if more := re.search(rf"({_ATOM}) (more|less) than (.+)", text):
            sign = "+" if more[2] == "more" else "-"
            text = f"{text[: more.start()]}{self.atom(self.functions(more[3]))} {sign} {more[1]}"
        return self.parsed(_trimmed(text))

    def parsed(self, text: str) -> Expression:
        """Atoms and signs, in the order of the operations."""
        if re.search(r"o\d+\s*[-+*/^⊕⊖⊗⊘]|p\d+\s*(?:[*/^⊗⊘]|[⊕⊖](?!\s*p))|[⊕⊖].*[*/⊗⊘]|[+-].*[⊗⊘]|⊘.*[⊕⊖]", text):
            raise Unread(ORDER)
        if found := re.fullmatch(rf"\s*({_ATOM})\s*([-+⊕⊖])\s*({_ATOM})%\s*", text):
            return problem.changed(self.at(found[1]), self.portion(found[3]), off=found[2] in "-⊖")
        if found := re.fullmatch(rf"\s*({_ATOM})\s*[*⊗]\s*({_ATOM})%\s*", text):
            return product(self.at(found[1]), Number(self.portion(found[2])))
        if found := re.fullmatch(rf"\s*({_ATOM})%\s*", text):
            return Number(self.portion(found[1]))
        for sign, plain in zip("⊕⊖⊗⊘^", ("+", "-", "*", "/", "**"), strict=True):
            text = text.replace(sign, plain)
        try:
            return self.built(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Unread(f'"{re.sub(_ATOM, "…", text).strip()[:60]}" in a calculation') from None

    def at(self, name: str) -> Expression:
        return self.atoms[int(name[1:])]

    def built(self, node: ast.expr) -> Expression:
        match node:
            case ast.Name(id=name) if re.fullmatch(_ATOM, name):
                return self.at(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                made = self.built(operand)
                plain = made.text if isinstance(made, Number) and not made.shown else "-"
                return problem.minus(Number("0"), made) if plain[0] == "-" else Number(f"-{plain}")
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.built(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return Operation("power", (self.built(left), self.built(right)))
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self.chain(node, (ast.Add, ast.Sub), (total, problem.minus))
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self.chain(node, (ast.Mult, ast.Div), (product, problem.over))
        raise ValueError(node)

    def chain(self, node: ast.expr, signs: tuple[type, type], make: tuple[_Make, _Make]) -> Expression:
        """For a - b + c - d: a and c, b and d, so that the two sides can be worked out at the same time."""
        forward: list[Expression] = []
        backward: list[Expression] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, signs):
            (forward if isinstance(node.op, signs[0]) else backward).insert(0, self.built(node.right))
            node = node.left
        together = make[0](self.built(node), *forward)
        return make[1](together, make[0](*backward)) if backward else together

    def portion(self, name: str) -> str:
        percent = self.at(name)
        if not isinstance(percent, Number):
            raise Unread("a percentage that is calculated")
        portion = decimal(Fraction(percent.text) / 100)
        self.read.append(f"{percent.text}% = {portion}")
        return portion

    def operands(self, text: str) -> list[Expression]:
        return [self.parsed(re.sub(r"^an? ", "", each)) for each in re.split(_SEPARATOR, text)]


def _trimmed(text: str) -> str:
    """Without the words at both ends. Raises Unread for one that may change the result."""
    tokens = _TOKEN.findall(text.strip(" =?.!"))
    core = [at for at, token in enumerate(tokens) if re.fullmatch(rf"{_ATOM}%?", token) or token in _SIGNS]
    if not core:
        raise Unread(f'"{text.strip()[:60]}", in which there is nothing to calculate')
    first, last = core[0], core[-1]
    outside = [*tokens[:first], *tokens[last + 1 :]]
    if changing := [word for word in outside if word in CHANGING or word in "%="]:
        raise Unread(f'"{changing[0]}" in a calculation')
    inner = tokens[first : last + 1]
    if words := [each for each in inner if each[0].isalpha() and not re.fullmatch(rf"{_ATOM}%?", each)]:
        raise Unread(f'"{words[0]}" in a calculation')
    return " ".join(tokens[first : last + 1])


_Maker: TypeAlias = Callable[[_Rewriter, re.Match[str]], str]


def _each(make: Callable[[list[Expression]], Expression]) -> _Maker:
    return lambda reader, match: reader.atom(make(reader.operands(" and ".join(filter(None, match.groups())))), "o")


def _applied(make: Callable[[Expression], Expression]) -> _Maker:
    """What was in parentheses is certainly all of the operand, as is an unknown."""
    return lambda reader, match: reader.atom(make(reader.at(match[1])), "n" if match[1][0] == "c" else "o")


def _mean(numbers: Sequence[Expression]) -> Expression:
    return problem.over(total(*numbers), Number(str(len(numbers))))


def _middle(numbers: Sequence[Expression]) -> Expression:
    known = sorted(numbers, key=lambda each: value(each) or Fraction(0))
    return _mean(known[(len(known) - 1) // 2 : len(known) // 2 + 1])


def _difference(reader: _Rewriter, match: re.Match[str]) -> str:
    one, other = (reader.parsed(each) for each in match.groups()[1:])
    first, second = value(one), value(other)
    if first is not None and second is not None and first < second:
        if match[1] == "of":
            raise Unread("which of the two numbers is subtracted")
        one, other = other, one
    return reader.atom(problem.minus(one, other), "o")


def _rated(reader: _Rewriter, match: re.Match[str]) -> str:
    found = match.groupdict()
    off = found.get("word", "off") not in {"more", "add", "increase", "raise"}
    return reader.atom(problem.changed(reader.parsed(found["base"]), reader.portion(found["percent"]), off=off), "o")


def _shared(reader: _Rewriter, match: re.Match[str]) -> str:
    whole = reader.at(match[4])
    if match[3] != "of":
        return reader.atom(problem.changed(whole, reader.portion(match[1]), off=True), "p")
    part = reader.at(match[1])
    if not match[2] and isinstance(part, Number) and part.text.isdigit():  # "51 of 60 right"
        raise Unread("what one number of another is")
    return reader.atom(product(Number(reader.portion(match[1])) if match[2] else part, whole), "p")


_ADDED = _each(lambda found: total(*found))
_PERCENT, _BASE = rf"(?P<percent>{_ATOM})%", rf"(?P<base>{_ARG})"
_FUNCTIONS: tuple[tuple[re.Pattern[str], _Maker], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (rf"\bsquare(?: of)? ({_ATOM})", _applied(lambda of: problem.power(of, "2"))),
        (rf"\bcube(?: of)? ({_ATOM})", _applied(lambda of: problem.power(of, "3"))),
        (rf"(?:sqrt|(?:square|sq) root|√)(?: of)? ?({_ATOM})", _applied(lambda of: Operation("square_root", (of,)))),
        (rf"(?:cbrt|cube root)(?: of)? ?({_ATOM})", _applied(lambda of: problem.power(of, "1/3"))),
        (rf"half(?: of)? ({_ATOM})", _applied(lambda of: product(Number("0.5"), of))),
        (rf"(?:double|twice) ({_ATOM})", _applied(lambda of: product(Number("2"), of))),
        (rf"triple ({_ATOM})", _applied(lambda of: product(Number("3"), of))),
        (rf"\b({_ATOM})(%?) (of|off|off of) ({_ATOM})(?! ?%)", _shared),
        (rf"\b{_PERCENT} (?P<word>more|less) than {_BASE}", _rated),
        (rf"\b(?P<word>add|take|subtract|deduct) {_PERCENT} (?:to|from) {_BASE}", _rated),
        (rf"\b(?P<word>increase|raise|decrease|reduce|lower|discount) {_BASE} by {_PERCENT}", _rated),
        (rf"{_BASE}\s*(?:,|with|at|less)?\s*(?:an? )?{_PERCENT} (?:off|discount)\b", _rated),
        (rf"\badd {_LIST} to ({_ARG})|\badd ({_ARG}) to ({_ARG})", _each(lambda found: total(*found))),
        (rf"\b(?:sum|total|add){_OF}{_LIST}", _ADDED),
        (
            rf"\b(?:product|multiply){_OF}{_LIST}|\bmultiply ({_ARG}) by ({_ARG})|{_LIST} multiplied\b",
            _each(lambda found: product(*found)),
        ),
        (rf"\b(?:average|mean|avg){_OF}{_LIST}", _each(_mean)),
        (rf"\bmedian{_OF}{_LIST}", _each(_middle)),
        (rf"{_COUNTED},? (?:(?:all )?add(?:ed)?(?: up)?\b|(?:al)?together\b|(?:in )?total\b)", _ADDED),
        (rf"\bdifference (between|of) ({_ARG}) and ({_ARG})", _difference),
        (rf"\b(?:quotient of|divide) ({_ARG}) (?:by|and) ({_ARG})", _each(lambda found: problem.over(*found))),
        (rf"\b(?:subtract|deduct|take) ({_ARG}) from ({_ARG})", _each(lambda found: problem.minus(found[1], found[0]))),
        (rf"\b(?:increase|raise) ({_ARG}) by ({_ARG})", _each(lambda found: total(*found))),
        (rf"\b(?:decrease|reduce|lower|discount) ({_ARG}) by ({_ARG})", _each(lambda found: problem.minus(*found))),
    )
)
