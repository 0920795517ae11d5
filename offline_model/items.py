"""Clauses -> items: how many, of what, at which price. Every number gets a role, or the text is declined."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from offline_model import words as w
from offline_model.layout import Piece
from offline_model.marking import ANY, M, Marks, N
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import is_plural, stem, stems

_TIMES = ("x", "×", "*")
_BUYING = {"bought", "buy", "buying", "need", "want", "get", "got", "getting", "took", "take", "order", "ordered"}
_EACH = re.compile(r"\b(?:each|ea|apiece)\b", re.IGNORECASE)
UNIT = re.compile(
    rf"(?i)\s*(?:each\s+for\s+one\b|(?:each|ea|apiece)\b(?!\s+(?:of|for)\b)|for\s+one\b|for\s+{N}(?=\s*$)"
    r"|(?:per\s+|/\s*|for\s+(?:each|every)\s+)(?:(?:square|cubic|linear|running|sq)\.?\s+)?(?P<per>[^\W\d_]+)"
    r"|an?\s+(?P<a>[^\W\d_]+))"
)
_FEES = w.one_of(w.FEES)
_BARE = tuple(  # where a number without a currency is a price; the first that is found
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"@\s*({N})",
        rf"({N})\s*(?:(?:each|ea|apiece|per|flat(?=\W*$)|a\s+(?:piece|pop)|for\s+(?:each|every|one))\b|/)",
        rf"^{N}\s?[x×*]\s?({N})(?=\s|$)",
        rf"\b(?:costs?|costing|price|prices|priced|covers?|paid)\s+(?:at\s+)?({N})",
        rf"(?:\bat|@)\s+({N})(?=\s+an?\s+\w)",
        rf"{N}.*\sfor\s+({N})(?!\s*[^\W\d_]+s\b)",
        rf"\S\s+(?:at|à|for|is|was)\s+({N})(?=\s*$|\s+(?:total|altogether|how|what|at|from|euros?|dollars?)\b)",
        rf"({N})(?=\s+(?:at|from|how|what|total|altogether|{_FEES}|\w+ fee)\b|\s*$)",
    )
)
# A number after one of these is part of the item's name: "10 copies of Level 2 readers".
_NAMING = w.NUMBERED - w.PARTS - w.TIMES - {"trip"}
_COMPOUND = re.compile(r"\s+(?:day|night|hour|week|month|year)\s+[a-z]+[^\Ws]s\b", re.IGNORECASE)  # "3 day passes"
_PAIRS = frozenset("trouser jean short sock shoe boot glove glasse tight legging sandal sneaker scissor".split())
_CERTAIN = 3  # of these patterns say that it is a price; the others find it if the text has such prices
_FOR_ALL = re.compile(
    r"(?i)\s*(?:all\s?together|altogether|in\s+(?:all|total)|total|for\s+(?:all|both|the\s+(?:lot|set|whole|pair"
    r"|two))|flat)\b"
)
VOUCHER = re.compile(r"\b(?:vouchers?|gift ?cards?|store credit)\b", re.IGNORECASE)
HELD_VOUCHER = re.compile(
    rf"(?i)\b(?:i|we|s?he|they)(?:['’](?:ve|d)(?: got)?| have| had| has) (?:an? )?(?:{M} (?:\w+ )?"
    rf"(?:voucher|coupon|gift ?card|credit)\b|(?:\w+ )?(?:voucher|coupon|gift ?card) (?:of|for|worth) {M})|^ha(?:d"
    rf"|ve) (?:an? )?{M} (?:\w+ )?(?:voucher|coupon|gift ?card)"
)
_BEFORE_NAME = re.compile(rf"(?i)^.*\b(?:{w.one_of(w.VERBS)}|i|we|he|she|they|you)\s+(?=.*[^\W\d_]{{2}})")
_AFTER_NAME = re.compile(
    r"(?i)(?<=\w)\s+(?:with|at|for|how|what|what's|from|per|on|in|that|which|to|so|is|was|total|costs?|each)\b.*"
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


def without_result(text: str, marks: Marks) -> tuple[str, str]:
    """ "3 pens @ $2 = $6" without what comes of it, and that."""
    before, _, after = text.partition("=")
    stated = re.findall(ANY, after)
    return (before, marks[stated[0]].value) if len(stated) == 1 and len(re.findall(ANY, before)) > 1 else (text, "")


def price_at(text: str, marks: Marks) -> int | None:
    """The place of the price, None if there is none. Raises Unread if there is more than one."""
    text = without_result(text, marks)[0]
    found = [match.start() for match in re.finditer(M, text)]
    for number, pattern in enumerate(() if found else _BARE, 1):
        bare = [match for match in pattern.finditer(text) if re.fullmatch(r"[\d.,]+", marks[match[1]].written)]
        if number > _CERTAIN:
            bare = [each for each in bare if _is_bare_price(text, each.start(1), marks)]
        found = found or [match.start(1) for match in bare]
    if not found:
        decimals = [each.start() for each in re.finditer(N, text) if _is_decimal(text, each.start(), marks)]
        found = decimals if len(decimals) == 1 else []
    if len(found) > 1:
        raise Unread(f'two prices in "{marks.shown(text)}"')
    return found[0] if found else None


def _is_decimal(text: str, at: int, marks: Marks) -> bool:
    """Whether there stands "8.50", and not of kilograms or the like."""
    after = re.match(r"\s*-?([^\W\d_]+)", text[at + 1 :])
    unit = stem(after[1].lower()) if after else ""
    return marks.is_price(text[at]) and unit not in w.MEASURES | w.SIZES


def _is_bare_price(text: str, at: int, marks: Marks) -> bool:
    """Whether a number looks like money, or like the prices of a text in which these are without a currency."""
    amounts = marks.amounts
    bare = any(re.search(r"\.\d\d$", amounts[each].written) for each in amounts if re.match(N, each))
    if bare and re.fullmatch(r"\d{4,}", amounts[text[at]].written):  # "REC 90211" beside "1.09"
        return False
    known = w.PARTS | w.NUMBERED | (w.LEADING - {"at", "for", "is", "was", "cost", "costs"}) | {"who"}
    if re.match(rf"\s+(?:\w+ )?(?:{_FEES})\W*$", text[at + 1 :]) and not text[:at].strip():
        return True  # "plus 20 delivery"
    if not (word := re.search(r"([^\W\d_]+)\s+[-–−]?$", text[:at])) or stem(word[1].lower()) in known:
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
    in_rows: bool = False
    """Whether several rows of the text have a whole number just before the price."""

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
        found = UNIT.match(self.text, self.price + 1)
        word = stem(((found["per"] or found["a"] or "each") if found else "").lower())
        return "each" if word in w.EACH or (not word and _EACH.search(self.text)) else word

    @property
    def for_all(self) -> bool:
        return bool(_FOR_ALL.match(self.text, self.price + 1))

    def quantity(self) -> int | None:
        """The place of the quantity. Raises Unread if it may be one of several numbers."""
        numbers = [match.start() for match in re.finditer(N, self.text) if match.start() != self.price]
        numbers = [at for at in numbers if self.marks[self.text[at]].written != "one" or not self.is_pronoun(at)]
        kinds = {at: self.kind(at) for at in numbers}
        sizes = [at for at in numbers if kinds[at] == "measure" and re.search(rf"{N}\s*[x×]\s*$", self.text[:at])]
        held = {*sizes, *filter(self.is_held, numbers)}  # the 20 of "6 x 20L paint", the 12 of "a pack of 12"
        direct = [at for at in numbers if self.is_direct(at) and at not in held]
        counts = [at for at in numbers if kinds[at] == "count"]
        counts = counts or [at for at in numbers if kinds[at] == "digit" and self.unit]
        measured = [at for at in numbers if kinds[at] == "measure"]
        chosen = direct or counts
        if len(chosen) > 1 and self.begins(chosen[0]):
            later = [at for at in chosen[1:] if at > chosen[0] + 2]
            others = [at for at in later if is_plural(self.after(at)) or self.is_times(at) or self.is_people(at)]
            chosen = chosen[:1] if not others else chosen
        if not chosen and (self.unit or self.before(self.price) in {"@", "at", "à", *_TIMES, "for"}):
            chosen = measured
        late = [at for at in measured if at > self.price and self.before(at) == "for" and not self.unit and chosen]
        times = w.TIMES - {"minute", "min"}  # "5 rooms for 2 nights at $90"
        late += [at for at in measured if at < self.price and counts and stem(self.after(at)) in times]
        late += [at for at in counts if chosen and at > self.price > chosen[0] and self.before(at) != "at"]
        named = [at for at in numbers if kinds[at] == "digit" and is_plural(self.after(at))]
        named += [at for at in numbers if kinds[at] == "digit" and self.after(at) == "at" and self.value(at) != 1]
        hidden = late or (not chosen and (named or len(measured) > 1))
        if hidden or len(chosen) > 1 or any(_is_decimal(self.text, at, self.marks) for at in {*numbers} - {*chosen}):
            raise self.unread("which number is the quantity in")
        return chosen[0] if chosen else None

    def is_pronoun(self, at: int) -> bool:
        named = self.before(at) in {"for", "each", "any", "which", "every"}
        return named or re.match(r"\W*(?:of\b|$)", self.text[at + 1 :]) is not None

    def is_people(self, at: int) -> bool:
        return stem(self.after(at)) in w.PEOPLE

    def is_times(self, at: int) -> bool:
        return bool({self.before(at), self.after(at)} & set(_TIMES))

    def is_direct(self, at: int) -> bool:
        """Whether the place of the number says that it is the quantity: "3 x", "qty 3", "3 @", "200 units"."""
        after, before = {"@", *_TIMES, "units", "pcs", "pieces"}, {"@", *_TIMES, "units", "qty", "quantity"}
        return self.after(at) in after or self.before(at) in before

    def begins(self, at: int) -> bool:
        """Whether only words come before that belong to no name, or the price itself."""
        before = re.sub(rf"(?i){M}\s*(?:(?:per\s+|/\s*|an?\s+|for\s+each\s+)\w+)?", " ", self.text[:at])
        words = re.findall(r"[^\W\d_]+(?:['’]\w+)?|\d\w*", before)
        return not re.search(N, before) and all(word.lower() in w.LEADING for word in words)

    def is_held(self, at: int) -> bool:
        """The number of "a pack of 12", "2 copies of 1984"."""
        before = self.text[:at]
        return self.before(at) == "of" and bool(re.search(N, before) or w.CONTAINERS & set(stems(before)))

    def kind(self, at: int) -> str:
        """ "count", "measure" for a number of kilograms and the like, "name" for a digit of a name or a size."""
        before, after, written = self.before(at), stem(self.after(at)), self.marks[self.text[at]].written
        held = self.is_held(at)
        if after in w.MEASURES | w.SIZES and not _COMPOUND.match(self.text, at + 1):
            return "name" if held else "measure"
        if (
            held
            or (stem(before) in _NAMING and re.search(N, self.text[:at]))
            or ("." in written and re.search(r"\w", self.text[:at]))
        ):
            return "name"
        capital = re.search(r"(?:^|\s)(?-i:[A-Z])[^\W\d_]*[\s.-]*$", self.text[:at])
        ends = not after or after in {"for", "at", "from", "in", "on", "we", "i", "@"}
        named = capital and ends and (before not in w.LEADING) and not is_plural(before)
        column = self.in_rows and self.text[at + 1 : self.price].isspace() and stem(before) not in w.PARTS
        return "digit" if named and not column else "count"

    def counted(self, at: int) -> str:
        """The quantity in the unit that the price is for."""
        behind = self.text[at + 1 : self.price if self.price > at else None]
        nouns = stems(re.split(ANY, behind)[0]) or stems(re.sub(ANY, " ", behind))  # "6 x 5 kg bags"
        dozens = _ALIASES.get(nouns[0], nouns[0]) == "dozen" if nouns else False
        if self.for_all and self.before(self.price) != "@":
            return "1"
        if dozens and (self.unit == "each" or self.unit in nouns[1:]):
            return decimal(self.value(at) * 12)
        if self.value(at) == 1 and self.unit in {"", "each"}:
            return "1"
        if not self.unit and not self.is_marked(at, nouns):
            raise self.unread("whether the price is for one or for all in")
        pairs = self.unit == "pair" and _PAIRS & set(nouns)
        if self.unit not in {"", "each"} and not (pairs or same(self.unit, nouns)):
            held = (w.MEASURES | w.CONTAINERS) - w.PEOPLE - {"head"}
            held -= set() if set(nouns[:1]) & held else {"bottle", "jar", "tube", "can", "tin"}  # each holds one
            if dozens or self.unit in held or set(nouns[:1]) & held:
                raise self.unread(f"the price per {self.unit} in")
        return self.marks[self.text[at]].value

    def is_marked(self, at: int, nouns: list[str]) -> bool:
        """Whether the price is for one although no word says so: "2 hats at $8.25", not "2 hats $8.25"."""
        before, after, direct = self.before(self.price), self.after(self.price), self.is_direct(at)
        compound = _COMPOUND.match(self.text, at + 1)
        measured = not compound and set(nouns[:1]) & (
            w.MEASURES - {"night", "month", "hour", "pint"} | {"dozen", "doz", "dz"}
        )
        if self.are_each:
            return True
        if measured and before not in {"@", *_TIMES}:
            return False
        adjective = self.price == at + 2 and after not in {"", "for", "at", "total"}  # "two $4 mugs"
        touching = direct and not re.search(r"[^\W\d_]{2,}|\d", self.text[slice(*sorted((at + 1, self.price)))])
        times = at > self.price and self.before(at) in _TIMES
        marked = before in {"@", "at", "à", "price", "priced", "prices", *_TIMES}
        bought = at > self.price and self.before(at) in _BUYING
        return bool(marked or bought or after == "@" or adjective or touching or times)

    def name(self, quantity: int | None) -> str:
        """The words that name the item: from the quantity to the price, else before the price, else after it."""
        unit = UNIT.match(self.text, self.price + 1)
        behind = self.text[unit.end() if unit else self.price + 1 :]
        if quantity is None or quantity == self.price - 2:
            before, after = name_in(self.text[: self.price if quantity is None else quantity]), name_in(behind)
            is_fee = after and set(stems(after)) <= w.FEES and not w.FEES & set(stems(before))
            return after if is_fee else before or after
        name = name_in(self.text[quantity + 1 : self.price if quantity < self.price else None])
        leading = name_in(self.text[: min(quantity, self.price)])
        return f"{leading} {name}".strip() if set(stems(name)) <= w.MEASURES | w.UNITS | w.CONTAINERS else name


def name_in(text: str) -> str:
    stripped = re.sub(r"[@=:/|]|(?<!\S)[x×*–—-]+(?!\w)", " ", _BEFORE_NAME.sub("", text))
    words, skipped = _AFTER_NAME.sub("", stripped).split(), w.LEADING | {"of", "at", "each"}
    while words and words[0].lower().strip(",.") in skipped:
        words.pop(0)
    while words and words[-1].lower() in skipped:
        words.pop()
    return " ".join(words or [each for each in re.findall(r"[^\W\d_]{3,}", text) if each.lower() not in skipped])


def same(unit: str, nouns: Sequence[str]) -> bool:
    return _ALIASES.get(unit, unit) in {_ALIASES.get(noun, noun) for noun in nouns}


def labels_of(entries: Sequence[Entry]) -> list[str]:
    """The labels of the parts, each once, in their order."""
    return list(dict.fromkeys(entry.place.label for entry in entries))


def stands_alone(piece: Piece, entries: Sequence[Entry]) -> bool:
    """Whether the piece's sentence holds no entry."""
    return all(entry.place.sentence != piece.sentence for entry in entries)
