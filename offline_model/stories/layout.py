"""A text -> its sentences, each under the label it stands under: "Trip to Rome: ...", lines, bullets, small tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from offline_model.lexeme import Lexeme, Unread
from offline_model.lexing import lexemes
from offline_model.number_words import decimal
from offline_model.stories.nouns import MEASURES, NUMBERED, conversion, singular
from offline_model.stories.words import story_vocabulary

_BILL = frozenset({"FEE", "TAX", "TIP", "DISCOUNT", "COUPON", "REFUND", "SUBTOTAL", "BILL", "INTERESTOF"})
_NO_LABEL = frozenset({"CHANGING", "MONEY", "PERCENT", "FRACTION", "TOTALWORD", "IF", "REFUND", "OPEN", "CLOSE"})
_ENDS = frozenset({"END", "NEWLINE"})
_LONGEST_LABEL = 6
_STREETS = frozenset({"street", "road", "avenue", "lane", "drive", "square", "boulevard"})
_BULLETS = frozenset({"-", "*", "\N{BULLET}", "\N{EN DASH}"})
_COLUMNS = {
    "item": "item", "items": "item", "product": "item", "article": "item", "what": "item",
    "quantity": "count", "qty": "count", "number": "count", "count": "count", "amount": "count",
    "price": "price", "cost": "price", "unit price": "price", "price each": "price", "each": "price",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    label: str
    lexemes: tuple[Lexeme, ...]
    words: str = ""
    """What it says, if the text does not say it in these words."""


def lines(text: str) -> list[Line]:
    """Raises Unread if a label is no name."""
    found: list[Line] = []
    label = ""
    for sentence, asks in _sentences(text):
        for name, part in _labelled(text, sentence):
            label = name if name is not None else "" if asks else label
            if part:
                found.append(Line(label, tuple(part)))
    return found


def _sentences(text: str) -> Iterator[tuple[list[Lexeme], bool]]:
    """Each with whether it ends with a question mark."""
    current: list[Lexeme] = []
    fresh = True
    for lexeme in _marked(lexemes(text, story_vocabulary()), text):
        if lexeme.kind in _ENDS:
            if current:
                yield current, lexeme.text == "?"
            current, fresh = [], True
        elif fresh and lexeme.text in _BULLETS and text[lexeme.end : lexeme.end + 1].isspace():
            fresh = False
        else:
            current.append(lexeme)
            fresh = False
    if current:
        yield current, False


def _marked(found: Sequence[Lexeme], text: str) -> Iterator[Lexeme]:
    """Without the numbers of numbered lines, and without the dot of "Mr."."""
    starts = _numbered(found, text)
    at = 0
    while at < len(found):
        if at in starts:
            at += 2
            continue
        if _is_year(found, at, text):
            yield replace(found[at], kind="WHEN", text=f"in {found[at + 1].text}", end=found[at + 1].end)
            at += 2
            continue
        if found[at].kind == "FILLER" or _is_of_two_places(found[: at + 1]):
            at += 1
            continue
        if merged := _in_two_units(found[at : at + 5]):
            yield from merged[0]
            at += merged[1]
            continue
        if found[at].text.lower() == "half" and _is_measured(found[at + 1 : at + 3]):
            yield replace(found[at], kind="NUMBER", text="0.5", end=found[at + 1].end)
            at += 2
            continue
        if length := _address(found[at:], text):
            last = found[at + length - 1]
            yield replace(found[at], kind="WORD", text=text[found[at].start : last.end], end=last.end)
            at += length
            continue
        if at and _is_name(found[at - 1], found[at], text, found[at + 1 : at + 2]):
            yield replace(found[at], kind="WORD", text=text[found[at].start : found[at].end])
            at += 1
            continue
        if found[at].text == "." and at and found[at - 1].text in {"Mr", "Mrs", "Ms", "Dr"}:
            at += 1
            continue
        yield found[at]
        at += 1


def _is_year(found: Sequence[Lexeme], at: int, text: str) -> bool:
    """Whether "in 2019" is a year, and not so many of something."""
    if found[at].kind != "IN" or at + 1 >= len(found) or found[at + 1].kind != "NUMBER":
        return False
    year, after = found[at + 1], found[at + 2] if at + 2 < len(found) else None
    written = text[year.start : year.end]
    named = after is None or after.kind in {"COMMA", "PRON", "THE", "A", "END", "AND"} or text[after.start].isupper()
    return len(written) == 4 and written.isdecimal() and written[:2] in {"19", "20"} and named  # noqa: PLR2004


def _is_of_two_places(run: Sequence[Lexeme]) -> bool:
    """The "two" of "the distance between two towns": a distance is between no other number of places."""
    if [each.kind for each in run[-2:]] != ["AMONG", "NUMBER"] or len(run) < 3:  # noqa: PLR2004
        return False
    return run[-1].text == "2" and run[-1].spoken and run[-3].text.lower() == "distance"


def _is_measured(run: Sequence[Lexeme]) -> bool:
    """Such as "an hour", after "half"."""
    return [each.kind for each in run] == ["A", "WORD"] and singular(run[1].text) in MEASURES


def _address(run: Sequence[Lexeme], text: str) -> int:
    """How many lexemes "25 Main Street" has; 0 if it is none."""
    length = 1
    while length < len(run) and run[length].kind == "WORD" and text[run[length].start].isupper():
        length += 1
    street = length > 1 and run[length - 1].text.casefold() in _STREETS
    return length if run[0].kind == "NUMBER" and not run[0].spoken and street else 0


def _in_two_units(run: Sequence[Lexeme]) -> tuple[tuple[Lexeme, Lexeme], int] | None:
    """2 hours (and) 40 minutes, as 160 minutes; how many lexemes that is."""
    kinds = [each.kind for each in run]
    joined = 1 if kinds[2:3] == ["AND"] else 0
    if kinds[:2] != ["NUMBER", "WORD"] or kinds[2 + joined : 4 + joined] != ["NUMBER", "WORD"]:
        return None
    one, two, number, unit = run[0], run[1], run[2 + joined], run[3 + joined]
    factor = conversion(singular(two.text), singular(unit.text))
    if factor is None or factor <= 1 or not 0 < Fraction(number.text) < factor:
        return None
    total = decimal(Fraction(one.text) * factor + Fraction(number.text))
    return (replace(one, text=total, end=number.end), unit), 4 + joined


def _is_name(before: Lexeme, lexeme: Lexeme, text: str, after: Sequence[Lexeme]) -> bool:
    """Whether it belongs to the name before it: "Store A", "Shop Two", "Store 1"."""
    if before.kind != "WORD":
        return False
    if lexeme.kind == "A":
        return lexeme.text == "A"
    capital = text[before.start].isupper() and (not lexeme.spoken or text[lexeme.start].isupper())
    counts = bool(after) and after[0].kind == "WORD"
    return lexeme.kind == "NUMBER" and (capital or not counts) and before.text.casefold() in NUMBERED


def _numbered(found: Sequence[Lexeme], text: str) -> set[int]:
    starts = [
        index
        for index, lexeme in enumerate(found[:-1])
        if lexeme.kind == "NUMBER"
        and found[index + 1].text in {".", ")"}
        and (index == 0 or found[index - 1].kind == "NEWLINE")
        and text[found[index + 1].end : found[index + 1].end + 1] == " "
    ]
    counted = [found[index].text for index in starts] == [str(count) for count in range(1, len(starts) + 1)]
    return set(starts) if len(starts) > 1 and counted else set()


def _labelled(text: str, sentence: Sequence[Lexeme]) -> Iterator[tuple[str | None, Sequence[Lexeme]]]:
    """The pieces of a sentence, each with its label; None if it has none of its own."""
    start, label = 0, None
    for index, lexeme in enumerate(sentence):
        if lexeme.kind != "COLON":
            continue
        first = index
        while first > start and sentence[first - 1].kind not in {"COMMA", "COLON"} and index - first < _LONGEST_LABEL:
            first -= 1
        name = sentence[first:index]
        if not name or name[-1].kind in _BILL:
            continue
        if [each.kind for each in name] == ["LISTWORD"]:
            yield None, [*sentence[start:first]]
            start = index + 1
            continue
        if len(name) > 1 and any(each.text.lower() == "may" for each in name):
            raise Unread(f'"{text[name[0].start : name[-1].end]}" before the colon')
        if any(each.kind in _NO_LABEL and each.text.lower() != "may" for each in name) or all(
            each.kind in {"NUMBER", "CODE"} for each in name
        ):
            raise Unread(f'"{text[name[0].start : name[-1].end]}" before the colon')
        before = list(sentence[start:first])
        if before and before[-1].kind == "COMMA":
            before.pop()
        if before:
            yield label, before
        label, start = text[name[0].start : name[-1].end], index + 1
    yield label, list(sentence[start:])


def table(text: str) -> str:
    """The text with the rows of a table written as a list: "pen, 3, $1.20" as "- 3 pen at $1.20 each"."""
    rows: list[str] = []
    columns: list[str] = []
    for line in text.split("\n"):
        cells = _cells(line)
        if not columns and len(cells) > 1 and all(cell.casefold() in _COLUMNS for cell in cells):
            columns = [_COLUMNS[cell.casefold()] for cell in cells]
        elif columns and len(cells) == len(columns) and all(set(cell) <= set("-: ") for cell in cells):
            continue
        elif columns and len(cells) == len(columns):
            rows.append(_row(dict(zip(columns, cells, strict=True))))
        else:
            rows.append(line)
    if columns and len(set(columns)) < len(columns):
        raise Unread("two columns of the table are of the same kind")
    return "\n".join(rows)


def _cells(line: str) -> list[str]:
    bare = line.strip()
    mark = "|" if "|" in bare else ","
    if mark == "," and ("." in bare.rstrip(".?") and bare.endswith("?")):
        return []
    return [cell.strip() for cell in bare.strip("|").split(mark)]


def _row(cells: dict[str, str]) -> str:
    if set(cells) == {"item", "count", "price"}:
        return f"- {cells['count']} {cells['item']} at {cells['price']} each"
    if set(cells) == {"item", "price"}:
        return f"- {cells['item']} {cells['price']}"
    raise Unread("the table's columns are not item, quantity and price")


def joined(found: Sequence[Line], text: str) -> str:
    """The words of the lines, as they were written."""
    return ", ".join(line.words or text[line.lexemes[0].start : line.lexemes[-1].end] for line in found)
