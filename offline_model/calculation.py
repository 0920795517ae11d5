"""Texts that are one calculation or one equation, in figures or words -> Problem."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fractions import Fraction

from offline_model import equations
from offline_model.numbers import PARTS, decimal, figures, spoken
from offline_model.problem import Expression, Goal, Number, Power, Problem, Product, Root, Sum, Unknown, Unread, value

_TOKEN = re.compile(
    r"(?P<number>[$£€]?\s?(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+))"
    r"|(?P<word>[a-z]+(?:['’-][a-z]+)*)|(?P<symbol>\*\*|[^\s])"
)
_SYMBOLS = {"+": "+", "-": "-", "−": "-", "–": "-", "*": "*", "×": "*", "·": "*", "/": "/", "÷": "/", "^": "^"}
_SYMBOLS |= {"**": "^", "(": "(", ")": ")", "=": "=", ",": ",", "%": "%", "√": "root", "²": "squared", "³": "cubed"}
_PHRASES = (
    # what is written -> kind of token; tried in this order, at each word
    (r"(?:is )?what (?:percent(?:age)?|%) of\b|as an? percent(?:age)? of\b", "share"),
    (r"what (?:percent(?:age)?|%) is\b", "percent-is"),
    (r"(?:as|to|into|in)(?: an?)? (decimal|fraction|percent)(?:age)?(?: form)?\b", "form"),
    (r"per ?cent\b", "%"),
    (r"(?:raised )?to the (?:power(?: of)?\b)|raised to\b", "^"),
    (r"squared\b", "squared"),
    (r"cubed\b", "cubed"),
    (r"(?:sqrt|square root|sq root)(?: of)?\b", "root"),
    (r"(?:cbrt|cube root)(?: of)?\b", "cube-root"),
    (r"plus\b|added to\b", "+"),
    (r"minus\b|take away\b", "-"),
    (r"times\b|multiplied (?:by|with)\b", "*"),
    (r"divided by\b|over\b|out of\b", "/"),
    (r"more than\b", "more"),
    (r"less than\b", "fewer"),
    (r"(?:sum|total) of\b|add(?: up)?(?: together)?\b", "sum"),
    (r"product of\b|multiply\b", "product"),
    (r"(?:average|mean|avg)(?: of)?\b", "average"),
    (r"difference (?:between|of)\b", "difference"),
    (r"quotient of\b|divide\b", "quotient"),
    (r"subtract\b|deduct\b|take\b", "subtract"),
    (r"increase\b|raise\b", "increase"),
    (r"decrease\b|reduce\b|lower\b", "decrease"),
    (r"half of\b", "half"),
    (r"double\b|twice\b", "double"),
    (r"triple\b", "triple"),
    (r"negative\b", "negative"),
    (r"(?:tip|tax|vat) (?:on|of)\b|of\b", "of"),
    (r"(?:discount |off )on\b|off(?: of)?\b", "off"),
    (r"equals?(?: to)?\b|is equal to\b|gives\b|makes\b", "="),
    (r"is\b", "is"),
    (r"(?:a|what|some|which|the) number\b", "unknown"),
    (r"and then\b|then\b", "then"),
    (r"and\b|&", "and"),
    (r"(by|to|from)\b", "preposition"),
)
_PATTERNS = [(re.compile(pattern), kind) for pattern, kind in _PHRASES]
_WEAK = frozenset({"is", "of", "and", "preposition", ",", "unknown", "then", "="})  # mean nothing at the ends of a text
_CHANGING = frozenset(
    "log ln sin cos tan factorial mod modulo modulus remainder gcd lcm hcf median mode range variance deviation "
    "derivative integral prime primes binary hex hexadecimal roman digits digit round rounded rounding nearest "
    "approximately about absolute reciprocal inverse opposite not except without excluding consecutive even odd first "
    "last next multiples squares cubes compound interest more less fewer than between or days weeks months hours "
    "minutes seconds years square cube root per ratio convert miles km degrees celsius fahrenheit words estimate "
    "permutations combinations choose probability plus minus times half double percent third quarter both "
    "before after ago each every if unless maybe".split()
)
_SOLVABLE = frozenset("number letter ( ) = + - * / ^ squared cubed".split())
_OPERATIONS = frozenset("+ - * / ^".split())
_DEEPEST, _MOST_TOKENS, _MOST_DIGITS = 50, 800, 1_000


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    is_word: bool = False
    written: str = ""


def read_calculation(text: str) -> Problem:
    """Raises Unread if the text is not one calculation with one meaning, NoResult if it divides by zero."""
    tokens = _island(list(_tokens(text.lower())))
    if names := {token.text for token in tokens if token.kind in {"letter", "unknown"}}:
        if len(names) > 1:
            raise Unread(f"more than one unknown: {', '.join(sorted(names))}")
        left, right = _sides(tokens)
        found = equations.solutions(_Parser(left, solving=True).whole(), _Parser(right, solving=True).whole())
        return Problem(tuple(Goal("Answer", each) for each in found), source=text.strip(), alternatives=True)
    parser = _Parser(tokens)
    expression = parser.whole()
    if isinstance(expression, Number) and not parser.form:
        raise Unread("there is nothing to calculate in it")
    value(expression)
    currencies = {token.text[0] for token in tokens if token.kind == "number" and token.text[0] in "$£€"}
    if len(currencies) > 1:
        raise Unread(f"more than one currency: {' and '.join(sorted(currencies))}")
    money = _degree(expression)
    if money not in {0, 1}:
        raise Unread("money multiplied by money, or a number divided by money")
    unit = parser.form or ("money" if money else "")
    read = tuple(dict.fromkeys(parser.read))
    return Problem((Goal("Answer", expression),), (), read, text.strip(), "".join(currencies) if money else "", unit)


def _tokens(text: str) -> Iterator[_Token]:
    at, count = 0, 0
    while match := _TOKEN.search(text, at):
        count += 1
        kind, start, at = match.lastgroup, match.start(), match.end()
        if count > _MOST_TOKENS or at - start > _MOST_DIGITS:
            raise Unread("it is too long")
        if kind == "number":
            yield _Token("number", match[0].replace(" ", ""), start, at)
        elif kind == "symbol":
            yield _Token(_SYMBOLS.get(match[0], match[0]), match[0], start, at)
        else:
            token = _worded(text, start, at)
            at = token.end
            yield token


def _worded(text: str, start: int, end: int) -> _Token:
    words = text[start : start + 200].replace("’", "'").split()
    words[-1:] = [] if len(text) > start + 200 else words[-1:]
    clean = [re.sub(r"[^a-z-]+$", "", word) for word in words[:12]]
    number, length = spoken(clean) if clean else (None, 0)
    if number is not None or (clean and clean[0] in {"a", "an", "half"}):
        followed = clean[length] if length < len(clean) else ""
        if number is None and clean[0] in {"a", "an"} and len(clean) > 1 and clean[1] in PARTS:
            number, length, followed = Fraction(1), 1, clean[1]
        parts = PARTS.get(followed, 0)
        if number is not None and parts and number < parts:
            number, length = number / parts, length + 1
        elif number is not None and clean[length : length + 2] == ["and", "a"] and clean[length + 2 : length + 3]:
            added = PARTS.get(clean[length + 2], 0)
            number, length = (number + Fraction(1, added), length + 3) if added else (number, length)
        if number is not None:
            end = _end_of(text, start, length)
            return _Token("number", decimal(number), start, end, is_word=True, written=text[start:end])
    for pattern, kind in _PATTERNS:
        if match := pattern.match(text, start):
            return _Token(kind, match[1] if pattern.groups else match[0], start, match.end(), is_word=True)
    word = text[start:end]
    return _Token("letter" if len(word) == 1 and word not in "ai" else "word", word, start, end, is_word=True)


def _end_of(text: str, start: int, words: int) -> int:
    at = start
    for _ in range(words):
        match = re.compile(r"\s*[a-z-]+").match(text, at)
        at = match.end() if match else at
    return at


def _island(tokens: list[_Token]) -> list[_Token]:
    """The tokens from the first that belongs to a calculation to the last. Raises Unread for what may change it."""
    for at, token in enumerate(tokens):
        if token.text == "!" and at and tokens[at - 1].end == token.start and tokens[at - 1].kind in {"number", ")"}:
            raise Unread("a factorial is not calculated here")
        if token.text == "x" and 0 < at < len(tokens) - 1 and not any(each.kind == "=" for each in tokens):
            if tokens[at - 1].kind in {"number", ")"} and tokens[at + 1].kind in {"number", "("}:
                tokens[at] = replace(token, kind="*")
    tokens = [replace(each, kind="word") if each.kind in {"?", ".", ":", "!", ";"} else each for each in tokens]
    if equals := [at for at, each in enumerate(tokens) if each.kind == "="]:
        first = last = equals[0]
        while first and tokens[first - 1].kind in _SOLVABLE:
            first -= 1
        while last + 1 < len(tokens) and tokens[last + 1].kind in _SOLVABLE:
            last += 1
        if any(each.kind == "letter" for each in tokens[first : last + 1]):
            return _cut(tokens, first, last, {"if", "for"})
    tokens = [replace(each, kind="word") if each.kind == "letter" else each for each in tokens]
    bare = [each for each in tokens if each.kind != "word" or each.text not in {"the", "please", "an", "a"}]
    unknown = _has_equation(bare)
    strong = [at for at, each in enumerate(bare) if each.kind not in {"word", *_WEAK} or (unknown and each.kind == "unknown")]
    if not any(bare[at].kind == "number" for at in strong):
        raise Unread("no calculation in it")
    return _cut(bare, strong[0], strong[-1])


def _cut(tokens: list[_Token], first: int, last: int, allowed: AbstractSet[str] = frozenset()) -> list[_Token]:
    for each in (*tokens[:first], *tokens[last + 1 :]):
        if each.kind == "number" or each.text in _CHANGING - allowed:
            raise Unread(f'"{each.text}"')
    return tokens[first : last + 1]


def _has_equation(tokens: list[_Token]) -> bool:
    return any(each.kind == "unknown" for each in tokens) and any(each.kind in {"=", "is"} for each in tokens)


def _sides(tokens: list[_Token]) -> tuple[list[_Token], list[_Token]]:
    signs = [at for at, each in enumerate(tokens) if each.kind == "="] or [
        at for at, each in enumerate(tokens) if each.kind == "is"
    ]
    if len(signs) != 1:
        raise Unread("an equation has one equals sign")
    return tokens[: signs[0]], tokens[signs[0] + 1 :]


def _degree(expression: Expression) -> int:
    """1 for an amount of money, 0 for a plain number."""
    match expression:
        case Number(shown=shown):
            return int(shown[:1] in {"$", "£", "€"} and bool(shown))
        case Sum(terms=terms):
            degrees = {_degree(term) for _, term in terms}
            return max(degrees) if degrees <= {0, 1} else 9
        case Product(factors=factors):
            return sum(_degree(factor) if times else -_degree(factor) for times, factor in factors)
        case Power(base=base):
            return 9 * _degree(base)
        case Root(operand=operand):
            return 9 * _degree(operand)
        case _:
            return 0


class _Parser:
    """Recursive descent. What follows a worded function, such as "of 16 plus 9", has two meanings and is declined."""

    def __init__(self, tokens: list[_Token], *, solving: bool = False) -> None:
        self.tokens = tokens
        self.at = 0
        self.solving = solving
        self.depth = 0
        self.open = ""  # "function" or "share" if what was read last ends in the operand of one
        self.form = ""
        self.read: list[str] = []

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].kind if self.at + ahead < len(self.tokens) else ""

    def word(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def take(self, *kinds: str) -> bool:
        found = self.kind() in kinds
        self.at += found
        return found

    def need(self, kind: str, text: str = "") -> None:
        if self.kind() != kind or (text and self.word() != text):
            raise self.stuck()
        self.at += 1

    def stuck(self) -> Unread:
        return Unread(f'"{self.word()}"' if self.word() else "it stops short")

    def whole(self) -> Expression:
        expression = self.share() or self.chain(self.sum())
        if self.kind() == "form":
            self.form = {"decimal": "", "percent": "%"}.get(self.word(), self.word())
            expression = Product(((True, expression), (True, Number("100")))) if self.form == "%" else expression
            if self.form == "" and isinstance(expression, Number):
                expression = Product(((True, expression), (False, Number("1"))))
            self.at += 1
        self.take("=")
        if self.at < len(self.tokens):
            raise self.stuck()
        return expression

    def share(self) -> Expression | None:
        """ "28 is what percent of 80", "what percent of 80 is 28"."""
        if self.take("percent-is"):
            part = self.primary()
            self.need("of")
            whole = self.primary()
        elif self.take("share"):
            whole = self.primary()
            self.need("is")
            part = self.primary()
        elif self.kind() == "number" and self.kind(1) == "share":
            part = self.primary()
            self.at += 1
            whole = self.primary()
        else:
            return None
        self.form = "%"
        return Product(((True, part), (True, Number("100")), (False, whole)))

    def chain(self, expression: Expression) -> Expression:
        """ ", then multiply by 2": each step works on the value so far."""
        while self.kind() in {"then", ",", "and"}:
            comma = self.take(",")
            if not self.take("then", "and") and not (comma and self.kind() in _OPERATIONS):
                raise self.stuck()
            kind, self.open = self.kind(), ""
            if not self.take("sum", "subtract", "product", "quotient", "+", "-", "*", "/"):
                raise self.stuck()
            if kind in {"product", "quotient"}:
                self.need("preposition", "by")
            other = self.primary()
            forward = kind in {"sum", "product", "+", "*"}
            make = Sum if kind in {"sum", "subtract", "+", "-"} else Product
            expression = make(((True, expression), (forward, other)))
        return expression

    def sum(self) -> Expression:
        terms = [(True, self.product())]
        added, mixed = False, False
        while self.kind() in {"+", "-"}:
            before = self.tokens[self.at]
            was_open, forward = self.open, self.kind() == "+"
            self.at += 1
            start = self.at
            term = self.percent_change(terms, forward=forward) or self.product()
            if term is terms:
                continue
            inner = any(each.kind in {"*", "/"} and (each.is_word or before.is_word) for each in self.inner(start))
            mixed = mixed or inner
            if was_open and not (was_open == "share" and (not before.is_word or self.open == "share")):
                raise Unread(f'what "{before.text}" belongs to')
            terms.append((forward, term))
            added = True
        if mixed:
            raise Unread("which of the operations comes first; parentheses would say it")
        expression = Sum(tuple(terms)) if added or len(terms) > 1 else terms[0][1]
        if self.kind() in {"more", "fewer"}:
            more = self.kind() == "more"
            self.at += 1
            expression = Sum(((True, self.sum()), (more, expression)))
        return expression

    def inner(self, start: int) -> Iterator[_Token]:
        depth = 0
        for token in self.tokens[start : self.at]:
            depth += (token.kind == "(") - (token.kind == ")")
            if not depth:
                yield token

    def percent_change(self, terms: list, *, forward: bool):
        """ "80 + 15%", where the percentage is one of what stands before it."""
        if not (self.kind() == "number" and self.kind(1) == "%" and self.kind(2) not in {"of", "off"}):
            return None
        if len(terms) != 1 or self.kind(2) in {"+", "-", "*", "/"}:
            raise Unread(f'what "{self.word()}%" is a part of')
        factor = Sum(((True, Number("1")), (forward, self.percentage())))
        terms[0] = (True, Product(((True, terms[0][1]), (True, factor))))
        return terms

    def percentage(self) -> Number:
        text = self.tokens[self.at].text
        self.need("number")
        self.need("%")
        number = decimal(Fraction(_number(text)) / 100)
        self.read.append(f"{text}% = {number}")
        return Number(number)

    def product(self) -> Expression:
        factors = [(True, self.unary())]
        while True:
            before, was_open = self.tokens[self.at] if self.at < len(self.tokens) else None, self.open
            if self.take("*", "/"):
                factors.append((before.kind == "*", self.unary()))
            elif self.solving and self.kind() in {"letter", "unknown", "(", "number"} and self.glued():
                if len(factors) > 1 and not factors[-1][0]:
                    raise Unread("which of the operations comes first; parentheses would say it")
                factors.append((True, self.unary()))
            else:
                break
            if was_open:
                raise Unread(f'what "{before.text}" belongs to')
        return Product(tuple(factors)) if len(factors) > 1 else factors[0][1]

    def glued(self) -> bool:
        return self.kind() != "number" and self.tokens[self.at - 1].end == self.tokens[self.at].start

    def unary(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unread(f"it is nested more than {_DEEPEST} deep")
        if self.take("-", "negative"):
            operand = self.unary()
            made: Expression = (
                Number(f"-{operand.text}")
                if isinstance(operand, Number) and not operand.shown and operand.text[0] != "-"
                else Sum(((False, operand),))
            )
        else:
            self.take("+")
            made = self.power()
        self.depth -= 1
        return made

    def power(self) -> Expression:
        base = self.primary()
        while self.kind() in {"squared", "cubed"}:
            base = Power(base, Number("2" if self.kind() == "squared" else "3"))
            self.at += 1
        if self.take("^"):
            return Power(base, self.unary())
        return base

    def primary(self) -> Expression:
        self.open = ""
        kind = self.kind()
        if kind == "number":
            return self.number()
        if self.take("letter", "unknown"):
            return Unknown()
        if self.take("("):
            made = self.sum()
            self.need(")")
            self.open = ""
            return made
        if kind in _FUNCTIONS:
            self.at += 1
            self.depth += 1
            if self.depth > _DEEPEST:
                raise Unread(f"it is nested more than {_DEEPEST} deep")
            bracketed = self.kind() == "(" and kind in {"root", "cube-root", "half", "double", "triple"}
            made = _FUNCTIONS[kind](self)
            self.depth -= 1
            self.open = "" if bracketed else "function"
            return made
        raise self.stuck()

    def number(self) -> Expression:
        if self.kind(1) == "%":
            portion = self.percentage()
            if self.kind() in {"of", "off"}:
                off = self.kind() == "off"
                self.at += 1
                operand = self.primary()
                self.open = "share"
                factor = Sum(((True, Number("1")), (False, portion))) if off else portion
                return Product(((True, factor), (True, operand)))
            return portion
        token = self.tokens[self.at]
        self.at += 1
        number = Number(_number(token.text), token.text if token.text[0] in "$£€" else "")
        if token.is_word:
            self.read.append(f"{token.written} = {token.text}")
        whole = self.tokens[self.at - 1 : self.at + 3]
        if [each.kind for each in whole] == ["number", "number", "/", "number"] and whole[1].end == whole[2].start:
            self.at += 3
            return Sum(((True, number), (True, Product(((True, Number(whole[1].text)), (False, Number(whole[3].text)))))))
        if self.kind() == "/" and self.kind(1) == "number" and self.kind(2) == "of":
            self.at += 1
            number = Product(((True, number), (False, self.primary())))
        if self.take("of"):
            operand = self.primary()
            self.open = "share"
            return Product(((True, number), (True, operand)))
        return number

    def operands(self) -> list[Expression]:
        """ "3, 4 and 5", the last of which may be a worded function."""
        found = [self.element()]
        while self.kind() in {",", "and"} and self.kind(1) not in {"then", "subtract", "sum", "quotient", "product", "+", "-", "*", "/"}:
            if self.take(","):
                self.take("and")
            else:
                self.at += 1
            found.append(self.element())
        return found

    def element(self) -> Expression:
        made = self.power() if self.kind() not in {"-", "negative"} else self.unary()
        while self.kind() in {"/", "*"} and not self.tokens[self.at].is_word:
            forward = self.take("*")
            self.at += not forward
            made = Product(((True, made), (forward, self.power())))
        return made

    def pair(self, *joints: str) -> tuple[Expression, Expression]:
        one = self.element()
        if self.kind() not in joints and self.word() not in joints:
            raise self.stuck()
        self.at += 1
        return one, self.element()


def _number(text: str) -> str:
    found = figures(text.lstrip("$£€")) if "/" not in text else text
    if found is None:
        raise Unread(f'"{text}"')
    return found


def _total(parser: _Parser) -> Expression:
    found = parser.operands()
    if parser.kind() == "preposition" and parser.word() == "to":
        parser.at += 1
        found.append(parser.element())
    return Sum(tuple((True, each) for each in _several(found)))


def _several(found: list[Expression]) -> list[Expression]:
    if len(found) < 2:  # noqa: PLR2004
        raise Unread("only one number to work with")
    return found


def _times(parser: _Parser) -> Expression:
    found = parser.operands()
    if parser.kind() == "preposition" and parser.word() == "by":
        parser.at += 1
        found.append(parser.element())
    return Product(tuple((True, each) for each in _several(found)))


def _average(parser: _Parser) -> Expression:
    found = _several(parser.operands())
    total = Sum(tuple((True, each) for each in found))
    return Product(((True, total), (False, Number(str(len(found))))))


def _difference(parser: _Parser) -> Expression:
    between = parser.tokens[parser.at - 1].text.endswith("between")
    one, other = parser.pair("and")
    first, second = value(one), value(other)
    if first is not None and second is not None and first < second:
        if not between:
            raise Unread("which of the two is subtracted")
        one, other = other, one
    return Sum(((True, one), (False, other)))


def _quotient(parser: _Parser) -> Expression:
    one, other = parser.pair("by", "and")
    return Product(((True, one), (False, other)))


def _subtract(parser: _Parser) -> Expression:
    one = parser.element()
    parser.need("preposition", "from")
    return Sum(((True, parser.element()), (False, one)))


def _change(parser: _Parser, *, forward: bool) -> Expression:
    base = parser.element()
    parser.need("preposition", "by")
    if parser.kind(1) == "%":
        return Product(((True, base), (True, Sum(((True, Number("1")), (forward, parser.percentage()))))))
    return Sum(((True, base), (forward, parser.element())))


def _scaled(parser: _Parser, factor: str) -> Expression:
    return Product(((True, Number(factor)), (True, parser.primary())))


_FUNCTIONS = {
    "root": lambda parser: Root(parser.primary()),
    "cube-root": lambda parser: Power(parser.primary(), Number("1/3")),
    "sum": _total,
    "product": _times,
    "average": _average,
    "difference": _difference,
    "quotient": _quotient,
    "subtract": _subtract,
    "increase": lambda parser: _change(parser, forward=True),
    "decrease": lambda parser: _change(parser, forward=False),
    "half": lambda parser: _scaled(parser, "0.5"),
    "double": lambda parser: _scaled(parser, "2"),
    "triple": lambda parser: _scaled(parser, "3"),
}
