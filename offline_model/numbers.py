"""Numbers as people write them, in figures and in words."""

import re
from collections.abc import Sequence
from fractions import Fraction

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: number for number, word in enumerate(_ONES)}
_SMALL |= {word: 20 + 10 * at for at, word in enumerate(_TENS)} | {"fourty": 40}
_SMALL |= {f"{tens}-{one}": _SMALL[tens] + _SMALL[one] for tens in _TENS for one in _ONES[1:10]}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_NAMES = "half halves third quarter fourth fifth sixth eighth tenth"
PARTS = dict(zip(_NAMES.split(), (2, 2, 3, 4, 4, 5, 6, 8, 10), strict=True))
PARTS |= {f"{name}s": parts for name, parts in PARTS.items() if name not in {"half", "halves"}}
_WORD = "|".join(sorted(_SMALL, key=len, reverse=True))
_SCALE = "|".join(_SCALES)
SPOKEN = rf"\b(?:an?\ (?:{_SCALE})|{_WORD})(?:\ (?:and\ )?(?:{_WORD}|{_SCALE}))*\b"
"""A pattern, in the verbose form, for words that may begin with a number."""

_GROUPED = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3})(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}")
_PLAIN = re.compile(r"\d*\.?\d+")


def decimal(value: Fraction) -> str:
    """The shortest text the tools take: a decimal, or a fraction if the decimal would not end."""
    bottom, places = value.denominator, 0
    while bottom % 2 == 0 or bottom % 5 == 0:
        factor = 10 if bottom % 10 == 0 else 2 if bottom % 2 == 0 else 5
        bottom, places = bottom // factor, places + 1
    if bottom != 1:
        return str(value)
    digits = str(int(abs(value) * 10**places)).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def figures(text: str) -> str | None:
    """ "1,250.50", "1.250,50" and "0,79" as the tools take them; None for what is no number, such as "1.2.3"."""
    if _PLAIN.fullmatch(text):
        tidy = text
    elif _GROUPED.fullmatch(text):
        tidy = text.replace(",", "")
    elif _EUROPEAN.fullmatch(text):
        tidy = text.replace(".", "").replace(",", ".")
    else:
        return None
    tidy = tidy.lstrip("0")
    return f"0{tidy}" if tidy[:1] in {"", "."} else tidy


def spoken(words: Sequence[str]) -> tuple[Fraction | None, int]:
    """The number that the words (in lower case) begin with, and how many of them are its own: "two hundred and six"."""
    if words[0] in {"a", "an"} and len(words) > 1 and words[1] in _SCALES:
        number, at = Fraction(1), 1
    elif words[0] in _SMALL:
        number, at = _below_hundred(words, 0)
    else:
        return None, 0
    total, smallest = Fraction(0), 10**12
    while at < len(words) and (words[at] in _SCALES and (_SCALES[words[at]] < smallest or (number >= 1 and not total))):
        smallest = _SCALES[words[at]]
        number, at = number * smallest, at + 1
        skipped = at + 1 if words[at : at + 1] == ["and"] else at
        if skipped < len(words) and words[skipped] in _SMALL:
            total += number
            number, at = _below_hundred(words, skipped)
    return total + number, at


def spoken_parts(words: Sequence[str]) -> tuple[Fraction | None, int]:
    """As `spoken`, and fractions: "three quarters", "two and a half"."""
    number, length = spoken(words)
    if number is None and words[0] in {"a", "an"} and words[1:2] and words[1] in PARTS:
        number, length = Fraction(1), 1
    if number is None:
        return None, 0
    parts = PARTS.get(words[length], 0) if length < len(words) else 0
    if parts and number < parts:
        return number / parts, length + 1
    rest = list(words[length : length + 3])
    if rest[:2] == ["and", "a"] and rest[2:] and rest[2] in PARTS:
        return number + Fraction(1, PARTS[rest[2]]), length + 3
    return number, length


def _below_hundred(words: Sequence[str], at: int) -> tuple[Fraction, int]:
    number = _SMALL[words[at]]
    at += 1
    if number >= 20 and number % 10 == 0 and at < len(words) and 0 < _SMALL.get(words[at], 0) < 10:  # noqa: PLR2004
        number, at = number + _SMALL[words[at]], at + 1
    return Fraction(number), at
