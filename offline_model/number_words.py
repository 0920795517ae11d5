"""Runs of words and figures that are one number: "two and a half", "one hundred and twenty", "3 dozen", "15 %"."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from offline_model.lexeme import Lexeme
from offline_model.lexicon import CENTS, CURRENCIES, CURRENCY_WORDS, MAGNITUDES, PARTS

_PERCENT = frozenset({"%", "percent"})
_MORE_NUMBER = frozenset({"x", "plus", "minus", "times", "divided", "and", "multiplied", "to"})
_TENS = range(20, 100, 10)
_UNITS = range(1, 10)


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


def joined(lexemes: Sequence[Lexeme]) -> list[Lexeme]:
    """Each run as one NUMBER, DOZEN, FRACTION ("three quarters"), PERCENT or MONEY; all others as they are."""
    return list(_runs(lexemes))


def _runs(lexemes: Sequence[Lexeme]) -> Iterator[Lexeme]:
    at = 0
    while at < len(lexemes):
        run = _Run(lexemes, at)
        kind, text = run.measure()
        if kind:
            yield Lexeme(kind, text, lexemes[at].start, lexemes[run.at - 1].end, lexemes[at].spoken)
        else:
            yield lexemes[at]
        at = max(run.at, at + 1)


class _Run:
    """Reads one number from a place in the lexemes; `at` is the place after what was read."""

    def __init__(self, lexemes: Sequence[Lexeme], at: int) -> None:
        self.lexemes = lexemes
        self.at = at

    def word(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.lexemes[at].text.lower() if at < len(self.lexemes) else ""

    def number(self, ahead: int = 0, *, spoken: bool = False) -> str:
        at = self.at + ahead
        if at < len(self.lexemes) and self.lexemes[at].kind == "NUMBER" and (self.lexemes[at].spoken or not spoken):
            return self.lexemes[at].text
        return ""

    def small(self, ahead: int = 0) -> int:
        return int(self.number(ahead, spoken=True) or 0)

    def measure(self) -> tuple[str, str]:
        """The kind and the canonical text of the number that begins here, or two empty texts."""
        symbol = self.word() if self.word() in CURRENCIES and self.number(1) else ""
        self.at += bool(symbol)
        kind, text = self.value()
        if not kind:
            return "", ""
        after = self.word()
        if not symbol and kind != "FRACTION" and after in {*_PERCENT, *CURRENCY_WORDS, *CENTS}:
            self.at += 1
            if after in _PERCENT:
                return "PERCENT", text
            if after in CENTS:
                return "MONEY", CENTS[after] + decimal(Fraction(text) / 100)
            symbol = CURRENCY_WORDS[after]
        return ("MONEY", symbol + text) if symbol else (kind, text)

    def value(self) -> tuple[str, str]:  # noqa: PLR0911
        if part := self.part():
            return "FRACTION", part
        if self.word() in {"a", "half"} and self.word(1) in {"dozen", "a", *MAGNITUDES}:
            return self.with_article()
        text = self.number()
        if not text:
            return "", ""
        glued = self.fraction_with("/", text)
        if glued and self.word(3).isalpha() and self.word(3) not in _MORE_NUMBER:
            self.at += 3
            return "FRACTION", glued
        spoken = self.lexemes[self.at].spoken
        self.at += 1
        if self.word() == "dozen":
            self.at += 1
            return "DOZEN", decimal(Fraction(text) * 12)
        value = self.with_unit(int(text)) if spoken else Fraction(text)
        if self.word() in MAGNITUDES:
            return "NUMBER", decimal(self.magnitudes(value))
        if added := self.added():
            return "NUMBER", decimal(value + added)
        return "NUMBER", decimal(value) if spoken else text

    def with_article(self) -> tuple[str, str]:
        """Such as "a dozen", "half a dozen", "a hundred"."""
        if self.word() == "half":
            if self.word(1) == "a" and self.word(2) == "dozen":
                self.at += 3
                return "DOZEN", "6"
            return "", ""
        if self.word(1) == "dozen":
            self.at += 2
            return "DOZEN", "12"
        if self.word(1) in MAGNITUDES:
            self.at += 1
            return "NUMBER", decimal(self.magnitudes(Fraction(1)))
        return "", ""

    def part(self) -> str:
        """Such as "half", "a third", "two thirds"."""
        if self.word() == "half" and self.word(1) not in {"a", "an"}:
            self.at += 1
            return "0.5"
        top = 1 if self.word() == "a" else self.small()
        parts = PARTS.get(self.word(1), 0)
        if not top or not parts or top >= parts:
            return ""
        self.at += 2
        return decimal(Fraction(top, parts))

    def fraction_with(self, slash: str, top: str) -> str:
        """The fraction of whole numbers "3/4", written without spaces, from here."""
        bottom = self.number(2)
        run = self.lexemes[self.at : self.at + 3]
        glued = len(run) == 3 and run[0].end == run[1].start and run[1].end == run[2].start  # noqa: PLR2004
        if self.word(1) == slash and glued and top.isdecimal() and bottom.isdecimal() and int(bottom[:9]):
            return decimal(Fraction(int(top), int(bottom))) if len(top + bottom) < 9 else ""  # noqa: PLR2004
        return ""

    def added(self) -> Fraction:
        """What "and a half" or a glued "1/2" adds to the whole number before it."""
        if self.word() == "and" and self.word(1) in {"a", "one"} and self.word(2) in {"half", "third", "quarter"}:
            self.at += 3
            return Fraction(1, PARTS[self.word(-1)])
        glued = Fraction(self.fraction_with("/", self.number()) or 0)
        if 0 < glued < 1:
            self.at += 3
            return glued
        return Fraction(0)

    def with_unit(self, value: int) -> Fraction:
        """Such as "twenty five"."""
        if value in _TENS and self.small() in _UNITS:
            value += self.small()
            self.at += 1
        return Fraction(value)

    def magnitudes(self, value: Fraction) -> Fraction:
        """Such as "two thousand three hundred and six": each magnitude is smaller than the one before."""
        total, last = Fraction(0), 10**12
        while MAGNITUDES.get(self.word(), last) < last or (self.word() == "thousand" and last == 100):  # noqa: PLR2004
            last = MAGNITUDES[self.word()]
            value *= last
            self.at += 1
            skipped = 1 if self.word() == "and" else 0
            following = self.small(skipped)
            if not following:
                return total + value
            self.at += skipped + 1
            total, value = total + value, self.with_unit(following)
        return total + value
