"""Purchases, fees, discounts and taxes in one or several parts -> Problem. Islands of amounts are read, words passed over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from offline_model import words as w
from offline_model.asking import Asked, goals_of, read_question
from offline_model.entries import SIZED, Entry, price_at, read_entry
from offline_model.layout import Piece, lay_out
from offline_model.marking import ANY, Amount, M, N, P, mark, shown
from offline_model.problem import Expression, Number, Part, Problem, Unread, changed, minus, product, total
from offline_model.rates import Rate, check_rates, read_rate
from offline_model.tables import Row, take_tables
from offline_model.words import stem, stems

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\uebff]")
_NUMBERED = re.compile(r"^[ \t]*\(?\d{1,2}[.)][ \t]+|(?<=[.;:!?] )\(?\d{1,2}[.)] (?=[A-Z])", re.MULTILINE)
_WRAPPED = re.compile(r"(?<=[^\n])\n(?=(?:each|apiece|per|and|at|of|for|with|plus)\b)")  # a line that goes on
_STATED = frozenset(
    "total subtotal balance change cash paid visa tendered sum due saved savings amount grand order sub in is the on card".split()
)
_ONLY_PRICE = (
    w.EACH
    | w.CONTAINERS
    | frozenset("price priced cost costing at for per a an is wa were are total which that they it qty".split())
)
_ASIDE = frozenset("my our for with after about".split())
_ASKING = re.compile(r"\b(?:how much|what|which)\b", re.IGNORECASE)
_PERIODS = (
    r"\bdaily\b|\ba day\b",
    r"\bweekly\b|\ba week\b",
    r"\bmonthly\b|\ba month\b",
    r"\b(?:yearly|annual\w*|a year|per year)\b",
)
_EACH_PART = re.compile(r"\b(?:each|every|per|both)\s+(?:of\s+the\s+)?(\w+)", re.IGNORECASE)


@dataclass
class Bill:
    """What has been read so far: entries with their pieces, whose labels say which part they belong to."""

    marks: Mapping[str, Amount]
    minor: str
    entries: list[tuple[Entry, Piece]] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    overall: list[Entry] = field(default_factory=list)
    for_each_part: list[Entry] = field(default_factory=list)
    fees_too: bool = False
    """Whether the text says that a percentage is of the fees too."""
    rated: list[Piece] = field(default_factory=list)
    """The pieces with percentages."""

    @property
    def is_rated_in_every_part(self) -> bool:
        labels = [piece.label for piece in self.rated if self.stands_alone(piece)]
        return len(labels) == len(set(labels)) and set(labels) == set(self.labels)

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(piece.label for _, piece in self.entries))

    def stands_alone(self, piece: Piece) -> bool:
        """Whether the piece's sentence holds no entry."""
        return all(each.sentence != piece.sentence or each.line != piece.line for _, each in self.entries)


def read_purchases(text: str) -> Problem:
    """Raises Unread, naming what has no certain meaning."""
    if found := _CONTROL.search(text):
        raise Unread(f"the control character {found[0]!r}")
    rest, rows = take_tables(_WRAPPED.sub(" ", text))
    rest, asked = read_question(rest)
    marked, marks = mark(_with_pounds(_NUMBERED.sub("- ", rest)))
    plain = re.sub(ANY, lambda match: marks[match[0]].written, marked)
    periods = [period for period in _PERIODS if re.search(period, plain, re.IGNORECASE)]
    if len(periods) > 1:
        raise Unread("whether it is by the week, the month or the year")
    marked = _in_parentheses(marked)
    if found := w.CHANGING.search(" ".join(plain.split())):
        raise Unread(f'"{" ".join(found[0].split())}"')
    bill = Bill(marks, "€" if re.search("€|euro", text, re.I) else "£" if re.search("£|pence", text) else "$")
    bill.entries = [(_row_entry(row, bill.minor), Piece("", row.cells.get("part", ""), 0, 0)) for row in rows]
    pieces = _joined([replace(each, label=shown(each.label, marks)) for each in lay_out(marked)], marks)
    rated = []
    for piece in pieces:
        rated += [(piece, len(bill.entries))] if re.search(P, piece.text) else []
        sentence = " ".join(each.text for each in pieces if each.sentence == piece.sentence)
        told = (w.VERBS | w.PRONOUNS) & set(re.findall(r"[a-z']+", sentence.lower()))
        _add(bill, piece, is_aside=bool(told) and not _has_price_in(sentence))
    bill.rated = [piece for piece, _ in rated]
    bill.rates = [read_rate(bill, piece, before, pieces) for piece, before in rated]
    _check_words(bill, pieces)
    _check_question(bill, pieces)
    return _problem(bill, asked, text)


def _in_parentheses(text: str) -> str:
    """ "Best Buy (1 TV $379.99, 2 cables $12 each)" as under a label, if there is a list like that."""
    groups = re.compile(rf"([^,;:.()\n{ANY[1:-1]}]+)\(([^()]*{N}[^()]*{M}[^()]*)\)")
    if any(len(re.findall(M, match[2])) > 1 for match in groups.finditer(text)):
        return groups.sub(r"\1: \2;", text)
    return text


def _with_pounds(text: str) -> str:
    """ "5 pounds" is money if no other currency stands in the text and nothing is sold by the pound."""
    if re.search(r"[$€£¥₹]|dollar|euro|buck|\b(?:per|a|each) pound\b|/\s?(?:lb|pound)", text, re.IGNORECASE):
        return text
    return re.sub(r"(\d[\d.,]*)\spounds?\b(?!\sof)", r"£\1", text)


def _row_entry(row: Row, minor: str) -> Entry:
    def cell(name: str) -> Amount:
        marked, marks = mark(row.cells[name])
        if len(marked) != 1 or not re.match(rf"{M}|{N}", marked):
            raise Unread(f'a number in "{row.written.strip()}"')
        return marks[marked]

    column = next(name for name in ("price", "total", "cost") if name in row.cells)
    price, quantity = cell(column), cell("quantity").value if "quantity" in row.cells else "1"
    if {"total", "subtotal"} & set(stems(row.written)) and "quantity" not in row.cells:
        raise Unread(f'"{row.written.strip()}"')
    if column == "cost" and quantity != "1":
        raise Unread(f'whether the cost in "{row.written.strip()}" is for one or for all')
    if {"price", "total"} <= set(row.cells) and Fraction(cell("total").value) != Fraction(price.value) * Fraction(
        quantity
    ):
        raise Unread(f'the total in "{row.written.strip()}"')
    quantity = "1" if column == "total" else quantity
    currency = minor if price.currency == "minor" else price.currency
    return Entry(row.cells.get("item", ""), quantity, price.value, currency, is_counted="quantity" in row.cells)


def _joined(pieces: Sequence[Piece], marks: Mapping[str, Amount]) -> list[Piece]:
    """A quantity and its price may stand in two pieces: "14 blankets, 9.50 each"."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.sentence == piece.sentence and last.label == piece.label and _completes(piece, last, marks):
            text = (
                f"{last.text} {piece.text}"
                if not SIZED.search(last.text) or re.match(rf"\W*{N}", last.text) or re.match(M, piece.text)
                else f"{piece.text} ({last.text})"
            )
            joined[-1] = Piece(text, last.label, last.sentence, last.line, last.joined)
        else:
            joined.append(piece)
    return joined


def _has_price(text: str, marks: Mapping[str, Amount]) -> bool:
    product_only = re.search(r"(?<!\S)\d+[x×]\d[\d.]*(?!\S)", text) and not re.search(ANY, text)
    return bool(product_only) or price_at(_without_result(text, marks)[0], marks) is not None


def _has_price_in(sentence: str) -> bool:
    return bool(re.search(rf"{M}|@|\b(?:each|per)\b", sentence))


def _completes(piece: Piece, last: Piece, marks: Mapping[str, Amount]) -> bool:
    """Whether the piece is the price, or the quantity, of what the last one names."""
    if re.search(P, piece.text + last.text) or _has_price(last.text, marks):
        return False
    bare = re.sub(
        r"(?:\bper\s|/|\ban?\s)\s*\w+|\bunits?\b|\bpairs?\b|\bpieces?\b", "", _without_result(piece.text, marks)[0]
    )
    only = all(word in _ONLY_PRICE for word in stems(bare))
    numbers = [each for each in re.findall(N, bare) if marks[each].written != "one"]
    sized = re.search(r"\w", SIZED.sub("", last.text)) and not re.search(ANY, SIZED.sub("", last.text))
    if (
        sized
        and re.search(ANY, last.text)
        and not set(re.findall(r"[^\W\d_]+", re.split(N, last.text)[0].lower())) <= w.LEADING
        and not any(stem(each[1].lower()) in w.CONTAINERS for each in SIZED.finditer(last.text))
        and re.match(rf"{N}\s+(?:{'|'.join(sorted(w.CONTAINERS | w.UNITS))})s?\b", piece.text)
    ):
        return _has_price(piece.text, marks)
    if not re.search(ANY, last.text):
        short, uncounted = len(stems(last.text)) <= 4, not re.search(N, piece.text)  # noqa: PLR2004
        fees = set(stems(last.text)) & w.FEES and uncounted and piece.joined in {"and", "&"}
        return short and bool(re.search(ANY, piece.text)) and (bool(fees) or (only and piece.joined == ","))
    if not _has_price(piece.text, marks):
        return False
    priced = len(numbers) == (0 if re.search(M, piece.text) else 1)
    if only and priced:
        return True
    opens = stems(piece.text)[:1]
    each = re.search(r"\b(?:each|apiece|ea)\b|@", piece.text)
    return (
        piece.joined in {"and", "&"}
        and priced
        and bool(each)
        and opens[0] not in {"a", "an", "the", "shipping", "delivery"}
    )


def _without_result(text: str, marks: Mapping[str, Amount]) -> tuple[str, str]:
    """ "3 pens @ $2 = $6" without what comes of it, and that."""
    before, _, after = text.partition("=")
    stated = re.findall(ANY, after)
    return (before, marks[stated[0]].value) if len(stated) == 1 and len(re.findall(ANY, before)) > 1 else (text, "")


def _add(bill: Bill, piece: Piece, *, is_aside: bool) -> None:
    """`is_aside` says that the piece's sentence tells something and holds no price."""
    text, stated = _without_result(re.sub(P, " ", piece.text), bill.marks)
    words = set(stems(text))
    if not _has_price(text, bill.marks):
        for match in re.finditer(N, text):
            if not (is_aside and set(stems(text[match.end() :])[:1]) & (w.PEOPLE | w.PASSING)) and not _passes(
                text, match.start(), bill
            ):
                raise Unread(f'no price for "{shown(text, bill.marks)}"')
        return
    if words and words <= _STATED:
        raise Unread(f'"{shown(text, bill.marks)}"')
    each_part = _EACH_PART.search(text) if words & w.FEES and not re.search(N, text) else None
    each_part = each_part if each_part and stem(each_part[1]) in w.PARTS else None
    entry = read_entry(_EACH_PART.sub("", text) if each_part else text, bill.marks)
    if entry.currency == "minor":
        entry = Entry(entry.name, entry.quantity, entry.price, bill.minor, entry.is_counted)
    if stated and Fraction(stated) != Fraction(entry.quantity) * Fraction(entry.price):
        raise Unread(f'the total in "{shown(piece.text, bill.marks)}"')
    paid = (
        words & w.PAYMENTS
        and {"used", "use", "using", "apply", "applied", "less", "minu", "cover", "redeem", "after"} & words
    )
    if paid or re.search(rf"(?:^|\s)[-−–]{M}", text) or (w.DISCOUNTS & words and not re.search(P, piece.text)):
        if entry.is_counted or {"each", "per", "every"} & words or not bill.entries:
            raise Unread(f'"{shown(text, bill.marks)}"')
        entry = Entry(entry.name, "1", entry.price, entry.currency, is_counted=False, taken_off=True)
    if each_part:
        bill.for_each_part.append(entry)
    elif (entry.is_fee or entry.taken_off) and w.EVERYTHING & words and bill.stands_alone(piece):
        bill.overall.append(entry)
    else:
        bill.entries.append((entry, piece))


def _passes(text: str, at: int, bill: Bill) -> bool:
    """A number beside the purchases: "my 3 kids", "20 minutes", the 10 of "Mitre 10"."""
    before, after = stems(text[:at])[-1:], stems(text[at + 1 :])[:2]
    written = bill.marks[text[at]].written
    in_label = before and any(f"{before[0]} {written}" in label.lower() for label in bill.labels)
    near = (
        set(after[:1]) & (w.PEOPLE | w.PASSING) or set(after[1:]) & (w.PEOPLE - {"of", "us"}) or after == ["of", "us"]
    )
    told = set(re.findall(r"[a-z']+", text.lower())) & (w.VERBS | w.PRONOUNS | _ASIDE)
    begins = all(word in w.LEADING for word in re.findall(r"[^\W\d_]+", text[:at].lower()))
    beside = near and told and (not begins or (set(after[:1]) & w.PEOPLE and told & {"have", "has", "had"}))
    whole = len(bill.labels) < 2 or bill.marks[text[at]].value == str(len(bill.labels))  # noqa: PLR2004
    noun = set(after[:1]) & (w.PARTS | w.PASSING | w.PEOPLE) or (not after and set(before) & {"all", "the", "these"})
    counted = whole and _ASKING.search(text) and noun
    return (
        bool(counted)
        or written == "one"
        or bool(beside)
        or bool(in_label)
        or bool(set(text[:at].lower().split()[-1:]) & (w.PARTS | {"number", "part", "version", "step"}))
    )


def _check_words(bill: Bill, pieces: Sequence[Piece]) -> None:
    """A tax, tip, discount or fee that is spoken of must have its amount somewhere; a delivery may be free."""
    used = {word for piece in pieces if re.search(ANY, piece.text) for word in stems(piece.text)}
    used |= {word for entry, _ in bill.entries for word in stems(entry.name)}
    for kind in (
        {"tax", "vat", "gst"},
        {"tip", "gratuity"},
        {"discount", "coupon", "rebate", "off"},
        {"shipping", "delivery", "postage", "freight", "fee"},
    ):
        for words in (set(stems(piece.text)) for piece in pieces):
            if words & kind and not used & kind and not {"free", "no", "included"} & words:
                raise Unread(f'"{min(words & kind)}" without an amount')


def _check_question(bill: Bill, pieces: Sequence[Piece]) -> None:
    """What is asked must not be the cost of some of the items only."""
    names = [
        set(stems(entry.name)) - w.EVERYTHING - w.FEES - w.PARTS - {"of", "the", "and", "in"}
        for entry, _ in bill.entries
    ]
    for piece in pieces:
        if _ASKING.search(piece.text) and not re.search(ANY, piece.text):
            asked = [bool(name & set(stems(piece.text))) for name in names]
            if any(asked) and not all(asked):
                raise Unread(f'"{piece.text}", which asks for some of the items')


def _problem(bill: Bill, asked: Asked, text: str) -> Problem:
    if not any(entry.is_counted or entry.currency or "." in entry.price for entry, _ in bill.entries):
        raise Unread("any quantity with a price")
    bare = any(not entry.currency and "." not in entry.price for entry, _ in bill.entries)
    if bare and any(entry.currency and Fraction(entry.price) < 1 for entry, _ in bill.entries):
        raise Unread("whether a price is in cents")
    currency = _currency(bill, text)
    labels = bill.labels
    for entry in bill.for_each_part:
        if len(labels) < 2 or "" in labels:  # noqa: PLR2004
            raise Unread("which parts the fee is for")
        bill.entries += [(entry, Piece("", label, -1, -1)) for label in labels]
    if asked.counts and len(labels) > 1 and "" not in labels and set(asked.counts) != {len(labels)}:
        raise Unread(f"which {asked.counts[0]} parts are meant")
    if asked.counts and len(bill.entries) < max(asked.counts):
        raise Unread(f"which {max(asked.counts)} parts are meant")
    names = [entry.name for entry, _ in bill.entries]
    plain = not any(entry.is_counted or entry.taken_off or entry.is_fee or not entry.name for entry, _ in bill.entries)
    if len(labels) == 1 and asked.kinds - {"each"} and plain and len(set(names)) == len(names) > 1:
        bill.entries = [
            (entry, Piece("", entry.name.title(), 0, 0)) for entry, _ in bill.entries
        ]  # "January $450, ..."
        labels = bill.labels
    check_rates(bill)
    parts = tuple(_part(bill, label, currency) for label in labels)
    whole, read = _whole(bill, parts, currency)
    goals, more = goals_of(asked, parts, whole, currency, changed_as_a_whole=bool(read))
    return Problem(goals, parts, (*read, *more), currency, "money")


def _currency(bill: Bill, text: str) -> str:
    found = {
        entry.currency for entry in (*(entry for entry, _ in bill.entries), *bill.overall, *bill.for_each_part)
    } - {""}
    if len(found) > 1:
        raise Unread(f"more than one currency: {', '.join(sorted(each.strip() for each in found))}")
    spoken = re.search(
        r"\b(?:in|all)\s(?:\w+\s)?(euros?|dollars?|pounds|sterling|eur|usd|gbp|rupees|yen)\b", text, re.IGNORECASE
    )
    symbols = {"e": "€", "d": "$", "u": "$", "p": "£", "s": "£", "g": "£", "r": "₹", "y": "¥"}
    return found.pop() if found else symbols[spoken[1][0].lower()] if spoken else ""


def _part(bill: Bill, label: str, currency: str) -> Part:
    added: list[Expression] = []
    taken: list[Expression] = []
    read: list[str] = []
    for at, (entry, piece) in enumerate(bill.entries):
        if piece.label != label:
            continue
        cost, line = _cost(entry, currency), _line(entry, currency)
        for rate in (each for each in bill.rates if each.entry == at):
            cost, line = changed(cost, rate.portion, off=rate.off), f"{line}, {rate}"
        (taken if entry.taken_off else added).append(cost)
        read.append(line)
    whole = minus(total(*(added or [Number("0")])), total(*taken)) if taken else total(*added)
    for rate in (each for each in bill.rates if each.label and each.label == label):
        whole = changed(whole, rate.portion, off=rate.off)
        read.append(f"{rate} {'' if rate.off else 'on '}all of it")
    return Part(label, tuple(read), whole)


def _cost(entry: Entry, currency: str) -> Expression:
    price = Number(entry.price, currency + entry.price)
    return price if entry.quantity == "1" else product(Number(entry.quantity), price)


def _line(entry: Entry, currency: str) -> str:
    amount = f"{currency}{entry.price}"
    if not entry.is_counted:
        return f"{entry.name or 'amount'} {'-' if entry.taken_off else ''}{amount}"
    return f"{entry.quantity} {entry.name or 'items'} at {amount}{'' if entry.quantity == '1' else ' each'}"


def _whole(bill: Bill, parts: Sequence[Part], currency: str) -> tuple[Expression, tuple[str, ...]]:
    """The total of all parts, and what concerns it as a whole."""
    from offline_model.problem import PartTotal

    added = [PartTotal(at) for at in range(len(parts))] + [
        _cost(each, currency) for each in bill.overall if not each.taken_off
    ]
    taken = [_cost(each, currency) for each in bill.overall if each.taken_off]
    whole = minus(total(*added), total(*taken)) if taken else total(*added)
    read = [_line(each, currency) for each in bill.overall]
    for rate in (each for each in bill.rates if each.entry < 0 and not each.label):
        whole = changed(whole, rate.portion, off=rate.off)
        read.append(f"{rate} {'' if rate.off else 'on '}everything")
    return whole, tuple(read)
