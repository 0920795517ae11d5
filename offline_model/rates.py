"""What a percentage is of: one entry, one part, or everything."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from offline_model.items import Entry, labels_of, stands_alone
from offline_model.layout import Piece
from offline_model.marking import ANY, Marks, P
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import ADDITIONS, DISCOUNTS, EVERYTHING, TAXES, stem, stems

_MORE = ADDITIONS | {"charge", "fee"}
_NAMES = ("tax", "vat", "gst", "hst", "pst", "tip", "gratuity", "service", "charge")
_TARGET = re.compile(r"(?i)\b(?:off|on|of|to)\s(?:(?:the|my|our|all|of|on|at|that|this|just|only)\s)*([a-z']+)")
_AFTER = re.compile(rf"(?i)(?:{P}|\b(?:tip|tax|vat|discount|gratuity)\b).*?\b(?:off|on|of|to|from|at|for)\s(.*)")
_THAT = re.compile(r"\bon (?:that|it|this|the above)\W*$", re.IGNORECASE)
_IT = re.compile(rf"{_THAT.pattern}|^\W*(?:and )?it\b", re.IGNORECASE)
_ORDER = re.compile(r"\b(?:whole|entire) (?:order|purchase|bill)\b", re.IGNORECASE)
_HERE = re.compile(r"\b(?:everything|all) (?:in|at|from) (?:the|this|that) (?:store|shop|place)\b", re.IGNORECASE)
_VAGUE = EVERYTHING | frozenset("store shop place market the my our a".split())
_KNOWN = EVERYTHING | frozenset("top us me since because when with as that thi".split())
_FILLING = EVERYTHING | frozenset("of the and in for size a".split())


@dataclass(frozen=True)
class Rate:
    """Of one entry, of the part with this label, or of everything if both are empty."""

    percent: str
    off: bool
    name: str
    entry: Entry | None = None
    label: str = ""

    @property
    def portion(self) -> str:
        return decimal(Fraction(self.percent) / 100)

    def __str__(self) -> str:
        return f"{self.percent}% {'off' if self.off else self.name}"


@dataclass
class Scopes:
    """Finds what the percentages of a text are of. Raises Unread where that is not certain."""

    marks: Marks
    pieces: Sequence[Piece]
    entries: Sequence[Entry]
    fees_too: bool = False
    """Whether the text says that a percentage is of the fees too."""

    def rate(self, piece: Piece) -> Rate:
        found, own = re.findall(P, piece.text), set(stems(piece.text))
        beside = [each for each in self.pieces if each.sentence == piece.sentence and not re.search(ANY, each.text)]
        words = own.union(*(stems(each.text) for each in beside))
        kinds = own if own & (DISCOUNTS | _MORE) else words
        off = bool(kinds & DISCOUNTS)
        if len(found) != 1 or off == bool(kinds & _MORE):
            raise self._unsure(piece)
        name = next((word for word in _NAMES if word in kinds), "added")
        entry, label = self._named(piece, words - DISCOUNTS - ADDITIONS) or self._placed(piece, words)
        return Rate(self.marks[found[0]].value, off, name, entry, label)

    def _unsure(self, piece: Piece) -> Unread:
        return Unread(f'what "{self.marks.shown(piece.text)}" is of')

    def _named(self, piece: Piece, words: set[str]) -> tuple[Entry | None, str] | None:
        """The entry or the part that the words name, or the entry of the same piece; None if it is something else."""
        inside = next((entry for entry in self.entries if entry.place is piece), None)
        everything = EVERYTHING & words - ({"it"} if inside else set())
        if inside and set(stems(inside.name)) <= ADDITIONS | DISCOUNTS | {"sale"} and inside.name:
            raise self._unsure(piece)  # "8% sales tax on $240", which may be the tax or the total
        if inside and not everything:
            targets = self._targets(piece)
            if targets and not targets & (_KNOWN | self._words_of_labels()) and not _is_named(inside, targets):
                raise self._unsure(piece)
            return inside, ""
        if not inside and (label := self._part_of(piece)) is not None:
            return None, label
        named = [entry for entry in self.entries if not inside and _is_named(entry, words)]
        named = [entry for entry in named if entry.place.label == piece.label] or named
        targets = self._targets(piece)
        if not named:
            if targets and not targets & (_KNOWN | self._words_of_labels()):
                raise self._unsure(piece)
            return None
        if everything and all(entry.is_fee for entry in named):  # "on all of it, delivery too"
            self.fees_too = True
            return None
        if len(named) > 1 or (everything and (not targets or targets & EVERYTHING)):
            raise self._unsure(piece)
        return named[0], ""

    def _targets(self, piece: Piece) -> set[str]:
        return {stem(word) for word in _TARGET.findall(piece.text.lower())} - DISCOUNTS - ADDITIONS

    def _words_of_labels(self) -> set[str]:
        return {word for label in labels_of(self.entries) for word in stems(label)}

    def _part_of(self, piece: Piece) -> str | None:
        """The part whose name, or a word of it, follows the "on" or "off" of a percentage that stands by itself."""
        after = _AFTER.search(" ".join(each.text for each in self.pieces if each.sentence == piece.sentence))
        target = set(stems(after[1])) - _VAGUE if after else set()
        fits = {label: len(target & set(stems(label))) for label in labels_of(self.entries)}
        best = [label for label, fit in fits.items() if fit and fit == max(fits.values())]
        named = max((len(target & set(stems(entry.name))) for entry in self.entries), default=0)
        return best[0] if len(best) == 1 and fits[best[0]] > named else None

    def _placed(self, piece: Piece, words: set[str]) -> tuple[Entry | None, str]:
        """What a percentage is of that names no entry and no part."""
        everything = EVERYTHING & words - ({"it"} if _IT.search(piece.text) else set())
        adds, labels = bool(words & ADDITIONS), labels_of(self.entries)
        at = self.pieces.index(piece)
        beside = [entry for entry in self.entries if entry.place.sentence == piece.sentence and not entry.taken_off]
        others = re.search(r"(?i)\bno discount|\bfull price", " ".join(each.text for each in self.pieces))
        if others and len(beside) == 1 and beside[0].place is self.pieces[at - 1]:
            return beside[0], ""
        goods = [entry for entry in self.entries if not (entry.taken_off or entry.is_fee)]
        earlier = len([entry for entry in goods if entry.place in self.pieces[: at + 1]])
        apart, at_edge = stands_alone(piece, self.entries), earlier in {0, len(goods)}
        alone = apart or piece.joined == ";"
        if len(labels) == 1:
            certain = bool(everything) or len(goods) == 1 or (at_edge and (alone or adds))
        elif everything and not (_HERE.search(piece.text) or (_ORDER.search(piece.text) and not (apart or at_edge))):
            certain = alone and at_edge
        elif piece.label and self._is_of_part(piece, at, apart=apart, inner=adds and not at_edge):
            return None, piece.label
        else:
            lines = [{entry.place.line for entry in self.entries if entry.place.label == each} for each in labels]
            same_line = any(entry.place.line == piece.line for entry in self.entries)
            blocks = any(len(each) > 1 for each in lines)
            certain = alone and not same_line and earlier == len(goods) and adds and not blocks
        if not certain:
            raise self._unsure(piece)
        return None, ""

    def _is_of_part(self, piece: Piece, at: int, *, apart: bool, inner: bool) -> bool:
        """Whether a percentage under a label is of that part: it ends it, heads it, or each part has its own."""
        mine = [entry for entry in self.entries if entry.place.label == piece.label]
        ends = all(each.label != piece.label or not re.search(ANY, each.text) for each in self.pieces[at + 1 :])
        rated = [each.label for each in self.pieces if re.search(P, each.text) and stands_alone(each, self.entries)]
        said = _THAT.search(piece.text) or _ORDER.search(piece.text)
        if _HERE.search(piece.text) or (ends and mine and ((inner and not apart) or said)):
            return True
        if apart:
            heads = bool(mine) and at > 0 and self.pieces[at - 1].label != piece.label
            return heads or sorted(rated) == sorted(labels_of(self.entries))
        return len(mine) == 1 and mine[0].place in self.pieces[: at + 1] and ends


def _is_named(entry: Entry, words: set[str]) -> bool:
    return bool((set(stems(entry.name)) - _FILLING) & words)


def check_rates(rates: Sequence[Rate], entries: Sequence[Entry], overall: Sequence[Entry], *, fees_too: bool) -> None:
    """Raises Unread where the order of two percentages matters, or where one may be of a fee too."""
    over = [rate for rate in rates if not rate.entry and not rate.label]
    whole = [] if all(rate.name in TAXES for rate in over) else [rate.off for rate in over]
    if len(whole) != len(set(whole)):
        raise Unread("which of two percentages comes first")
    for rate in rates:
        within = [entry for entry in entries if not rate.label or entry.place.label == rate.label]
        within += [] if rate.label else overall
        doubtful = [entry for entry in within if entry.is_fee or entry.taken_off]
        if not rate.entry and doubtful and not fees_too:
            raise Unread(f'whether the {rate.percent}% are of "{doubtful[0].name or doubtful[0].price}" too')
