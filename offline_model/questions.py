"""Declines a text of purchases that asks for something which is not worked out."""

import re
from collections.abc import Sequence

from offline_model.asking import LEFT, OWING, SPLIT, Asked
from offline_model.problem import Unread
from offline_model.words import EVERYTHING, FEES, LEADING, NOT_NAMES, PARTS, PEOPLE, one_of, stem, stems

_SENTENCES = re.compile(r"(?:[.!;]+(?=\s|$)|\n|(?<=\?))\s*")
_OPENING = (
    r"(?i)^(?!i (?!need|want|would)[a-z]+ )(?:\W|(?:may i ask|hi|hello|hey|ok|okay|so|and|but|also|then|now|please"
    r"|pls|kindly|just|q|question|lads|guys|can|could|would|will|you|u|i|need|want|to|me|help)\b)*"
)
"""What may stand before the word that says what is asked."""
_NO_ARITHMETIC = re.compile(
    _OPENING + r"(?:write (?!down|out)|draft|compose|reply|translate|explain|describe|recommend|suggest|remind|rank"
    r"|advise(?! (?:\w+ )?(?:total|amount))"
    r"|sort(?! by)|convert|rewrite|rephrase|proofread|e-?mail (?:my|the|him|her|them|me an?)|design|invent|estimate"
    r"|(?:make|create|draw|give|build)(?: \w+)? an? (?:\w+ )?(?:table|list|chart|graph|poem|plan|spreadsheet|schedule"
    r"|letter))\b|\b(?:an? (?:e-?mail|letter|poem|essay|story|message|speech) (?:to|about|for|asking|saying))\b"
)
_ASKS = re.compile(
    _OPENING
    + r"(?:how|what|what'?s|which|whose|who|whom|where|whether|tell|work out|calculate|compute|report|give me)\b"
)
_ASKING = re.compile(
    r"(?i)\b(?:how|what|what'?s|which|whose|who|where|why|when)\b|^\W*(?:and(?! with \d+ ?%)|or|but|if|with|without|is"
    r"|are|am|was|were|do|does|did|can|could|should|will|would|has|have)\b"
)
"""A sentence with an amount is a question if it has one of these."""
_CHOICE = re.compile(_OPENING + r"(?:which|whose|who|whom|where)\b(?! \w+ how much)")
_YES_NO = re.compile(
    _OPENING.replace("|can|could|would", "").replace("|will|you|u", "")
    + r"(?:is|are|am|was|were|do|does|did|should|shall|has|have"
    r"|(?:can|could|would|will) (?!you|u\b|ya|someone|anyone))\b"
)
_REQUEST = re.compile(_OPENING + r"(?:check|help|look at|go over)\b")
_TOTAL = re.compile(
    r"(?i)\b(?:total\w*|totl|totel|tot|sub ?totals?|sum(?:med)?|add(?:ed|s|ing)?|altogether|together|in all|all[ -]in"
    r"|in full|combined?|consolidated?|overall|grand|costs?|costing|spen[dt]|spended|spending|pay|paid|owe[sd]?|bill"
    r"|price|amounts?|damage|how much|expenses?|value|breakdown|come to|set (?:me|us) back|run (?:me|us)|payable|(?:lay"
    r"|laid|shell(?:ed)?|fork(?:ed)?) (?:it )?out|sunk|zusammen|share|charged?|figure|numbers?|due|find|out the door"
    r"|all up|the lot|all of it|incl(?:uding|\.)? (?:vat|tax|delivery)|for the (?:quarter|year|season|term|week|weekend"
    r"|month|lot|whole \w+)|what (?:does (?:that|this|it|all)\b.{0,12} make|did i (?:blow|drop)\b.*|(?:are we"
    r"|am i) (?:at|up to|in for)))\b|\bwhat['’]?s (?:\w+ ){0,3}at\?|\b(?:come|comes|came) too?\b|\bwhat(?:['’]s| is"
    r"| was) the whole \w+\?|^\W*(?:please )?(?:help me (?:to )?)?(?:compute|calculate)\W*$|^\W*(?:deposit|shipping"
    r"|whole day|change|owing|final)?\?$|= ?\?"
)
_SEVERAL = re.compile(
    r"(?i)(?:,|\band\b|&)\s+(?=(?:how|what['’]?s?|which|who)\b)(?!what(?:['’]s| is| was) (?:it|that)\b)"
)
"""Stands between two questions of one sentence."""
_COMPARED = re.compile(
    r"(?i)\b(?:difference|gap|by how much|how much (?:more|less|cheaper|dearer)|average|avg|mean|sav(?:e|ed|ings?)"
    r"|cheap\w*|costl\w*|dear\w*|pric\w+|most|least|highest|lowest|biggest|largest|smallest|higher|lower|more|less)\b"
)
_HELD = re.compile(
    r"(?i)\b(?:should (?!have (?:been|paid|cost)\b)(?!(?:the|my|our) (?:\w+ )?(?:total|bill)\b).{0,15}"
    r"\b(?:hold|be|have)|(?:be|have(?! to| spent| paid)|hold|leave)\b.{0,15}\b(?:in|on) (?:the|my|our|it)"
    r"|get back|unspent|unused|raise[d]?|earn\w*|made|find (?:my|our)sel\w+|profit|net(?! total| amount| payable))\b"
)
_NOT_READ = re.compile(
    r"(?i)\bcost an? (?:day|night|week)\b|\bper (?:item|unit|piece|product|gram|ounce|lit(?:er|re))\b"
    r"|\b(?:surplus|shortfall|percent\w*|fraction|proportion|median|combinations?|ratio|odd one"
    r"|(?:for|over|in) an? (?:whole |full )?(?:year|month|week|day|decade)|an?(?:other| second| third) \w+"
    r"|the (?:two|three|four|top|bottom) (?:\w+ )?(?:cheapest|dearest|most|least|highest|lowest|biggest))\b"
)
_PARTS, _PEOPLE = one_of(PARTS - PEOPLE), one_of(PEOPLE)
_PER_PERSON = re.compile(rf"\b(?:per[ -]|(?:that|it|to|at|make) an? )(?:head|{_PEOPLE})\b", re.IGNORECASE)
_OF_PART = re.compile(
    rf"(?i)\b(?:for|at|from|of) the ([\w/&'’-]+(?: (?!this|last|that)[\w/&'’-]+)?) (?:{_PARTS})\b(?! of)"
)
_PLACE = re.compile(
    r"\b(?:at|from) (?:the )?([A-Z][\w'’]+)(?! \w*(?:[Ff]air|[Mm]arket|[Tt]rip|[Pp]arty))"
    r"|\b(?:does|did|would|will) ([A-Z][\w'’]+)(?<!I) (?:be|costs?|charge)\b"
)
_WHO = re.compile(
    r"(?i)\b(?:how much|what) (?:d\w+|must|should|will|ha\w+) (i|s?he|my \w+)\b|\b(my) (?:total|spend|bill)|cost (me)\b"
)
_BUYS = re.compile(
    r"\b(I|i|[Ss]?[Hh]e|[Mm]y (?:\w+ )?\w+|[Tt]he \w+|(?!We|Th|Also|Just|You|\w+day)[A-Z][a-z]+) (?:also |then |only )?"
    r"(?:bought|buys|got|gets|spent|ordered|(?:paid|pays) for|picked up|grabbed|booked)\b"
)
_GROUPS = re.compile(r"(?i)(?:(\w+) and )?(\w+) (?:total|cost)s?\b|(?:totals?|much) \w+ (?:the )?(\w+)(?: and (\w+))?")
_ANY_PART = frozenset(
    "two three four five six seven eight nine ten all both each every whole entire first second third last other "
    "different same various several cheaper cheapest dearer dearest most more expensive least one of and".split()
)


def check_questions(text: str, asked: Asked) -> None:
    """Raises Unread for a question or a request of which it is not known what it asks for."""
    who, buyers = _WHO.search(text), {each.lower() for each in _BUYS.findall(text)}
    if who and buyers - {"i"} and ("i" in buyers or (who[1] or "i").lower() == "i"):
        raise Unread("who pays for what")
    for sentence in filter(None, map(str.strip, _SENTENCES.split(text))):
        bare = not re.search(r"\d", sentence)
        listed = not bare and not _ASKING.search(sentence)
        if _NO_ARITHMETIC.search(sentence):
            raise Unread(f'"{sentence[:60]}", which is not asked of a calculator')
        asks = (sentence.endswith("?") and not listed) or (bare and _ASKS.match(sentence))
        several = [] if SPLIT.search(sentence) else _SEVERAL.split(sentence)[1:]
        for each in (sentence, *several) if asks else ():
            if not _is_known(each, asked):
                raise Unread(f'what is asked in "{each[-60:]}"')


def _is_known(sentence: str, asked: Asked) -> bool:
    if re.match(r"\W*each\?", sentence, re.IGNORECASE) or (asked.deposit and OWING.search(sentence)):
        return bool(asked.sharers or asked.deposit)
    is_left, compared = bool(LEFT.search(sentence)), bool(_COMPARED.search(sentence) and asked.kinds - {"each"})
    words, shares = re.sub(r"\S*\d.*", "", sentence), asked.sharers or asked.kinds
    if _NOT_READ.search(words) or (_PER_PERSON.search(words) and not shares):
        return False
    if is_left or _HELD.search(sentence):
        return bool(asked.budget or asked.deposit or asked.sharers)
    if _CHOICE.match(sentence):
        return compared
    if _YES_NO.match(sentence):
        return bool(asked.budget)
    return bool(compared or _REQUEST.match(sentence) or _TOTAL.search(sentence) or SPLIT.search(sentence))


def check_named(text: str, labels: Sequence[str]) -> None:
    """Raises Unread for a question about a part that was not found: "Sum for the paint supplier?"."""
    known = {word for label in labels for word in stems(label)} | _ANY_PART | FEES
    several = len(set(labels) - {""}) > 1 or len(set(_PLACE.findall(text))) > 1
    patterns = [_OF_PART, _PLACE] if several else [_OF_PART]
    for sentence in filter(None, _SENTENCES.split(text)):
        if re.search(r"\d", sentence) or not (sentence.rstrip().endswith("?") or _ASKS.match(sentence)):
            continue
        asked_of = {*re.findall(r"\b(?:[Ww]hich|each|every|per|by) (?!how)([a-z]+)", sentence)}
        kinds = one_of(each for each in asked_of if stem(each) not in known) or "$"
        owners = re.findall(rf"([a-z'’]+) (?:{kinds})s?\b", text.lower())
        groups = {stem(word.lower()) for found in _GROUPS.findall(sentence) for word in found}
        if any(len(set(each) - known - LEADING - NOT_NAMES - EVERYTHING - {""}) > 1 for each in (owners, groups)):
            raise Unread(f'what is asked in "{sentence[-60:]}"')
        for named in (match for pattern in patterns for match in pattern.finditer(sentence)):
            name = next(filter(None, named.groups())).lower()
            if not {stem(word) for word in re.split(r"[/\s&]+", name)} & known:
                raise Unread(f'"{named[0]}"')
