"""Texts of purchases as people write them -> with the marks that are read: abbreviations, arrows, notes, lists."""

import re
from difflib import get_close_matches

from offline_model import words as w
from offline_model.numbers import spoken
from offline_model.replacing import compiled, replaced

SYMBOLS = {"e": "€", "d": "$", "u": "$", "p": "£", "s": "£", "g": "£", "r": "₹", "y": "¥"}
"""By the first letter of the currency's name or code."""
NET = "on everything, net"
"""Stands for "after the discount": also of what is taken off."""
_PARTS = w.one_of(w.PARTS)
_ALL = r"piece|kilo|kg|litre|liter|bottle|dozen|unit|box|bag|metre|meter|pound|pair|pack|jar"
_COMMA_NAMES = re.compile(  # "Boots, 3 combs at £2 each; Lidl, 2 soaps at £1 each"
    r"(?:^|(?<=[.;:] ))((?!Hi\b|Hello|Hey|Then|Also|And|Plus|Next)[A-Z][\w'’&.-]*(?: (?:&|and|of|the"
    r"|[A-Z][\w'’&.-]*)){0,3}), "
    r"(?=(?:\d+|an?|two|three|four|five|six|seven|eight|nine|ten) [a-z])",
    re.MULTILINE,
)
_TIMES = re.compile(r"(?<![\w.,])\d{1,4}[x×]\d+[.,]\d{1,2}\s*(?:[,;/\n]|$)")
_ITEM = r"(?!(?:each|ea|apiece|per|at|for|from|to|is|was|off|and|plus|or|of|total|in)\b)[a-z]+"
_DIGIT = "one|two|three|four|five|six|seven|eight|nine"
_NOTE = re.compile(
    r"(?i)\b(five|ten|twenty|fifty|an? hundred|\d{1,3})[ -](dollar|pound|euro)s?[ -](?=(?:bill|note)s?\b)"
)


def _sum(money: re.Match[str]) -> str:
    """ "fifty dollars" as "$50"."""
    return f"{SYMBOLS[money[2][0].lower().replace('b', 'd').replace('q', 'p')]}{spoken(money[1].lower().split())[0]}"


def _lots(several: re.Match[str]) -> str:
    """ "6 caps at 3 for" as "2 lots of 3 caps at"."""
    count, each = int(several[1]), int(several[3])
    return several[0] if not each or count % each else f"{count // each} lots of {each} {several[2]}@ "


_DISCOUNTED = r"\(?\b(?:after|on) (?:the )?(?:coupon|discount\w*|voucher|rebate)(?: (?:amount|price|total))?\b\)?"
_FIRST = compiled(
    (
        (r"^(?:subject|re|fwd?):(?!.*[$£€]).*$", ""),
        (r"(?<![\w*])\*{1,2}([a-z][^*\n]*[a-z:])\*{1,2}(?=\s\S)", r"\1"),
        (r"[\s,(]+(?:that['’]?s |the |price |cost |total )*for all (?:two|three|four|five|six)\b\)?", " altogether"),
        (r"\A\W*(?:ok(?:ay)? )?(?:so|well|right)\b[ ,]*", ""),
        (rf"(?<=\d%)([^.?\n%]*?){_DISCOUNTED}", rf"\1 {NET}"),
        (r"\bppl\b", "people"),
        (r"\bb4\b", "before"),
        (r"\bw/ (?=[$£€\d])", "with "),
        (r"(?<=\d)['’](?=\d{3}\b)", ""),  # "CHF 1'500"
        (r"\bFr\. ?(?=\d)", "CHF "),
        (r"(?<=\d)\.[-–](?=\W)", ""),
        (r"\AQ: ", ""),
        (r"^[ \t]*[a-h][.)] (?=\S)", "- "),
        (r"(?<=\d )nos?\b\.?", "pcs"),
        (r"[ \t]*>>[ \t]*", " | "),
        (r"(?:^|(?<=[.;:]\s))([a-z][\w& ]{0,20}) = (?=\d+ [a-z])", r"\1: "),
        (r"(?:^|(?<=\s\s))((?-i:[A-Z]))\) (?=\d)", r"\n\1: "),
        (
            (
                rf"\b((?:{_DIGIT}|a) hundred|ten|fifteen|twenty|thirty|forty|fifty|sixty|eighty) (dollars|euros|bucks"
                rf"|quid)\b"
            ),
            _sum,
        ),
        (r"\b(?:1/2|half) off\b", "50% off"),
        (r"\b(?:1/4|a quarter) off\b", "25% off"),
        (r"(?<![\d.,])(\d{1,3}) (\d{3})(?= ?(?:€|zł|kr\b|k[čc]\b|ft\b|PLN|SEK|NOK|DKK|CZK|HUF))", r"\1\2"),
        (r"\bR(\d{1,3}) (\d{3})\b", r"R\1\2"),
        (r"\A[^\n\d:?$£€]{1,40} [-–—] [^\n\d:?$£€]{1,40}\n[ \t]*\n", ""),
        (r"\bone[- ](?:time|off)\b", "single"),
        (r"^[\[{]([^\]}\n\d]{2,30})[\]}][ \t]+", r"## \1\n- "),
        (r"\b(incl|excl)\.", r"\1"),
        (r"(?<!\w)[-−–](?=\d+ ?%)(\d+ ?%)", r"\1 off"),
        (r"(?<!and )\bhalf an? (?=(?:tonne?|kilo|kg|pound|lit(?:re|er)|lb|gallon|met(?:re|er)|yard|hour)\b)", "0.5 "),
        (r"\b(?:reduced|discounted|lowered|marked down) by (\d+ ?%)", r"\1 off"),
        (r"^([ \t]*\d+) ea[ \t]+([a-z].*\d)$", r"\1 \2 each"),
        (r"(?<![\d.,])(\d+) ?([€£])(?= (?:bill|note)s?\b)", r"\2\1"),
        (r"\b(\d+) ((?:[\w'-]+ ){1,4}?)(?:at |@ ?)(\d+) for (?=[$£€]\d)", _lots),
        (r"\b(?:w/? )?a (?:tenner|(fiver))\b", lambda note: f"with a {'five' if note[1] else 'ten'} note"),
        (r"\bbtwn\b", "between"),
        (r"(?<=[a-z] )4(?= (?:my|the|me|us|him|her|this|a)\b)", "for"),
        (rf"(?:^|(?<=[.,;]\s))([a-z][\w ]{{0,20}}?) = (?=[a-z])|\b((?:{_PARTS}) \d+) = ", r"\1\2: "),
        (
            (
                r"(?<=[\w)]),? (?:that['’]?s|(?:that|which|it)(?: \w+)? (?:is|makes|c[oa]mes? to|totals)|making)"
                r" (?=[$£€]\d[\d.,]*(?=[.;\n]))"
            ),
            " = ",
        ),
        (rf"(?<=\d[.,]\d\d) (?={_ITEM}(?: {_ITEM}){{0,2}} [£$€]?\d+[.,]\d\d(?!\d))", ", "),
        (rf"(, {_ITEM} \d+[.,]\d\d) (?={_ITEM}\W*$)", r"\1, "),
        (r"\b\d+(?:\.\d)?% (?=milk|fat|cotton|cocoa|cream)|(?<=milk )\d+%", ""),
    )
)
_THEN = compiled(
    (
        (rf"^[ \t]*(?:{_PARTS})\s*:[ \t]*([^|;,:\n\d]+)$", r"\1:"),
        (r"[ \t]*(?:->|=>|→)[ \t]*", ": "),
        (r"\.{4,}", " "),
        (
            (
                rf"(?:(?<=[€$£\d])|(?<=euro)) the (?=(?:{_ALL})\b)|\b(?:el|le|al|il|pro"
                r"|das) (?=(?:kilo|kg|litro)\b)"
            ),
            " per ",
        ),  # "3,25 € the piece"
        (r"^[ \t]*([^\W\d_][^;:,\d\n$£€]{1,30});[ \t]*(?=\d+ )", r"\1: "),  # "March; 6 water butts; £42.00 each"
        (r"(?<=% off) (?:at|in) the (?:[\w-]+ )?(?:sale|event)\b", ""),
        (r"^[ \t]*\(?\d{1,2}[.)][ \t]+|(?<=[.;:!?] )\(?\d{1,2}[.)] (?=(?-i:[A-Z]))", "\n- "),
        (r"(?<=[\w.] )(?<!['’]s )(?<!is )\(?\d{1,2}\) (?=[^\W\d_][^:,;]{1,40}: )", "\n- "),
        (r"(?<=[\w|])\s+((?:grand |in )?total|sum|(?:al)?together|combined|in all)( please| pls)?\s*\?", r". \1?"),
    )
)


def spelled(text: str) -> str:
    """With words of questions as they are spelled right: "altogther"."""
    return re.sub(r"\b(?![Tt]ogether)[A-Za-z]{6,12}\b", _spelled, text)


def _spelled(word: re.Match[str]) -> str:
    return next(
        iter(get_close_matches(word[0].lower(), ("altogether", "difference", "expensive", "average"), 1, 0.85)), word[0]
    )


def plain(text: str) -> str:
    """Without abbreviations and the like."""
    if re.search(r"£|\bquid\b|\dp\b", text):
        text = re.sub(r"\b(\d+(?:\.\d+)?) pounds(?= each| a | per|\W)(?! of)", r"£\1", text)
    text = _NOTE.sub(lambda note: f"{SYMBOLS[note[2][0].lower()]}{spoken([note[1].lower()])[0] or note[1]} ", text)
    return replaced(text, _FIRST)


def tidy(text: str) -> str:
    """With arrows, dots, numbers of lists and the like as the marks they stand for."""
    if not re.search("[$£€¥₹]", text) and _TIMES.search(text):  # "6x2.25, 2x7"
        text = re.sub(r"(?<![\w.,])(\d{1,4})[x×](?=\d+(?:[.,]\d{1,2})?\s*(?:[,;/\n]|$))", r"\1 x ", text)
    text = replaced(text, _THEN)
    return _COMMA_NAMES.sub(r"\1: ", text) if len(_COMMA_NAMES.findall(text)) > 1 else text
