"""Purchases, fees, discounts and taxes in one or several parts -> Problem. Amounts are read, words passed over."""

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from offline_model import words as w
from offline_model.asking import Asked, goals_of, read_question
from offline_model.bill import Bill
from offline_model.items import Clauses, Count, Entry, without_result
from offline_model.layout import ROW, Piece, lay_out
from offline_model.marking import ANY, M, Marks, N, P, mark
from offline_model.problem import Problem, Unread
from offline_model.tables import take_tables
from offline_model.words import stem, stems

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\uf8ff]")
_NUMBERED = re.compile(
    r"^[ \t]*\(?\d{1,2}[.)][ \t]+|(?<=[.;:!?] )\(?\d{1,2}[.)] (?=[A-Z])"
    r"|(?<=[\w.] )\(?\d{1,2}\) (?=[^\W\d_][^:,;]{1,40}: )",
    re.MULTILINE,
)
_NUMBERED_PARTS = re.compile(rf"(?:(?<=^)|(?<=\s))((?:{'|'.join(sorted(w.PARTS))}) \d{{1,2}})\)\s", re.IGNORECASE)
_ASKED_LAST = re.compile(r"(?<=[\w|])\s+((?:grand )?total|sum|(?:al)?together|combined|in (?:all|total))(?: please| pls)?\s*\?", re.IGNORECASE)
_WRAPPED = re.compile(r"(?<=[^\n])\n(?=(?:each|apiece|per|and|at|of|for|with|plus)\b)")  # a line that goes on
_POUNDS = re.compile(r"[$€£¥₹]|dollar|euro|buck|\b(?:per|a|each) pound\b|/\s?(?:lb|pound)", re.IGNORECASE)
_ARE_EACH = re.compile(r"\b(?:prices?|all|these) (?:are|is) (?:for one|each|per (?:item|unit|piece))\b|\bunit prices?\b", re.IGNORECASE)
_PERIODS = (r"daily|a day", r"weekly|a week", r"monthly|a month", r"yearly|annual\w*|a year|per year")
_OWN_MONEY = re.compile(r"\b(?:i|we|he|she|they)(?:['’]ve| have| had| got| brought| started with)\b|\bwith me\b", re.IGNORECASE)
_STATED = frozenset(
    "total subtotal balance change cash paid visa tendered sum due saved savings amount grand order sub in "
    "is the on card wa".split()
)
_ONLY_PRICE = w.EACH | w.CONTAINERS | w.UNITS
_ONLY_PRICE |= frozenset(
    "price priced cost costing at for per a an is wa were are total which that they it qty altogether together all in "
    "lot the both".split()
)
_ASIDE = w.VERBS | w.PRONOUNS | {"my", "our", "for", "with", "after", "about"}
_ASKING = re.compile(r"\b(?:how much|what|which)\b", re.IGNORECASE)
_EACH_PART = re.compile(r"\b(?:each|every|per|both)\s+(?:of\s+the\s+)?(\w+)", re.IGNORECASE)
_HELD = re.compile(rf"{N}\s+(?:{'|'.join(sorted(w.CONTAINERS | w.UNITS))})s?\b", re.IGNORECASE)
_SPOKEN = re.compile(r"\b(?:in|all)\s(?:\w+\s)?(euro|dollar|pound|sterling|eur|usd|gbp|rupee|yen)s?\b", re.IGNORECASE)
_NEED_AMOUNTS = (
    {"tax", "vat", "gst", "hst", "pst"},
    {"tip", "gratuity"},
    {"discount", "coupon", "rebate", "off"},
    {"shipping", "delivery", "postage", "freight", "fee"},
)


def read_purchases(text: str) -> Problem:
    """Raises Unread, naming what has no certain meaning."""
    if found := _CONTROL.search(text):
        raise Unread(f"the control character {found[0]!r}")
    rest, rows = take_tables(_WRAPPED.sub(" ", text))
    asked = read_question(rest if _POUNDS.search(rest) else re.sub(r"(\d[\d.,]*)\spounds?\b(?!\sof)", r"£\1", rest))
    lines = [f"{chr(ROW + at)}{line}" for at, (_, line) in enumerate(rows)]
    marked, marks = mark("\n".join([_ASKED_LAST.sub(r". \1?", _NUMBERED.sub("\n- ", _NUMBERED_PARTS.sub(r"\n\1: ", asked.text))), *lines]))
    _check_text(re.sub(r"[ \t]+", " ", re.sub(ANY, lambda match: marks[match[0]].written, marked)))
    are_each = bool(_ARE_EACH.search(text))
    clauses = Clauses(lay_out(marked, marks, [part for part, _ in rows]), marks, are_each=are_each)
    pieces = clauses.pieces
    bill, minor = Bill(marks, pieces), "€" if re.search("€|euro", text, re.IGNORECASE) else "£" if "£" in text else "$"
    reader = _Reader(bill, clauses, minor)
    for piece in pieces:
        reader.add(piece)
    reader.check_counts()
    for piece, before in reader.rated:
        bill.read_rate(piece, before)
    reader.check()
    return _problem(bill, asked, text, reader.for_each_part)


def _check_text(text: str) -> None:
    if len([period for period in _PERIODS if re.search(rf"\b(?:{period})\b", text, re.IGNORECASE)]) > 1:
        raise Unread("whether it is by the week, the month or the year")
    if found := w.changing(text):
        raise Unread(f'"{found}"')


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:'[a-z]+)?", text.lower())


class _Reader:
    """Puts the pieces into a bill."""

    def __init__(self, bill: Bill, clauses: Clauses, minor: str) -> None:
        self.bill = bill
        self.clauses = clauses
        self.minor = minor
        self.for_each_part: list[Entry] = []
        self.rated: list[tuple[Piece, int]] = []

    def add(self, piece: Piece) -> None:
        bill, marks = self.bill, self.bill.marks
        self.rated += [(piece, len(bill.entries))] if re.search(P, piece.text) else []
        text, stated = without_result(re.sub(P, " ", piece.text), marks)
        words = set(stems(text))
        if not self.clauses.has_price(text):
            if self.lacks_price(piece):
                raise Unread(f'No price found for "{marks.shown(text)}"')
            return
        if words - {"is", "wa", "on", "in", "the", "card"} and words <= _STATED and not re.search(N, text):
            raise Unread(f'"{marks.shown(text)}"')
        found = _EACH_PART.search(text) if words & w.FEES and not re.search(N, text) else None
        each_part = found is not None and stem(found[1].lower()) in w.PARTS
        entry = self.clauses.entry(piece, _EACH_PART.sub("", text) if each_part else text)
        entry = replace(entry, currency=self.minor) if entry.currency == "minor" else entry
        if stated and Fraction(stated) != Fraction(entry.quantity) * Fraction(entry.price):
            raise Unread(f'the total in "{marks.shown(piece.text)}"')
        if set(stems(entry.name)) <= {"me", "u", "cash", "i", "we"} and _OWN_MONEY.search(text):
            raise Unread(f'what "{marks.shown(text)}" is for')
        if self.is_taken_off(piece, text, words):
            if entry.is_counted or {"each", "per", "every"} & words or not bill.entries:
                raise Unread(f'"{marks.shown(text)}"')
            entry = replace(entry, taken_off=True)
        if each_part:
            self.for_each_part.append(entry)
        elif (entry.is_fee or entry.taken_off) and w.EVERYTHING & words and bill.stands_alone(piece):
            bill.overall.append(entry)
        else:
            bill.entries.append((entry, piece))

    def is_taken_off(self, piece: Piece, text: str, words: set[str]) -> bool:
        signed = re.search(rf"(?:^|\s)[-−–]{M}", text)
        return bool(
            signed
            or (words & w.PAYMENTS and words & w.PAYING)
            or (w.DISCOUNTS & words and not re.search(P, piece.text))
        )

    def check_counts(self) -> None:
        """Every number that is no price and no quantity of one stands for something that needs no price."""
        for count in self.clauses.counts:
            if not (count.is_priced or count.is_used or self.passes(count)):
                raise Unread(f'No price found for "{self.bill.marks.shown(count.place.text)}"')

    def passes(self, count: Count) -> bool:
        """A number beside the purchases: "my 3 kids", "20 minutes", the 10 of "Mitre 10"."""
        piece, at, after = count.place, count.at, count.nouns[:2]
        text, before = piece.text, stems(piece.text[: count.at])
        amount, labels = self.bill.marks[text[at]], self.bill.labels
        sentence = " ".join(each.text for each in self.bill.pieces if each.sentence == piece.sentence)
        priced = re.search(rf"{M}|{P}|@|\b(?:each|per)\b", sentence)
        if amount.written == "one":  # but not in "2 lamps at $25 each, one lamp was on the house"
            return not (piece.joined and after and not text[:at].strip() and re.search(M, sentence))
        if set(text[:at].lower().split()[-1:]) & (w.PARTS | w.NUMBERED | {"number", "step"}):
            return True
        if before and any(f"{before[-1]} {amount.written}" in label.lower() for label in labels):
            return True
        if not priced and (amount.written[:2].lower() in {"a ", "an"} or self.is_year(amount.value)):
            return True
        if set(after[:1]) & w.PARTS and amount.value in {str(len(labels)), str(len(self.bill.entries))}:
            return True
        beside = set(after[:1]) & (w.PEOPLE | w.PASSING) or set(after[1:]) & w.PEOPLE or after == ["of", "us"]
        if beside and (not priced or set(_words(text)) & _ASIDE):
            return True
        return self.is_said_again(piece, amount.value, before, after)

    def is_year(self, value: str) -> bool:
        return bool(re.fullmatch(r"(?:19|20)\d\d", value))

    def is_said_again(self, piece: Piece, number: str, before: Sequence[str], after: Sequence[str]) -> bool:
        """Whether the number is that of the parts ("the two come to"), or of items that are priced elsewhere."""
        labels = {each.label for each in self.bill.pieces if each.label}
        named = not after or after[0] in w.PARTS or not piece.label or before[-1:] in (["the"], ["all"])
        if named and len(labels) > 1 and number == str(len(labels)):
            return True
        again = (
            match
            for each in self.bill.pieces
            if each is not piece and re.search(M, each.text)
            for match in re.finditer(N, each.text)
        )
        return bool(after) and any(
            self.bill.marks[match[0]].value == number and stems(match.string[match.end() :])[:1] == after[:1]
            for match in again
        )

    def lacks_price(self, piece: Piece) -> bool:
        """Whether a piece without a number is an item among priced ones: "2 lipsticks at $22 each and a palette"."""
        beside = [each for each in self.bill.pieces if each.sentence == piece.sentence and each is not piece]
        if not piece.joined or re.search(P, piece.text) or not any(re.search(M, each.text) for each in beside):
            return False
        words = piece.text.lower().split()
        known = w.VERBS | w.PRONOUNS | w.EVERYTHING | w.FEES | w.LEADING | w.NOT_NAMES | w.PARTS | {"thanks"}
        following = [each.joined for each in self.bill.pieces[self.bill.pieces.index(piece) + 1 :] if each in beside]
        alone = piece.label and following[:1] not in (["and"], ["&"])
        bare = alone and len(words) <= 2 and not known & {*words, *stems(piece.text)}  # noqa: PLR2004
        the = words[:1] == ["the"] and not (known | {"amount"}) & {*words[1:], *stems(piece.text)[1:]}
        opens = the or words[:1] in (["a"], ["an"], ["another"], ["one"], ["my"], ["some"])
        return bool(bare or (opens and 1 < len(words) < 6))  # noqa: PLR2004

    def check(self) -> None:
        """A tax, tip, discount or fee that is spoken of has its amount somewhere; no part of the items is asked for."""
        pieces, entries = self.bill.pieces, [entry for entry, _ in self.bill.entries]
        used = {word for piece in pieces if re.search(ANY, piece.text) for word in stems(piece.text)}
        used.update(*(stems(entry.name) for entry in entries))
        names = [
            set(stems(each.name)) - w.EVERYTHING - w.FEES - w.PARTS - {"of", "the", "and", "in"} for each in entries
        ]
        with_entries = {place.label for _, place in self.bill.entries}
        none = {each.label for each in pieces if {"nothing", "free", "no", "none"} & set(stems(each.text))} | {""}
        for piece in pieces:
            words = set(stems(piece.text))
            others = with_entries - {piece.label} - none
            if others and piece.label not in with_entries | none and not _ASKING.search(piece.text):
                raise Unread(f'No price found for "{piece.label}: {self.bill.marks.shown(piece.text)}"')
            for kind in _NEED_AMOUNTS:
                if words & kind and not used & kind and not {"free", "no", "included"} & words:
                    raise Unread(f'"{min(words & kind)}" without an amount')
            asked = [bool(name & words) for name in names]
            if _ASKING.search(piece.text) and not re.search(ANY, piece.text) and any(asked) and not all(asked):
                raise Unread(f'"{piece.text}", which asks for some of the items')


def _problem(bill: Bill, asked: Asked, text: str, for_each_part: Sequence[Entry]) -> Problem:
    entries = [entry for entry, _ in bill.entries]
    if not any(entry.is_counted or entry.currency or "." in entry.price for entry in entries):
        raise Unread("any quantity with a price")
    currency = _currency([*entries, *bill.overall, *for_each_part], text)
    labels = bill.labels
    for entry in for_each_part:
        if len(labels) < 2 or "" in labels:  # noqa: PLR2004
            raise Unread("which parts the fee is for")
        bill.entries += [(entry, Piece("", label, -1, -1)) for label in labels]
    named = len(labels) > 1 and "" not in labels
    if asked.counts and (len(entries) < max(asked.counts) or (named and set(asked.counts) != {len(labels)})):
        raise Unread(f"which {max(asked.counts)} parts are meant")
    names = {
        entry.name for entry in entries if entry.name and not (entry.is_counted or entry.taken_off or entry.is_fee)
    }
    if len(labels) == 1 and asked.kinds - {"each"} and len(names) == len(entries) > 1:  # "January $450, February $380"
        bill.entries = [(entry, Piece("", entry.name.title(), 0, 0)) for entry in entries]
    bill.check_rates()
    parts = [bill.part(label, currency) for label in bill.labels]
    whole, read = bill.whole(len(parts), currency)
    goals, more = goals_of(asked, parts, whole, currency, is_changed=bool(read))
    return Problem(tuple(goals), tuple(parts), (*read, *more), currency, "money")


def _currency(entries: Sequence[Entry], text: str) -> str:
    found = {entry.currency for entry in entries} - {""}
    if len(found) > 1:
        raise Unread(f"more than one currency: {', '.join(sorted(each.strip() for each in found))}")
    bare = any(not entry.currency and "." not in entry.price for entry in entries)
    if bare and any(entry.currency and Fraction(entry.price) < 1 for entry in entries):
        raise Unread("whether a price is in cents")
    spoken = _SPOKEN.search(text)
    symbols = {"e": "€", "d": "$", "u": "$", "p": "£", "s": "£", "g": "£", "r": "₹", "y": "¥"}
    return found.pop() if found else symbols[spoken[1][0].lower()] if spoken else ""
