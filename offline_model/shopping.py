"""Purchases, one segment at a time.

Every word must be accounted for; what is left over is named to the reader, never passed over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from offline_model.grammar import STARTS, Opening, Purchase, Question, Reading, Shopping, read_as
from offline_model.lexeme import Lexeme, NotThis, Segment, Unread
from offline_model.lexing import segments
from offline_model.money import one_currency
from offline_model.parsing import Refused
from offline_model.problem import Fee, Item, Number, Part, Purchases

_IN_A_NAME = frozenset({"WORD", "STORE", "CODE", "NUMBER", "THE", "MY", "A", "AND", "OF", "BUY", "SHOP"})
_BEFORE_A_NAME = frozenset({"AT", "FROM", "IN", "FOR"})
_WORDS_SHOWN = 8


def read_shopping(text: str) -> Purchases:
    """Raises Unread, naming the words, if the text is anything but purchases."""
    found = segments(text)
    try:
        return _Draft.of(text, found).problem()
    except Unread as first:
        unwrapped = " ".join(text.split("\n"))  # a sentence may run over the end of a line
        if unwrapped == text or any(segment.bullet for segment in found):
            raise
        try:
            return _Draft.of(unwrapped, segments(unwrapped)).problem()
        except Unread:
            raise first from None


@dataclass
class _Place:
    name: str
    bullet: bool
    entries: list[Item | Fee] = field(default_factory=list)


@dataclass
class _Draft:
    """A problem while its segments are read one after the other."""

    text: str
    places: list[_Place] = field(default_factory=list)
    current: _Place | None = None
    counts: list[int] = field(default_factory=list)
    loose_fees: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str, found: Sequence[Segment]) -> "_Draft":
        draft = cls(text)
        for segment in found:
            draft.add(segment)
        return draft

    def add(self, segment: Segment) -> None:
        *heads, body = _pieces(segment.lexemes)
        for head in heads:
            self._head(head, segment)
        if body:
            self._body(body, segment, placed=bool(heads))

    def _head(self, head: tuple[Lexeme, ...], segment: Segment) -> None:
        for start in ("opening", "question"):
            reading = read_as(start, head)
            if not isinstance(reading, Refused):
                self._note(reading, segment, placed=False)
                return
        name = head[1:] if head and head[0].kind in _BEFORE_A_NAME else head
        named = any(lexeme.kind in {"WORD", "STORE", "CODE", "BUY"} for lexeme in name)
        if not named or name[0].kind == "NUMBER" or any(lexeme.kind not in _IN_A_NAME for lexeme in name):
            raise NotThis(f"{_quoted(self.text, head)} before the colon")
        self._enter(self.text[name[0].start : name[-1].end], segment)

    def _body(self, body: tuple[Lexeme, ...], segment: Segment, *, placed: bool) -> None:
        readings: list[Reading] = []
        furthest = 0
        for start in STARTS:
            reading = read_as(start, body)
            if isinstance(reading, Refused):
                furthest = max(furthest, reading.at)
            else:
                readings.append(reading)
        if not readings:
            raise NotThis(_stuck(self.text, body, furthest))
        if len(readings) > 1:
            raise Unread(f"{_quoted(self.text, body)}: it has more than one reading")
        self._note(readings[0], segment, placed=placed)

    def _note(self, reading: Reading, segment: Segment, *, placed: bool) -> None:
        match reading:
            case Opening(stores=int(stores)):
                self.counts.append(stores)
            case Shopping(visits=visits):
                for visit in visits:
                    self._buy(visit, segment, placed=placed)
                if len(visits) > 1:  # a fee at the end of the sentence may be for the last place or for all
                    self.loose_fees += [str(entry) for entry in visits[-1].entries[-1:] if isinstance(entry, Fee)]
            case Opening() | Question():
                pass

    def _buy(self, purchase: Purchase, segment: Segment, *, placed: bool) -> None:
        if purchase.place:
            if placed:
                raise Unread(f'"{purchase.place}": two places are named for the same goods')
            self._enter(purchase.place, segment)
        if self.current is None:
            self._enter("", segment)
        assert self.current is not None
        sublist = segment.bullet and not self.current.bullet
        if not (placed or purchase.place or sublist) and all(isinstance(entry, Fee) for entry in purchase.entries):
            self.loose_fees += [str(entry) for entry in purchase.entries]
        self.current.entries += purchase.entries

    def _enter(self, name: str, segment: Segment) -> None:
        for place in self.places:
            if _key(place.name) == _key(name):
                self.current = place
                return
        self.current = _Place(name, segment.bullet)
        self.places.append(self.current)

    def problem(self) -> Purchases:
        if not self.places:
            raise NotThis("there is nothing to calculate in it")
        return self._purchases()

    def _purchases(self) -> Purchases:
        places = self.places
        for place in places:
            if not any(isinstance(entry, Item) for entry in place.entries):
                raise Unread(f'"{place.name}": nothing is bought there' if place.name else "nothing is bought")
            if not place.name and len(places) > 1:
                raise Unread(f"{place.entries[0]}: it is not said where")
        for count in self.counts:
            if count != len(places):
                raise Unread(f"the text speaks of {count} stores and names {len(places)}")
        self._check_loose_fees()
        parts = tuple(Part(place.name, tuple(place.entries)) for place in places)
        currency = one_currency(number for part in parts for number in _amounts(part))
        return Purchases(tuple(_inone_currency(part, currency) for part in parts), currency)

    def _check_loose_fees(self) -> None:
        """A fee in a sentence of its own is the last store's only if each store has the like."""
        fees = [sorted(entry.name for entry in place.entries if isinstance(entry, Fee)) for place in self.places]
        if self.loose_fees and any(names != fees[0] or len(set(names)) < len(names) for names in fees):
            raise Unread(f'"{self.loose_fees[0]}": it is not said for which store')


def _pieces(lexemes: tuple[Lexeme, ...]) -> list[tuple[Lexeme, ...]]:
    """Cut at colons, but for the colon of a fee ("shipping: $5.99"); the last piece is what the others head."""
    pieces: list[list[Lexeme]] = [[]]
    for lexeme in lexemes:
        last = pieces[-1]
        if lexeme.kind == "COLON" and not (last and last[-1].kind == "FEE"):
            pieces.append([])
        else:
            last.append(lexeme)
    return [tuple(piece) for piece in pieces]


def _key(name: str) -> str:
    return " ".join(name.casefold().removeprefix("the ").split())


def _quoted(text: str, lexemes: Sequence[Lexeme]) -> str:
    if not lexemes:
        return '""'
    more = " ..." if len(lexemes) > _WORDS_SHOWN else ""
    shown = lexemes[:_WORDS_SHOWN]
    return f'"{text[shown[0].start : shown[-1].end][:200]}{more}"'


def _stuck(text: str, lexemes: Sequence[Lexeme], at: int) -> str:
    for lexeme in lexemes:
        if lexeme.kind == "CHANGING":
            return f"{_quoted(text, [lexeme])} in {_quoted(text, lexemes)}"
    if at >= len(lexemes):
        return f"{_quoted(text, lexemes)}: it seems to stop short"
    return f"{_quoted(text, lexemes[at : at + 1])} in {_quoted(text, lexemes)}"


def _amounts(part: Part) -> Iterator[Number]:
    for entry in part.entries:
        yield entry.price if isinstance(entry, Item) else entry.amount


def _inone_currency(part: Part, currency: str) -> Part:
    entries = tuple(
        replace(entry, price=replace(entry.price, currency=currency))
        if isinstance(entry, Item)
        else replace(entry, amount=replace(entry.amount, currency=currency))
        for entry in part.entries
    )
    return replace(part, entries=entries)
