"""One piece -> one entry: how many, of what, at which price."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from offline_model import words as w
from offline_model.marking import ANY, Amount, M, N, shown
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import is_plural, stem, stems

_EACH = re.compile(r"\b(?:each|ea|apiece)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"\s*(?:(?P<each>each|ea|apiece)\b|for\s+(?:one|each|every|[\ue400-\ue7ff]$)|(?:per\s+|/\s*)(?P<per>[^\W\d_]+)"
    r"|an?\s+(?P<a>[^\W\d_]+)(?P<more>\s+[^\W\d_]+)?)",
    re.IGNORECASE,
)
_BARE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"@\s*({N})",
        rf"({N})\s*(?:each|ea|apiece|per|a\s+piece)\b",
        rf"({N})\s*/",
        rf"(?:^|[:,])\s*{N}\s?[x×*]\s?({N})$",
        rf"\b(?:costs?|price)\s+({N})",
        rf"(?:\bat|@)\s+({N})(?=\s+an?\s+\w)",
        rf"\bcovers?\s+({N})",
        rf"{N}.*\sfor\s+({N})(?!\s*[^\W\d_]+s\b)",
        rf"\S\s+(?:at|à|for|is|was)\s+({N})(?=\s*$|\s+(?:total|altogether|how|what|at|from|euros?|dollars?)\b)",
    )
)
_LAST = re.compile(rf"(?<!trip)(?<!store)(?<!shop)(?<!day)(?<!week)(?<!size)(?<=[^\W\d_])\s+({N})\s*$", re.IGNORECASE)
SIZED = re.compile(
    rf"{N}[\s-]*({'|'.join(sorted(w.SIZES | w.MEASURES | w.CONTAINERS, key=len, reverse=True))})s?\b", re.IGNORECASE
)
_FOR_ALL = re.compile(
    r"\s*(?:all\s?together|altogether|in\s+(?:all|total)|total|for\s+(?:all|both|the\s+lot)|the\s+lot)\b", re.IGNORECASE
)
_LASTING = frozenset("night day week month hour person".split())
_NUMBERS = [chr(number) for number in range(0xE400, 0xE800)]
_ENDS_NAME = re.compile(
    r"(?<=\w)\s+(?:with|at|for|how|what|what's|from|per|on|in|that|which|to|so|is|was|total|costs?)\b.*", re.IGNORECASE
)


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


def price_at(text: str, marks: Mapping[str, Amount]) -> int | None:
    """The place of the price, None if there is none. Raises Unread if there is more than one."""
    found = [match.start() for match in re.finditer(M, text)]
    patterns = _BARE if any(re.match(M, char) for char in marks) else (*_BARE, _LAST)
    for pattern in () if found else patterns:
        found = found or [
            match.start(1) for match in pattern.finditer(text) if marks[match[1]].written[0] in "0123456789."
        ]
    if not found:
        last = re.search(rf"({N})(?=\s*$|\s+(?:at|from|how|what|total)\b)", text)
        found = [last.start()] if last and re.search(r"\.\d\d$", marks[last[1]].written) else []
    if len(found) > 1:
        raise Unread(f'two prices in "{shown(text, marks)}"')
    return found[0] if found else None


def read_entry(text: str, marks: Mapping[str, Amount]) -> Entry:
    """Raises Unread for a number without a role."""
    text = _without_parentheses(text, marks)
    if (dims := re.search(r"(?<!\S)(\d+)[x×](\d+(?:\.\d+)?)(?!\S)", text)) and not re.search(ANY, text):
        return Entry(_name(text[: dims.start()]), dims[1], dims[2])
    several = re.search(rf"{N}.*?(?:\bat|@)\s*({N})\s+for\s+({M})", text)
    if several:  # "10 ears at 5 for $3"
        times = Fraction(marks[several[0][0]].value) / Fraction(marks[several[1]].value)
        if times.denominator != 1:
            raise Unread(f'"{shown(text, marks)}"')
        price = marks[several[2]]
        return Entry(f"{shown(text[: several.end(1)], marks)}", decimal(times), price.value, price.currency)
    at = price_at(text, marks)
    if at is None:
        raise Unread(f'no price for "{shown(text, marks)}"')
    reader = _Reader(text, at, marks)
    price, quantity = marks[text[at]], reader.quantity()
    name = shown(reader.name(quantity), marks)
    if quantity is None:
        one = re.search(rf"(?:^|\s)an?\s+\w+.*{M}", text, re.IGNORECASE)
        unnamed = not name and (
            text[at] in _NUMBERS or re.search(r"\b(?:total|sum|bill|subtotal|balance|cost)\b", text, re.IGNORECASE)
        )
        listed = (
            re.search(rf"(?:\bat|@)\s*{text[at]}", text) and is_plural(name.split()[-1] if name else "") and not one
        )
        if (reader.unit and not one) or unnamed or listed or (re.search(r"\bper\b", text) and not one):
            raise reader.unread("how many in")
        return Entry(name, "1", price.value, price.currency, is_counted=False)
    return Entry(name, reader.counted(quantity), price.value, price.currency)


def _without_parentheses(text: str, marks: Mapping[str, Amount]) -> str:
    """Without what is in parentheses, where sizes stand, unless it is the price. Raises Unread for other numbers there."""
    for match in re.finditer(r"\(([^()]*)\)?", text):
        outside = text.replace(match[0], " ")
        if not re.search(M, outside) and (re.search(M, match[1]) or _EACH.search(match[1])):
            return text.replace("(", " ").replace(")", " ")
        sized = {stem(each[1].lower()) for each in SIZED.finditer(match[1])}
        if re.search(ANY, SIZED.sub("", match[1])) or sized & w.CONTAINERS & set(stems(outside)):
            raise Unread(f'"{shown(match[1], marks)}"')
    return re.sub(r"\([^()]*\)?", " ", text)


@dataclass(frozen=True)
class _Reader:
    text: str
    price: int
    marks: Mapping[str, Amount]

    def unread(self, what: str) -> Unread:
        return Unread(f'{what} "{shown(self.text, self.marks)}"')

    def word(self, at: int, *, before: bool = False) -> str:
        """The word or sign next to a place, in lower case."""
        found = (
            re.search(r"([^\W\d_]+|[@x×*/=])[\s.-]*$", self.text[:at])
            if before
            else re.match(r"[\s-]*([^\W\d_]+|[@x×*/=])", self.text[at + 1 :])
        )
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
        numbers = [
            at
            for at in numbers
            if not re.search(r"for\s+$", self.text[:at]) or self.marks[self.text[at]].written != "one"
        ]
        if len(numbers) == 1 and self.word(self.price, before=True) in {"x", "×", "*"}:
            return numbers[0]
        direct = [at for at in numbers if self.is_direct(at)]
        if len(direct) == 2 and re.fullmatch(r"\s*[x×*]\s*", self.text[direct[0] + 1 : direct[1]]):  # noqa: PLR2004
            direct = direct if self.begins(direct[0]) else direct[1:]
        free = [at for at in numbers if not self.is_size(at)]
        held = any(word in w.CONTAINERS for word in stems(self.text[: self.price])) or re.match(r"\s*an?\s", self.text)
        if not free and not direct:
            if (
                numbers
                and not held
                and self.word(self.price, before=True) in {"@", "at"}
                and any(self.is_size(at) for at in numbers)
            ):
                raise self.unread("which number is the quantity in")
            return None
        first = [at for at in free[:1] if self.begins(at)]
        chosen = (direct or first or [at for at in free if not self.is_measure(at)] or free)[0]
        sure = stem(self.word(chosen, before=True)) not in w.NUMBERED and self.is_sure(chosen)
        if len(direct) > 1 or not (direct or first or sure or Fraction(self.marks[self.text[chosen]].value) == 1):
            raise self.unread("which number is the quantity in")
        between = self.text[chosen + 1 : self.price]
        large = Fraction(self.marks[self.text[chosen]].value) >= 100  # noqa: PLR2004
        large = large and not is_plural(self.word(chosen, before=True))
        named = large and re.match(r"\s+(?:at|for)\s", between) and not self.begins(chosen) and not direct
        if named or re.search(r":\s*[^\W\d_]{3,}\s+\w", between):
            raise self.unread("which number is the quantity in")
        for at in numbers:
            if at != chosen and not (self.is_size(at) or self.is_measure(at) or self.is_digit_of_name(at, chosen)):
                raise self.unread(f"the {self.marks[self.text[at]].written} in")
        return chosen

    def is_sure(self, at: int) -> bool:
        """Whether a number in the middle is the quantity: "lunch 12 sandwiches @ $4", "coats 2 at $60"."""
        if self.unit and not self.is_measure(at):
            return True
        noun, price = self.word(at), self.word(self.price, before=True)
        touching = re.fullmatch(r"\s*[^\W\d_]+\s*(?:@|at)\s*", self.text[at + 1 : self.price])
        held = stem(noun) in _LASTING | w.CONTAINERS or (
            price == "@" and is_plural(noun) and stem(noun) not in w.MEASURES
        )
        return bool(touching and held) or (noun == "at" and is_plural(self.word(at, before=True)))

    def is_direct(self, at: int) -> bool:
        """Whether the place of the number says that it is the quantity: "3 x", "qty 3", "3 @", "$2 @ 3", "200 units"."""
        after = self.word(at)
        return after in {"@", "x", "×", "*", "units", "pcs", "pieces"} or self.word(at, before=True) in {
            "qty",
            "quantity",
            "x",
            "@",
            "×",
            "*",
        }

    def begins(self, at: int) -> bool:
        """Whether only words come before that belong to no name, or the price itself."""
        before = re.sub(rf"{M}\s*(?:(?:per\s+|/\s*|an?\s+)\w+)?", " ", self.text[:at], flags=re.IGNORECASE)
        return not re.search(N, before) and all(
            word.lower() in w.LEADING for word in re.findall(r"[^\W\d_]+(?:['’]\w+)?|\d\w*", before)
        )

    def is_size(self, at: int) -> bool:
        after, before = stem(self.word(at)), stem(self.word(at, before=True))
        held = any(word in w.CONTAINERS for word in stems(self.text[:at]))
        return (
            before in w.NUMBERED
            or (before in w.PARTS and self.word(at) in w.VERBS)
            or (after in w.SIZES and after != self.unit)
            or (held and (before == "of" or self.is_measure(at)))
        )

    def is_measure(self, at: int) -> bool:
        """A number of kilograms, feet and the like, unless the price is for one of them."""
        after = stem(self.word(at))
        return after in w.MEASURES and not (self.unit and _same(self.unit, [after]))

    def is_digit_of_name(self, at: int, quantity: int) -> bool:
        """A number that belongs to a name: "Fahrenheit 451", "555 timers" after the quantity, "hdmi 2.1 cables"."""
        amount, after, before = self.marks[self.text[at]], self.word(at), self.word(at, before=True)
        if at < quantity:
            return self.is_direct(quantity) and not self.begins(at)
        if (
            stem(after) in w.PEOPLE | w.MEASURES
            or not amount.written[:1].isdigit()
            or re.search(r"\.\d\d$", amount.written)
        ):
            return False
        large = Fraction(amount.value).denominator != 1 or Fraction(amount.value) >= 100  # noqa: PLR2004
        return large or after in {"", "at", "for", "@", "à"} or not (is_plural(after) or is_plural(before))

    def counted(self, at: int) -> str:
        """The quantity in the unit that the price is for."""
        amount = self.marks[self.text[at]]
        end = self.price if self.price > at else len(self.text)
        nouns = stems(re.split(ANY, self.text[at + 1 : end])[0])
        dozens = nouns[:1] in (["dozen"], ["doz"], ["dz"])
        if _FOR_ALL.match(self.text, self.price + 1):
            return "1"
        if dozens and self.unit == "each":
            return decimal(Fraction(amount.value) * 12)
        if Fraction(amount.value) == 1 and self.unit in {"", "each"}:
            return "1"
        if not self.unit and not self.is_marked(at, nouns):
            raise self.unread("whether the price is for one or for all in")
        if self.unit not in {"", "each"} and not _same(self.unit, nouns):
            if (
                dozens
                or self.unit in w.MEASURES | w.CONTAINERS | w.PEOPLE
                or (nouns and nouns[0] in w.MEASURES | w.CONTAINERS)
            ):
                raise self.unread(f"the price per {self.unit} in")
        return amount.value

    def is_marked(self, at: int, nouns: list[str]) -> bool:
        """Whether the price is for one although no word says so: "2 hats at $8.25", not "2 hats $8.25"."""
        before, after = self.word(self.price, before=True), self.word(self.price)
        adjective = self.price == at + 2 and bool(after) and after not in {"for", "at", "total"}
        touching = self.is_direct(at) and not re.search(
            r"[^\W\d_]{2,}|\d", self.text[min(at, self.price) + 1 : max(at, self.price)]
        )
        measured = nouns[:1] and nouns[0] in w.MEASURES - {"night", "month", "hour"} | {"dozen", "doz", "dz"}
        if measured and not self.is_direct(at) and before not in {"@", "x", "×", "*"}:
            return False
        if at > self.price and self.word(at, before=True) in {"x", "×", "*"}:
            return True
        return before in {"@", "at", "à", "price", "priced", "x", "×", "*"} or after == "@" or adjective or touching

    def name(self, quantity: int | None) -> str:
        """The words that name the item: from the quantity to the price, else before the price, else after it."""
        unit = _UNIT.match(self.text, self.price + 1)
        behind = self.text[unit.end() if unit else self.price + 1 :]
        if quantity is None or quantity == self.price - 2:
            return _name(self.text[: self.price if quantity is None else quantity]) or _name(behind)
        own = self.text[quantity + 1 : self.price] if quantity < self.price else self.text[quantity + 1 :]
        name = _name(own)
        leading = _name(self.text[: min(quantity, self.price)])
        return f"{leading} {name}".strip() if set(stems(name)) <= w.MEASURES | w.UNITS else name


def _name(text: str) -> str:
    text = re.sub(
        rf".*\b(?:{'|'.join(sorted(w.VERBS | {'i', 'we', 'he', 'she', 'they', 'you'}))})\s+(?=\S)",
        "",
        text,
        flags=re.IGNORECASE,
    )
    words = _ENDS_NAME.sub("", re.sub(r"[@=:/|]|(?<!\S)[x×*–—-]+(?!\w)", " ", text)).split()
    while words and words[0].lower().strip(",.") in w.LEADING | {"of", "at", "@", "each"}:
        words.pop(0)
    while words and words[-1].lower() in w.LEADING | {"of", "at", "@", "each"}:
        words.pop()
    return " ".join(words)


def _same(unit: str, nouns: list[str]) -> bool:
    pairs = "lb pound doz dozen dz dozen kilo kg kilogram kg litre l liter l yd yard gal gallon foot ft feet ft oz ounce hr hour metre m meter m qt quart pt pint g gram packet pack pk pack".split()
    alias = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return alias.get(unit, unit) in {alias.get(noun, noun) for noun in nouns}
