"""The amounts of a text -> one character each, so that what stands round them can be matched by patterns.

Characters of three ranges of Unicode's private use area stand for money (M), numbers (N) and percentages (P). What is a
number but no part of the arithmetic (dates, phone and order numbers, ages, sizes) is left out or stays as it is written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from offline_model.numbers import SPOKEN, decimal, figures, spoken
from offline_model.problem import Unread

M, N, P, ANY = "[\ue000-\ue3ff]", "[\ue400-\ue7ff]", "[\ue800-\uebff]", "[\ue000-\uebff]"
_FIRST = {"money": 0xE000, "number": 0xE400, "percent": 0xE800}
_MOST, _MOST_DIGITS = 1_000, 30

_CODES = "USD|EUR|GBP|JPY|CNY|INR|CAD|AUD|NZD|CHF|SEK|NOK|DKK|PLN|MXN|BRL|ZAR|SGD|HKD|KRW|CZK|HUF|TRY|ILS|THB"
_NAMES = r"dollars?|bucks?|euros?|quid|cents?|pence|yen|rupees?|francs?|kr|kron\w\w?|z[lł]oty?s?|zł|pesos?|won"
_SYMBOLS = {
    **dict.fromkeys("dollar dollars buck bucks usd us$".split(), "$"),
    **dict.fromkeys("euro euros eur".split(), "€"),
    **dict.fromkeys("gbp quid pence penny p".split(), "£"),
    **dict.fromkeys("yen jpy".split(), "¥"),
    **dict.fromkeys("rupee rupees inr rs rs.".split(), "₹"),
    **dict.fromkeys("franc francs".split(), "CHF "),
    **dict.fromkeys("cent cents ¢ c".split(), "minor"),
}
_CENTS = frozenset("cent cents ¢ c pence penny p".split())
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_ENDS = r"(?=\ *(?:[,.;:)](?:\s|$)|\n|-\ |$))"
_NUMBER = r"\d+(?:[.,]\d+)*|\.\d+"
_AMOUNT = re.compile(
    rf"""(?P<aside>
    https?://\S{{1,300}} | \b[\w.+-]{{1,64}}@[\w-]{{1,64}}\.\w+
  | \(\d{{3}}\)\ ?\d{{3}}-\d{{4}}\b | (?<![\d$£€.])\d{{3}}[-.]\d{{3}}[-.]\d{{4}}\b | \b\d{{3}}-\d{{4}}\b | \+\d{{1,3}}(?:[ -]\d{{2,4}}){{2,4}}\b
  | \b\d{{4}}-\d\d-\d\d\b | \b\d{{1,2}}[/.]\d{{1,2}}[/.](?:19|20)?\d\d\b | \b(?:on|dated?)\ \d{{1,2}}/\d{{1,2}}\b | \b(?:on|dated|by)\ \d{{1,2}}(?:st|nd|rd|th)?\ {_MONTH}(?!\w)
  | \b{_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?,?\ (?:19|20)\d\d\b | \b\d{{1,2}}(?:st|nd|rd|th)?(?:\ of)?\ {_MONTH},?\ (?:19|20)\d\d\b
  | \bon\ {_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?\b | \b{_MONTH}\ \d{{1,2}}(?:st|nd|rd|th|{_ENDS})
  | \b{_MONTH}\ (?:19|20)\d\d\b | \b(?:in|since|year|spring|summer|autumn|fall|winter|christmas)\ (?:19|20)\d\d\b
  | \b\d{{1,2}}:\d\d(?::\d\d)?(?:\ ?[ap]\.?m\b\.?)? | \b\d{{1,2}}\ ?(?:[ap]m\b|[ap]\.m\.|o'clock\b) | \b24/7\b
  | \b\w+[ -]years?[ -]olds?\b | \b(?:aged?|turn(?:s|ed|ing)?)\ \d{{1,3}}\b
  | (?:\b(?:inv|invoice|order|receipt|acct|account|ref|po|customer|member|ticket|table)\b[ .:]*)?\#\ ?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:order|receipt|acct|account|customer|member|ticket|card|phone|table|po|ref|invoice|inv)\ (?:no\.?|number|nr\.?|id)\ ?:?\ ?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:po|inv|ref|cost\ cent(?:er|re)|dept|project|job|quote|account)\ ?(?:no\.?|code|\#)?:?\ \d{{3,}}\b
  | \b(?:inv|invoice|acct|ref|receipt|sku|flight|route|highway|aisle|row|apt|zip|page|exit|gate|room|suite)\.?\ [a-z]{{0,3}}-?\d[\w-]*{_ENDS}
  | \bext\.?\ ?\d+\b
  | \b(?:tel|phone|fax|mobile|cell|call)\b[ .:]{{0,3}}(?:us\ on\ |at\ )?[+(]?\d[\d ()-]{{5,20}}\d
  | \b\d{{1,5}}\ (?-i:(?:[A-Z][a-z]+\ ){{1,3}}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Blvd|Boulevard|Way|Court)\b\.?)
  | \b(?:family|party|group|team|crew|table)\ of\ \w+ | \bsizes?\ \d+(?:\.5)?\b
  )
  | (?P<dims>\d+(?:[.,]\d+)?(?:[x×]\d+(?:[.,]\d+)?)+(?!\w))
  | (?P<prefixed>(?<!\w)(?:(?:US|CA|AU|NZ|HK|C|A|R|S)?\$|[£€¥₹₩₽₺₪฿₱₫₴]|Rs\.?|{_CODES})\ ?(?:{_NUMBER})(?!\w))
  | (?P<percent>(?:{_NUMBER})\ ?(?:%|per\ ?cent\b))
  | (?P<suffixed>(?:{_NUMBER})\ ?(?:[£€¥₹¢$]|(?:{_CODES}|{_NAMES})\b|[pc](?![\w'])))
  | (?P<fraction>\d+\ \d/\d\d?(?![\d/"”″])|(?<![\d/])\d/\d\d?(?![\d/"”″])|\d*[½¼¾])
  | (?P<number>(?:{_NUMBER})(?![\w"”″]|-[a-z0-9]) | \d+(?:[.,]\d+)?(?=(?:kg|g|lbs?|oz|l|ml|ft|m|yds?|yards?|gal|dz|doz|pcs?|ea|x)\b))
  | (?P<code>[a-z]/\d[\d.]*\d|\w*\d(?:[\w.+/'’-]*\w)?|(?:[^\W\d_]+-)+\d[\w.]*\w?)
  | (?P<name>(?:(?<=\bat\ )|(?<=\bto\ )|(?<=\bfrom\ )|(?<=\bin\ )|(?<=\bthe\ ))(?-i:[A-Z][a-z]+\ [A-Z][a-z]+))
  | (?P<dozens>half\ a\ dozen\b|an?\ (?=dozen\b))
  | (?P<spoken>(?<![\w-]){SPOKEN})
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Amount:
    value: str
    written: str
    currency: str = ""
    """ "minor" for cents of whatever currency the text has."""


def mark(text: str) -> tuple[str, dict[str, Amount]]:
    """The text with its amounts replaced, and what stands for what. Raises Unread for a number of uncertain value."""
    marks: dict[str, Amount] = {}

    def put(kind: str, value: Fraction | str | None, match: re.Match[str], currency: str = "", rest: str = "") -> str:
        if value is None or len(marks) >= _MOST:
            raise Unread(f'"{match[0][:40]}"')
        char = chr(_FIRST[kind] + len(marks))
        marks[char] = Amount(
            value if isinstance(value, str) else decimal(value), match[0].removesuffix(rest).strip(), currency
        )
        return char + rest

    def replaced(match: re.Match[str]) -> str:
        kind, written = str(match.lastgroup), match[0]
        if kind in {"aside", "code", "dims", "name"}:
            return " " if kind == "aside" else written
        if kind == "dozens":
            return put("number", Fraction(6 if written[0] in "hH" else 1), match) + ("" if written[0] in "hH" else " ")
        if kind == "spoken":
            value, length = spoken(re.split(r"[ ]", written.lower()))
            words = re.split(r"( )", written)
            return put("number", value, match, rest="".join(words[2 * length - 1 :])) if value is not None else written
        if kind == "fraction":
            return put("number", _fraction(written), match)
        digits = re.search(_NUMBER, written)
        assert digits is not None
        if len(digits[0]) > _MOST_DIGITS:
            raise Unread("a number of so many digits")
        value = figures(digits[0])
        if kind in {"number", "percent"}:
            return written if value is None and kind == "number" else put(kind, value, match)
        name = (written[: digits.start()] + written[digits.end() :]).strip()
        symbol = _SYMBOLS.get(name.lower(), name.upper() + " " * (len(name) > 2))  # noqa: PLR2004
        in_cents = Fraction(value or 0) / 100
        return put("money", in_cents if name.lower() in _CENTS and value else value, match, symbol)

    text = _AMOUNT.sub(replaced, text)
    text = re.sub(
        rf"({N}) (%|percent\b|dollars?\b|bucks\b|euros?\b|quid\b|cents\b|pence\b)",
        lambda match: _renamed(marks, match),
        text,
    )
    european = any(re.search(r",\d\d?(?!\d)", amount.written) and amount.currency for amount in marks.values())
    for amount in marks.values():
        bare = re.sub(r"[^\d.,]", "", amount.written).strip(".,")
        grouped = re.fullmatch(r"\d{1,3},\d{3}", bare) and (european or amount.currency == "€")
        if grouped or re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", bare):
            raise Unread(f'"{amount.written}", which may be a decimal or thousands')
    return text, marks


def shown(text: str, marks: Mapping[str, Amount]) -> str:
    """With the amounts as they are written."""
    return " ".join(re.sub(ANY, lambda match: marks[match[0]].written, text).split())[:80]


def _renamed(marks: dict[str, Amount], match: re.Match[str]) -> str:
    """ "five dollars", "ten percent"."""
    old, name = marks[match[1]], match[2].lower()
    kind = "percent" if name in {"%", "percent"} else "money"
    value = decimal(Fraction(old.value) / 100) if name in _CENTS else old.value
    char = chr(_FIRST[kind] + len(marks))
    marks[char] = Amount(value, f"{old.written} {name}", _SYMBOLS.get(name, ""))
    return char


def _fraction(text: str) -> Fraction:
    if text[-1] in "½¼¾":
        return Fraction(text[:-1] or 0) + Fraction({"½": "1/2", "¼": "1/4", "¾": "3/4"}[text[-1]])
    whole, _, part = text.rpartition(" ")
    top, bottom = part.split("/")
    if not int(bottom):
        raise Unread(f'"{text}"')
    return Fraction(whole or 0) + Fraction(int(top), int(bottom))
