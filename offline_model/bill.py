"""What has been read of purchases: entries in parts, and percentages with what they are of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from offline_model.items import Entry
from offline_model.layout import Piece
from offline_model.marking import ANY, Marks, P
from offline_model.numbers import decimal
from offline_model.problem import Expression, Number, Part, PartTotal, Unread, changed, minus, product, total
from offline_model.words import ADDITIONS, DISCOUNTS, EVERYTHING, PARTS, stem, stems

_MORE = ADDITIONS | {"charge", "fee"}
_TARGET = re.compile(
    r"\b(?:off|on|of|to|from|at)\s(?:(?:the|my|our|all|of|on|at|that|this|just|only)\s)*([a-z']+)", re.IGNORECASE
)
_AFTER = re.compile(
    rf"(?:{P}|\b(?:tip|tax|vat|discount|gratuity)\b).*?\b(?:off|on|of|to|from|at|for)\s(.*)", re.IGNORECASE
)
_VAGUE = frozenset("store shop place market the my our a".split())


@dataclass(frozen=True)
class Rate:
    """Of one entry, of the part with this label, or of everything if both are empty."""

    percent: str
    off: bool
    name: str
    entry: int = -1
    label: str = ""

    @property
    def portion(self) -> str:
        return decimal(Fraction(self.percent) / 100)

    def __str__(self) -> str:
        return f"{self.percent}% {'off' if self.off else self.name}"


@dataclass
class Bill:
    marks: Marks
    pieces: Sequence[Piece]
    entries: list[tuple[Entry, Piece]] = field(default_factory=list)
    """With the piece each comes from, whose label is its part."""
    overall: list[Entry] = field(default_factory=list)
    """Fees and deductions that concern everything."""
    rates: list[Rate] = field(default_factory=list)
    fees_too: bool = False
    """Whether the text says that a percentage is of the fees too."""

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(piece.label for _, piece in self.entries))

    def stands_alone(self, piece: Piece) -> bool:
        """Whether the piece's sentence holds no entry."""
        return all(each.sentence != piece.sentence for _, each in self.entries)

    def read_rate(self, piece: Piece, before: int) -> None:
        """`before` entries stand before the piece. Raises Unread if it is not certain what the percentage is of."""
        found, own = re.findall(P, piece.text), set(stems(piece.text))
        beside = [each for each in self.pieces if each.sentence == piece.sentence and not re.search(ANY, each.text)]
        words = own.union(*(stems(each.text) for each in beside))
        kinds = own if own & (DISCOUNTS | _MORE) else words
        off = bool(kinds & DISCOUNTS)
        if len(found) != 1 or off == bool(kinds & _MORE):
            raise Unread(f'what "{self.marks.shown(piece.text)}" is a part of')
        name = next(
            (word for word in ("tax", "vat", "gst", "tip", "gratuity", "service", "charge") if word in kinds), "added"
        )
        entry, label = self._named(piece, words - DISCOUNTS - ADDITIONS) or self._scope(piece, words, own, before)
        self.rates.append(Rate(self.marks[found[0]].value, off, name, entry, label))

    def _unsure(self, piece: Piece) -> Unread:
        return Unread(f'what "{self.marks.shown(piece.text)}" is of')

    def _named(self, piece: Piece, words: set[str]) -> tuple[int, str] | None:
        """The entry or the part that the words name, or the entry of the same piece; None if it is something else."""
        if (label := self._part_of(piece)) is not None:
            return -1, label
        inside = [at for at, (_, place) in enumerate(self.entries) if place is piece]
        named = [at for at, (entry, _) in enumerate(self.entries) if not inside and _is_named(entry, words)]
        named = [at for at in named if self.entries[at][1].label == piece.label] or named
        targets = {stem(word) for word in _TARGET.findall(piece.text.lower())} - DISCOUNTS - ADDITIONS
        this = re.search(r"\bthis\b", piece.text)
        known = EVERYTHING.union(*map(stems, self.labels), {"top", "us", "me"}, PARTS if this else ())
        if (
            targets
            and not named
            and not targets & known
            and not any(_is_named(self.entries[at][0], targets) for at in inside)
        ):
            raise self._unsure(piece)
        everything = EVERYTHING & words - ({"it"} if inside else set())
        if inside and not everything:
            return inside[0], ""
        if piece.label and this and targets & PARTS:
            return -1, piece.label
        labels = [label for label in self.labels if label and set(stems(label)) <= words]
        if not named:
            return (-1, labels[0]) if len(labels) == 1 else None
        if everything and all(self.entries[at][0].is_fee for at in named):  # "on all of it, delivery too"
            self.fees_too = True
            return None
        direct = targets and not targets & EVERYTHING
        if len(named) > 1 or (everything and not direct) or (labels and self.entries[named[0]][1].label not in labels):
            raise self._unsure(piece)
        return named[0], ""

    def _part_of(self, piece: Piece) -> str | None:
        """The part whose name, or a word of it, follows the "on" or "off" of a percentage that stands by itself."""
        beside = " ".join(each.text for each in self.pieces if each.sentence == piece.sentence)
        after = _AFTER.search(piece.text if _AFTER.search(piece.text) else beside)
        if not after or any(place is piece for _, place in self.entries):
            return None
        target = set(stems(after[1])) - EVERYTHING - _VAGUE
        fits = {label: len(target & set(stems(label))) for label in self.labels}
        best = [label for label, fit in fits.items() if fit and fit == max(fits.values())]
        named = max((len(target & set(stems(entry.name))) for entry, _ in self.entries), default=0)
        return best[0] if len(best) == 1 and fits[best[0]] > named else None

    def _scope(self, piece: Piece, words: set[str], own: set[str], before: int) -> tuple[int, str]:
        """What a percentage is of that names no entry and no part."""
        everything, adds = EVERYTHING & words, bool(own & ADDITIONS)
        alone, at_edge = self.stands_alone(piece) or piece.joined == ";", before in {0, len(self.entries)}
        mine = [at for at, (_, place) in enumerate(self.entries) if place.label == piece.label]
        rated = [each.label for each in self.pieces if re.search(P, each.text) and self.stands_alone(each)]
        if len(self.labels) == 1:
            certain = bool(everything) or alone or len(self.entries) == 1 or (adds and at_edge)
        elif everything:
            certain = alone and at_edge
        elif (sorted(rated) == sorted(self.labels) and self.stands_alone(piece)) or (
            mine == [before - 1] and not self.stands_alone(piece)
        ):
            return -1, piece.label
        else:
            lines = [{place.line for _, place in self.entries if place.label == label} for label in self.labels]
            same_line = any(place.line == piece.line for _, place in self.entries)
            blocks = any(len(each) > 1 for each in lines)
            certain = alone and not same_line and before == len(self.entries) and adds and not blocks
        if not certain:
            raise self._unsure(piece)
        return -1, ""

    def check_rates(self) -> None:
        """Raises Unread where the order of two percentages matters, or where one may be of a fee too."""
        whole = [rate.off for rate in self.rates if rate.entry < 0 and not rate.label]
        if len(whole) != len(set(whole)):
            raise Unread("which of two percentages comes first")
        for rate in self.rates:
            within = [entry for entry, piece in self.entries if not rate.label or piece.label == rate.label]
            within += [] if rate.label else self.overall
            doubtful = [entry for entry in within if entry.is_fee or entry.taken_off]
            if rate.entry < 0 and doubtful and not self.fees_too:
                raise Unread(f'whether the {rate.percent}% are of "{doubtful[0].name or doubtful[0].price}" too')

    def part(self, label: str, currency: str) -> Part:
        costs: list[tuple[Entry, Expression]] = []
        read: list[str] = []
        for at, (entry, piece) in enumerate(self.entries):
            if piece.label == label:
                cost, line = _cost(entry, currency), _line(entry, currency)
                for rate in (each for each in self.rates if each.entry == at):
                    cost, line = changed(cost, rate.portion, off=rate.off), f"{line}, {rate}"
                costs.append((entry, cost))
                read.append(line)
        whole = _sum(costs)
        for rate in (each for each in self.rates if each.label and each.label == label):
            whole = changed(whole, rate.portion, off=rate.off)
            read.append(f"{rate} {'' if rate.off else 'on '}all of it")
        return Part(label, tuple(read), whole)

    def whole(self, parts: int, currency: str) -> tuple[Expression, list[str]]:
        """The total of all parts, and what concerns it as a whole."""
        whole = total(*map(PartTotal, range(parts)))
        if self.overall:
            whole = _sum([(entry, _cost(entry, currency)) for entry in self.overall], whole)
        read = [_line(each, currency) for each in self.overall]
        for rate in (each for each in self.rates if each.entry < 0 and not each.label):
            whole = changed(whole, rate.portion, off=rate.off)
            read.append(f"{rate} {'' if rate.off else 'on '}everything")
        return whole, read


def _is_named(entry: Entry, words: set[str]) -> bool:
    return bool((set(stems(entry.name)) - EVERYTHING - {"of", "the", "and", "in", "for", "size", "a"}) & words)


def _sum(costs: Sequence[tuple[Entry, Expression]], *more: Expression) -> Expression:
    added = [*more, *(cost for entry, cost in costs if not entry.taken_off)] or [Number("0")]
    taken = [cost for entry, cost in costs if entry.taken_off]
    return minus(total(*added), total(*taken)) if taken else total(*added)


def _cost(entry: Entry, currency: str) -> Expression:
    price = Number(entry.price, currency + entry.price)
    return price if entry.quantity == "1" else product(Number(entry.quantity), price)


def _line(entry: Entry, currency: str) -> str:
    amount = f"{currency}{entry.price}"
    if not entry.is_counted and entry.quantity == "1":
        return f"{entry.name or 'amount'} {'-' if entry.taken_off else ''}{amount}"
    return f"{entry.quantity} {entry.name or 'items'} at {amount}{'' if entry.quantity == '1' else ' each'}"
