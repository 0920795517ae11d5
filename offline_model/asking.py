"""What a text of purchases asks for, and the numbers that belong to the question and not to the purchases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from offline_model.numbers import figures, spoken
from offline_model.problem import Expression, Goal, Number, Part, PartTotal, Unread, minus, over, value
from offline_model.words import PARTS, stem

_WORDS = "two three four five six seven eight nine ten eleven twelve".split()
_NUMBER = rf"(\d{{1,3}}|{'|'.join(_WORDS)})"
_SHARERS = (
    "ways? people persons of\\sus friends roommates housemates flatmates siblings brothers sisters kids cousins coworkers colleagues "
    "families members guests teammates couples partners players students adults"
).split()
_MONEY = r"([$£€¥₹]\s?\d[\d.,]*\d|[$£€¥₹]\s?\d|\d[\d.,]*\s?(?:€|£|dollars?|bucks|euros?|quid)|\d+(?![\d.]*\s?%))"
_SPLIT = re.compile(
    r"\b(?:split|divid\w+|shar(?:e|ed|ing)|chip\w*\sin)\b|\beach\sof\sus\b|\beach\s(?:\w+\s)?(?:person\s)?(?:pay|owe|contribute|chip)s?\b|(?:^|[.?!]\s*)(?:and\s|how\smuch\sis\sit\s|what\sis\sit\s)?per\s(?:person|head)\b|\bwhat's\sthat\seach\b",
    re.I,
)
_SHARES = re.compile(
    rf"\b(?:the\s)?{_NUMBER}(?:\s|-)(?:\w+\s)?(?:{'|'.join(_SHARERS)})\b(?:\sevenly|\sequally)?"
    rf"|\b(?:between|among|amongst|by|into)\s(?:the\s|all\s)?{_NUMBER}\b(?:\s(?:equal\s)?\w+(?:\sus)?)?",
    re.I,
)
_WITH_ME = re.compile(
    r"\b(?:me|myself|i)\s(?:and|plus)\b|\b(?:and|with|plus)\s(?:me|myself|my|i)\b|\bwith\s\w+\s(?:friends|others|people)",
    re.I,
)
_BUDGET = re.compile(
    rf"""
    \bbudget\b(?:[^.;:|\n?\d$£€]{{0,20}}(?=[$£€])|\s*(?:of|is|was|:|=)\s*){_MONEY}
  | \b(?:stay|stayed|keep|kept|come|came|be|go|went)\s(?:\w+\s){{0,2}}?(?:under|within|below|over)\s{_MONEY} | {_MONEY}\s(?:\w+\s)?(?:budget|limit|allowance)\b
  | \b(?:i|we|she|he|they|you)(?:'ve)?(?:\sonly)?\s(?:have|had|has|brought|start(?:ed)?\swith|began\swith)\s(?:only\s)?(?:a\s)?{_MONEY}(?!\s?(?:each|per|\w+\sat))(?:\s(?:bill|note))?(?:\s(?:to\sspend|in\scash|cash|with\sme|in\smy\s\w+))?
  | \bchange\s(?:\w+\s){{0,5}}?(?:from|for|out\sof|of)\s(?:a\s|an\s|my\s)?{_MONEY}(?:\s(?:bill|note))?
  | \b(?:with|from|using|gave|hand(?:ed)?|pay|paid)(?:\s(?:him|her|them|the\s\w+))?\s(?:a\s|an\s|with\sa\s|with\s){_MONEY}\s(?:bill|note)
  | \bgave\s(?:me|us|him|her|them)\s(?:a\s)?{_MONEY}(?=[.,;\n]|\s(?:and|to|so)\b)
  | \bleft\s(?:\w+\s)?(?:from|of|out\sof)\s(?:a\s|my\s|the\s|our\s)?{_MONEY} | {_MONEY}\sto\sspend\b | \b(?:limit|allowance)\s(?:of|is)\s{_MONEY}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LEFT = re.compile(
    r"\b(?:left(?:\sover)?|change\s(?:do|will|would|should|did|back|from|for)|how much change|remains?\b|over budget|under budget|within budget|afford)\b",
    re.I,
)
_COUNT = re.compile(
    rf"(?<![\w.,$£€]){_NUMBER}[ ]((?:different[ ]|separate[ ]|local[ ]|online[ ]|more[ ])?[a-z]+)\b(?![^,;.:?!\n(]*(?:[$£€@\d]|\beach\b|\bper\b))",
    re.I,
)
_NO_COUNTS = frozenset("person people week day night class room leg order purchase basket".split())
_KINDS = {
    "difference": r"\bdifference\b|\bhow\smuch\s(?:more|less|cheaper|dearer)\b|\bby\show\smuch\b|\bsaved?\b",
    "most": r"\bmost\sexpensive\b|\bdearest\b|\bpriciest\b|\bhighest\b|\b(?:cost|costs|spend|spent|pay|paid|charged|came\sto|the)\s(?:us\s|me\s)?(?:the\s)?most\b|\bbiggest\b|\blargest\b|\bwhich\s(?:\w+\s){1,4}more\b",
    "least": r"\bcheapest\b|\bleast\b|\blowest\b|\bsmallest\b|\bcheaper\b|\bwhich\s(?:\w+\s){1,4}less\b",
    "average": r"\baverage\b|\bmean\b",
}


@dataclass(frozen=True)
class Asked:
    kinds: frozenset[str]
    """Of "difference", "most", "least", "average", "each"."""
    sharers: str = ""
    budget: str = ""
    """As written, such as "$200"."""
    counts: tuple[int, ...] = ()
    """How many stores, trips, ... the text says there are."""


def read_question(text: str) -> tuple[str, Asked]:
    """The text without the numbers that were placed here (spaces instead), and what is asked. Raises Unread."""
    sharers = budget = ""
    kinds = {kind for kind, pattern in _KINDS.items() if re.search(pattern, text, re.I)}
    if asks_for_each(text):
        kinds.add("each")
    if _SPLIT.search(text):
        text, sharers = _sharers(text)
    if sharers:
        kinds.discard("each")
    if found := list(_BUDGET.finditer(text)):
        if len(found) > 1:
            raise Unread("more than one budget")
        budget = next(group for group in found[0].groups() if group)
        text = _blank(text, found[0])
    if (
        not budget
        and _LEFT.search(text)
        and (paid := re.search(rf"\b(?:paid|pay|handed)\s(?:\w+\s){{0,3}}?{_MONEY}", text, re.I))
    ):
        budget, text = paid[1], _blank(text, paid)
    if not budget and _LEFT.search(text):
        raise Unread("what the change is from")
    text, counts = _counts(text)
    return text, Asked(frozenset(kinds), sharers, budget, counts)


def asks_for_each(text: str) -> bool:
    for match in re.finditer(
        r"\b(?:each|every|per|by|both)\s([a-z]+)|\b(subtotals?|breakdown|totals|respectively|separately|individually)\b",
        text,
        re.I,
    ):
        if match[2] or (
            stem(match[1].lower()) in PARTS and not re.search(r"[$£€\d]\s?$|\d\s?\w*\s?$", text[: match.start()][-12:])
        ):
            return True
    return False


def _sharers(text: str) -> tuple[str, str]:
    split = _SPLIT.search(text)
    assert split is not None
    found = {}
    for match in _SHARES.finditer(text):
        number = next(each for each in match.groups() if each).lower()
        found[number if number.isdigit() else str(spoken([number])[0])] = match
    certain = {number: match for number, match in found.items() if re.search(r"of us|ways?$", match[0])}
    near = text[max(0, split.start() - 60) : split.end() + 80]
    if len(certain or found) != 1 or (not certain and _WITH_ME.search(near)) or "0" in found:
        raise Unread("between how many it is split")
    for match in found.values():
        text = _blank(text, match)
    return text, next(iter(certain or found))


def _counts(text: str) -> tuple[str, tuple[int, ...]]:
    counts = []
    for match in list(_COUNT.finditer(text)):
        noun = stem(match[2].lower().split()[-1])
        if noun in PARTS - _NO_COUNTS:
            number = match[1].lower()
            counts.append(int(number) if number.isdigit() else int(spoken([number])[0] or 0))
            text = _blank(text, match)
    return text, tuple(counts)


def _blank(text: str, match: re.Match[str]) -> str:
    return text[: match.start()] + " " * len(match[0]) + text[match.end() :]


def goals_of(
    asked: Asked, parts: Sequence[Part], whole: Expression, currency: str, *, changed_as_a_whole: bool
) -> tuple[tuple[Goal, ...], tuple[str, ...]]:
    """What is asked of the parts and of their total, and what was read for it. Raises Unread if the parts are not known."""
    compared = asked.kinds - {"each"}
    if (compared or ("each" in asked.kinds and not asked.sharers)) and (
        len(parts) < 2 or not all(part.name for part in parts)
    ):  # noqa: PLR2004
        raise Unread("the parts that are asked for")
    if changed_as_a_whole and asked.kinds - {"most", "least"}:
        raise Unread("whether each part is asked for before or after what concerns everything")
    goals, read = [Goal("Total", whole)], []
    if "average" in compared:
        goals.append(Goal("Average", over(whole, Number(str(len(parts))))))
    goals += [Goal(kind.title(), PartTotal(0), pick=kind) for kind in ("most", "least") if kind in compared]
    if "difference" in compared:
        order = sorted(range(len(parts)), key=lambda at: value(parts[at].total) or 0)
        if len(parts) > 2 and not {"most", "least"} <= compared:  # noqa: PLR2004
            raise Unread("which two are compared")
        goals.append(Goal("Difference", minus(PartTotal(order[-1]), PartTotal(order[0]))))
    if asked.sharers:
        goals.append(Goal("Each pays", over(whole, Number(asked.sharers))))
        read.append(f"split {asked.sharers} ways")
    if asked.budget:
        amount = figures(re.sub(r"[^\d.,]", "", asked.budget).strip(".,"))
        if amount is None:
            raise Unread(f'"{asked.budget}"')
        goals.append(Goal(f"Left of {currency}{amount}", minus(Number(amount), whole)))
    return tuple(goals), tuple(read)
