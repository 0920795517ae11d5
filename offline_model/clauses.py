"""A text's clauses, each with an item, a count or nothing -> entries, each with a quantity and a price."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from offline_model import words as w
from offline_model.items import Entry, Reading, price_at, same, without_result
from offline_model.layout import SIZED, Piece
from offline_model.marking import ANY, M, Marks, N, P
from offline_model.words import is_plural, stem, stems

_ROW = re.compile(rf"[^\W\d_]\s+{N}\s+(?:{M}|{N})$")


@dataclass
class Count:
    """How many there are of what these words name, with the piece that says it."""

    value: str
    nouns: list[str]
    place: Piece
    at: int = 0
    label: str = ""
    is_priced: bool = False
    is_used: bool = False


class Clauses:
    """The pieces of a text, joined so that each holds an item, a count or nothing; and the items in them."""

    def __init__(self, pieces: Sequence[Piece], marks: Marks, *, are_each: bool = False) -> None:
        self.marks, self.are_each = marks, are_each
        self._priced: dict[str, bool] = {}
        self.price_lists: set[int] = set()
        """The sentences that say what things cost, of which another says how many are bought."""
        self.in_rows = len([each for each in pieces if _ROW.search(each.text)]) > 1
        self.pieces = self._joined(pieces)
        self.priced_sentences = {each.sentence for each in self.pieces if self.has_price(each.text)}
        self.counts = [each for piece in self.pieces if not self.has_price(piece.text) for each in self._counts(piece)]

    def has_price(self, text: str) -> bool:
        if text not in self._priced:
            self._priced[text] = price_at(text, self.marks) is not None
        return self._priced[text]

    def _joined(self, pieces: Sequence[Piece]) -> list[Piece]:
        """What has no name of its own completes what stands before: "14 blankets, 9.50 each", "$24 a box, I need 3"."""
        joined: list[Piece] = []
        for piece in pieces:
            last = joined[-1] if joined else None
            if last and last.label == piece.label and self._completes(piece, last):
                joined[-1] = replace(last, text=f"{last.text} {piece.text}")
            else:
                joined.append(piece)
        return joined

    def _completes(self, piece: Piece, last: Piece) -> bool:
        if re.search(P, piece.text + last.text) or not re.search(ANY, piece.text):
            return False
        text = without_result(piece.text, self.marks)[0]
        has_price, had_price = self.has_price(piece.text), self.has_price(last.text)
        counts, had = self._free(text), self._free(last.text)
        close = last.sentence == piece.sentence
        words = set(stems(re.sub(rf"(?:\bper\s|/|(?<={ANY})\s?an?\s|\bfor each\s)\s*\w+", "", text)))
        if has_price and not had_price:
            together = piece.joined in {"and", "&"} and not (counts or had) and close
            sized = SIZED.search(last.text) and not had and piece.joined == ","  # "oil 5 L, 3 drums @ $35"
            sized = sized and not (w.VERBS | w.PRONOUNS) & set(last.text.lower().split())
            together = (
                together
                or (sized and counts and close)
                or (last.joined == ";" and piece.joined == "," and not had and self._is_name_in(last))
            )
            lengths = SIZED.match(last.text) and had == 1 and re.match(rf"{N}\s*(?:pcs|pieces|units)\b", piece.text)
            if lengths:  # "6 ft tube, 10 pcs at $13"
                return True
            if (counts and had) or not (close or had) or (words - w.PRICE_WORDS - {"of"} and not together):
                return False
            return bool(had or re.search(ANY, last.text) or self._is_name_in(last))
        if counts != 1 or has_price:
            return False
        return close and not had and not words - w.PRICE_WORDS and self._is_name_in(last)

    def _free(self, text: str) -> int:
        """How many numbers the text has that are no price and no size."""
        price = price_at(text, self.marks)
        sizes = {match.start() for match in SIZED.finditer(text) if match.start()}
        places = [match.start() for match in re.finditer(N, text) if match.start() != price]
        return len([at for at in places if at not in sizes and self.marks[text[at]].written != "one"])

    def _is_name_in(self, piece: Piece) -> bool:
        words = stems(piece.text)
        return 0 < len(words) <= 5 and not set(words) <= w.LEADING | w.EVERYTHING and "?" not in piece.text  # noqa: PLR2004

    def _counts(self, piece: Piece) -> Iterator[Count]:
        """A count that stands in a sentence without a price is not of the part that was spoken of last."""
        label = piece.label if piece.sentence in self.priced_sentences else ""
        for match in re.finditer(N, piece.text):
            before = re.search(r"(\w+)\s$", piece.text[: match.start()].lower())
            if not re.search(P, piece.text) and not (before and before[1] in w.NUMBERED - w.PARTS):
                nouns = stems(re.split(ANY, piece.text[match.end() :])[0])[:4]
                yield Count(self.marks[match[0]].value, nouns, piece, match.start(), label)

    def entry(self, piece: Piece, text: str) -> Entry:
        """Raises Unread for a number without a role, and if it is not said how many there are."""
        at = price_at(text, self.marks)
        assert at is not None
        reading, price = Reading(text, at, self.marks, self.are_each, self.in_rows), self.marks[text[at]]
        quantity = reading.quantity()
        name = self.marks.shown(reading.name(quantity))
        if quantity is not None:
            entry = Entry(name, reading.counted(quantity), price.value, price.currency, piece)
            self.counts.append(Count(entry.quantity, stems(name), piece, 0, piece.label, is_priced=True))
            return entry
        return self._uncounted(Entry(name, "1", price.value, price.currency, piece, is_counted=False), reading)

    def _uncounted(self, entry: Entry, reading: Reading) -> Entry:
        """An entry without a quantity of its own: one of it, or as many as another clause says."""
        text, piece, name, at = reading.text, entry.place, entry.name, reading.price
        per = re.search(r"\bper\s+(\w+)", text)
        unit = stem(per[1].lower()) if per else reading.unit
        units = {""} if w.FEES & set(stems(name)) else {"", "each"}
        one = re.search(rf"(?i)(?:^|\s)an?\s+\w+.*{M}", text) and unit in units
        unnamed = not name and (not entry.currency or {"total", "sum", "bill", "subtotal", "cost"} & set(stems(text)))
        listed = reading.before(at) in {"at", "@"} and is_plural(name.rpartition(" ")[2])
        head = set(stems(name.split(" of ")[0]))
        if not (reading.for_all or entry.is_fee) and (number := self._listed(piece, head, unit)):
            return replace(entry, quantity=number, is_counted=True)
        people = any((w.PEOPLE | {"us"}) & set(each.nouns[:2]) for each in self.counts if not each.is_priced)
        plural = re.search(rf"(?i)(?:s (?:are|were|cost)|\b(?:entry|admission|ticket).*) {M}", f"{piece.label} {text}")
        if people and plural and not entry.is_fee:
            raise reading.unread("how many in")
        sole = unnamed and entry.currency and len([each for each in self.pieces if self.has_price(each.text)]) == 1
        if reading.for_all or one or sole or not (unnamed or unit or listed):
            return entry
        if number := self._looked_up(piece, unit, set(stems(name)) - w.FEES):
            return replace(entry, quantity=number, is_counted=not entry.is_fee)
        raise reading.unread("how many in")

    def _listed(self, piece: Piece, name: set[str], unit: str) -> str:
        """How many are bought according to another clause, if this one is of a list of prices: "a mug costs $5"."""
        name -= w.PASSING | w.PARTS | w.FEES
        others = [each for each in self.counts if not each.is_priced and each.place is not piece]
        fits = [each for each in others if name & set(each.nouns)]
        fits = [each for each in fits if each.place.sentence >= piece.sentence or name & w.PEOPLE & set(each.nouns[:1])]
        if not fits or not (unit in {"", "each"} or all(same(unit, each.nouns) for each in fits)):
            return ""
        self.price_lists.add(piece.sentence)
        for each in fits:
            each.is_used = True
        return fits[0].value if len({each.value for each in fits}) == 1 else ""

    def _looked_up(self, piece: Piece, unit: str, name: set[str]) -> str:
        """How many there are according to another clause."""
        near = [each for each in self.counts if each.label in {"", piece.label}]
        if unit not in {"", "each"}:
            other = name and unit in w.CONTAINERS | w.MEASURES - w.TIMES - w.PEOPLE  # "5 kg rice $6 a kg, dal $4 a kg"
            fits = [each for each in near if same(unit, each.nouns)]
            fits = [each for each in fits if not (other and each.is_priced) or name & set(each.nouns)]
        else:
            near = [each for each in near if not each.is_priced]
            fits = [each for each in near if name & set(each.nouns)]
            others = [each for each in near if not set(each.nouns[:1]) & (w.PEOPLE | w.PASSING | w.PARTS)]
            fits = fits or (others if unit == "each" else [])
        for each in fits:
            each.is_used = True
        return fits[0].value if len({each.value for each in fits}) == 1 else ""
