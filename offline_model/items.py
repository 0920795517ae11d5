"""Clauses -> items: how many, of what, at which price. Every number gets a role, or the text is declined."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from offline_model import words as w
from offline_model.layout import SIZED, Piece
from offline_model.marking import ANY, M, Marks, N, P
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import is_plural, stem, stems

_TIMES = ("x", "×", "*")
_BUYING = {"bought", "buy", "buying", "need", "want", "get", "got", "getting", "took", "take", "order", "ordered"}
_EACH = re.compile(r"\b(?:each|ea|apiece)\b", re.IGNORECASE)
_UNIT = re.compile(
    rf"\s*(?:each\s+for\s+one\b|(?:each|ea|apiece)\b(?!\s+(?:of|for)\b)|for\s+one\b|for\s+{N}(?=\s*$)"
    r"|(?:per\s+|/\s*|for\s+(?:each|every)\s+)(?:(?:square|cubic|linear|running|sq)\.?\s+)?(?P<per>[^\W\d_]+)"
    r"|an?\s+(?P<a>[^\W\d_]+)(?P<more>\s+[^\W\d_]+)?)",
    re.IGNORECASE,
)
_BARE = tuple(  # where a number without a currency is a price; the first that is found
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"@\s*({N})",
        rf"({N})\s*(?:(?:each|ea|apiece|per|a\s+(?:piece|pop)|for\s+(?:each|every|one))\b|/)",
        rf"^{N}\s?[x×*]\s?({N})(?=\s|$)",
        rf"\b(?:costs?|costing|price|prices|priced|covers?|paid)\s+(?:at\s+)?({N})",
        rf"(?:\bat|@)\s+({N})(?=\s+an?\s+\w)",
        rf"{N}.*\sfor\s+({N})(?!\s*[^\W\d_]+s\b)",
        rf"\S\s+(?:at|à|for|is|was)\s+({N})(?=\s*$|\s+(?:total|altogether|how|what|at|from|euros?|dollars?)\b)",
        rf"({N})(?=\s+(?:at|from|how|what|total|altogether)\b|\s*$)",
    )
)
_CERTAIN = 3  # of these patterns say that it is a price; the others find it if the text has such prices
_FOR_ALL = re.compile(
    r"\s*(?:all\s?together|altogether|in\s+(?:all|total)|total|for\s+(?:all|both|the\s+(?:lot|set|whole|pair|two))|flat)\b",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(
    rf"^.*\b(?:{'|'.join(sorted(w.VERBS))}|i|we|he|she|they|you)\s+(?=.*[^\W\d_]{{2}})", re.IGNORECASE
)
_AFTER_NAME = re.compile(
    r"(?<=\w)\s+(?:with|at|for|how|what|what's|from|per|on|in|that|which|to|so|is|was|total|costs?|each)\b.*",
    re.IGNORECASE,
)
_ALIASES = {"lb": "pound", "doz": "dozen", "dz": "dozen", "kilo": "kg", "kilogram": "kg", "litre": "l", "liter": "l"}
_ALIASES |= {"yd": "yard", "gal": "gallon", "foot": "ft", "feet": "ft", "oz": "ounce", "hr": "hour", "metre": "m"}
_ALIASES |= {"meter": "m", "qt": "quart", "pt": "pint", "g": "gram", "packet": "pack", "pk": "pack", "people": "person"}


@dataclass(frozen=True)
class Entry:
    """`price` is for one; `quantity` is "1" for what is not counted. Both are decimals as the tools take them."""

    name: str
    quantity: str
    price: str
    currency: str
    place: Piece
    is_counted: bool = True
    taken_off: bool = False

    @property
    def is_fee(self) -> bool:
        return not self.is_counted and bool(w.FEES & set(stems(self.name)))


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


def without_result(text: str, marks: Marks) -> tuple[str, str]:
    """ "3 pens @ $2 = $6" without what comes of it, and that."""
    before, _, after = text.partition("=")
    stated = re.findall(ANY, after)
    return (before, marks[stated[0]].value) if len(stated) == 1 and len(re.findall(ANY, before)) > 1 else (text, "")


def price_at(text: str, marks: Marks) -> int | None:
    """The place of the price, None if there is none. Raises Unread if there is more than one."""
    found = [match.start() for match in re.finditer(M, text)]
    for number, pattern in enumerate(() if found else _BARE, 1):
        bare = [match for match in pattern.finditer(text) if marks[match[1]].written[0] in "0123456789."]
        if number > _CERTAIN:
            bare = [each for each in bare if _is_bare_price(text, each.start(1), marks)]
        found = found or [match.start(1) for match in bare]
    if not found and len(decimals := [at for at, char in enumerate(text) if _is_decimal(text, at, marks)]) == 1:
        found = decimals
    if len(found) > 1:
        raise Unread(f'two prices in "{marks.shown(text)}"')
    return found[0] if found else None


def _is_decimal(text: str, at: int, marks: Marks) -> bool:
    """Whether there stands "8.50", and not of kilograms or the like."""
    after = re.match(r"\s*-?([^\W\d_]+)", text[at + 1 :])
    unit = stem(after[1].lower()) if after else ""
    return re.match(N, text[at]) is not None and marks.is_price(text[at]) and unit not in w.MEASURES | w.SIZES


def _is_bare_price(text: str, at: int, marks: Marks) -> bool:
    """Whether a number looks like money, or like the prices of a text in which these are without a currency."""
    if re.search(r"\.\d\d$", marks[text[at]].written):
        return True
    amounts = marks.amounts
    bare = any(re.search(r"\.\d\d$", amounts[each].written) for each in amounts if re.match(N, each))
    known = w.PARTS | w.NUMBERED | (w.LEADING - {"at", "for", "is", "was", "cost", "costs"}) | {"who"}
    if not (word := re.search(r"([^\W\d_]+)\s+$", text[:at])) or stem(word[1].lower()) in known:
        return False
    return bare or not any(re.match(M, each) for each in amounts)


@dataclass(frozen=True)
class Reading:
    """One clause with a price."""

    text: str
    price: int
    marks: Marks
    are_each: bool = False
    """Whether the text says that its prices are for one."""

    def unread(self, what: str) -> Unread:
        return Unread(f'{what} "{self.marks.shown(self.text)}"')

    def value(self, at: int) -> Fraction:
        return Fraction(self.marks[self.text[at]].value)

    def before(self, at: int) -> str:
        """The word or sign before a place, in lower case."""
        found = re.search(r"([^\W\d_]+|[@x×*/=])[\s.-]*$", self.text[:at])
        return found[1].lower() if found else ""

    def after(self, at: int) -> str:
        found = re.match(r"[\s-]*([^\W\d_]+|[@x×*/=])", self.text[at + 1 :])
        return found[1].lower() if found else ""

    @property
    def unit(self) -> str:
        """What the price is for, if the words say so: "each", or what comes after "per", "/" or "a"."""
        found = _UNIT.match(self.text, self.price + 1)
        word = stem(((found["per"] or found["a"] or "each") if found else "").lower())
        if found and found["a"] and found["more"] and word not in w.EACH | w.CONTAINERS | w.MEASURES:
            word = ""
        if re.match(r"\W*an?\s[^,]*\bcosts?\s", self.text):
            return "each"
        return "each" if word in w.EACH or (not word and _EACH.search(self.text)) else word

    @property
    def for_all(self) -> bool:
        return bool(_FOR_ALL.match(self.text, self.price + 1))

    def quantity(self) -> int | None:
        """The place of the quantity. Raises Unread if it may be one of several numbers."""
        numbers = [match.start() for match in re.finditer(N, self.text) if match.start() != self.price]
        numbers = [at for at in numbers if self.marks[self.text[at]].written != "one" or not self.is_pronoun(at)]
        direct = [at for at in numbers if self.is_direct(at)]
        kinds = {at: self.kind(at) for at in numbers}
        counts = [at for at in numbers if kinds[at] == "count"]
        counts = counts or [at for at in numbers if kinds[at] == "digit" and self.unit]
        measured = [at for at in numbers if kinds[at] == "measure"]
        if direct:
            crossed = [at for at in direct[1:] if self.begins(direct[0]) and not self.is_times(at)]
            direct = direct[:1] if crossed or len(direct) == 1 else [at for at in direct if self.is_times(at)]
        chosen = direct or counts
        if len(chosen) > 1 and not direct and self.begins(chosen[0]):
            others = [
                at
                for at in chosen[1:]
                if at > chosen[0] + 2 and (is_plural(self.after(at)) or self.is_times(at) or self.is_people(at))
            ]
            chosen = chosen[:1] if not others else chosen
        per_measure = self.unit not in {"", "each"} and not counts
        if (
            not chosen
            and measured
            and (
                per_measure
                or (self.begins(measured[0]) and self.unit)
                or self.before(self.price) in {"@", "at", *_TIMES, "for"}
            )
        ):
            chosen = measured
        if len(chosen) > 1 or any(_is_decimal(self.text, at, self.marks) for at in numbers if at not in chosen):
            raise self.unread("which number is the quantity in")
        return chosen[0] if chosen else None

    def is_pronoun(self, at: int) -> bool:
        return self.before(at) in {"for", "each", "any", "which", "every"} or bool(
            re.match(r"\W*(?:of\b|$)", self.text[at + 1 :])
        )

    def is_people(self, at: int) -> bool:
        return stem(self.after(at)) in w.PEOPLE

    def is_times(self, at: int) -> bool:
        return bool({self.before(at), self.after(at)} & set(_TIMES))

    def is_direct(self, at: int) -> bool:
        """Whether the place of the number says that it is the quantity: "3 x", "qty 3", "3 @", "200 units"."""
        return self.after(at) in {"@", *_TIMES, "units", "pcs", "pieces"} or self.before(at) in {
            *("qty", "quantity", "@", "units"),
            *_TIMES,
        }

    def begins(self, at: int) -> bool:
        """Whether only words come before that belong to no name, or the price itself."""
        before = re.sub(
            rf"{M}\s*(?:(?:per\s+|/\s*|an?\s+|for\s+each\s+)\w+)?", " ", self.text[:at], flags=re.IGNORECASE
        )
        words = re.findall(r"[^\W\d_]+(?:['’]\w+)?|\d\w*", before)
        return not re.search(N, before) and all(word.lower() in w.LEADING for word in words)

    def kind(self, at: int) -> str:
        """ "count", "measure" for a number of kilograms and the like, "name" for a digit of a name or a size."""
        before, after, written = self.before(at), stem(self.after(at)), self.marks[self.text[at]].written
        if self.unit and same(self.unit, [after]) and self.unit != "each":
            return "count"
        held = before == "of" and (re.search(N, self.text[:at]) or w.CONTAINERS & set(stems(self.text[:at])))
        if (after in w.SIZES and not self.begins(at)) or (stem(before) in w.NUMBERED and not self.begins(at)):
            return "name"
        if after in w.MEASURES | w.SIZES:
            return "name" if held else "measure"
        if held or ("." in written and re.search(r"\w", self.text[:at])):
            return "name"
        capital = re.search(r"(?:^|\s)(?-i:[A-Z])[^\W\d_]*[\s.-]*$", self.text[:at])
        ends = not after or after in {"for", "at", "from", "in", "on", "we", "i", "@"}
        named = capital and ends and (before not in w.LEADING) and not is_plural(before)
        return "digit" if named else "count"

    def counted(self, at: int) -> str:
        """The quantity in the unit that the price is for."""
        nouns = stems(re.split(ANY, self.text[at + 1 : self.price if self.price > at else None])[0])
        dozens = _ALIASES.get(nouns[0], nouns[0]) == "dozen" if nouns else False
        if self.for_all and self.before(self.price) != "@":
            return "1"
        if dozens and self.unit == "each":
            return decimal(self.value(at) * 12)
        if self.value(at) == 1 and self.unit in {"", "each"}:
            return "1"
        if not self.unit and not self.is_marked(at, nouns):
            if set(nouns[:1]) & (w.MEASURES - w.TIMES) and self.before(self.price) == "for":
                return "1"  # "500 g of nuts for £4"
            raise self.unread("whether the price is for one or for all in")
        if self.unit not in {"", "each"} and not same(self.unit, nouns):
            held = (w.MEASURES | w.CONTAINERS) - w.PEOPLE - {"head"}
            held -= set() if set(nouns[:1]) & held else {"bottle", "jar", "tube", "can", "tin"}  # each holds one
            if dozens or self.unit in held or set(nouns[:1]) & held:
                raise self.unread(f"the price per {self.unit} in")
        return self.marks[self.text[at]].value

    def is_marked(self, at: int, nouns: list[str]) -> bool:
        """Whether the price is for one although no word says so: "2 hats at $8.25", not "2 hats $8.25"."""
        before, after, direct = self.before(self.price), self.after(self.price), self.is_direct(at)
        measured = set(nouns[:1]) & (w.MEASURES - {"night", "month", "hour"} | {"dozen", "doz", "dz"})
        if self.are_each:
            return True
        if measured and not direct and before not in {"@", *_TIMES}:
            return False
        adjective = self.price == at + 2 and after not in {"", "for", "at", "total"}  # "two $4 mugs"
        touching = direct and not re.search(r"[^\W\d_]{2,}|\d", self.text[slice(*sorted((at + 1, self.price)))])
        times = at > self.price and self.before(at) in _TIMES
        touching = touching and (at > self.price or self.before(at) not in _TIMES)
        marked = before in {"@", "at", "à", "price", "priced", "prices", *_TIMES}
        bought = at > self.price and self.before(at) in _BUYING
        return bool(marked or bought or after == "@" or adjective or touching or times)

    def name(self, quantity: int | None) -> str:
        """The words that name the item: from the quantity to the price, else before the price, else after it."""
        unit = _UNIT.match(self.text, self.price + 1)
        behind = self.text[unit.end() if unit else self.price + 1 :]
        if quantity is None or quantity == self.price - 2:
            return _name(self.text[: self.price if quantity is None else quantity]) or _name(behind)
        name = _name(self.text[quantity + 1 : self.price if quantity < self.price else None])
        leading = _name(self.text[: min(quantity, self.price)])
        return f"{leading} {name}".strip() if set(stems(name)) <= w.MEASURES | w.UNITS | w.CONTAINERS else name


def _name(text: str) -> str:
    text = re.sub(r"[@=:/|]|(?<!\S)[x×*–—-]+(?!\w)", " ", _BEFORE_NAME.sub("", text))
    words, skipped = _AFTER_NAME.sub("", text).split(), w.LEADING | {"of", "at", "each"}
    while words and words[0].lower().strip(",.") in skipped:
        words.pop(0)
    while words and words[-1].lower() in skipped:
        words.pop()
    return " ".join(words)


def same(unit: str, nouns: Sequence[str]) -> bool:
    return _ALIASES.get(unit, unit) in {_ALIASES.get(noun, noun) for noun in nouns}


class Clauses:
    """The pieces of a text, joined so that each holds an item, a count or nothing; and the items in them."""

    def __init__(self, pieces: Sequence[Piece], marks: Marks, *, are_each: bool = False) -> None:
        self.marks, self.are_each = marks, are_each
        self._priced: dict[str, bool] = {}
        self.pieces = self._joined(pieces)
        self.counts = [each for piece in self.pieces if not self.has_price(piece.text) for each in self._counts(piece)]

    def has_price(self, text: str) -> bool:
        if text not in self._priced:
            factors = re.search(r"(?<!\S)\d+[x×]\d[\d.]*(?!\S)", text) and not re.search(ANY, text)
            found = factors or price_at(without_result(text, self.marks)[0], self.marks) is not None
            self._priced[text] = bool(found)
        return self._priced[text]

    def _joined(self, pieces: Sequence[Piece]) -> list[Piece]:
        """What has no name of its own completes what stands before: "14 blankets, 9.50 each", "$24 a box, I need 3"."""
        joined: list[Piece] = []
        for piece in pieces:
            last = joined[-1] if joined else None
            if last and last.label == piece.label and self._completes(piece, last):
                named = SIZED.search(last.text) and not re.match(rf"\W*{N}", last.text) and not re.match(M, piece.text)
                text = f"{piece.text} ({last.text})" if named else f"{last.text} {piece.text}"
                joined[-1] = replace(last, text=text)
            else:
                joined.append(piece)
        return joined

    def _completes(self, piece: Piece, last: Piece) -> bool:
        if re.search(P, piece.text + last.text) or not re.search(ANY, piece.text):
            return False
        text = without_result(piece.text, self.marks)[0]
        has_price, had_price = self.has_price(piece.text), self.has_price(last.text)
        counts, had = self._free(text), self._free(last.text)
        close, marked = last.sentence == piece.sentence, bool(_UNIT.search(text) or "@" in text)
        words = set(stems(re.sub(rf"(?:\bper\s|/|(?<={ANY})\s?an?\s|\bfor each\s)\s*\w+", "", text)))
        if has_price and not had_price:
            together = (
                piece.joined in {"and", "&"} and not counts and not had and close and not re.match(r"an?\s", text)
            )
            if (counts and had) or not (close or (marked and had)) or (words - w.PRICE_WORDS - {"of"} and not together):
                return False
            return bool(had or re.search(ANY, last.text) or self._is_name(last))
        if counts != 1 or has_price:
            return False
        if had_price and not {"how", "what", "much", "sum", "altogether", "in", "total"} & words:
            reading = Reading(last.text, price_at(last.text, self.marks) or 0, self.marks)
            known = w.PRICE_WORDS | {reading.unit, "of"} | set(stems(last.text))
            bare = re.search(rf"{N}(?:\s+of\s+(?:them|those|these))?\W*$", text)
            return close and not had and not words - known and bool(reading.unit or bare)
        return close and not had and not words - w.PRICE_WORDS and self._is_name(last)

    def _free(self, text: str) -> int:
        """How many numbers the text has that are no price and no size."""
        price = price_at(text, self.marks) if self.has_price(text) else None
        sizes = (
            {match.start() for match in SIZED.finditer(text) if match.start()}
            if re.search(M, text) or price is None
            else set()
        )
        places = [match.start() for match in re.finditer(N, text) if match.start() != price]
        return len([at for at in places if at not in sizes and self.marks[text[at]].written != "one"])

    def _is_name(self, piece: Piece) -> bool:
        words = stems(piece.text)
        return 0 < len(words) <= 5 and not set(words) <= w.LEADING | w.EVERYTHING and "?" not in piece.text  # noqa: PLR2004

    def _counts(self, piece: Piece) -> Iterator[Count]:
        """A count that stands in a sentence without a price is not of the part that was spoken of last."""
        label = (
            piece.label
            if any(each.sentence == piece.sentence and self.has_price(each.text) for each in self.pieces)
            else ""
        )
        for match in re.finditer(N, piece.text):
            if not re.search(P, piece.text):
                nouns = stems(re.split(ANY, piece.text[match.end() :])[0])[:4]
                yield Count(self.marks[match[0]].value, nouns, piece, match.start(), label)

    def entry(self, piece: Piece, text: str) -> Entry:
        """Raises Unread for a number without a role, and if it is not said how many there are."""
        dims = re.search(r"(?<!\S)(\d+)[x×](\d+(?:\.\d+)?)(?!\S)", text)
        if dims and not re.search(ANY, text):
            return Entry(_name(text[: dims.start()]), dims[1], dims[2], "", piece)
        at = price_at(text, self.marks)
        assert at is not None
        reading, price = Reading(text, at, self.marks, self.are_each), self.marks[text[at]]
        several = re.search(rf"({N}).*?(?:\bat|@)\s*({N})\s+for\s+{M}", text)  # "10 ears at 5 for $3"
        if several:
            times = Fraction(self.marks[several[1]].value) / Fraction(self.marks[several[2]].value)
            if times.denominator != 1:
                raise reading.unread("")
            return Entry(self.marks.shown(text[:at]), decimal(times), price.value, price.currency, piece)
        quantity = reading.quantity()
        name = self.marks.shown(reading.name(quantity))
        if quantity is not None:
            entry = Entry(name, reading.counted(quantity), price.value, price.currency, piece)
            self.counts.append(Count(entry.quantity, stems(name), piece, 0, piece.label, is_priced=True))
            return entry
        entry = Entry(name, "1", price.value, price.currency, piece, is_counted=False)
        per = re.search(r"\bper\s+(\w+)", text)
        unit = stem(per[1].lower()) if per else reading.unit
        one = re.search(rf"(?:^|\s)an?\s+\w+.*{M}", text, re.IGNORECASE) and unit in {"", "each"}
        unnamed = not name and (not price.currency or {"total", "sum", "bill", "subtotal", "cost"} & set(stems(text)))
        listed = reading.before(at) in {"at", "@"} and is_plural(name.rpartition(" ")[2])
        if reading.for_all or one or not (unnamed or unit or listed):
            return entry
        if number := self._looked_up(piece, unit, set(stems(name)) - w.FEES):
            return replace(entry, quantity=number, is_counted=not entry.is_fee)
        raise reading.unread("how many in")

    def _looked_up(self, piece: Piece, unit: str, name: set[str]) -> str:
        """How many there are according to another clause."""
        near = [each for each in self.counts if each.label in {"", piece.label}]
        if unit not in {"", "each"}:
            fits = [each for each in near if same(unit, each.nouns)]
            fits = [each for each in fits if each.label == piece.label] or fits
        else:
            near = [each for each in near if not each.is_priced]
            fits = [each for each in near if name & set(each.nouns)]
            others = [each for each in near if not set(each.nouns[:1]) & (w.PEOPLE | w.PASSING | w.PARTS)]
            fits = fits or (others if unit == "each" else [])
        for each in fits:
            each.is_used = True
        return fits[0].value if len({each.value for each in fits}) == 1 else ""
