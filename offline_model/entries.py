"""One piece of marked text -> one entry: how many, of what, at which price."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from offline_model import words as w
from offline_model.marking import ANY, M, Marks, N
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import is_plural, stem, stems

_TIMES = ("x", "×", "*")
_EACH = re.compile(r"\b(?:each|ea|apiece)\b", re.IGNORECASE)
_UNIT = re.compile(
    rf"\s*(?:(?:each|ea|apiece)\b|for\s+(?:one|each|every|{N}$)"
    r"|(?:per\s+|/\s*)(?:(?:square|cubic|linear|running)\s+)?(?P<per>[^\W\d_]+)"
    r"|an?\s+(?P<a>[^\W\d_]+)(?P<more>\s+[^\W\d_]+)?)",
    re.IGNORECASE,
)
_BARE = tuple(  # where a number without a currency is a price
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"@\s*({N})",
        rf"({N})\s*(?:(?:each|ea|apiece|per|a\s+piece)\b|/)",
        rf"(?:^|[:,])\s*{N}\s?[x×*]\s?({N})$",
        rf"\b(?:costs?|price|covers?)\s+({N})",
        rf"(?:\bat|@)\s+({N})(?=\s+an?\s+\w)",
        rf"{N}.*\sfor\s+({N})(?!\s*[^\W\d_]+s\b)",
        rf"\S\s+(?:at|à|for|is|was)\s+({N})(?=\s*$|\s+(?:total|altogether|how|what|at|from|euros?|dollars?)\b)",
    )
)
_LAST = re.compile(rf"(?<!trip)(?<!store)(?<!shop)(?<!day)(?<!week)(?<!size)(?<=[^\W\d_])\s+({N})\s*$", re.IGNORECASE)
_SIZE_WORDS = "|".join(sorted(w.SIZES | w.MEASURES | w.CONTAINERS, key=len, reverse=True))
SIZED = re.compile(rf"{N}[\s-]*({_SIZE_WORDS})s?\b", re.IGNORECASE)
_FOR_ALL = re.compile(
    r"\s*(?:all\s?together|altogether|in\s+(?:all|total)|total|for\s+(?:all|both|the\s+lot)|the\s+lot)\b", re.IGNORECASE
)
_BEFORE_NAME = re.compile(rf"^.*\b(?:{'|'.join(sorted(w.VERBS))}|i|we|he|she|they|you)\s+(?=\S)", re.IGNORECASE)
_AFTER_NAME = re.compile(
    r"(?<=\w)\s+(?:with|at|for|how|what|what's|from|per|on|in|that|which|to|so|is|was|total|costs?)\b.*", re.IGNORECASE
)
_ALIASES = {"lb": "pound", "doz": "dozen", "dz": "dozen", "kilo": "kg", "kilogram": "kg", "litre": "l", "liter": "l"}
_ALIASES |= {"yd": "yard", "gal": "gallon", "foot": "ft", "feet": "ft", "oz": "ounce", "hr": "hour", "metre": "m"}
_ALIASES |= {"meter": "m", "qt": "quart", "pt": "pint", "g": "gram", "packet": "pack", "pk": "pack"}


@dataclass(frozen=True)
class Entry:
    """`price` is for one; `quantity` is "1" for what is not counted. Both are decimals as the tools take them."""

    name: str
    quantity: str
    price: str
    currency: str = ""
    is_counted: bool = True
    taken_off: bool = False

    @property
    def is_fee(self) -> bool:
        return not self.is_counted and bool(w.FEES & set(stems(self.name)))


def price_at(text: str, marks: Marks) -> int | None:
    """The place of the price, None if there is none. Raises Unread if there is more than one."""
    found = [match.start() for match in re.finditer(M, text)]
    patterns = _BARE if any(re.match(M, char) for char in marks.amounts) else (*_BARE, _LAST)
    for pattern in () if found else patterns:
        bare = [match for match in pattern.finditer(text) if marks[match[1]].written[0] in "0123456789."]
        found = found or [match.start(1) for match in bare]
    last = re.search(rf"({N})(?=\s*$|\s+(?:at|from|how|what|total)\b)", text)
    last = re.match(rf"\s*{N}\s?[x×*]\s?({N})\s", text) or last
    if not found and last and re.search(r"\.\d\d$", marks[last[1]].written):
        found = [last.start(1)]
    if len(found) > 1:
        raise Unread(f'two prices in "{marks.shown(text)}"')
    return found[0] if found else None


def read_entry(text: str, marks: Marks, counts: Mapping[str, str]) -> Entry:
    """`counts` says how many there are of the things beside it. Raises Unread for a number without a role."""
    text = _without_parentheses(text, marks)
    if (dims := re.search(r"(?<!\S)(\d+)[x×](\d+(?:\.\d+)?)(?!\S)", text)) and not re.search(ANY, text):
        return Entry(_name(text[: dims.start()]), dims[1], dims[2])
    at = price_at(text, marks)
    if at is None:
        raise Unread(f'No price found for "{marks.shown(text)}"')
    several = re.search(rf"({N}).*?(?:\bat|@)\s*({N})\s+for\s+{M}", text)  # "10 ears at 5 for $3"
    if several:
        times = Fraction(marks[several[1]].value) / Fraction(marks[several[2]].value)
        if times.denominator != 1:
            raise Unread(f'"{marks.shown(text)}"')
        return Entry(marks.shown(text[:at]), decimal(times), marks[text[at]].value, marks[text[at]].currency)
    return _Reader(text, at, marks, counts).entry()


def _without_parentheses(text: str, marks: Marks) -> str:
    """Without what is in parentheses, where sizes stand, unless it is the price. Raises Unread for other numbers."""
    for match in re.finditer(r"\(([^()]*)\)?", text):
        outside = text.replace(match[0], " ")
        if not re.search(M, outside) and (re.search(M, match[1]) or _EACH.search(match[1])):
            return text.replace("(", " ").replace(")", " ")
        sized = {stem(each[1].lower()) for each in SIZED.finditer(match[1])}
        if re.search(ANY, SIZED.sub("", match[1])) or sized & w.CONTAINERS & set(stems(outside)):
            raise Unread(f'"{marks.shown(match[1])}"')
    return re.sub(r"\([^()]*\)?", " ", text)


@dataclass(frozen=True)
class _Reader:
    text: str
    price: int
    marks: Marks
    counts: Mapping[str, str]

    def entry(self) -> Entry:
        price, quantity = self.marks[self.text[self.price]], self.quantity()
        name = self.marks.shown(self.name(quantity))
        if quantity is not None:
            return Entry(name, self.counted(quantity), price.value, price.currency)
        per = re.search(r"\bper\s+(\w+)", self.text)
        if count := self.counts.get(stem(per[1].lower()) if per else self.unit):
            return Entry(name, count, price.value, price.currency, is_counted=False)
        one = re.search(rf"(?:^|\s)an?\s+\w+.*{M}", self.text, re.IGNORECASE)
        unnamed = not name and (
            not price.currency or {"total", "sum", "bill", "subtotal", "cost"} & set(stems(self.text))
        )
        listed = self.before(self.price) in {"at", "@"} and is_plural(name.rpartition(" ")[2])
        if unnamed or (not one and (self.unit or listed or re.search(r"\bper\b", self.text))):
            raise self.unread("how many in")
        return Entry(name, "1", price.value, price.currency, is_counted=False)

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
        return "each" if word in w.EACH or (not word and _EACH.search(self.text)) else word

    def quantity(self) -> int | None:
        """The place of the quantity. Raises Unread for a number that is neither it nor a part of a name or a size."""
        numbers = [match.start() for match in re.finditer(N, self.text) if match.start() != self.price]
        numbers = [at for at in numbers if self.before(at) != "for" or self.marks[self.text[at]].written != "one"]
        if len(numbers) == 1 and self.before(self.price) in _TIMES:
            return numbers[0]
        direct = [at for at in numbers if self.is_direct(at)]
        if len(direct) == 2 and not self.begins(direct[0]) and self.after(direct[0]) in _TIMES:  # noqa: PLR2004
            direct = direct[1:]  # "NEMA 17 x 3"
        crossed = [at for at in direct[1:] if {self.before(at), self.after(at)} & set(_TIMES)]
        if direct and self.begins(direct[0]) and self.after(direct[0]) in _TIMES and not crossed:
            direct = direct[:1]  # "1 x RTX 4060 @ $299"
        free = [at for at in numbers if not self.is_size(at)]
        if not free and not direct:
            held = w.CONTAINERS & set(stems(self.text[: self.price])) or re.match(r"\s*an?\s", self.text)
            if numbers and not held and self.before(self.price) in {"@", "at"}:
                raise self.unread("which number is the quantity in")
            return None
        first = [at for at in free[:1] if self.begins(at)]
        chosen = (direct or first or [at for at in free if not self.is_measure(at)] or free)[0]
        if len(direct) > 1 or not (direct or first or self.is_sure(chosen) or self.value(chosen) == 1):
            raise self.unread("which number is the quantity in")
        if re.search(r":\s*[^\W\d_]{3,}\s+\w", self.text[chosen + 1 : self.price]):
            raise self.unread("which number is the quantity in")
        for at in numbers:
            if at != chosen and not (self.is_size(at) or self.is_measure(at) or self.is_digit_of_name(at, chosen)):
                raise self.unread(f"the {self.marks[self.text[at]].written} in")
        return chosen

    def is_sure(self, at: int) -> bool:
        """Whether a number in the middle is the quantity: "lunch 12 sandwiches @ $4", "coats 2 at $60"."""
        noun, before = self.after(at), self.before(at)
        if stem(before) in w.NUMBERED or (noun in {"at", "for"} and self.value(at) >= 100 and not is_plural(before)):  # noqa: PLR2004
            return False
        if (self.unit and not self.is_measure(at)) or (noun == "at" and is_plural(before)):
            return True
        touching = re.fullmatch(r"\s*[^\W\d_]+\s*(?:@|at)\s*", self.text[at + 1 : self.price])
        weighed = (
            self.before(self.price) == "@"
            and stem(noun) in {"lb", "kg"}
            and not self.marks[self.text[self.price]].currency
        )
        listed = self.before(self.price) == "@" and is_plural(noun) and stem(noun) not in w.MEASURES
        return bool(touching) and (listed or weighed or stem(noun) in w.TIMES | w.CONTAINERS | {"person"})

    def is_direct(self, at: int) -> bool:
        """Whether the place of the number says that it is the quantity: "3 x", "qty 3", "3 @", "200 units"."""
        return self.after(at) in {"@", *_TIMES, "units", "pcs", "pieces"} or self.before(at) in {
            *("qty", "quantity", "@"),
            *_TIMES,
        }

    def begins(self, at: int) -> bool:
        """Whether only words come before that belong to no name, or the price itself."""
        before = re.sub(rf"{M}\s*(?:(?:per\s+|/\s*|an?\s+)\w+)?", " ", self.text[:at], flags=re.IGNORECASE)
        words = re.findall(r"[^\W\d_]+(?:['’]\w+)?|\d\w*", before)
        return not re.search(N, before) and all(word.lower() in w.LEADING for word in words)

    def is_size(self, at: int) -> bool:
        after, before = self.after(at), stem(self.before(at))
        held = w.CONTAINERS & set(stems(self.text[:at])) and (before == "of" or self.is_measure(at))
        named = before in w.NUMBERED or (before in w.PARTS and after in w.VERBS)
        return bool(held or named or (stem(after) in w.SIZES and stem(after) != self.unit))

    def is_measure(self, at: int) -> bool:
        """A number of kilograms, feet and the like, unless the price is for one of them."""
        after = stem(self.after(at))
        return after in w.MEASURES and not (self.unit and _same(self.unit, [after]))

    def is_digit_of_name(self, at: int, quantity: int) -> bool:
        """A number that belongs to a name: "Fahrenheit 451", "555 timers" after the quantity, "hdmi 2.1 cables"."""
        written, after = self.marks[self.text[at]].written, self.after(at)
        if at < quantity:
            return self.is_direct(quantity) and not self.begins(at)
        if stem(after) in w.PEOPLE | w.MEASURES or not written[0].isdigit() or re.search(r"\.\d\d$", written):
            return False
        large = self.value(at).denominator != 1 or self.value(at) >= 100  # noqa: PLR2004
        return large or after in {"", "at", "for", "@", "à"} or not (is_plural(after) or is_plural(self.before(at)))

    def counted(self, at: int) -> str:
        """The quantity in the unit that the price is for."""
        nouns = stems(re.split(ANY, self.text[at + 1 : self.price if self.price > at else None])[0])
        dozens = _ALIASES.get(nouns[0], nouns[0]) == "dozen" if nouns else False
        if _FOR_ALL.match(self.text, self.price + 1):
            return "1"
        if dozens and self.unit == "each":
            return decimal(self.value(at) * 12)
        if self.value(at) == 1 and self.unit in {"", "each"}:
            return "1"
        if not self.unit and not self.is_marked(at, nouns):
            raise self.unread("whether the price is for one or for all in")
        if self.unit not in {"", "each"} and not _same(self.unit, nouns):
            held = w.MEASURES | w.CONTAINERS
            held -= set() if set(nouns[:1]) & held else {"bottle", "jar", "tube", "can", "tin"}  # each holds one
            if dozens or self.unit in held | w.PEOPLE or set(nouns[:1]) & held:
                raise self.unread(f"the price per {self.unit} in")
        return self.marks[self.text[at]].value

    def is_marked(self, at: int, nouns: list[str]) -> bool:
        """Whether the price is for one although no word says so: "2 hats at $8.25", not "2 hats $8.25"."""
        before, after, direct = self.before(self.price), self.after(self.price), self.is_direct(at)
        measured = set(nouns[:1]) & (w.MEASURES - {"night", "month", "hour"} | {"dozen", "doz", "dz"})
        if measured and not direct and before not in {"@", *_TIMES}:
            return False
        adjective = self.price == at + 2 and after not in {"", "for", "at", "total"}  # "two $4 mugs"
        touching = direct and not re.search(r"[^\W\d_]{2,}|\d", self.text[slice(*sorted((at + 1, self.price)))])
        times = at > self.price and self.before(at) in _TIMES
        touching = touching and (at > self.price or self.before(at) not in _TIMES)
        return bool(
            before in {"@", "at", "à", "price", "priced", *_TIMES} or after == "@" or adjective or touching or times
        )

    def name(self, quantity: int | None) -> str:
        """The words that name the item: from the quantity to the price, else before the price, else after it."""
        unit = _UNIT.match(self.text, self.price + 1)
        behind = self.text[unit.end() if unit else self.price + 1 :]
        if quantity is None or quantity == self.price - 2:
            return _name(self.text[: self.price if quantity is None else quantity]) or _name(behind)
        name = _name(self.text[quantity + 1 : self.price if quantity < self.price else None])
        leading = _name(self.text[: min(quantity, self.price)])
        return f"{leading} {name}".strip() if set(stems(name)) <= w.MEASURES | w.UNITS else name


def _name(text: str) -> str:
    text = re.sub(r"[@=:/|]|(?<!\S)[x×*–—-]+(?!\w)", " ", _BEFORE_NAME.sub("", text))
    words, skipped = _AFTER_NAME.sub("", text).split(), w.LEADING | {"of", "at", "each"}
    while words and words[0].lower().strip(",.") in skipped:
        words.pop(0)
    while words and words[-1].lower() in skipped:
        words.pop()
    return " ".join(words)


def _same(unit: str, nouns: list[str]) -> bool:
    return _ALIASES.get(unit, unit) in {_ALIASES.get(noun, noun) for noun in nouns}
