"""Texts of purchases as people write them -> with the marks that are read: abbreviations, arrows, notes, lists."""

import re
from collections.abc import Iterable

from offline_model import words as w
from offline_model.numbers import spoken

SYMBOLS = {"e": "€", "d": "$", "u": "$", "p": "£", "s": "£", "g": "£", "r": "₹", "y": "¥"}
"""By the first letter of the currency's name or code."""
NET = "on everything, net"
"""Stands for "after the discount": also of what is taken off."""
_PARTS = "|".join(sorted(w.PARTS))
_ALL = r"piece|kilo|kg|litre|liter|bottle|dozen|unit|box|bag|metre|meter|pound|pair|pack|jar"
_NOTE = re.compile(r"(?i)\b(five|ten|twenty|fifty|\d{1,3})[ -](dollar|pound|euro)s?[ -](?=(?:bill|note)s?\b)")


def _compiled(replacements: Iterable[tuple[str, str]]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern, re.IGNORECASE | re.MULTILINE), by) for pattern, by in replacements]


_DISCOUNTED = r"\(?\b(?:after|on) (?:the )?(?:coupon|discount\w*|voucher|rebate)(?: (?:amount|price|total))?\b\)?"
_FIRST = _compiled(
    (
        (r"^(?:subject|re|fwd?):(?!.*[$£€]).*$", ""),
        (r"(?<![\w*])\*{1,2}([a-z][^*\n]*[a-z:])\*{1,2}(?=\s\S)", r"\1"),
        (r"[\s,(]+(?:that['’]?s |the |price |cost |total )*for all (?:two|three|four|five|six)\b\)?", " altogether"),
        (r"\A\W*(?:ok(?:ay)? )?(?:so|well|right)\b[ ,]*", ""),
        (rf"(?<=\d%)([^.?\n%]*?){_DISCOUNTED}", rf"\1 {NET}"),
        (r"\bppl\b", "people"),
        (r"\bbtwn\b", "between"),
        (r"(?<=[a-z] )4(?= (?:my|the|me|us|him|her|this|a)\b)", "for"),
        (r"(?:^|(?<=[.;]\s))([a-z][\w ]{0,20}?) = (?=[a-z])", r"\1: "),
        (r"\b\d+(?:\.\d)?% (?=milk|fat|cotton|cocoa|cream)|(?<=milk )\d+%", ""),
    )
)
_THEN = _compiled(
    (
        (rf"^[ \t]*(?:{_PARTS})\s*:[ \t]*([^|;,:\n\d]+)$", r"\1:"),
        (r"[ \t]*(?:->|=>|→)[ \t]*", ": "),
        (r"\.{4,}", " "),
        (rf"(?<=[€$£\d]) the (?=(?:{_ALL})\b)", " per "),  # "3,25 € the piece"
        (r"^[ \t]*([^\W\d_][^;:,\d\n$£€]{1,30});[ \t]*(?=\d+ )", r"\1: "),  # "March; 6 water butts; £42.00 each"
        (r"(?<=% off) (?:at|in) the (?:[\w-]+ )?(?:sale|event)\b", ""),
        (r"^[ \t]*\(?\d{1,2}[.)][ \t]+|(?<=[.;:!?] )\(?\d{1,2}[.)] (?=(?-i:[A-Z]))", "\n- "),
        (r"(?<=[\w.] )(?<!['’]s )(?<!is )\(?\d{1,2}\) (?=[^\W\d_][^:,;]{1,40}: )", "\n- "),
        (r"(?<=[\w|])\s+((?:grand |in )?total|sum|(?:al)?together|combined|in all)( please| pls)?\s*\?", r". \1?"),
    )
)


def plain(text: str) -> str:
    """Without abbreviations and the like."""
    text = _NOTE.sub(lambda note: f"{SYMBOLS[note[2][0].lower()]}{spoken([note[1].lower()])[0] or note[1]} ", text)
    return _replaced(text, _FIRST)


def tidy(text: str) -> str:
    """With arrows, dots, numbers of lists and the like as the marks they stand for."""
    return _replaced(text, _THEN)


def _replaced(text: str, replacements: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, by in replacements:
        text = pattern.sub(by, text)
    return text
