"""Calculations as they are worded -> signs, and the two sides of an equation."""

import re

from offline_model import replacing
from offline_model.problem import Unread
from offline_model.replacing import compiled

_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_REPLACED = compiled(
    (
        (r"^.*?\bthink(?:ing)? of (?:a|some) number\W+(?:(?:if|when) (?:you|i) )?", r"unknown, then "),
        (r"^(unknown, then .+?),? (?:and )?(?:you|i)(?:['’]ll)? get\b", r"\1 ="),
        *((rf"((?<![\d.,])[$£€]?[\d.,]*\d) {name}\b", rf"(\1*{by})") for name, by in _SCALES.items()),
        (r"\s*(?:\bper ?cent\b|%)", "%"),
        (r"\b(?:raised )?to the power(?: of)?\b|\braised to\b|\*\*", "^"),
        (r"\bhow many times does (.+?) (?:go|fit) in(?:to)? ([^?]+)", r"\2 divided by \1"),
        (r"\bplus\b|\badded to\b", "⊕"),
        (r"\bminus\b|\btake away\b", "⊖"),
        (r"\btimes\b|\bmultiplied (?:by|with)\b", "⊗"),
        (r"\bdivided by\b|\bover\b|\bout of\b", "⊘"),
        (r",?\s*\bequals?(?: to)?\b|\bis equal to\b|\bgives\b|\bmakes\b", "="),
        (r"\b(?:tip|tax|vat) (?:at|of) ([\d.]+%)(?: on| of)\b", r"\1 of"),
        (r"\b(?:sales )?(?:tip|tax|vat|gratuity|commission|interest) (?:on|of)\b(?: an?\b)?", "of"),
        (r"\bto the (\d+)(?:st|nd|rd|th)(?: power)?\b", r"^\1"),
        (r"\bto the fourth(?: power)?\b", "^4"),
        (r"\bto the fifth(?: power)?\b", "^5"),
        (r"\b(?:a|what|some|which|the) number\b", "unknown"),
        (r"\b(?:the|please|away)\b ?", ""),
        (r" ?\bsquared\b", "^2"),
        (r" ?\bcubed\b", "^3"),
        (r"([\d.,$£€]+) (?:is )?(?:(increase|raise|decrease|reduce)d|(lower|discount)ed) by\b", r"\2\3 \1 by"),
        (r"(?<=[\d)])\(", "*("),
        (r"[×·]", "*"),
        (r"÷", "/"),
        (r"[−–]", "-"),
        (r"∛ ?([\d.]+)", r"cbrt(\1)"),
        (r"√ ?([\d.]+)", r"sqrt(\1)"),
        (r"^\D*?([\d.,$£€]+) (?:goes|went|is|was) (up|down) by ([\d.]+%)[.,] (?:what|how)\b[^\d]*$", r"\2 \1 by \3"),
        (
            r"^(?:take|start with) ([\d.,$£€]+),? (?:and )?(?:then )?(increase|reduce|decrease|raise|lower) it by",
            r"\2 \1 by",
        ),
        (r"\b(\d+) and a half\b", r"\1.5"),
        (r"^up (?=[\d$£€])", "increase "),
        (r"^down (?=[\d$£€])", "decrease "),
        (r"²", "^2"),
        (r"³", "^3"),
        (r"\bnegative (?=\d)", "-"),
    )
)
CHANGING = frozenset(
    "log ln sin cos tan factorial mod modulo modulus remainder gcd lcm hcf mode range variance deviation "
    "derivative integral prime primes binary hex hexadecimal roman digits digit round rounded rounding nearest "
    "approximately about absolute reciprocal inverse opposite not except without excluding consecutive even odd "
    "first last next another other multiples squares cubes compound interest more less fewer than between or days "
    "weeks months hours minutes seconds years square cube root per ratio convert miles km degrees celsius fahrenheit "
    "words estimate permutations combinations choose probability half double percent third quarter both before "
    "can't cannot after ago each every unless maybe twice triple of discount save saved savings".split()
)
ORDER = "which of the operations comes first; parentheses would say it"
_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\S")


def sides_of(text: str) -> list[str]:
    """The two sides, with "unknown" for the unknown; none if the text is no equation."""
    text = re.sub(r"\bvalues? of (?=[a-z]\b)|[.,;?]+\s*(?:what(?:'s| is)|find) (?:unknown|it)\W*$", "", text)
    if "unknown" in text and re.search(r"=|\bis\b", text):
        return [each.strip(" ?.") for each in re.split(r"=" if "=" in text else r"\bis\b", text, maxsplit=1)]
    name = r"(?<![a-z'’])(?:[b-hj-z]|a(?= ?[-+*/^=])|(?<=[-+*/^=])a|(?<=[-+*/^=] )a)(?![a-z'’])"
    names = set(re.findall(name, text)) if "=" in text else set()
    for name in names:
        side = rf"((?:[\d.()+*/^\s⊕⊖⊗⊘-]|(?<![a-z]){name}(?![a-z]))+)"
        if (found := re.search(rf"{side}={side}", text)) and name in found[0]:
            around = text[: found.start()] + " " + text[found.end() :]
            outside = _WORD.findall(re.sub(rf"\b{name} ?= ?\?* ?$", "", around))
            others = (names - {name}) & set(outside)
            if others or any(word in CHANGING or word.isdigit() or word in "=+*/^-" for word in outside):
                raise Unread(f'"{" ".join(outside)[:60]}"')
            if re.search(rf"/\s*[\d.]+\s*[{name}(]", found[0]):
                raise Unread(ORDER)
            both = (re.sub(rf"(?<=[\d)])\s*(?=[{name}(])", "*", each) for each in found.groups())
            return [re.sub(rf"(?<![a-z]){name}(?![a-z])", " unknown ", each) for each in both]
    return []


def replaced(text: str) -> str:
    if re.search(r"/\s*(?:[\d.]+|\([^()]*\))\(", text):
        raise Unread(ORDER)
    text = replacing.replaced(text, _REPLACED)
    return re.sub(r"(?<=[\d)])\s?x\s?(?=[\d(])", "*", text) if "=" not in text.strip(" =?") else text
