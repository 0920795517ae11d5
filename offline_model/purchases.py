"""Purchases, fees, discounts and taxes in one or several parts -> Problem. Islands of numbers are read, words passed over."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from offline_model.asking import Asked, read_question
from offline_model.entries import Entry, numbers_in, price_at, read_entry
from offline_model.layout import Piece, lay_out
from offline_model.lexing import MOST_CHARACTERS, Token, lex, without_asides
from offline_model.numbers import decimal, figures
from offline_model.problem import (
    Expression,
    Goal,
    Number,
    Part,
    PartTotal,
    Problem,
    Product,
    Sum,
    Unread,
    value,
    written,
)
from offline_model.tables import Row, take_tables
from offline_model.words import (
    ADDITIONS,
    CHANGING,
    CONTAINERS,
    DISCOUNTS,
    EACH,
    EVERYTHING,
    FEES,
    PARTS,
    PASSING,
    PEOPLE,
    stem,
)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WRAPPED = re.compile(r"(?<=[^\n])\n(?=(?:each|apiece|per|and|at|of|for|with|plus)\b)")  # a line that goes on
_STATED = frozenset("total subtotal balance change cash paid visa mastercard tendered sum due saved savings".split())
_ONE = Number("1")
_ONLY_PRICE = (
    EACH
    | CONTAINERS
    | frozenset("price priced cost costs costing at for per a an is was were are each total which that they it".split())
)


@dataclass(frozen=True)
class _Rate:
    """A percentage that is taken off or added: of one entry, of one part, or of everything if both are empty."""

    percent: str
    off: bool
    entry: int = -1
    label: str = ""
    name: str = ""

    @property
    def factor(self) -> Expression:
        return Sum(((True, _ONE), (not self.off, Number(decimal(Fraction(self.percent) / 100)))))

    def __str__(self) -> str:
        return f"{self.percent}% {'off' if self.off else self.name or 'tax'}"


@dataclass
class _Bill:
    """What has been read so far. `labels` has the label of each entry."""

    minor: str
    entries: list[Entry] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    places: list[Piece] = field(default_factory=list)
    rates: list[_Rate] = field(default_factory=list)
    overall: list[Entry] = field(default_factory=list)
    for_each_part: list[Entry] = field(default_factory=list)

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(self.labels))

    def add(self, entry: Entry, piece: Piece) -> None:
        self.entries.append(entry)
        self.labels.append(piece.label)
        self.places.append(piece)


def read_purchases(text: str) -> Problem:
    """Raises Unread, naming what has no certain meaning."""
    if len(text) > MOST_CHARACTERS:
        raise Unread(f"a text of more than {MOST_CHARACTERS:,} characters")
    if found := _CONTROL.search(text):
        raise Unread(f"the control character {found[0]!r}")
    rest, rows = take_tables(_WRAPPED.sub(" ", text))
    clean, asked = read_question(without_asides(rest))
    if found := CHANGING.search(clean):
        raise Unread(f'"{" ".join(found[0].split())}"')
    bill = _Bill("€" if "€" in text or "euro" in text.lower() else "£" if "£" in text or "pence" in text else "$")
    for row in rows:
        _add_row(bill, row)
    pieces = list(_joined(lay_out(rest, lex(_with_pounds(clean)))))
    waiting = []
    for piece in pieces:
        if any(token.kind == "percent" for token in piece.tokens):
            waiting.append((piece, len(bill.entries)))
        if not _add_piece(bill, piece) and piece in [each for each, _ in waiting]:
            continue
    for piece, before in waiting:
        bill.rates.append(_rate(bill, piece, before, pieces))
    _check_words(bill, pieces)
    return _problem(bill, asked, clean)


def _with_pounds(text: str) -> str:
    """ "5 pounds" is money if no other currency stands in the text and nothing is sold by the pound."""
    if re.search(r"[$€£¥₹]|dollar|euro|buck|\b(?:per|a|each) pound\b|/\s?(?:lb|pound)", text, re.I):
        return text
    return re.sub(
        r"(\d[\d.,]*)(\s)pounds?\b(?!\sof)",
        lambda match: f"£{match[1]}" + " " * (len(match[0]) - len(match[1]) - 1),
        text,
    )


def _add_row(bill: _Bill, row: Row) -> None:
    cells = row.cells
    if _STATED & set(re.findall(r"[a-z]+", row.written.lower())) and not cells.get("quantity"):
        raise Unread(f'"{row.written.strip()}"')
    price = _cell(cells.get("price", "") or cells.get("total", "") or cells.get("cost", ""), row)
    quantity = _cell(cells["quantity"], row).value if "quantity" in cells else "1"
    if "price" in cells and "total" in cells:
        stated = Fraction(_cell(cells["total"], row).value)
        if stated != Fraction(price.value) * Fraction(quantity):
            raise Unread(f'the total in "{row.written.strip()}"')
    elif "price" not in cells:
        if "cost" in cells and quantity != "1":
            raise Unread(f'whether the cost in "{row.written.strip()}" is for one or for all')
        quantity = "1"
    currency = bill.minor if price.currency == "minor" else price.currency
    name = cells.get("item", "")
    fee = bool(FEES & {stem(word) for word in name.lower().split()})
    bill.add(
        Entry(name, quantity, price.value, currency, is_fee=fee, is_counted="quantity" in cells),
        Piece([], cells.get("part", ""), 0, 0),
    )


def _cell(text: str, row: Row) -> Token:
    tokens = lex(text)
    if len(tokens) != 1 or tokens[0].kind not in {"number", "money"}:
        raise Unread(f'a number in "{row.written.strip()}"')
    return tokens[0]


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """A quantity and its price may stand in two pieces: "14 blankets, 9.50 each"."""
    waiting: Piece | None = None
    for piece in pieces:
        if waiting is not None and waiting.sentence == piece.sentence and _completes(piece, waiting):
            piece = Piece([*waiting.tokens, *piece.tokens], piece.label, piece.sentence, piece.line, waiting.joined)  # noqa: PLW2901
            waiting = None
        if waiting is not None:
            yield waiting
        counted = any(token.kind in {"number", "times"} for token in piece.tokens)
        has_price = _has_price(piece.tokens)
        words_only = not numbers_in(piece.tokens) and bool(piece.tokens)
        waiting = piece if (counted and not has_price) or words_only else None
        if waiting is None:
            yield piece
    if waiting is not None:
        yield waiting


def _has_price(tokens: Sequence[Token]) -> bool:
    tokens, _ = _without_result(list(tokens))
    return (
        price_at(tokens) is not None
        or any(token.kind in {"dims"} for token in tokens)
        and not any(token.is_amount for token in tokens)
    )


def _completes(piece: Piece, waiting: Piece) -> bool:
    """Whether the piece is the price of what the waiting piece names."""
    counted = [token for token in piece.tokens if token.kind in {"number", "times"}]
    named = [token for token in waiting.tokens if token.kind == "word"]
    if any(token.kind == "percent" for token in (*piece.tokens, *waiting.tokens)):
        return False
    waits_counted = bool(numbers_in(waiting.tokens))
    if not waits_counted:
        starts_with_number = bool(piece.tokens) and piece.tokens[0].kind in {"number", "money"}
        bare = all(
            token.kind != "word" or stem(token.text) in _ONLY_PRICE | {"unit", "piece", "pc", "units", "pair"}
            for token in piece.tokens
        )
        return (
            bool(named)
            and len(named) <= 4
            and (starts_with_number or piece.tokens[0].text in {"qty", "price"})
            and bare
            and piece.joined == ","
        )  # noqa: PLR2004
    if not _has_price(piece.tokens):
        return _is_unpriced_rest(piece, waiting)
    at = price_at(_without_result(piece.tokens)[0])
    rest = [token for n, token in enumerate(piece.tokens) if n != at]
    unit = at is not None and at + 2 < len(piece.tokens) and piece.tokens[at + 1].text in {"per", "/", "a"}
    rest = [token for token in rest if not (unit and at is not None and token is piece.tokens[at + 2])]
    if all(token.kind != "word" or stem(token.text) in _ONLY_PRICE for token in rest) and piece.joined in {
        ",",
        "and",
        "",
        "then",
    }:
        return all(token.text == "one" or not token.is_amount for token in rest)
    opens = piece.tokens[0]
    return (
        piece.joined in {"and", "&"}
        and not counted
        and opens.text not in {"a", "an", "the", "shipping", "delivery"}
        and any(token.text in {"each", "apiece", "ea", "@"} for token in piece.tokens)
    )


def _is_unpriced_rest(piece: Piece, waiting: Piece) -> bool:
    """ "Steel rod, 6 ft: 18 units" before its price: sizes and quantities collect until the price comes."""
    del waiting
    return False and bool(piece)


def _add_piece(bill: _Bill, piece: Piece) -> bool:
    tokens = [token for token in piece.tokens if token.kind != "percent"]
    if not numbers_in(tokens):
        return False
    words = {stem(token.text) for token in tokens if token.kind == "word"}
    if not _has_price(tokens):
        if all(
            _passes(tokens, at) or _is_of_label(tokens, at, bill.labels)
            for at, token in enumerate(tokens)
            if token.kind in {"number", "times"}
        ):
            return False
        raise Unread(f'no price for "{_shown(tokens)}"')
    if (
        words
        and words <= _STATED | {"amount", "due", "grand", "order", "sub", "by", "in", "is", "the", "on", "card"}
        and _STATED & words
    ):
        raise Unread(f'"{_shown(tokens)}"')
    of_each_part = (
        _of_each_part(tokens) and bool(words & FEES) and not any(token.kind in {"number", "times"} for token in tokens)
    )
    if of_each_part:
        tokens = [token for token in tokens if token.text not in {"each", "every", "per", "both"}]
    tokens, stated = _without_result(tokens)
    entry = read_entry(tokens, bill.minor)
    if stated is not None and Fraction(stated.value) != Fraction(entry.quantity) * Fraction(entry.price):
        raise Unread(f'the total in "{_shown(piece.tokens)}"')
    minus = any(
        token.text in {"-", "−", "–"}
        and at + 1 < len(tokens)
        and tokens[at + 1].kind == "money"
        and token.end == tokens[at + 1].start
        for at, token in enumerate(tokens)
    )
    if minus or (DISCOUNTS & words and not any(token.kind == "percent" for token in piece.tokens)):
        _take_off(bill, piece, entry, words)
    elif of_each_part:
        if not entry.is_fee or entry.quantity != "1":
            raise Unread(f'"{_shown(piece.tokens)}"')
        bill.for_each_part.append(entry)
    elif (
        entry.is_fee
        and EVERYTHING & words
        and not any(each.sentence == piece.sentence and each.line == piece.line for each in bill.places)
    ):
        bill.overall.append(entry)
    else:
        bill.add(entry, piece)
    return True


def _without_result(tokens: list[Token]) -> tuple[list[Token], Token | None]:
    """ "3 pens @ $2 = $6" without what comes of it, and that."""
    at = next((at for at, token in enumerate(tokens) if token.text == "="), len(tokens))
    rest = [token for token in tokens[at + 1 :] if token.is_amount]
    if len(rest) == 1 and len(numbers_in(tokens[:at])) > 1:
        return tokens[:at], rest[0]
    return tokens, None


def _of_each_part(tokens: Sequence[Token]) -> bool:
    texts = [token.text for token in tokens]
    return any(
        word in {"each", "every", "per", "both"} and stem(after) in PARTS
        for word, after in zip(texts, texts[1:], strict=False)
    )


def _is_of_label(tokens: Sequence[Token], at: int, labels: Sequence[str]) -> bool:
    """Such as the 10 of "Mitre 10"."""
    return at > 0 and any(f"{tokens[at - 1].text} {tokens[at].text}" in label.lower() for label in labels)


def _passes(tokens: Sequence[Token], at: int) -> bool:
    """A number beside the purchases: "my 3 kids", "20 minutes"."""
    after = [stem(token.text) for token in tokens[at + 1 : at + 3]]
    before = tokens[at - 1].text if at else ""
    return (
        tokens[at].text == "one"
        or any(word in PEOPLE | PASSING for word in after[:1])
        or (len(after) > 1 and after[1] in PEOPLE - {"of", "us"})
        or (after[:2] == ["of", "us"])
        or stem(before) in {"trip", "store", "shop", "visit", "stop", "number", "part", "version", "step"}
    )


def _take_off(bill: _Bill, piece: Piece, entry: Entry, words: set[str]) -> None:
    if entry.quantity != "1" or {"each", "per", "every"} & words:
        raise Unread(f'"{_shown(piece.tokens)}"')
    taken = Entry(entry.name, "1", entry.price, entry.currency, taken_off=True)
    alone = not any(each.sentence == piece.sentence for each in bill.places)
    if alone and EVERYTHING & words:
        bill.overall.append(taken)
    elif not bill.entries:
        raise Unread(f'"{_shown(piece.tokens)}"')
    else:
        bill.add(taken, piece)


def _rate(bill: _Bill, piece: Piece, before: int, pieces: Sequence[Piece]) -> _Rate:
    """The percentage in the piece and what it is of. `before` entries stand before it."""
    found = [token for token in piece.tokens if token.kind == "percent"]
    sentence = [
        each for each in pieces if each.sentence == piece.sentence and (each is piece or not numbers_in(each.tokens))
    ]
    words = {stem(token.text) for each in sentence for token in each.tokens if token.kind in {"word", "code"}}
    own = {stem(token.text) for token in piece.tokens if token.kind in {"word", "code"}}
    kinds = own if own & (DISCOUNTS | ADDITIONS | {"charge", "fee"}) else words
    off, more = bool(kinds & DISCOUNTS), bool(kinds & (ADDITIONS | {"charge", "fee"}))
    if len(found) != 1 or off == more:
        raise Unread(f'what "{_shown(piece.tokens)}" is a part of')
    name = next((word for word in ("tax", "vat", "gst", "tip", "gratuity", "service", "charge") if word in kinds), "")
    rate = _Rate(found[0].value, off, name=name)
    label, entry = _scope(bill, piece, before, words - DISCOUNTS - ADDITIONS, own)
    return _Rate(rate.percent, off, entry, label, name)


def _scope(bill: _Bill, piece: Piece, before: int, words: set[str], own: set[str]) -> tuple[str, int]:
    """(label, -1) for a part, ("", entry) for one entry, ("", -1) for everything. Raises Unread if it is not certain."""
    unsure = Unread(f'what "{_shown(piece.tokens)}" is of')
    in_piece = [at for at, place in enumerate(bill.places) if place is piece]
    named = [at for at, entry in enumerate(bill.entries) if not in_piece and _is_named(entry, words)]
    spoken = re.findall(
        r"\b(?:off|on|of|to|from|at)\s(?:(?:the|my|our|all|of|on|at|that|this|just|only)\s)*([a-z']+)",
        _shown(piece.tokens),
    )
    targets = {stem(word) for word in spoken} - DISCOUNTS - ADDITIONS
    known = EVERYTHING | {stem(word) for each in bill.parts for word in each.lower().split()} | {"top", "us", "me"}
    if (
        targets
        and not named
        and not targets & known
        and not any(_is_named(bill.entries[at], targets) for at in in_piece)
    ):
        raise unsure
    if len(named) > 1 and piece.label:
        named = [at for at in named if bill.labels[at] == piece.label] or named
    labels = [
        label
        for label in bill.parts
        if label and {stem(word) for word in re.findall(r"[a-z']+", label.lower())} <= words
    ]
    everything = EVERYTHING & words - ({"it"} if in_piece else set())
    if in_piece and not everything:
        return "", in_piece[0]
    if named and not (everything & {"everything", "total", "bill", "subtotal", "altogether", "purchase"}):
        if len(named) > 1 or (labels and bill.labels[named[0]] not in labels):
            raise unsure
        return "", named[0]
    if named:
        raise unsure
    if len(labels) == 1:
        return labels[0], -1
    alone = not any(place.sentence == piece.sentence for place in bill.places)
    at_edge = before in {0, len(bill.entries)}
    if len(bill.parts) == 1:
        whole = everything or alone or len(bill.entries) == 1 or (own & ADDITIONS and at_edge)
        if not whole:
            raise unsure
        return "", -1
    if everything:
        if not alone or not at_edge:
            raise unsure
        return "", -1
    return _part_or_all(bill, piece, before, own, unsure)


def _part_or_all(bill: _Bill, piece: Piece, before: int, own: set[str], unsure: Unread) -> tuple[str, int]:
    mine = [at for at, label in enumerate(bill.labels) if label == piece.label]
    same_line = any(place.line == piece.line for place in bill.places)
    alone = not any(place.sentence == piece.sentence for place in bill.places)
    if len(mine) == 1 and before and mine[0] == before - 1 and not alone:
        return piece.label, -1
    if alone and not same_line and before == len(bill.entries) and own & ADDITIONS and not _in_blocks(bill):
        return "", -1
    raise unsure


def _in_blocks(bill: _Bill) -> bool:
    """Whether the parts are lists under headings, of which the last line may be the last part's."""
    lines = [
        {place.line for place, label in zip(bill.places, bill.labels, strict=True) if label == name}
        for name in bill.parts
    ]
    return any(len(each) > 1 for each in lines)


def _is_named(entry: Entry, words: set[str]) -> bool:
    own = (
        {stem(word) for word in entry.name.lower().split()}
        - EVERYTHING
        - {"of", "the", "and", "in", "for", "size", "a"}
    )
    return bool(own & words)


def _check_words(bill: _Bill, pieces: Sequence[Piece]) -> None:
    """A tax, tip or discount that is spoken of must have its number somewhere; a delivery may be free."""
    used = {
        stem(word)
        for entry in (*bill.entries, *bill.overall, *bill.for_each_part)
        for word in entry.name.lower().split()
    }
    used |= {
        word for piece in pieces if numbers_in(piece.tokens) for word in (stem(token.text) for token in piece.tokens)
    }
    for piece in pieces:
        words = {stem(token.text) for token in piece.tokens}
        for kind in (
            {"tax", "vat", "gst"},
            {"tip", "gratuity"},
            {"discount", "coupon", "rebate", "off"},
            {"shipping", "delivery", "postage", "freight", "fee"},
        ):
            spoken = words & kind
            if spoken and not used & kind and not {"free", "no", "included"} & words:
                raise Unread(f'"{min(spoken)}" without an amount')


def _problem(bill: _Bill, asked: Asked, text: str) -> Problem:
    if not bill.entries:
        raise Unread("any quantity with a price")
    if not any(entry.is_counted or entry.currency or "." in entry.price for entry in bill.entries):
        raise Unread("numbers without a currency or a quantity")
    currency = _currency(bill, text)
    labels = bill.parts
    if bill.for_each_part:
        if len(labels) < 2 or "" in labels:  # noqa: PLR2004
            raise Unread("which parts the fee is for")
        for entry in bill.for_each_part:
            for label in labels:
                bill.add(entry, Piece([], label, -1, -1))
    if asked.counts and len(labels) > 1 and "" not in labels and set(asked.counts) != {len(labels)}:
        raise Unread(f"which {asked.counts[0]} parts are meant")
    if len(labels) == 1 and asked.kinds - {"each"} and _are_parts(bill):
        bill.labels = [entry.name.title() for entry in bill.entries]
        labels = bill.parts
    if "each" in asked.kinds and len(labels) == 1 and not asked.sharers:
        raise Unread("the parts that are asked for")
    parts = tuple(_part(bill, label, currency) for label in labels)
    goals, read = _goals(bill, asked, parts, currency)
    return Problem(goals, parts, read, currency=currency, unit="money")


def _are_parts(bill: _Bill) -> bool:
    """Whether there are only names and amounts, so that each of them is a part: "January $450, February $380"."""
    names = {entry.name for entry in bill.entries}
    plain = all(
        entry.quantity == "1" and entry.name and not entry.taken_off and not entry.is_fee for entry in bill.entries
    )
    return plain and len(names) == len(bill.entries) > 1


def _currency(bill: _Bill, text: str) -> str:
    found = {entry.currency for entry in (*bill.entries, *bill.overall, *bill.for_each_part)} - {""}
    if len(found) > 1:
        raise Unread(f"more than one currency: {', '.join(sorted(each.strip() for each in found))}")
    if found:
        return found.pop()
    spoken = re.search(
        r"\b(?:in|all)\s(?:\w+\s)?(euros?|dollars?|pounds|sterling|eur|usd|gbp|rupees|yen)\b", text, re.I
    )
    symbols = {"e": "€", "d": "$", "u": "$", "p": "£", "s": "£", "g": "£", "r": "₹", "y": "¥"}
    return symbols[spoken[1][0].lower()] if spoken else ""


def _part(bill: _Bill, label: str, currency: str) -> Part:
    terms: list[tuple[bool, Expression]] = []
    read: list[str] = []
    natural: list[str] = []
    for at, entry in enumerate(bill.entries):
        if bill.labels[at] != label:
            continue
        cost: Expression = _cost(entry, currency)
        line = _line(entry, currency)
        for rate in (each for each in bill.rates if each.entry == at):
            cost = Product(((True, cost), (True, rate.factor)))
            line += f", {rate}"
        terms.append((not entry.taken_off, cost))
        read.append(line)
        natural.append(line)
    total: Expression = Sum(tuple(terms)) if len(terms) > 1 or not terms[0][0] else terms[0][1]
    rates = [each for each in bill.rates if each.entry < 0 and each.label and each.label == label]
    for rate in rates:
        _check_fees(bill, rate, label)
        total = Product(((True, total), (True, rate.factor)))
        read.append(f"{rate} on all of it" if not rate.off else f"{rate} all of it")
    plain = not rates and not any(each.entry >= 0 and bill.labels[each.entry] == label for each in bill.rates)
    prompt = (
        f"{label}: {', '.join(natural)}. What is the total?" if label else f"{', '.join(natural)}. What is the total?"
    )
    return Part(label, tuple(read), total, prompt if plain else written(total))


def _check_fees(bill: _Bill, rate: _Rate, label: str | None) -> None:
    """A percentage of all of a part or a bill: of the fees and after the deductions, too?"""
    within = [entry for at, entry in enumerate(bill.entries) if label is None or bill.labels[at] == label]
    within += bill.overall if label is None else []
    if doubtful := [entry for entry in within if entry.is_fee or entry.taken_off]:
        raise Unread(f'whether the {rate.percent}% are of "{doubtful[0].name or doubtful[0].price}" too')


def _cost(entry: Entry, currency: str) -> Expression:
    price = Number(entry.price, currency + entry.price)
    return price if entry.quantity == "1" else Product(((True, Number(entry.quantity)), (True, price)))


def _line(entry: Entry, currency: str) -> str:
    amount = f"{currency}{entry.price}"
    if entry.taken_off:
        return f"{entry.name or 'discount'} -{amount}".strip()
    if not entry.is_counted:
        return f"{entry.name} {amount}".strip()
    each = "" if entry.quantity == "1" else " each"
    return f"{entry.quantity} {entry.name or 'items'} at {amount}{each}"


def _goals(bill: _Bill, asked: Asked, parts: Sequence[Part], currency: str) -> tuple[tuple[Goal, ...], tuple[str, ...]]:
    read: list[str] = []
    totals = tuple((True, PartTotal(at)) for at in range(len(parts)))
    total: Expression = Sum(totals) if len(parts) > 1 else PartTotal(0)
    overall_rates = [each for each in bill.rates if each.entry < 0 and not each.label]
    if bill.overall:
        total = Sum((*totals, *((not entry.taken_off, _cost(entry, currency)) for entry in bill.overall)))
        read += [_line(entry, currency) for entry in bill.overall]
    if (
        len([each for each in overall_rates if each.off]) > 1
        or len([each for each in overall_rates if not each.off]) > 1
    ):
        raise Unread("which of two percentages comes first")
    for rate in overall_rates:
        _check_fees(bill, rate, None)
        total = Product(((True, total), (True, rate.factor)))
        read.append(f"{rate} {'' if rate.off else 'on '}everything")
    compared = asked.kinds - {"each"}
    named = len(parts) > 1 and all(part.name for part in parts)
    if (compared or "each" in asked.kinds) and len(parts) > 1 and not named:
        raise Unread("which part some of the items belong to")
    if compared and not named:
        raise Unread("the parts that are to be compared")
    if (overall_rates or bill.overall) and asked.kinds - {"most", "least"}:
        raise Unread("whether each part is asked for before or after what concerns everything")
    goals = [Goal("Total", total), *_compared(compared, parts, totals)]
    if asked.sharers:
        goals.append(Goal("Each pays", Product(((True, total), (False, Number(asked.sharers))))))
        read.append(f"split {asked.sharers} ways")
    if asked.budget:
        amount = figures(re.sub(r"[^\d.,]", "", asked.budget).strip(".,"))
        if amount is None:
            raise Unread(f'"{asked.budget}"')
        goals.append(Goal(f"Left of {currency}{amount}", Sum(((True, Number(amount)), (False, total)))))
    return tuple(goals), tuple(read)


def _compared(
    kinds: frozenset[str], parts: Sequence[Part], totals: tuple[tuple[bool, PartTotal], ...]
) -> Iterator[Goal]:
    if "average" in kinds:
        yield Goal("Average", Product(((True, Sum(totals)), (False, Number(str(len(parts)))))))
    for kind in ("most", "least"):
        if kind in kinds:
            yield Goal(kind.title(), PartTotal(0), pick=kind)
    if "difference" in kinds:
        known = [(value(part.total), at) for at, part in enumerate(parts)]
        if len(parts) > 2 and not {"most", "least"} <= kinds:  # noqa: PLR2004
            raise Unread("which two are compared")
        _, high = max(known, key=lambda pair: pair[0] or 0)
        _, low = min(known, key=lambda pair: pair[0] or 0)
        if high == low:
            high, low = 0, 1
        yield Goal("Difference", Sum(((True, PartTotal(high)), (False, PartTotal(low)))))


def _shown(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)[:80]
