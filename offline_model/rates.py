"""Percentages that are taken off or added, and what they are of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from offline_model.entries import Entry
from offline_model.layout import Piece, of_sentence
from offline_model.marking import P, shown
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import ADDITIONS, DISCOUNTS, EVERYTHING, PARTS, stem, stems

if TYPE_CHECKING:
    from offline_model.purchases import Bill

_SURELY_ALL = frozenset("everything total bill subtotal altogether purchase".split())
_MORE = ADDITIONS | {"charge", "fee"}
_TARGET = re.compile(
    r"\b(?:off|on|of|to|from|at)\s(?:(?:the|my|our|all|of|on|at|that|this|just|only)\s)*([a-z']+)", re.IGNORECASE
)


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


def read_rate(bill: Bill, piece: Piece, before: int, pieces: Sequence[Piece]) -> Rate:
    """`before` entries stand before the piece. Raises Unread if it is not certain what the percentage is of."""
    found = re.findall(P, piece.text)
    own, words = set(stems(piece.text)), set(stems(of_sentence(pieces, piece)))
    kinds = own if own & (DISCOUNTS | _MORE) else words
    off = bool(kinds & DISCOUNTS)
    if len(found) != 1 or off == bool(kinds & _MORE):
        raise Unread(f'what "{shown(piece.text, bill.marks)}" is a part of')
    name = next(
        (word for word in ("tax", "vat", "gst", "tip", "gratuity", "service", "charge") if word in kinds), "added"
    )
    entry, label = _scope(bill, piece, before, words - DISCOUNTS - ADDITIONS, own)
    return Rate(bill.marks[found[0]].value, off, name, entry, label)


def check_rates(bill: Bill) -> None:
    """Raises Unread where the order of two percentages matters, or where one may be of a fee too."""
    whole = [rate for rate in bill.rates if rate.entry < 0 and not rate.label]
    if any(len([rate for rate in whole if rate.off is off]) > 1 for off in (True, False)):
        raise Unread("which of two percentages comes first")
    for rate in () if bill.fees_too else (each for each in bill.rates if each.entry < 0):
        within = [entry for entry, piece in bill.entries if not rate.label or piece.label == rate.label]
        within += [] if rate.label else bill.overall + bill.for_each_part
        if doubtful := [entry for entry in within if entry.is_fee or entry.taken_off]:
            raise Unread(f'whether the {rate.percent}% are of "{doubtful[0].name or doubtful[0].price}" too')


def _scope(bill: Bill, piece: Piece, before: int, words: set[str], own: set[str]) -> tuple[int, str]:
    unsure = Unread(f'what "{shown(piece.text, bill.marks)}" is of')
    inside = [at for at, (_, place) in enumerate(bill.entries) if place is piece]
    named = [at for at, (entry, _) in enumerate(bill.entries) if not inside and _is_named(entry, words)]
    named = [at for at in named if bill.entries[at][1].label == piece.label] or named
    targets = {stem(word) for word in _TARGET.findall(piece.text.lower())} - DISCOUNTS - ADDITIONS
    known = EVERYTHING | {word for label in bill.labels for word in stems(label)} | {"top", "us", "me"}
    known |= PARTS if "this" in own else set()
    if (
        targets
        and not named
        and not targets & known
        and not any(_is_named(bill.entries[at][0], targets) for at in inside)
    ):
        raise unsure
    everything = EVERYTHING & words - ({"it"} if inside else set())
    if inside and not everything:
        return inside[0], ""
    if piece.label and re.search(r"\bthis\b", piece.text) and targets & PARTS:
        return -1, piece.label
    labels = [label for label in bill.labels if label and set(stems(label)) <= words]
    if named:
        entries = [bill.entries[at][0] for at in named]
        fees_too = everything and all(entry.is_fee for entry in entries)
        direct = targets and not targets & EVERYTHING and len(named) == 1
        if not fees_too and ((everything and not direct) or len(named) > 1):
            raise unsure
        if not fees_too and labels and bill.entries[named[0]][1].label not in labels:
            raise unsure
        if not fees_too:
            return named[0], ""
        bill.fees_too = True
    if len(labels) == 1:
        return -1, labels[0]
    alone, at_edge, adds = (
        bill.stands_alone(piece) or piece.joined == ";",
        before in {0, len(bill.entries)},
        bool(own & ADDITIONS),
    )
    mine = [at for at, (_, place) in enumerate(bill.entries) if place.label == piece.label]
    if len(bill.labels) == 1:
        certain = everything or alone or len(bill.entries) == 1 or (adds and at_edge)
    elif everything:
        certain = alone and at_edge
    elif bill.is_rated_in_every_part and bill.stands_alone(piece):
        return -1, piece.label
    elif mine == [before - 1] and not bill.stands_alone(piece):
        return -1, piece.label
    else:
        lines = [{place.line for _, place in bill.entries if place.label == label} for label in bill.labels]
        same_line = any(place.line == piece.line for _, place in bill.entries)
        certain = (
            alone and not same_line and before == len(bill.entries) and adds and all(len(each) == 1 for each in lines)
        )
    if not certain:
        raise unsure
    return -1, ""


def _is_named(entry: Entry, words: set[str]) -> bool:
    return bool((set(stems(entry.name)) - EVERYTHING - {"of", "the", "and", "in", "for", "size", "a"}) & words)
