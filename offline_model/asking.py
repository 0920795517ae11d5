"""What a text of purchases asks for, and the numbers that belong to the question and not to the purchases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from offline_model.marking import CURRENCY, NAMES, RAND
from offline_model.numbers import decimal, figures, spoken
from offline_model.problem import Expression, Goal, Number, Part, PartTotal, Unread, minus, over, value
from offline_model.words import CONTAINERS, DAYS, EVERYTHING, FEES, MONTHS, PARTS, PEOPLE, one_of, stem, stems

_NUMBER = r"(\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PEOPLE = one_of({*PEOPLE, "families", "household", "other"})
SPLIT = re.compile(
    rf"(?i)\b(?:split(?:s|ting)?|divid(?:e[ds]?|ing)|shar(?:e|ed|ing)(?! an?\b| (?:pack|bag|platter|size))|chip\w* in"
    rf"|each of us|what's that each)\b|\bhalf of(?: (?:it|that|the total)\b|:)|\bgo(?:ing)? (?:halves|dutch)\b"
    rf"|\b50[/-]50\b|\bfifty[ -]fifty\b|\b(?:my|our) half\b|\b(?:pay|cover)(?:s|ing)? half of (?:everything|it all|it"
    rf"|the (?:total|bill|lot|cost))\b|/ ?\d+ (?:of us|people|guys)|how much (?:is (?:it|that) )?each\W*$"
    rf"|\beach (?:[a-z]+ ){{0,5}}(?:pays?|owes?|contributes?|chips? in)\b(?! \W?\d)|(?:^|[.?!])\s*(?:and "
    rf"|how much is it |what is it )?per (?:person|head)\b|\b(?:cost|price|amount|much|total|and|or|also|:|make|that|to"
    rf"|at) (?:is it |is that )?per[ -](?:{_PEOPLE}|head)\b(?!\W{{0,3}}[$£€]| \d)"
)
_OF_ONE = re.compile(
    r"(?i)\b(?:what|how much|price|cost)\b[^.?!:\n\d]*?\b(?:per|each|of a(?! single)|an? single|(?:did|does|would|of"
    r"|for) one)(?: ([a-z]+)|\W*$)[^.?!\n\d,]*(?:[.?!][^?\d]{0,80})?$"
)
_OWN_SHARES = re.compile(
    r"(?is)\d (?:for (?:me|myself|my \w+)\b|(?-i:for [A-Z].*?\d for [A-Z]))|\bmy own\b|\bpay(?:s|ing)? (?:nothing|no\b"
    r"|less|more|double|extra)\b|\bnot pay|\b(?:rides?|go(?:es)?|eats?|travels?|stays?|comes?|drinks?|gets?) (?:in )?"
    r"(?:for )?free\b|\bexempt|\bno(?: charge|thing) for\b|\bcover the\b|(?:kids?|drivers?|children) (?:is|are) free"
    r"|\b(?:is|are) (?:our|my|a|the) (?:guest|treat)|\d of us[^.?!\n]*\b(?:but|minus|less)\b"
)
_HALVES = re.compile(
    r"(?i)\b(?:go(?:ing)? halves|50[/-]50|fifty[ -]fifty|(?:my|our) half)\b|half of(?=:)|\b(?:pays? )?the other half\b"
    r"|\b(?:pay|cover)(?:s|ing)? half of (?:everything|it all|it|the (?:total|bill|lot|cost))\b"
)
_HALF_OF = re.compile(
    r"(?i)\b(?:halves|50[/-]50|fifty[ -]fifty)(?: each)? (?:on|for)\b(?! (?:it|everything|all|that|this|both"
    r"|the (?:total|bill|lot|whole))\b)|\b(?:halves|50[/-]50|fifty[ -]fifty)\b[^.?!\n]*\bbut\b"
)
_SHARES = re.compile(
    rf"(?i)\beach of (?:the |our )?{_NUMBER} \w+|\b(?:the )?{_NUMBER}[ -](?:\w+ )?(?:ways?|of us"
    rf"|(?:{_PEOPLE})s?)\b(?! (?:at |@ ?)[$£€\d])|\b(?:between|among|amongst|among us|by"
    rf"|into) (?:the |all )?{_NUMBER}\b(?: (?:equal )?\w+(?: us)?)?|\ball {_NUMBER}(?= (?:of us )?(?:pay|share|split"
    rf"|chip)\b)|\bfor (\d{{1,3}})(?=\s*[.,;:\n])|\b{_NUMBER} [a-z]+(?= (?:share|split|are sharing|are splitting)\b)"
    rf"|\b(?:class|group|party|crew|team|club|choir|band) of {_NUMBER}|\bwe(?:['’]re| are| were) {_NUMBER}\b"
)
_WITH_ME = re.compile(
    r"(?i)\b(?:me|myself|i) (?:and|plus)\b|\b(?:and|with|plus) (?:me|myself|my|i|\w+ (?:friends|others|people))\b"
)
_BESIDE = re.compile(  # "Ana and two friends", where # is the number
    r"(?:\b(?:and|plus|with)|&|\b(?:me|I),)\s+(?:my |our |the )?#|#,? (?:and|plus|with|&) (?:me|my|[A-Z][a-z]+)\b"
)
_NOTES, _SIGN = r"(?:bill|note|gift ?card|voucher)s", rf"(?:(?<!\w)(?:{CURRENCY}|rs\.?) ?|(?-i:\b{RAND}))"
_MONEY = (  # an amount, with how many notes of it there are
    rf"((?:\w+ (?=[$£€]\d+ {_NOTES}))?{_SIGN}\d[\d.,]*\d|(?:\w+ (?=[$£€]\d {_NOTES}))?{_SIGN}\d|\d[\d.,]* ?(?:€|£"
    rf"|(?:us )?(?:{NAMES})\b|pounds\b(?! of))|\d+(?![\d.]* ?%)(?=\s*(?:[.,;:?!\n]|$|towards? it|for (?:it|this|that"
    rf"|everything)\b|(?:on|in) (?:me|my|cash|the|this)\b|to\b|and\b|budget|limit|bill|note|of it\b)))"
)
_BUDGET = re.compile(
    rf"(?i)\bbudget\b(?:[^.;:|\n?\d$£€]{{0,40}}(?={_SIGN})|(?: \w+)?\s*(?:of|is|was|:|=)\s*){_MONEY}|\b(?:stay|stayed"
    rf"|keep|kept|come|came|be|go|went|is it|are we|is the total|is that) (?:\w+ ){{0,2}}?(?:under|within|below|over"
    rf"|more than|less than) (?:the |my |our )?{_MONEY}|{_MONEY} (?:\w+ )?(?:budget|limit|allowance|to spend|aside)\b"
    rf"|^{_MONEY} (?:gift ?card|voucher)\b|\b(?:limit|allowance) (?:of|is) {_MONEY}|\bchange (?:\w+ ){{0,5}}?(?:from"
    rf"|for|out of|of) (?:a |an |my )?{_MONEY}(?: (?:bill|note))?|\b(?:with|w/|from|using|gave|hand(?:ed)?|pay"
    rf"|paid)(?: (?:him|her|them|the \w+))? (?:with )?(?:an? )?{_MONEY} (?:bill|note)s?|\b(?:with|from|gave \w+"
    rf"|hand(?:ed)? over) an? (five|ten|twenty|fifty|[125]0(?=\W*[.,\n]))\b(?: (?:\w+ )?(?:bill|note))?"
    rf"|\bhow much of (?:my|the|our) {_MONEY}|\bleft (?:\w+ )?(?:from|of|out of) (?:a |my |the |our )?{_MONEY}"
)
LEFT = re.compile(
    r"(?i)\b(?:(?<!on what[’']s )(?<!on whats )left(?! an? \W?\d)(?: over)?|have (?:after|then|now)|change(?=\?| (?:do"
    r"|will|would|should|did|back|from|for))|(?:how much|what|what's|my) change|(?<!i )remains?|what(?:['’]?s"
    r"| is) remaining|how much rest|(?:come|comes) back to|more (?:do|will|must) (?:i|we) need|(?:hand"
    r"|give)(?: \w+)? back|is there at the end|come home with|(?:have|is) remaining|afford|still (?:have|got|there"
    r"|on it|in|be (?:in|on|left|there))|(?:how much|what(?:['’]?s| is)?) (?:\w+ )?(?:stays|balance)|(?:do|will"
    r"|did) (?:i|we) have enough|(?:is|was|will) (?:it|that) (?:be )?enough|un(?:spent|used)|closing balance|(?:over"
    r"|under|within) budget|(?:be|have) (?:left )?in (?:the|my|our) (?:\w+ )?(?:tin|box|till|drawer|wallet|purse|pocket"
    r"|kitty|jar))\b"
)
_PAID = re.compile(  # only if it is asked what is left
    rf"(?i)(?:['’]ve|\b(?:(?:paid|pay)\b(?! [^.;,\n]{{0,25}} for (?!everything|all|it\b|both|the\b))|hand(?:ed)?|gave"
    rf"|gives?|given|having|can spend|carried|covers|allotted|allocated|budgeted|granted|aside|saved(?: up)?|with\w*"
    rf"|took(?: out)?|brought|put|start(?:ed|ing)?(?: out)?|beg[au]n|received|(?<![a-z,] )got|\b(?:i|we)['’]?ve got"
    rf"|\b(?:i|we) got(?= \S+ from)|have|had|has|limit|allowance|funds?|grant|float|sponsorship|kitty|petty cash was"
    rf"|opened|wallet|purse|pocket)):? (?:(?!for|spent)[a-z]+ ){{0,4}}?{_MONEY}(?![\d.,]*\d| ?(?:each|per|a|off)\b"
    rf"| (?:\w+ )?(?:rebate|discount|coupon|fee|delivery|shipping|tip)\b)(?: (?:bill|note)s?)?(?: in (?:cash|notes))?"
)
_GIVES = (
    r"giving|covering|paying|contributing|chipping in|putting in|(?:give|cover|pay|contribute|reimburse)s|gave|covered"
    r"|contributed|reimbursed|chip(?:s|ped) in"
)
_DEPOSIT = re.compile(
    rf"(?i)\b(?:(?:i|we|they)(?:['’]ve| have| had)? |have |had )?(?:already )?(?:paid|put down|left"
    rf"|gave) (?:already )?(?:an? |the )?(?:{_MONEY} (?:as (?:an? )?)?(?:deposit|down ?payment)(?: (?:already|down))*"
    rf"|deposit of {_MONEY}|{_MONEY} towards? (?:it|this|that))|(?<!\w)(?:(?:we|i) (?:had|have|made) )?(?:an? |the "
    rf"|less )?{_MONEY} (?:deposit|down ?payment) (?:(?:was|is|has been) )?(?:already )?paid(?: already)?|\b(?:my |our "
    rf"|the )?[a-z]+(?:['’]s| is| are| was| were)? (?:{_GIVES}) (?:(?:me|us|him|her|them) )?(?:{_MONEY}(?: of (?:it"
    rf"|that|this)| towards? (?:it|that|this))|(?<=\sus ){_MONEY}|(?<=\sme ){_MONEY})"
)
OWING = re.compile(
    r"(?i)\b(?:own pocket|out of pocket|end(?:ed)? up paying|pa(?:y|id|ying) (?:myself|meself|ourselves)|still (?:need"
    r"|have) to (?:find|pay|raise)|(?:do|must|will) (?:i|we) still pay|more do (?:i|we) owe|on (?:us|me))\b|\b(?:owing"
    r"|balance|(?:still|left|remaining|remains) (?:owed?|due|(?:for (?:us|me) )?to (?:be )?pa(?:y|id)))\b"
)
_COUNT = re.compile(
    rf"(?i)(?<![\w.,$£€/-])(?<!for )(?!1 |one ){_NUMBER} (?!(?:day|night|week) (?:trip|visit|tour))((?:[a-z]+ )?[a-z]+)"
    r"\b(?!,? [$£€]|[^,;.:?!\n(]*(?:[$£€@\d]|\beach\b|\bper\b))"
)
_NO_COUNTS = frozenset("person people week day class room flat leg order purchase basket family game".split())
_EACH = re.compile(
    r"(?i)(?<!\d )(?<!\d)\b(?:each|every|per|by) (?!\w+ (?:charges|adds|takes|gives|has|had)\b)(?:(?:one )?of (?:the "
    r"|my |our )?(?:\w+ (?=[a-z]+s\b))?)?(?:cost )?([a-z]+)|\b(subtotals?(?!:? ?[$£€\d])|totals(?=\W*$|,? please"
    r"| for each| by| per)|breakdown|respectively|separately|individually|we each|(?:at|from|in|by|of) each(?=\s*(?:\?"
    r"|$))|how much each|(?:what|how much) (?:would|does|do|did|will) (?:every(?:one|body)|each(?: one"
    r"| of them)?)(?= (?:cost|come|charge|be|spend|buy|use)\b)|(?:total|sum|amount) for each of us)\b"
)
_OF_EACH = re.compile(r"\b(?:(?:for|in|of|at|by|on) (?:each|every)|by) (?:month|week|day)\b", re.IGNORECASE)
_TIMES = re.compile(rf"\b{DAYS}\b|\b(?:{MONTHS}|May)\b")
_AT_EACH = re.compile(
    r"(?im)\b(?:how much|what|totals?|sum|amounts?|spen[dt]|subtotals?)\b[^.?!\n\d]*"
    r"\b(?:(?:at|from|in|by|of) each\b(?! (?:of us|other))|for each(?=\W*$))[^.!\n\d]*$",
)
_HOW_MUCH = re.compile(r"(?i)\bhow much\b(?! (?:is|was|does|did|do|will|it)\b[^.?!\n]{0,40}(?:total|all|together))")
_NAMED = re.compile(r"\b(?:[Hh]ow much|[Ww]hat) (?:did|does|will|has|do|was|is) (?:the )?([A-Z]\w+)(?<!I)")
_KINDS = {
    "difference": r"\bdifference\b|(?-i:\bthe gap\b)"
    r"|\bhow much (?:more(?! (?:do|will|must) )|less|cheaper|dearer|lower|higher)\b"
    r"|\bby how (?:much|many)\b|\bhow much (?:did|has|have|do|does) .{1,40}\b(?:go|gone|went) up\b|\b(?:how much"
    r"|what)\b[^.?!\n]*\b(?:saved?\b(?! (?:up )?[$£€]?\d)|(?:is|are) the savings?\b)",
    "most": r"\bwho (?:spen[dt]|pa(?:ys?|id)|owes|charges?|charged) (?:the )?mo(?:re|st)\b"
    r"|\b(?:most expensive|dearest|priciest|costliest|highest|biggest|largest|higher|dearer)\b|\b(?:which"
    r"|whose) (?:\w+ ){1,5}more\b|\b(?:costs?|spend|spent|pay|paid|charged|came to|the) (?:us |me )?(?:the )?most\b",
    "least": r"\bwho (?:spen[dt]|pa(?:ys?|id)|owes|charges?|charged) (?:the )?le(?:ss|ast)\b"
    r"|\b(?:cheapest|least|lowest|smallest|cheaper|lower)\b|\b(?:which|whose) (?:\w+ ){1,5}less\b",
    "average": r"\b(?:average|avg|mean)\b",
}


@dataclass
class Asked:
    text: str
    """With spaces for the numbers that were placed here."""
    kinds: set[str]
    """Of "difference", "most", "least", "average", "each"."""
    sharers: str = ""
    share: str = "Each pays"
    """What the quotient by `sharers` is called."""
    budget: str = ""
    deposit: str = ""
    """What is paid already, where it is asked what is still to pay."""
    names: tuple[str, ...] = ()
    """Of the parts that are asked for by name."""
    nouns: frozenset[str] = frozenset()
    """What it is asked for each of: "each child"."""
    counts: tuple[int, ...] = ()
    """How many stores, trips, ... the text says there are."""

    def take(self, match: re.Match[str]) -> str:
        """The number of the match, whose place becomes blank."""
        self.text = self.text[: match.start()] + " " * len(match[0]) + self.text[match.end() :]
        number = next(group for group in match.groups() if group).lower()
        return str(spoken([number])[0] or number)


def read_question(text: str) -> Asked:
    """Raises Unread if a number that is asked about is missing or there are two."""
    kinds = {kind for kind, pattern in _KINDS.items() if re.search(pattern, text, re.IGNORECASE)}
    nouns = {"each" if each[2] else stem(each[1].lower()) for each in _EACH.finditer(text)}
    spread = nouns & {"each", *PARTS, *PEOPLE}
    kinds |= {"every"} if spread and spread <= {"month", "week", "day"} else {"each"} if spread else set()
    if "every" in kinds and (_OF_EACH.search(text) or len({*_TIMES.findall(text.title())}) > 1):
        kinds = kinds - {"every"} | {"each"}
    kinds |= {"each"} if _AT_EACH.search(text) else set()
    names = tuple(dict.fromkeys(_NAMED.findall(text)))
    kinds |= {"each"} if len(names) > 1 else set()
    asked = Asked(text, kinds, names=names if len(names) > 1 else (), nouns=frozenset(nouns & (PARTS | PEOPLE)))
    if len(_HOW_MUCH.findall(text)) > 1 and not kinds and not SPLIT.search(text) and not LEFT.search(text):
        kinds.add("each")
    if (split := SPLIT.search(text)) and not re.search(r"(?:total|sum|amount) for each of us", text, re.IGNORECASE):
        asked.sharers = _sharers(asked, split)
        asked.kinds = asked.kinds - {"each"} if asked.sharers else asked.kinds | {"each"}
    elif (found := _OF_ONE.search(text)) and not kinds:
        asked.sharers, asked.share = _number_of(found, text[: found.start()]), "For one"
    deposits = list(_DEPOSIT.finditer(asked.text)) if OWING.search(text) else []
    if len(deposits) == 1:
        asked.deposit = _money(asked.take(deposits[0]))
        return _counted(asked)
    budgets = list(_BUDGET.finditer(asked.text)) or (list(_PAID.finditer(asked.text)) if LEFT.search(text) else [])
    again = [each for each in budgets if re.match(r"(?:how much|left)\b", each[0], re.IGNORECASE)]  # of the same
    sums = {_money(asked.take(each)) for each in budgets[::-1]}
    if len(sums) > 1 or len(budgets) > len(again) + 1 or (LEFT.search(text) and not sums):
        raise Unread("what the change is from")
    if budgets and re.match(r"\s*(?:/|(?:per|each|apiece|an?)\b)", asked.text[budgets[0].end() :]):
        raise Unread("how large the whole budget is")
    asked.budget = "".join(sums)
    asked.kinds -= {"difference"} if sums else set()
    return _counted(asked)


def _counted(asked: Asked) -> Asked:
    if asked.sharers and asked.budget:
        raise Unread("whether what is left is split, or the total")
    found = [(match, list(map(stem, match[2].lower().split()))) for match in _COUNT.finditer(asked.text)]
    found = [each for each in found if not (asked.sharers and each[1][0] in PEOPLE)]
    counts = [match for match, words in found if (PARTS - _NO_COUNTS) & set(words) and not {words[0]} & PEOPLE - PARTS]
    asked.counts = tuple(int(asked.take(match)) for match in counts)
    return asked


_OF_MANY = re.compile(rf"([^\d$£€]*?)\b{_NUMBER} ([^\d$£€]*)(?:[$£€]\d[\d.,]*|\d[\d.]* ?[€£])[^\d$£€]*", re.IGNORECASE)
_NO_THINGS = frozenset("one of us pay owe spend cost spent get and charge total come head person".split())
_PER = re.compile(r"@|\b(?:each|per|apiece)\b|\d an? \w", re.IGNORECASE)
_COSTS = frozenset("which that this cost price amount expense tab check damage grand sum rest meal night".split())


def _sharers(asked: Asked, split: re.Match[str]) -> str:
    here, after = asked.text[: split.end()], asked.text[split.end() :]
    item = re.match(
        r"(?:split|divid|shar)\w* (?:the|my|our) (?:full |whole |final )?(\w+)", split[0] + after, re.IGNORECASE
    )
    item = item or re.search(r"(\w+) (?:is|are|was|were) (?:shared|split|divided)$", here, re.IGNORECASE)
    if item and stem(item[1].lower()) not in EVERYTHING | FEES | _COSTS:
        raise Unread(f'who pays the rest beside "{item[0]}"')
    here += "".join(re.findall(r"^ (?:the|an?|my|our) [$£€]?\d[\d.]*", after))
    before = re.split(r"[.?!;\n](?=\s|$)", here)[-1]
    elsewhere = re.search(r"\d", here.removesuffix(before)) and re.search(r"[$£€]\d|\d\.\d\d", before)
    if _OWN_SHARES.search(asked.text) or (elsewhere and not EVERYTHING & set(stems(before))):
        raise Unread("what is shared and what each pays alone")
    text, nouns = asked.text, {stem(word) for word in re.findall(r"\bper (\w+)", split[0].lower())}
    near = text[max(0, split.start() - 60) : split.end() + 80]
    if re.search(r"\bhalf of (?:it|that|this|the total)\b", near, re.IGNORECASE):
        return "2"
    shares = list(_SHARES.finditer(text))
    if _HALVES.search(text):
        if _HALF_OF.search(text) or any(not {"2", "two"} & set(match[0].lower().split()) for match in shares):
            raise Unread("between how many it is split")
        asked.text = _HALVES.sub(lambda match: " " * len(match[0]), asked.text)
        return "2"
    said = [match for match in shares if re.search("^(?:between|among|by|into)|of us$|ways?$", match[0], re.IGNORECASE)]
    found = {asked.take(match): match for match in said or shares}
    certain = [number for number, match in found.items() if re.search(r"of us|ways?$|^each", match[0])]
    parts = re.search(r"\b(?:did|we) each\b", near, re.IGNORECASE) or (
        re.search(r"\b(?:does|how much) each\b", near, re.IGNORECASE)
        and not re.search(r"\bpa(?:id|yed)|split|shar|divid", text, re.IGNORECASE)
    )
    if not found and (parts or nouns & PARTS):  # the parts are asked for
        return ""
    more = any(_BESIDE.search(f"{text[: each.start()]}#{text[each.end() :]}") for each in found.values())
    if len(certain or found) != 1 or (not certain and (more or _WITH_ME.search(near))) or "0" in found:
        raise Unread("between how many it is split")
    return (certain or list(found))[0]


def _number_of(one: re.Match[str], text: str) -> str:
    """How many the only price of a text is for, if the price of one is asked; "" if the parts are asked for."""
    noun = stem((one[1] or "cost").lower())
    listed = len(re.findall(r"[$£€]\d", text)) > 1 and noun not in {*stems(text), *CONTAINERS}
    single = re.search(r"(?<!each )\bone\b|single", one[0], re.IGNORECASE)
    if len(re.findall(rf"\b{noun} (?:\d|[A-Z]|\w+:)", text, re.IGNORECASE)) > 1:  # "Unit 1: ... Unit 2: ..."
        return ""
    if not single and (noun in PARTS | PEOPLE | EVERYTHING | _NO_THINGS or (listed and "each" in one[0].split())):
        return ""
    found = _OF_MANY.fullmatch(text)
    before, after = (stems(found[1]), stems(found[3])) if found else ([], [])
    held = before[-1:] == ["of"] and CONTAINERS & set(before) and noun in {"can", "bottle", "jar", "tin", *after}
    named = noun in after or (single and noun in {"cost", "come"} and before[-1:] != ["of"])
    if not found or noun in before or not (held or named) or {*after[:1]} & PEOPLE or _PER.search(text):
        raise Unread("of how many the price of one is asked")
    return str(spoken([found[2].lower()])[0] or found[2])


def _money(text: str) -> str:
    """The amount, times how many notes of it there are: "three $100 bills"."""
    *times, amount = re.split(r"(?<=\w) (?=[$£€]\d)", text)
    number = figures(written := re.sub(r"[^\d.,]", "", amount).strip(".,"))
    if number is None or re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", written):  # "€2.000" may be two or two thousand
        raise Unread(f'"{text}"')
    many = spoken([times[0].lower()])[0] if times else None
    return decimal(many * int(number)) if many and number.isdigit() else number


def goals_of(
    asked: Asked, parts: Sequence[Part], whole: Expression, currency: str, *, is_changed: bool
) -> tuple[list[Goal], list[str]]:
    """What is asked of the parts and of their total, and what was read for it. Raises Unread if the parts are unknown.

    `is_changed` says that a percentage or a fee concerns the total as a whole.
    """
    compared = asked.kinds - {"each"}
    if asked.kinds and (len(parts) < 2 or not all(part.name for part in parts)):  # noqa: PLR2004
        raise Unread("the parts that are asked for")
    if any(not any(name in part.name for part in parts) for name in asked.names):
        raise Unread(f"what is asked of {' and '.join(asked.names)}")
    if is_changed and asked.kinds - {"most", "least"}:
        raise Unread("whether each part is asked for before or after what concerns everything")
    goals, read = [Goal("Total", whole)], []
    if "average" in compared:
        goals.append(Goal("Average", over(whole, Number(str(len(parts))))))
    goals += [Goal(kind.title(), PartTotal(0), pick=kind) for kind in ("most", "least") if kind in compared]
    if "difference" in compared:
        order = sorted(range(len(parts)), key=lambda at: value(parts[at].total) or 0)
        question = next(
            each for each in re.split(r"[.!?\n]", asked.text) if re.search(_KINDS["difference"], each, re.IGNORECASE)
        )
        two = [at for at in order if re.search(rf"\b{re.escape(parts[at].name)}\b", question, re.IGNORECASE)]
        order = two if len(two) == 2 else order  # noqa: PLR2004
        if len(order) > 2 and not {"most", "least"} <= compared:  # noqa: PLR2004
            raise Unread("which two are compared")
        goals.append(Goal("Difference", minus(PartTotal(order[-1]), PartTotal(order[0]))))
    if asked.sharers:
        goals.append(Goal(asked.share, over(whole, Number(asked.sharers))))
        read.append(f"split {asked.sharers} ways" if asked.share == "Each pays" else f"for {asked.sharers}")
    if asked.deposit:
        goals.append(Goal("Still to pay", minus(whole, Number(asked.deposit))))
        read.append(f"{currency}{asked.deposit} is paid")
    if asked.budget:
        goals.append(Goal(f"Left of {currency}{asked.budget}", minus(Number(asked.budget), whole)))
    return goals, read
