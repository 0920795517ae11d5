"""Text of purchases -> tokens. What is a number but no part of the arithmetic (dates, phone numbers, ages) is left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from offline_model.numbers import decimal, figures, spoken
from offline_model.problem import Unread

MOST_CHARACTERS = 10_000
_MOST_TOKENS = 2_000
_MOST_DIGITS = 30

_SYMBOLS = r"(?:US|CA|AU|NZ|HK|C|A|R|S)?\$|[£€¥₹₩₽₺₪฿₱₫₴]|Rs\.?(?=\s?\d)"
_CODES = r"USD|EUR|GBP|JPY|CNY|INR|CAD|AUD|NZD|CHF|SEK|NOK|DKK|PLN|MXN|BRL|ZAR|SGD|HKD|KRW|CZK|HUF|TRY|ILS|THB"
_NAMES = {
    **dict.fromkeys("dollar dollars buck bucks usd us$".split(), "$"),
    **dict.fromkeys("euro euros eur".split(), "€"),
    **dict.fromkeys("gbp quid".split(), "£"),
    **dict.fromkeys("yen jpy".split(), "¥"),
    **dict.fromkeys("rupee rupees inr rs rs.".split(), "₹"),
    **dict.fromkeys("franc francs".split(), "CHF "),
    **dict.fromkeys("kr krona kronor kroner".split(), "kr "),
    **dict.fromkeys("zloty zlotys zł".split(), "PLN "),
    **dict.fromkeys("peso pesos".split(), "MXN "),
    **dict.fromkeys("krw won".split(), "₩"),
}
_MINOR = {**dict.fromkeys("cent cents ¢ c".split(), ""), **dict.fromkeys("pence penny p".split(), "£")}
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_ASIDES = re.compile(
    rf"""
    https?://\S{{1,300}} | \b[\w.+-]{{1,64}}@[\w-]{{1,64}}\.\w+
  | \(\d{{3}}\)[ ]?\d{{3}}-\d{{4}}\b | (?<![\d$£€.])\d{{3}}[-.]\d{{3}}[-.]\d{{4}}\b | \b\d{{3}}-\d{{4}}\b | \+\d{{1,3}}(?:[ -]\d{{2,4}}){{2,4}}\b
  | \b\d{{4}}-\d\d-\d\d\b | \b\d{{1,2}}[/.]\d{{1,2}}[/.](?:19|20)?\d\d\b | \b(?:on|dated?)[ ]\d{{1,2}}/\d{{1,2}}\b
  | \b{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ](?:19|20)\d\d\b | \b\d{{1,2}}(?:st|nd|rd|th)?(?:[ ]of)?[ ]{_MONTH}(?:,?[ ](?:19|20)\d\d\b)
  | \bon[ ]{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?\b | \b{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th|(?=[ ]*(?:[,.;:)](?:\s|$)|\n|$)))
  | \b{_MONTH}[ ](?:19|20)\d\d\b | \b(?:in|since|year|spring|summer|autumn|fall|winter|christmas)[ ](?:19|20)\d\d\b
  | \b\d{{1,2}}:\d\d(?::\d\d)?(?:[ ]?[ap]\.?m\b\.?)? | \b\d{{1,2}}[ ]?(?:[ap]m\b|[ap]\.m\.|o'clock\b) | \b24/7\b
  | \b\w+[ -]years?[ -]olds?\b | \b(?:aged?|turn(?:s|ed|ing)?)[ ]\d{{1,3}}\b
  | (?:\b(?:inv|invoice|order|receipt|acct|account|ref|po|customer|member|ticket|table)\b[ .:]*)?\#[ ]?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:order|receipt|acct|account|customer|member|ticket|card|phone|table|po|ref|invoice|inv)[ ](?:no\.?|number|nr\.?|id)[ ]?:?[ ]?[a-z]{{0,4}}-?\d[\w-]*
  | \b(?:inv|invoice|acct|ref|receipt|sku|flight|route|highway|aisle|row|apt|zip|page|exit|gate|room|suite)\.?[ ][a-z]{{0,3}}-?\d[\w-]*(?=[ ]*(?:[,.;:)\n]|-[ ]|$))
  | \b(?:tel|phone|fax|mobile|cell|call)\b[ .:]{{0,3}}(?:us[ ]on[ ]|at[ ])?[+(]?\d[\d ()-]{{5,20}}\d
  | \b(?:family|party|group|team|crew|table)[ ]of[ ]\w+ | \bsizes?[ ]\d+(?:\.5)?\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b\d{1,5}\s(?:[A-Z][a-z]+\s){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Blvd|Boulevard|Way|Court)\b\.?"
)
_NUMBER = r"\d+(?:[.,]\d+)*|\.\d+"
_TOKEN = re.compile(
    rf"""
    (?P<newline>\n)
  | (?P<dims>(?:\d+(?:[.,]\d+)?)(?:[x×X](?:\d+(?:[.,]\d+)?))+(?![\w]))
  | (?P<prefixed>(?<![\w])(?:{_SYMBOLS}|\b(?:{_CODES}))\s?(?:{_NUMBER})(?![\w]))
  | (?P<percent>(?:{_NUMBER})\s?(?:%|per\s?cent\b))
  | (?P<suffixed>(?:{_NUMBER})\s?(?:[£€¥₹¢]|\$|(?:{_CODES})\b|(?:dollars?|bucks?|euros?|quid|cents?|pence|yen|rupees?|francs?|kr|kron\w\w?|z[lł]oty?s?|zł|pesos?|won)\b|[pc](?![\w'])))
  | (?P<fraction>\d+\s\d/\d\d?(?![\d/"”″])|(?<![\d/])\d/\d\d?(?![\d/"”″])|\d*[½¼¾])
  | (?P<times>\d+\s?[x×X](?=\s)|(?<!\w)[xX×*](?=[ ]?\d))
  | (?P<number>(?:{_NUMBER})(?![\w"”″]|-[A-Za-z0-9]))
  | (?P<measure>\d+(?:[.,]\d+)?(?=(?:kg|g|lbs?|oz|l|ml|ft|m|yds?|yards?|gal|dz|doz|pcs?|ea)\b))
  | (?P<code>[a-z]/\d[\d.]*\d|\w*\d(?:[\w.+/'’-]*\w)?|(?:[^\W\d_]+-)+\d[\w.]*\w?)
  | (?P<word>[^\W\d_]+(?:['’.&-][^\W\d_]+)*'?\.?|_+)
  | (?P<mark>\*\*|--+|==+|[^\s])
    """,
    re.VERBOSE,
)
_TITLES = frozenset("mr mrs ms dr st no vs inc co approx ea lb lbs oz doz dz qty pc pcs pkg gal qt pt ft".split())
_BEFORE_NAMES = frozenset("at to from in the".split())
_ENDS_SENTENCE = frozenset("ea lb lbs oz doz dz pc pcs pkg gal qt pt ft inc co".split())


@dataclass(frozen=True)
class Token:
    """`kind` is number, money, percent, code, word, mark, times ("3 x") or newline; `text` is in lower case."""

    kind: str
    text: str
    start: int
    end: int
    value: str = ""
    currency: str = ""
    written: str = ""
    """As in the text, if it may be part of a name."""

    @property
    def is_amount(self) -> bool:
        return self.kind in {"number", "money", "percent"}


def without_asides(text: str) -> str:
    """Dates, times, phone and order numbers, ages and the like become spaces: every place stays what it is."""
    for pattern in (_ASIDES, _ADDRESS):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return text


def lex(text: str) -> list[Token]:
    """Raises Unread for a number whose value is uncertain and for a text that is too long."""
    tokens = [replace(token, written=text[token.start : token.end]) for token in _spoken(list(_scan(text)), text)]
    european = any(token.kind == "money" and re.search(r",\d\d?(?!\d)", token.text) for token in tokens)
    for token in tokens:
        if token.kind in {"money", "number"} and _is_ambiguous(token, european=european):
            raise Unread(f'"{token.text}", which may be a decimal or thousands')
    return tokens


def _is_ambiguous(token: Token, *, european: bool) -> bool:
    figures_only = re.sub(r"[^\d.,]", "", token.text).strip(".,")
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", figures_only):
        return True
    return bool(re.fullmatch(r"\d{1,3},\d{3}", figures_only)) and (european or token.currency == "€")


def _scan(text: str) -> Iterator[Token]:
    count = 0
    for match in _TOKEN.finditer(text):
        count += 1
        kind, written = str(match.lastgroup), match[0]
        if count > _MOST_TOKENS:
            raise Unread(f"a text of more than {_MOST_TOKENS} words")
        made = _token(kind, written, match.start(), match.end())
        if made.kind == "word" and written.endswith(".") and len(written) > 1:
            yield from _dotted(text, made)
        else:
            yield made


def _dotted(text: str, token: Token) -> Iterator[Token]:
    """The dot of an abbreviation belongs to it, any other ends a sentence."""
    word = token.text[:-1]
    following = text[token.end : token.end + 3].strip()
    if word in _TITLES and not (word in _ENDS_SENTENCE and (not following or following[0].isupper())):
        yield Token("word", word, token.start, token.end)
    else:
        yield Token("word", word, token.start, token.end - 1)
        yield Token("mark", ".", token.end - 1, token.end)


def _token(kind: str, written: str, start: int, end: int) -> Token:
    low = written.lower()
    if kind in {"newline", "code"}:
        return Token(kind, low, start, end)
    if kind == "dims":
        return Token("dims", low, start, end)
    if kind == "times":
        digits = re.match(r"\d+", low)
        return Token("times", low, start, end, digits[0] if digits else "")
    if kind in {"number", "percent", "measure"}:
        digits = re.match(_NUMBER, low)
        assert digits is not None
        value = _figures(digits[0])
        return Token("code" if value is None else "number" if kind == "measure" else kind, low, start, end, value or "")
    if kind == "fraction":
        return Token("number", low, start, end, decimal(_fraction(low)))
    if kind in {"prefixed", "suffixed"}:
        return _money(low, written, start, end)
    return Token("mark" if kind == "mark" else "word", low.replace("’", "'"), start, end)


def _figures(digits: str) -> str | None:
    if len(digits) > _MOST_DIGITS:
        raise Unread("a number of so many digits")
    return figures(digits)


def _fraction(text: str) -> Fraction:
    whole, _, part = text.rpartition(" ")
    if text[-1] in "½¼¾":
        return Fraction(text[:-1] or 0) + {"½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4)}[text[-1]]
    top, bottom = part.split("/")
    if int(bottom) == 0:
        raise Unread(f'"{text}"')
    return Fraction(whole or 0) + Fraction(int(top), int(bottom))


def _money(low: str, written: str, start: int, end: int) -> Token:
    digits = re.search(_NUMBER, low)
    assert digits is not None
    value = _figures(digits[0])
    if value is None:
        raise Unread(f'"{written}"')
    name = (low[: digits.start()] + low[digits.end() :]).strip()
    if name in _MINOR:
        return Token("money", low, start, end, decimal(Fraction(value) / 100), _MINOR[name] or "minor")
    symbol = _NAMES.get(name) or (name.upper() if len(name) < 3 else f"{name.upper()} ")
    return Token(
        "money",
        low,
        start,
        end,
        value,
        {"US$": "$", "RS": "₹", "RS.": "₹", "GBP ": "£", "EUR ": "€"}.get(symbol, symbol),
    )


def _is_capitalised(tokens: list[Token], text: str) -> bool:
    """Such as "Six Flags"."""
    return len(tokens) > 1 and all(token.kind == "word" and text[token.start : token.end].istitle() for token in tokens)


def _spoken(tokens: list[Token], text: str) -> Iterator[Token]:
    """Runs of words that are a number become one, "a dozen" too; "six dozen" keeps the dozen as its unit."""
    at = 0
    while at < len(tokens):
        if at and tokens[at - 1].text in _BEFORE_NAMES and _is_capitalised(tokens[at : at + 2], text):
            yield tokens[at]
            at += 1
            continue
        run: list[str] = []
        for token in tokens[at : at + 8]:
            if token.kind != "word":
                break
            run.append(token.text)
        value, length = spoken(run) if run else (None, 0)
        if run[:3] == ["half", "a", "dozen"]:
            yield Token("number", "half a dozen", tokens[at].start, tokens[at + 2].end, "6")
            at += 3
        elif run[:2] in (["a", "dozen"], ["one", "dozen"]):
            yield Token("number", "1", tokens[at].start, tokens[at].end, "1")
            at += 1
        elif value is not None:
            last = tokens[at + length - 1]
            name = decimal(value)
            after = tokens[at + length].text if at + length < len(tokens) else ""
            words = " ".join(run[:length])
            if after in _NAMES and after != "won":
                yield Token("money", words, tokens[at].start, tokens[at + length].end, name, _NAMES[after])
                length += 1
            elif after in _MINOR and len(after) > 1:
                yield _money(f"{name} {after}", words, tokens[at].start, tokens[at + length].end)
                length += 1
            elif after in {"percent", "%"}:
                yield Token("percent", words, tokens[at].start, tokens[at + length].end, name)
                length += 1
            else:
                yield Token("number", words, tokens[at].start, last.end, name)
            at += length
        else:
            yield tokens[at]
            at += 1
