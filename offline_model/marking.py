"""The amounts of a text -> one character each, so that what stands round them can be matched by patterns.

Characters of three ranges of Unicode's private use area stand for money (M), numbers (N) and percentages (P). What is
a number but no part of the arithmetic (dates, phone and order numbers, ages, sizes) is left out or stays as it is.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction

from offline_model.numbers import SPOKEN, decimal, figures, spoken
from offline_model.problem import Unread

M, N, P, ANY = "[\ue000-\ue3ff]", "[\ue400-\ue7ff]", "[\ue800-\uebff]", "[\ue000-\uebff]"
_FIRST = {"money": 0xE000, "number": 0xE400, "percent": 0xE800}
_MOST, _MOST_DIGITS = 250, 30

_CODES = (
    "USD|EUR|GBP|JPY|CNY|RMB|INR|CAD|AUD|NZD|CHF|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ILS|MXN|BRL|ARS|CLP|COP|JMD|ZAR|NGN|KES"
    "|EGP|AED|PKR|SGD|HKD|TWD|KRW|THB|MYR|IDR|PHP"
)
CURRENCY = rf"(?:(?-i:[A-Z]{{1,3}}))?\$|KSh|TSh|USh|[£€¥₹₩₽₺₪฿₱₫₴₦₵]|Rs\.?|{_CODES}"
"""A pattern for what may stand before an amount."""
_STORES = r"five\ below|seven\ eleven|motel\ 6|super\ 8|pier\ 1|mitre\ 10|forever\ 21|84\ lumber|99\ ranch|studio\ 54"
RAND = r"(?:(?<=at )R(?=\d)|(?<=@ )R(?=\d)|(?<!\d )R(?=\d\d|\d[.,]\d)|N(?=\d{1,3},\d{3}))"
_RAND = f"(?-i:{RAND})".replace(" ", "\\ ")
NAMES = (
    r"dollars?|bucks?|euros?|quid|cents?|pence|yen|rupees?|rs\b\.?|francs?|kr|kron\w\w?|z[lł]oty?s?|zł|pesos?|won"
    r"|naira|rand|ringgit|baht|dirhams?|shillings?|yuan|forint|lira"
)
"""A pattern for what may stand after an amount."""
_SYMBOLS = {
    **dict.fromkeys(("dollar", "dollars", "buck", "bucks", "usd", "us$"), "$"),
    **dict.fromkeys(("euro", "euros", "eur"), "€"),
    **dict.fromkeys(("gbp", "quid", "pence", "p"), "£"),
    **dict.fromkeys(("yen", "jpy"), "¥"),
    **dict.fromkeys(("rupee", "rupees", "inr", "rs", "rs."), "₹"),
    **dict.fromkeys(("cent", "cents", "¢", "c"), "minor"),
}
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|ust|(?:em|o)?ber)?\.?(?![a-z])"
_DAY, _YEAR, _ENDS = r"\d{1,2}(?:st|nd|rd|th)?", r",?\ (?:19|20)\d\d\b", r"(?=\ *(?:[,.;:)](?:\s|$)|\n|-\ |$))"
_NUMBER = r"\d+(?:[.,]\d+)*|\.\d+"
_NUMBERED = r"inv|invoice|order|receipt|acct|account|ref|po|customer|member|ticket|table|card|phone"
_AMOUNT = re.compile(
    rf"""(?P<aside>
    (?<!\w)['’]\d\d\b | \b0\d/\d\d\b(?!/) | (?<=[a-z]\ )[0-3]?\d/[0-3]?\d(?=\n|:|\.?\s(?-i:[A-Z]))
  | \b[12]\d/0\d\b(?!/)
  | https?://\S{{1,300}} | \b[\w.+-]{{1,64}}@[\w-]{{1,64}}\.\w+ | \(\d{{3}}\)\ ?\d{{3}}-\d{{4}}\b | \b\d{{3}}-\d{{4}}\b
  | (?<![\d$£€.])\d{{3}}[-.]\d{{3}}[-.]\d{{4}}\b | \+\d{{1,3}}(?:[ -]\d{{2,4}}){{2,4}}\b
  | \b\d{{4}}-\d\d-\d\d\b | \b\d{{1,2}}[/.]\d{{1,2}}[/.](?:19|20)?\d\d\b | \b(?:on|dated?)\ \d{{1,2}}/\d{{1,2}}\b
  | \b\d\d\.\d\d\.(?=\s*\n)
  | \b(?-i:INV|INVOICE|Invoice|PO|Order|Quote|DOCKET|Docket)\ (?:no\.?\ ?)?\d{{2,}}(?=\ (?-i:[A-Z]))
  | (?<=\n-\ ){_DAY}\ {_MONTH}(?=[,:]) | (?<=\n){_DAY}\ {_MONTH}(?=\ )
  | (?<=\(){_DAY}\ {_MONTH}(?=\)) | \b(?:on|dated|by)\ {_DAY}\ {_MONTH}(?:{_YEAR})?
  | \b{_MONTH}\ {_DAY}{_YEAR} | \b{_DAY}(?:\ of)?\ {_MONTH}{_YEAR}
  | \bon\ {_MONTH}\ {_DAY}\b | \b{_MONTH}\ \d{{1,2}}(?:st|nd|rd|th|{_ENDS}) | \b{_MONTH}\ (?:19|20)\d\d\b
  | \b(?:in|since|year|spring|summer|autumn|fall|winter|christmas)\ (?:19|20)\d\d\b | \b24/7\b
  | \b\d{{1,2}}:\d\d(?::\d\d)?(?:\ ?[ap]\.?m\b\.?)? | \b\d{{1,2}}\ ?(?:[ap]m\b|[ap]\.m\.|o'clock\b)
  | \b\w+[ -]years?[ -]olds?\b | \b(?:aged?|who\ is|turn(?:s|ed|ing)?)\ \d{{1,3}}\b | \bextn?\.?\ ?\d+\b
  | (?:\b(?:{_NUMBERED})\b[ .:]*)?\#\ ?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:{_NUMBERED})\ (?:no\.?|number|nr\.?|id)\ ?:?\ ?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:po|inv|ref|cost\ cent(?:er|re)|dept|project|job|quote|account)\ ?(?:no\.?|code|\#)?:?\ \d{{3,}}{_ENDS}
  | \b\w+day\ at\ \d{{1,2}}{_ENDS} | \b(?:flat|unit|apt|house|room)\ (?:no\.?|number)\ ?\d+
  | \b(?:inv|invoice|acct|ref|receipt|sku|flight|route|highway|aisle|row|till|kw|wk|rec|apt|zip|page|exit|gate|room
    |suite)\.?\ [a-z]{{0,3}}-?\d[\w-]*(?!:){_ENDS}
  | \b(?:tel|phone|fax|mobile|cell|call)\b[ .:]{{0,3}}(?:us\ on\ |at\ )?[+(]?\d[\d ()-]{{5,20}}\d
  | \b\d{{1,5}}\ (?-i:(?:[A-Z][A-Za-z]+\ ){{1,3}})(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|blvd|way|court)\b\.?
  | \b(?:[a-z]+\ )?0\d{{2,}}\b(?![.,/:]\d) | \b\d{{1,2}}/\d{{1,2}}(?=\s+\d{{1,2}}:\d\d)
  | \b(?:i'?m|i\ am|(?:s?he)(?:'s|\ is))\ \d{{1,3}}\b(?:{_ENDS}|(?=\ (?:and|but|so|now)\b))
  | \b(?:family|party|group|team|crew|table|class|staff|office)\ of\ \w+\b(?!\ (?:adult|kid|senior)|[^.,;:\n]*\ each\b)
  | \bsizes?\ \d+(?:\.5)?\b(?:\ and\ \d+\b(?=:))?
  )
  | (?P<dims>\d+(?:[.,/]\d+)?(?:[x×]\d+(?:[.,]\d+)?)+(?!\w)|\b1\d/\d(?=\ [a-z])
    |\b\d+(?:[.,]\d+)?\ ?(?:in|ft|cm|mm|m)\ [x×]\ \d+(?:[.,]\d+)?\ ?(?:in|ft|cm|mm|m)\b)
  | (?P<prefixed>(?<!\w)(?:{CURRENCY}|{_RAND})\ ?(?:{_NUMBER})(?!\w))
  | (?P<percent>(?:{_NUMBER})\ ?(?:%|per\ ?cent\b))
  | (?P<suffixed>(?:{_NUMBER})\ ?(?:[£€¥₹¢$](?!\ ?\d)|(?:{_CODES}|{NAMES})\b|[pc](?![\w'-])))
  | (?P<fraction>\d+\ \d/\d\d?(?![\d/"”″])|(?<![\d/])\d/\d\d?(?![\d/"”″])|\d*[½¼¾])
  | (?P<number>(?:{_NUMBER})(?![.,]?\d|[\w"”″]|-[a-z0-9])
    | \d+(?:[.,]\d+)?(?=(?:kg|g|lbs?|oz|l|ml|ft|m|yds?|yards?|gal|dz|doz|pcs?|ea|x)\b))
  | (?P<code>[a-z]/\d[\d.]*\d|(?<!\w)\w*\d(?:[\w.+/'’-]*\w)?|(?<![\w-])(?:[^\W\d_]+-)+\d[\w.]*\w?|\d)
  | (?P<name>\b(?:{_STORES})\b
    | (?:(?<=\bat\ )|(?<=\bto\ )|(?<=\bfrom\ )|(?<=\bin\ )|(?<=\bthe\ ))(?-i:[A-Z][a-z]+\ [A-Z][a-z]+))
  | (?P<dozens>half\ a\ dozen\b|(?<!\d\ )(?<!dollars\ )(?<!euros\ )(?<!bucks\ )(?<!cents\ )an?(?=\ dozen\b))
  | (?P<spoken>(?<![\w-]){SPOKEN})(?P<unit>\ (?:%|percent|dollars?|bucks|euros?|quid|cents?|pence)\b)?
    (?P<minor>(?<=dollar)\ {SPOKEN}|(?<=dollars)\ {SPOKEN}|(?<=euro)\ {SPOKEN}|(?<=euros)\ {SPOKEN})?
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Amount:
    value: str
    written: str
    currency: str = ""
    """ "minor" for cents of whatever currency the text has."""


@dataclass
class Marks:
    """What the characters stand for."""

    amounts: dict[str, Amount] = field(default_factory=dict)

    def __getitem__(self, char: str) -> Amount:
        return self.amounts[char]

    def shown(self, text: str) -> str:
        """With the amounts as they are written."""
        return " ".join(re.sub(ANY, lambda match: self[match[0]].written, text).split())[:80]

    def is_price(self, char: str) -> bool:
        """Whether a number is written like an amount of money: "8.50"."""
        return bool(re.match(N, char) and re.search(r"\d[.,]\d\d$", self[char].written))

    def put(self, kind: str, value: Fraction | str | None, written: str, currency: str = "") -> str:
        if len(self.amounts) >= _MOST:
            raise Unread(f"more than {_MOST} numbers")
        if value is None:
            raise Unread(f'"{written[:40]}"')
        char = chr(_FIRST[kind] + len(self.amounts))
        self.amounts[char] = Amount(value if isinstance(value, str) else decimal(value), written.strip(), currency)
        return char

    def replace(self, match: re.Match[str]) -> str:
        kind, written = next(name for name, found in match.groupdict().items() if found), match[0]
        match kind:
            case "aside" | "code" | "dims" | "name":
                return " " if kind == "aside" else written
            case "dozens":
                return self.put("number", "6" if written[0] in "hH" else "1", written)
            case "fraction":
                return self.put("number", _fraction(written), written)
            case "spoken":
                return self.put_spoken(match["spoken"], (match["unit"] or "").strip().lower(), match["minor"] or "")
        digits = re.search(_NUMBER, written)
        assert digits is not None
        if len(digits[0]) > _MOST_DIGITS:
            raise Unread("a number of so many digits")
        if kind == "number" and figures(digits[0]) is None:
            return written
        name = (written[: digits.start()] + written[digits.end() :]).strip()
        return self.put_figures(digits[0], written, name if "fixed" in kind else "", kind)

    def put_figures(self, digits: str, written: str, name: str, kind: str) -> str:
        value = figures(digits)
        if kind in {"number", "percent"}:
            return self.put(kind, value, written)
        cents = value and (symbol_of(name) == "minor" or name.lower() in {"p", "pence"})
        return self.put("money", Fraction(value or 0) / 100 if cents else value, written, symbol_of(name))

    def put_spoken(self, words: str, unit: str, minor: str) -> str:
        """ "five", "five dollars", "one euro twenty", "ten percent"; the words after the number stay."""
        value, length = spoken(words.lower().split(" "))
        rest = " ".join(words.split(" ")[length:])
        if value is None:
            return f"{words} {unit}".strip()
        if rest or not unit:
            return " ".join(each for each in (self.put("number", value, words.removesuffix(rest)), rest, unit) if each)
        kind = "percent" if unit in {"%", "percent"} else "money"
        value += Fraction(spoken(minor.lower().split() or ["zero"])[0] or 0) / 100
        return self.put_figures(decimal(value), f"{words} {unit}{minor}", unit, kind)


def symbol_of(name: str) -> str:
    """ "dollars", "usd", "chf" as it is written before an amount: "$", "CHF "."""
    return _SYMBOLS.get(name.lower(), name.upper() + " " * (len(name) > 2))  # noqa: PLR2004


def mark(text: str) -> tuple[str, Marks]:
    """The text with its amounts replaced, and what stands for what. Raises Unread for a number of uncertain value."""
    marks = Marks()
    text = _AMOUNT.sub(marks.replace, re.sub(r"(?<=[\s(])([x×])(?=\d{1,3}(?![\w.,]*\w))", r"\1 ", text))
    amounts = marks.amounts.values()
    european = any(re.search(r",\d\d?(?!\d)", amount.written) and amount.currency for amount in amounts)
    english = not european and any(re.search(r"\.\d\d$", amount.written) and amount.currency for amount in amounts)
    for char, amount in marks.amounts.items():
        bare = re.sub(r"[^\d.,]", "", amount.written).strip(".,")
        grouped = re.fullmatch(r"\d{1,3},\d{3}", bare) and (european or (amount.currency == "€" and not english))
        if re.search(rf"{char}\s*(?:/|per |an? )\s*(?:gal|l\b|lit|kwh)|\bgal\w* @ ?{char}", text, re.IGNORECASE):
            continue  # "$3.299 per gallon"
        if grouped or (re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", bare) and "%" not in amount.written):
            raise Unread(f'"{amount.written}", which may be a decimal or thousands')
    return text, marks


def _fraction(text: str) -> Fraction:
    if text[-1] in "½¼¾":
        return Fraction(text[:-1] or 0) + Fraction({"½": "1/2", "¼": "1/4", "¾": "3/4"}[text[-1]])
    whole, _, part = text.rpartition(" ")
    top, bottom = part.split("/")
    if not int(bottom):
        raise Unread(f'"{text}"')
    return Fraction(whole or 0) + Fraction(int(top), int(bottom))
