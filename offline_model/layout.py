"""Tokens -> pieces: the smallest stretches that may hold one entry, each under the label it stands under."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from offline_model.lexing import Token
from offline_model.words import ADDITIONS, CONTAINERS, DISCOUNTS, EACH, FEES, NOT_NAMES, PARTS, PRONOUNS, VERBS, stem

_SEPARATORS = frozenset({",", ";", ".", "?", "!", "…", "|"})
_JOINING = frozenset("and & plus + then also".split())
_DASHES = frozenset({"-", "–", "—", "--"})
_AT = frozenset("at from in to".split())
_KEYS = frozenset("item qty quantity price cost name product description unit units each amount".split())
_LONGEST_LABEL = 7  # words
_NO_LABEL_END = frozenset("tax vat gst fee total cost price rate charge discount tip coupon subtotal budget".split())
_NO_LABEL = (
    FEES | ADDITIONS | DISCOUNTS | frozenset("total totals subtotal budget price cost sum answer question rate".split())
)


@dataclass
class Piece:
    """`sentence` and `line` count up; `label` is empty where none stands above or before."""

    tokens: list[Token]
    label: str
    sentence: int
    line: int
    joined: str = ""
    """The word or mark before it: ",", "and", ..."""


@dataclass
class _Line:
    tokens: list[Token]
    number: int
    bullet: bool = False
    heading: bool = False


@dataclass
class _Cutter:
    """Collects tokens into pieces; a label holds from where it stands to the next."""

    text: str
    pieces: list[Piece] = field(default_factory=list)
    label: str = ""
    sentence: int = 0
    tokens: list[Token] = field(default_factory=list)
    joined: str = ""

    def cut(self, line: int, joined: str) -> None:
        if self.tokens:
            self.pieces.append(Piece(self.tokens, self.label, self.sentence, line, self.joined))
        self.tokens, self.joined = [], joined


def lay_out(text: str, tokens: Sequence[Token]) -> list[Piece]:
    lines = [line for line in _lines(text, tokens) if line.tokens]
    _mark_headings(text, lines)
    headings = sum(line.heading for line in lines)
    cutter = _Cutter(text)
    for line in lines:
        cutter.sentence += 1
        if line.heading:
            cutter.label = _label(text, line.tokens) or cutter.label
        else:
            _cut_line(cutter, line, labels=not (line.bullet and headings > 1 and cutter.label))
    return cutter.pieces


def _lines(text: str, tokens: Sequence[Token]) -> Iterator[_Line]:
    line = _Line([], 0)
    for token in [*tokens, Token("newline", "", len(text), len(text))]:
        if token.kind == "newline":
            yield _without_bullet(text, line)
            line = _Line([], line.number + 1)
        else:
            line.tokens.append(token)


def _without_bullet(text: str, line: _Line) -> _Line:
    tokens = line.tokens
    while tokens and tokens[0].kind == "mark" and tokens[0].text in {"#", ">", "**", "*", "•", "·", "-", "–", "+", "_"}:
        if tokens[0].text in {"-", "–", "+"} and len(tokens) > 1 and tokens[1].start == tokens[0].end:
            break
        line.bullet = line.bullet or tokens[0].text not in {"#", "**", ">"}
        tokens = tokens[1:]
    numbered = len(tokens) > 2 and tokens[0].kind == "number" and tokens[1].text in {".", ")"}  # noqa: PLR2004
    if numbered and tokens[0].end == tokens[1].start and tokens[2].start > tokens[1].end:
        line.bullet, tokens = True, tokens[2:]
    rule = all(token.kind == "mark" for token in tokens)
    return replace(
        line, tokens=[] if rule else [token for token in tokens if token.text not in {"**", "_", "`", '"', "“", "”"}]
    )


def _mark_headings(text: str, lines: Sequence[_Line]) -> None:
    for line, following in zip(lines, [*lines[1:], None], strict=False):
        ends_with_colon = line.tokens[-1].text == ":"
        if _holds_amounts(line.tokens) or "?" in {token.text for token in line.tokens}:
            continue
        marked = text[: line.tokens[0].start].rstrip(" *").endswith("#")
        before_amounts = following is not None and _holds_amounts(following.tokens)
        short = len(line.tokens) <= _LONGEST_LABEL + 1 and line.tokens[-1].text not in {".", "!"}
        line.heading = short and bool(_label(text, line.tokens)) and (marked or ends_with_colon or before_amounts)


def _holds_amounts(tokens: Sequence[Token]) -> bool:
    return any(token.kind in {"money", "percent", "times", "dims"} for token in tokens) or any(
        token.kind == "number" and not _is_digit_of_label(tokens, at) for at, token in enumerate(tokens)
    )


def _is_digit_of_label(tokens: Sequence[Token], at: int) -> bool:
    """Such as the 1 of "Trip 1 (Yosemite)"."""
    if "." in tokens[at].text or "," in tokens[at].text:
        return False
    return at > 0 and stem(tokens[at - 1].text) in PARTS | {"grower", "option", "quote", "phase", "q"}


def _label(text: str, tokens: Sequence[Token]) -> str:
    """The label in the writing of the text, or "" if it is no name."""
    tokens = list(tokens)
    while tokens and tokens[-1].kind == "mark" and tokens[-1].text not in {")"}:
        tokens.pop()
    for at, token in enumerate(tokens):
        if token.text in VERBS and at:
            tokens = tokens[:at]
            break
    colons = [at for at, token in enumerate(tokens) if token.text == ":"]
    if colons and colons[-1] < len(tokens) - 1:
        tokens = tokens[colons[-1] + 1 :]
    words = [token.text for token in tokens if token.kind in {"word", "code"}]
    if (
        not words
        or (words[0] in _KEYS and len(tokens) == 1)
        or len(tokens) > _LONGEST_LABEL
        or NOT_NAMES & set(words)
        or stem(words[-1]) in _NO_LABEL_END
        or all(stem(word) in _NO_LABEL for word in words)
    ):
        return ""
    if words[0] in _AT | {"the", "for", "on"} and len(words) == 1:
        return ""
    start = tokens[1].start if words[0] in {"for", *_AT} and len(tokens) > 1 else tokens[0].start
    return " ".join(text[start : tokens[-1].end].split()).strip("*_#: ")


def _cut_line(cutter: _Cutter, line: _Line, *, labels: bool) -> None:
    tokens, at, depth = line.tokens, 0, 0
    cutter.cut(line.number, "")
    while at < len(tokens):
        token = tokens[at]
        depth = max(0, depth + (token.text == "(") - (token.text == ")"))
        spoken = _spoken_label(cutter.text, tokens, at) if not cutter.tokens and labels and not depth else None
        if spoken:
            cutter.label, at = spoken
            continue
        if token.text in {":", *_DASHES} and not depth and labels and _names(cutter, tokens, at):
            cutter.tokens = []
        elif token.text == ":" and not depth and cutter.tokens and cutter.tokens[-1].text in _KEYS:
            pass
        elif token.text == ":" and not depth and any(each.text in VERBS | PRONOUNS for each in cutter.tokens):
            cutter.cut(line.number, ":")
        elif token.text in _SEPARATORS and not depth:
            cutter.cut(line.number, token.text)
            cutter.sentence += token.text in {".", "?", "!", ";"}
        elif token.text in _JOINING and not depth:
            cutter.cut(line.number, token.text)
        else:
            cutter.tokens.append(token)
        at += 1
    cutter.cut(line.number, "")


def _names(cutter: _Cutter, tokens: Sequence[Token], at: int) -> bool:
    """Whether the tokens before the colon or dash are a label; if so it holds from here on."""
    mark = tokens[at]
    spaced = mark.text in {":", "—", "--"} or (tokens[at - 1].end < mark.start if at else False)
    before = list(cutter.tokens)
    if cutter.joined in {"and", "&"} and cutter.pieces and before and not _holds_amounts(cutter.pieces[-1].tokens):
        last = cutter.pieces[-1]  # "Barnes & Noble:"
        whole = [*last.tokens, Token("word", cutter.joined, last.tokens[-1].end, before[0].start), *before]
        if len(whole) <= _LONGEST_LABEL and last.sentence == cutter.sentence:
            before = whole
    numbered = sum(token.is_amount for token in _stretch(tokens[at + 1 :])) > 1
    named = not _holds_amounts(before) or (numbered and _is_numbered_name(before))
    name = _label(cutter.text, before) if spaced and named else ""
    if not name or _is_only_price(tokens[at + 1 :]):
        return False
    if before is not cutter.tokens and len(before) > len(cutter.tokens):
        cutter.pieces.pop()
    cutter.label = name
    return True


def _is_numbered_name(tokens: Sequence[Token]) -> bool:
    """Such as "Microsoft 365 E3"."""
    numbers = [at for at, token in enumerate(tokens) if token.kind == "number"]
    return all(token.kind in {"word", "code", "number"} for token in tokens) and numbers != [] and numbers[0] > 0


def _stretch(tokens: Sequence[Token]) -> list[Token]:
    """The tokens before the next separator."""
    ends = (at for at, token in enumerate(tokens) if token.text in _SEPARATORS or token.text in _JOINING)
    return list(tokens[: next(ends, len(tokens))])


def _is_only_price(tokens: Sequence[Token]) -> bool:
    """Whether what comes before the next separator is a price and nothing else, or nothing."""
    found = _stretch(tokens)
    if any(token.text == ":" or token.text in _DASHES or token.kind == "times" for token in found):
        return False
    rest = [
        token
        for token in found
        if token.kind == "word" and stem(token.text) not in EACH | CONTAINERS | {"per", "a", "an", "total"}
    ]
    return not rest and any(token.is_amount for token in found) and sum(token.is_amount for token in found) == 1


def _spoken_label(text: str, tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    """ "At the toy shop I bought", "From Staples we need", "Ann bought": the label and where it ends."""
    begin = at + (tokens[at].text in _AT)
    end = begin
    while (
        end < len(tokens)
        and tokens[end].kind in {"word", "code"}
        and tokens[end].text not in PRONOUNS | VERBS | _JOINING
    ):
        end += 1
    words = [token.text for token in tokens[begin:end]]
    if not words or len(words) > 5 or end == len(tokens):  # noqa: PLR2004
        return None
    follows = tokens[end]
    if begin > at:
        if not (follows.text in PRONOUNS | {",", ":"} or follows.kind == "number" or (follows.text in VERBS)):
            return None
        if words[0] in {"total", "all", "addition", "euros", "dollars", "each", "least", "most", "cash"}:
            return None
        end += follows.text in {",", ":"}
    elif not (follows.text in VERBS and text[tokens[begin].start].isupper()):
        return None
    name = _label(text, tokens[begin : begin + len(words)])
    return (name, end) if name else None
