"""One piece -> one entry: how many, of what, at which price."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from offline_model.lexing import Token
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import (
    CONTAINERS,
    EACH,
    FEES,
    MEASURES,
    NUMBERED,
    PEOPLE,
    SIZES,
    VERBS,
    is_plural,
    stem,
)

_BEFORE_PRICE = frozenset("@ at à for cost costs costing is was = price priced : - – — of".split())
_EACH = frozenset("each ea apiece".split())
_LEADING = VERBS | frozenset(
    (
        "i we he she they you it i'd i'll we'd we'll a an the x my our your his her their also of just and for plus with qty quantity if when "
        "to like how much would cost costs what what's whats is are price total sum hey hi hello ok okay so please calculate compute "
        "first second third next finally then additionally only about one item items from both all together up in"
    ).split()
)
_ENDS_NAME = frozenset("with at for how what what's from per on in that which to so is was total costs cost".split())
_ARTICLES = frozenset({"a", "an"})


@dataclass(frozen=True)
class Entry:
    """`price` is for one; `quantity` is "1" for what is not counted. Both are decimals as the tools take them."""

    name: str
    quantity: str
    price: str
    currency: str = ""
    is_fee: bool = False
    taken_off: bool = False
    is_counted: bool = False
    """Whether the text gives the quantity."""


def numbers_in(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.is_amount or token.kind in {"times", "dims"}]


def price_at(tokens: Sequence[Token]) -> int | None:
    """The place of the price, None if there is none. Raises Unread if there is more than one."""
    money = [at for at, token in enumerate(tokens) if token.kind == "money"]
    found = money or [at for at, token in enumerate(tokens) if token.kind == "number" and _is_bare_price(tokens, at)]
    if len(found) > 1 and not money:
        found = [at for at in found if _each_after(tokens, at)] or found
    if len(found) > 1:
        raise Unread(f'two prices in "{_shown(tokens)}"')
    return found[0] if found else None


def _is_bare_price(tokens: Sequence[Token], at: int) -> bool:
    """A number without a currency that stands where only a price can."""
    before, after = _text(tokens, at - 1), _text(tokens, at + 1)
    if after == "@" or stem(after) in SIZES or (tokens[at].text[-1:].isalpha() and tokens[at].text[:1].isdigit()):
        return False
    if before in {"@", "=", "cost", "costs", "price"} or (
        at and tokens[at - 1].kind == "times" and at == len(tokens) - 1
    ):
        return True
    if _each_after(tokens, at):
        return True
    ends = at == len(tokens) - 1 or after in {"total", "altogether", "how", "what", "at", "from", "euros", "dollars"}
    cents = len(tokens[at].text.rpartition(".")[2]) == 2 and "." in tokens[at].text  # noqa: PLR2004
    return (before in {"at", "à", "for", "is", "was"} and ends and at > 1) or (cents and ends)


def _text(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _each_after(tokens: Sequence[Token], at: int) -> str:
    """What the price is for, if words after it say so: "each", or the word after "per", "/" or "a"."""
    after, unit = _text(tokens, at + 1), _text(tokens, at + 2)
    if after in _EACH or (after == "for" and unit in {"one", "each", "every"}) or (after == "per" and unit in EACH):
        return "each"
    if after in {"per", "/", "a", "an"} and unit and tokens[at + 2].kind == "word":
        if (
            after in _ARTICLES
            and stem(unit) not in EACH
            and len(tokens) > at + 3
            and stem(unit) not in CONTAINERS | MEASURES
        ):
            return ""
        return "each" if stem(unit) in EACH else stem(unit)
    return ""


def read_entry(tokens: Sequence[Token], minor: str) -> Entry:
    """`minor` is the currency that cents without a name belong to. Raises Unread for a number without a role."""
    tokens = _without_parentheses(tokens)
    dims = [token for token in tokens if token.kind == "dims"]
    if dims and not any(token.is_amount for token in tokens):
        return _product(dims, tokens)
    at = price_at(tokens)
    if at is None:
        raise Unread(f'no price for "{_shown(tokens)}"')
    unit = _each_after(tokens, at) or ("each" if any(token.text in _EACH for token in tokens) else "")
    quantity_at = _quantity_at(tokens, at, unit)
    price = tokens[at]
    currency = minor if price.currency == "minor" else price.currency
    name = _name(tokens, at, quantity_at)
    words = {stem(token.text) for token in tokens}
    if quantity_at is None:
        if unit and not (unit in _articled(tokens, at)):
            raise Unread(f'how many in "{_shown(tokens)}"')
        return Entry(name, "1", price.value, currency, is_fee=bool(FEES & words))
    quantity = _counted(tokens, quantity_at, at, unit)
    return Entry(name, quantity, price.value, currency, is_counted=True)


def _product(dims: Sequence[Token], tokens: Sequence[Token]) -> Entry:
    """ "2x3.50"."""
    factors = dims[0].text.replace("×", "x").split("x")
    if len(dims) > 1 or len(factors) != 2 or "," in dims[0].text:  # noqa: PLR2004
        raise Unread(f'"{_shown(tokens)}"')
    return Entry(_name(tokens, tokens.index(dims[0]), None), factors[0], factors[1], is_counted=True)


def _without_parentheses(tokens: Sequence[Token]) -> list[Token]:
    """Without what is in parentheses, where sizes stand, unless it is the price. Raises Unread for other numbers there."""
    opening = next((at for at, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return [token for token in tokens if token.text != ")"]
    closing = next((at for at in range(opening, len(tokens)) if tokens[at].text == ")"), len(tokens))
    inside = tokens[opening + 1 : closing]
    outside_has_price = any(token.kind == "money" for token in (*tokens[:opening], *tokens[closing:]))
    if not outside_has_price and any(token.kind == "money" or token.text in _EACH for token in inside):
        kept = list(inside)
    else:
        kept = []
        for at, token in enumerate(inside):
            sized = stem(_text(inside, at + 1)) in MEASURES | CONTAINERS | SIZES
            whole = {stem(each.text) for each in (*tokens[:opening], *tokens[closing:])}
            if token.is_amount and (not sized or stem(_text(inside, at + 1)) in whole & CONTAINERS):
                raise Unread(f'"{_shown(inside)}"')
    return _without_parentheses([*tokens[:opening], *kept, *tokens[closing + 1 :]])


def _quantity_at(tokens: Sequence[Token], price: int, unit: str) -> int | None:
    numbers = [
        at for at, token in enumerate(tokens) if token.kind in {"number", "times"} and token.value and at != price
    ]
    if unit == "each":
        numbers = [at for at in numbers if not (at == price + 2 and tokens[price + 1].text == "for")]
    if direct := [at for at in numbers if _is_direct(tokens, at)]:
        if len(direct) > 1:
            raise Unread(f'which number is the quantity in "{_shown(tokens)}"')
        chosen = direct[0]
    else:
        candidates = [at for at in numbers if not _is_name_or_size(tokens, at, unit)]
        first = [at for at in candidates[:1] if _begins(tokens, at)]
        candidates = first or [at for at in candidates if not _is_measure(tokens, at, unit)] or candidates
        if not candidates:
            return None
        chosen = candidates[0]
        sure = unit and stem(_text(tokens, chosen - 1)) not in NUMBERED and not _is_measure(tokens, chosen, unit)
        if not _begins(tokens, chosen) and not sure and Fraction(tokens[chosen].value) != 1:
            raise Unread(f'whether {tokens[chosen].text} is a quantity in "{_shown(tokens)}"')
    for at in numbers:
        known = at == chosen or _is_name_or_size(tokens, at, unit) or _is_measure(tokens, at, unit)
        if not known and not _is_digit_of_name(tokens, at, chosen):
            raise Unread(f'the {tokens[at].text} in "{_shown(tokens)}"')
    return chosen


def _is_measure(tokens: Sequence[Token], at: int, unit: str) -> bool:
    """A number of kilograms, feet and the like, unless the price is for one of them."""
    after = stem(_text(tokens, at + 1))
    return after in MEASURES and not (unit and _same_unit(unit, [after]))


def _is_direct(tokens: Sequence[Token], at: int) -> bool:
    """Whether the place of the number says that it is the quantity: "3 x", "qty 3", "3 @", "$2 @ 3", "200 units"."""
    before, after = _text(tokens, at - 1), _text(tokens, at + 1)
    if tokens[at].kind == "times" or before in {"qty", "quantity", "x"} or after in {"@", "units", "pcs", "pieces"}:
        return True
    return before in {"@", "times"} or (tokens[at - 1].kind == "times" and not tokens[at - 1].value if at else False)


def _begins(tokens: Sequence[Token], at: int) -> bool:
    """Whether only words come before that belong to no name: "we need", "for"; or the price itself."""
    before = tokens[:at]
    if any(token.kind == "money" for token in before):
        return all(
            token.text in _LEADING | _EACH | {"per", "/"}
            or token.kind == "money"
            or _text(tokens, n - 1) in {"per", "/", "a"}
            for n, token in enumerate(before)
        )
    return all(token.kind == "mark" or token.text in _LEADING for token in before)


def _is_name_or_size(tokens: Sequence[Token], at: int, unit: str) -> bool:
    before, after = stem(_text(tokens, at - 1)), stem(_text(tokens, at + 1))
    if before in NUMBERED:
        return True
    if after == "-" or (after in SIZES and after != unit):
        return True
    container = any(stem(token.text) in CONTAINERS for token in tokens[:at])
    if before == "of" and container and at > 1:
        return True
    return container and _is_measure(tokens, at, unit)


def _is_digit_of_name(tokens: Sequence[Token], at: int, quantity: int) -> bool:
    """A number that belongs to a name: "Fahrenheit 451", "555 timers" after the quantity, "hdmi 2.1 cables"."""
    number, after = tokens[at], _text(tokens, at + 1)
    if stem(after) in PEOPLE or number.kind == "times" or not number.text[:1].isdigit() or at < quantity:
        return False
    if Fraction(number.value).denominator != 1 or Fraction(number.value) >= 100 or after in _BEFORE_PRICE:  # noqa: PLR2004
        return stem(after) not in MEASURES
    return not is_plural(after) and stem(after) not in MEASURES and not is_plural(_text(tokens, at - 1))


def _articled(tokens: Sequence[Token], price: int) -> set[str]:
    """What there is one of: the nouns after "a", "an" or "one" before the price."""
    found = {stem(tokens[at + 1].text) for at in range(price - 1) if tokens[at].text in _ARTICLES}
    return found | ({"each"} if found else set())


def _counted(tokens: Sequence[Token], at: int, price: int, unit: str) -> str:
    """The quantity in the unit that the price is for."""
    number = tokens[at]
    quantity = Fraction(number.value)
    nouns = _nouns(tokens, at, price)
    dozens = bool(nouns) and nouns[0] in {"dozen", "doz", "dz"}
    if dozens and unit == "each":
        return decimal(quantity * 12)
    if quantity == 1 and unit in {"", "each"}:
        return "1"
    if not unit:
        return _marked(tokens, at, price, nouns, number)
    if unit != "each" and not _same_unit(unit, nouns):
        held = unit in MEASURES | CONTAINERS or (bool(nouns) and nouns[0] in MEASURES | CONTAINERS)
        if held or unit in PEOPLE or dozens:
            raise Unread(f'the price per {unit} in "{_shown(tokens)}"')
    return number.value


def _marked(tokens: Sequence[Token], at: int, price: int, nouns: Sequence[str], number: Token) -> str:
    """The quantity where no word says that the price is for one: "2 hats at $8.25" does, "2 hats $8.25" does not."""
    before = _text(tokens, price - 1)
    direct = _is_direct(tokens, at)
    marked = before in {"@", "at", "à"} or _text(tokens, price + 1) == "@" or (direct and price in {at + 1, at - 2})
    after = tokens[price + 1] if price + 1 < len(tokens) else None
    marked = marked or (
        price == at + 1 and after is not None and after.kind == "word" and after.text not in _BEFORE_PRICE
    )
    measured = bool(nouns) and nouns[0] in MEASURES - {"count", "ct", "pk", "night", "month", "hour"} | {
        "dozen",
        "doz",
        "dz",
    }
    if not marked and not (before in {"price", "priced"}) or (measured and not direct and before != "@"):
        raise Unread(f'whether the price in "{_shown(tokens)}" is for one or for all')
    return number.value


def _same_unit(unit: str, nouns: Sequence[str]) -> bool:
    aliases = {
        "lb": "pound",
        "lbs": "pound",
        "doz": "dozen",
        "dz": "dozen",
        "kilo": "kg",
        "kilogram": "kg",
        "litre": "l",
    }
    aliases |= {"liter": "l", "yd": "yard", "gal": "gallon", "foot": "ft", "feet": "ft", "oz": "ounce", "hr": "hour"}
    aliases |= {"metre": "m", "meter": "m", "qt": "quart", "pt": "pint", "g": "gram", "packet": "pack", "pk": "pack"}
    return aliases.get(unit, unit) in {aliases.get(noun, noun) for noun in nouns}


def _nouns(tokens: Sequence[Token], at: int, price: int) -> list[str]:
    """The words after the quantity up to the next number or the price."""
    found = []
    for n in range(at + 1, len(tokens)):
        if n == price or tokens[n].is_amount:
            break
        if tokens[n].kind == "word":
            found.append(stem(tokens[n].text))
    return found


def _name(tokens: Sequence[Token], price: int, quantity: int | None) -> str:
    """The words that name the item: from the quantity to the price, else before the price, else after it."""
    after = price + 1
    if _text(tokens, after) in {"per", "/", "a", "an", "for"}:
        after += 2
    begin = 0 if quantity is None or quantity > price else quantity + 1
    before, behind = tokens[begin:price], tokens[after:]
    if quantity is not None and quantity > price:
        before = tokens[quantity + 1 :]
    elif quantity is not None and quantity + 1 == price:
        before = tokens[:quantity]
    return _words(before) or _words(tokens[: quantity or 0]) or _words(behind)


def _words(tokens: Sequence[Token]) -> str:
    words = [token.written for token in tokens if token.kind in {"word", "code", "dims", "number", "measure"}]
    skip = _LEADING | _BEFORE_PRICE | _EACH | {"qty", "quantity", "per", "of"}
    while words and words[0].lower() in skip:
        words.pop(0)
    for at, word in enumerate(words):
        if at and word.lower() in _ENDS_NAME:
            words = words[:at]
            break
    while words and words[-1].lower() in skip:
        words.pop()
    return " ".join(words)[:80]


def _shown(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)[:80]
