"""The closed lists that decide how purchases are read. A word that is in none of them is passed over."""

import re
from collections.abc import Iterable
from functools import lru_cache


def one_of(words: Iterable[str]) -> str:
    """A pattern for one of the words."""
    return "|".join(sorted(words))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


DAYS = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
MONTHS = "January|February|March|April|June|July|August|September|October|November|December"
"""Patterns; without May, which is a verb too."""
EACH = _set("each ea apiece piece item unit one pc pop go every")  # after "per" or "a", or alone: the price of one
UNITS = _set("unit pair piece item pc set")
CONTAINERS = _set(
    "bag box case pack packet carton crate tray jar bottle can tin tub roll ream set bundle bunch pallet sack jug "
    "tube kit pair dozen doz dz drum barrel bucket basket punnet bale book sheet page"
)
TIMES = _set("minute min hour hr day week month year night")
MEASURES = TIMES | _set(  # a price per one of these is only read if the quantity is of the same
    "kg kilo kilogram g gram lb pound oz ounce l litre liter ml cl ft foot feet m metre meter cm mm inch in yd "
    "yard µl mg gal gallon qt quart pint pt cup mile km person head guest thousand hundred ton tonne acre mb gb tb "
    "watt w kw kwh volt v amp count ct pk"
)
SIZES = _set("count ct gb tb mb mm cm inch in watt w kw volt v amp hp mp gauge grit denier ply")
PARTS = _set(
    "store shop vendor supplier place trip month department market retailer site website stop location branch outlet "
    "invoice receipt bill quote merchant dealer seller source stall booth grower farm restaurant cafe caterer family "
    "team client customer project week weekend day quarter event city aisle job flat room class order person people "
    "friend volunteer member section category errand visit contractor company campus floor household bakery pharmacy "
    "purchase group party shipment account cart basket leg season bid option provider school warehouse region hotel "
    "airline garage plan printer meet butcher grocer tailor sport game po note centre center"
)
PEOPLE = _set(
    "people person kid child children grandchild grandchildren friend guest student coworker colleague teammate "
    "roommate roomate housemate flatmate sibling brother sister son daughter cat dog nephew niece cousin adult player "
    "volunteer member family teacher neighbor neighbour couple lady girl boy guy mate pal man woman men women parent "
    "dad mom mum nan gran grandma grandpa grandad granny aunt uncle wife husband fiance girlfriend boyfriend partner "
    "attendee pupil passenger resident tenant employee worker"
)
PASSING = TIMES | _set("mile km block degree time ago floor weekend step")  # stand beside purchases, in sentences
NUMBERED = _set(  # a number after one of these is a name
    "size no number model type grade version v mk level vol volume part chapter windows iphone ipad galaxy ps "
    "xbox playstation office pixel series gen fifa nba class route aisle row lane formula channel studio season "
    "episode day week apt catch area trip kw till term semester phase round wk"
)
FEES = _set(
    "shipping delivery postage freight handling fee surcharge charge deposit tip gratuity tax vat gst toll parking "
    "insurance service packaging setup installation rush customs duty"
)
PAYMENTS = _set("gift voucher credit")  # what is paid with and so taken off, where it is used
PAYING = _set("used use using apply applied less minu cover redeem after")
INCOME = _set(
    "grant allowance sponsorship sponsor donation donated fund funding budget kitty stipend subsidy income takings "
    "proceeds received raised contributed contribution lent earned winnings bonu refund float cash reimbursement"
)
"""Money that comes in, which is no cost."""
DISCOUNTS = _set("off down discount coupon rebate markdown savings reduction promo minu minus less")
STATED = _set("total subtotal balance change cash paid visa tendered sum due saved savings amount grand order sub")
TAXES = _set("tax vat gst hst pst gct qst iva mwst btw")
ADDITIONS = TAXES | _set("tip gratuity surcharge service duty markup")
EVERYTHING = _set(
    "everything all whole entire overall both total complete altogether bill subtotal purchase lot order it purchases "
    "stores sum"
)
VERBS = _set(
    "bought buy buys buying got get gets getting spent spend spends paid pay pays ordered order orders ordering "
    "purchased purchase need needs needed want wants picked grabbed grab pick had has have was were is are took take "
    "takes found used added went chose sent brought charged charges will would plan plans paying adding costs sold "
    "provided provides supplied gave came totaled totalled ran set sells gives quotes quoted offers delivers "
    "delivered supplies asks shows lists"
)
PRONOUNS = _set("i we he she they you it there i'm i've i'd we're we've i'll we'll")
NOT_NAMES = PRONOUNS | _set(
    "my our me us your their his her is are was were following here here's list need needs want please add total sum "
    "calculate compute find how what what's which whats items item shopping question problem answer today yesterday "
    "this these those that each every per if all so then also costs cost price prices amount help hi hello dear tell "
    "over across among during within compare split many much who average spend spent altogether both grand check qty "
    "quantity units number later afterwards"
)
_BEFORE_QUANTITY = _set(
    "we'd a an à the x my our your his her their also of just and for plus with qty quantity if when to like how much "
    "cost costs what what's whats price total sum hey hi hello ok okay so please calculate compute first second third "
    "next finally then additionally only about one item items from both all together up in"
)
LEADING = VERBS | PRONOUNS | _BEFORE_QUANTITY
_BESIDE_PRICE = _set(
    "at is wa were are a an again price priced costing for per total which that they it all lot these those them "
    "there altogether together in both flat"
)
PRICE_WORDS = EACH | CONTAINERS | UNITS | LEADING | MEASURES | _BESIDE_PRICE
"""What may stand beside an amount without naming an item."""

_NUMBER = (
    r"(?:[$£€¥₹] ?)?(?:\d(?!\d*-[a-z])|an? (?:hundred|dozen)\b"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\b)"
)
_EXTRA = (
    r"(?:(?:sales )?tax(?:es)?|vat|gst|hst|pst|tip|gratuity|discount|shipping|delivery|postage|surcharge"
    r"|service charge|fees?)"
)


_SIGN = r"(?:[$£€¥₹₦]|(?:\b[A-Z]{3}|rs\.?|ksh) ?(?=\d)|\bR(?=\d\d))"


def _any(alternatives: str) -> re.Pattern[str]:
    """Of alternatives, one or more a line; the word that follows is shown too."""
    pattern = (
        re.sub(r"\n\s*", "|", alternatives.strip())
        .replace("[$£€]", _SIGN)
        .replace("<number>", _NUMBER)
        .replace("<extra>", _EXTRA)
    )
    return re.compile(rf"(?<![\w’'-])(?:{pattern})(?![a-z])(?: [a-z]+)?", re.IGNORECASE)


_ALWAYS = _any(
    r"""
    an? (?:third|quarter|fifth|tenth)|two[ -]thirds|(?:dozen|member|club|bulk|case|sale) prices?|some of each
    (?<!what is )(?<!& )half(?!-| (?:term|time|marathon|board|day
    an? dozen)| & half| price (?-i:[A-Z][a-z])| \w{3,}s\b)|halved|twice(?! (?:this|last))|thrice|double (?:the|that
    it|what|my|our|this|price|time|pay)|doubled|tripled?|times (?:that|what|as)|one[ -]way(?! (?:ticket|fare
    flight)s?)|returned|returning|refund\w*|exchang(?:ed|ing)|exchange (?:it|them|the|one|for)|swap(?:ped
    ping| (?:it|them|one|my|the|a))\b|cancel\w*|borrow\w*|steal|stolen?|lent|lends?|lost|broken|reimbursed by|bogo
    get one|buy[ -]\w+,?[ -]get|wait just|oops|scratch that|change there|make that|i mean(?! how| what)
    price on request|(?:had|have|used|got) an? (?:gift )?voucher(?! (?:of|for|worth))|\d/\d of (?:the|my|it)
    my \d/\d|on request|p\.?o\.?a\b|\w+-for-\w+|on the house|for the price of|rain ?check|cash ?back|money back
    already(?! (?:covers?|includes?|contains?|in) )|pre-?paid|expired|(?:sen[dt]|took|take|gave|give|brought
    bring) (?:\w+ ){1,3}back|trade[ds]?[ -]in|(?<!thanks )in advance|rebate later|except
    (?<!are )(?<!prices )(?:exclud\w*|excl)|apart from|besides|other than|rather|instead|no longer|unless|wh(?:ich
    at)ever|alternatively|either(?! (?:place|way|shop|store|one)\b)|neither|otherwise|else|maybe|perhaps|possibly
    (?:buy|save)[ -]more|i (?:think(?! of)|guess|believe)|times [$£€]?\d
    probably|(?:un|not )sure|unknown|tb[acd]|n/a|var(?:y|ies)|depend\w*|haggl\w*|negotiat\w*|match(?:es|ed)
    applied(?! to)|(?:don|didn|doesn|couldn|wasn|isn|won)[’']?t|never(?! ?mind)|(?<!each )(?<!the )(?:some|most|many
    none|any|several|few|one|two|three|part) of (?:th\w+|my|our|it|which|(?-i:[A-Z])\w+'s)|changed \w+ minds?
    never ?mind|scrap|something off|dropped|skipped|forget (?:the|about)|same as|same order|same \w+ as|(?:kept
    keep) (?:only|just)|only (?:kept|keep)|usual|regular|normally|originally|original price|list price
    (?<!have )(?<!it )(?<!that )enough|enough for|a few|a couple|several|sold(?= \w+)(?! (?:us|me|nothing)\b)
    re-?sell\w*|revenue|profit|salary|wages?|earn\w*|income|loan|invest\w*|interest|instal?ments?|the rest|remainder
    leftover|every (?:second|third|fourth|fifth|sixth|tenth|other|\d+)|minimum|maximum|owes? (?-i:[A-Z])\w+|pa(?:id
    ys?) (?:half(?! of (?:everything|it all|it|the (?:total|bill|lot|cost))\b)|part|some|for (?:hers|his|theirs
    mine))|by the (?:glass|hour|slice)|(?:find|calculate) the unit price|unit costs? for|round(?:ed)? (?:up|down
    to (?!the nearest cent))|(?:is|was|are|one|comes?) free|each (?:\w+ )?(?:gets?|needs?|wants?|takes?)|if (?:you
    he|she|they) (?:have|use|join|spend|buy|show|book)|(?:it|they|this|that) (?:was|were|is|are) cheaper
    prices? (?:drops?|goes|will|rises?)|exchange rate|pays? (?:me|us) back(?! (?:all|everything))|the others
    into (?:euros|dollars|pounds|pesos|yen)|convert\w*|(?:cheapest|dearest|priciest|most expensive) (?:item|thing
    product)|same again|overcharg\w*|(?<!we )(?:is|are) (?:paying|covering) for|\(price\?|(?:can[’']?t|cannot) read
    illegible|same today|happy hour|\d+ (?!rupees|dollars|euros|bucks|quid|pounds)\w+ (?:a|per) (?:day|week|month)
    members? (?:gets?|pays?)|<extra> only(?! (?:on|for))|only the <extra>|pro[ -]?rat(?:a|ed)|net (?:total|amount)s?
    [a-z]+ ?\?{2,}(?= ?[,;])
    """
)
"""Changes the arithmetic wherever it stands."""
_BESIDE = _any(
    r"""
    [$£€]?\d[\d.]* back(?! to| home| box| pack| seat| door)|(?:took|taken?|gave|given?|got|get|sen[dt]|brought|bring
    pa(?:id|y|ys)|handed|went|came) (?:\S+ ){0,5}(?<!me )(?<!us )back(?! to| home)|free|not|or|nor
    if(?! (?:[a-z ]+ costs?|we|i|it|one|the|split|all|shared|unclear|possible|\w+ bought|\w+ of us))|might
    (?-i:may(?! concern))|(?:about|around|approximately|approx\.?|circa|roughly|nearly|almost|between|some) <number>
    \w+-(?:ish|odd)|give (?:or|and) take|[~≈] ?[$£€]?\d|towards? (?:it|this|that|the (?:cost|bill|total))|(?:giving
    put(?:s|ting)?|throw(?:s|ing)?) (?:me|us|him|her|them|in) (?:an? )?<number>|last (?:week|month|year
    time) (?:it was|(?:i|we) (?:spent|paid)) [$£€]?\d|(?:each|ea|\d),? was [$£€]?\d|(?:i|they|we|s?he|it) (?!tipped
    charged|added|totall?ed|needed|ordered)\w+ed [$£€]\d|(?:quote|estimate|price) was [$£€]?\d|found [$£€]\d|(?:my
    our) \w+ (?:has|had|holds) [$£€]\d|paid (?:an? )?[$£€][\d.,]+ (?:deposit|down)|used to (?:be|cost|sell|go)
    saves [$£€]\d|(?:went|gone) up|for (?:the|your|my) first [a-z]+|first \w+ [$£€]\d|(?:each|every
    per) (?:additional|extra|further)|formerly|previously|before (?:that|it was)|after (?:(?:an?
    the) )?[\d% ]*(?:discount|coupon|rebate)|(?<!total )(?<!total)(?<!in )(?<!\$)[$£€] ?\?|rrp|msrp|of which
    (?<!each )(?<!each one )(?<!each of us )owes? (?:me|us|him|her|them)|(?:will|can|to) cover <number>
    of (?:\w+ )?points|(?:reduced|discounted|lowered|cut|(?:marked|knocked) down|up) to <number>|(?:fell
    and(?: \w+){1,2}) by <number>|(?<!was )(?<!were )(?<!been )(?<!is )(?<!are )(?:reduced|lowered|discounted
    cut) (?:th[a-z ]+)?by <number>|<extra> included (?:is |was |of )?<number>|includ(?:es|ing) <number>
    (?<!the )(?:un)?till? (?:the|next|end|my|our|i|we|\w+['’]s)|(?:the|my|our) \w+ pays [$£€]\d|own pocket
    paid (?:\w+ ){0,3}with (?:an? )?[$£€]?\d|[$£€][\d.,]+ (?:of (?:it|this|that)|c[ao]mes? from)|(?:the|my|our|his
    her|their) (?:\w+ )?cover(?:s|ed) <number>|(?:gives?|gave) (?:(?:me|us|him|her|them) (?:an? )?(?:\d+(?=[.,;!?]
    $)|[$£€]\d(?![\d.]* off))|[$£€]\d(?![\d.]* off))|(?:reimburs\w+|contribut\w+|(?:chip\w*|kick\w*) in) (?:(?:me|us
    him|her|them) )?(?:an? )?<number>|(?:over|under|above|below|more than|less than|at least|at most|up to) <number>
    \d+(?:[-–]| to | or )[$£€]?\d|\d+-?ish|from [$£€]\d|from \d+ (?:a|per)|the same(?= ?(?:[.,;?!]|$))|same (?:price
    amount)|as (?:many|much)|first \d|[$£€]?[\d.]+ (?:each )?(?:more(?! [a-z]+s? (?:at|for|@))|cheaper|dearer)
    (?:second|third|fourth|last|\dth)(?: one| night| item| pair| ticket)?(?: is| was|for)? (?:[\d$]|free)|worth
    alone|(?<!are )without|per (?:\d|\w+ per \w+)|(?:get|gets|receive) (?:an? )?[$£€]\d
    """
)
"""Changes the arithmetic in a sentence that holds an amount."""
_ASKED = _any(
    r"""
    how (?:many(?! (?:yen|dollars|euros|pounds|rupees|francs|pesos|rand|naira|shillings|kron[ao]r|kroner)\b)|long
    far|old|often)|why|when|worth|better|median|per table|(?:is|does|would) (?:that|it|this) (?:\w+ )?(?:(?:for
    to) each(?! of (?:us|the \w+ of us))|with(?! (?:the )?(?:tax|vat|iva|gst|delivery|shipping))|after)|original
    without|(?:what|how much)(?: is| was| are|'s|s)? (?:the |my |our )?<extra>(?! (?:total|bill|included))
    how much (?:is|was|does|for) (?:one(?! person| of us)|1|a single|an? half)\b|outside|elsewhere|in (?:pence
    cents)|average (?:\w+ )?price|average (?:item|cost per item)
    """
)
"""Asks for something that is not worked out."""
_SENTENCES = re.compile(r"[.!;](?=\s)|\n|(?<=\?)")
_AMOUNT = re.compile(rf"[$£€¥₹@%]|(?<![\w-]){_NUMBER}|\beach\b", re.IGNORECASE)
_ASKS = re.compile(r"(?i)\b(?:how|what'?s?)\b|\b(?:which|who|total|sum|add|is|are|do|does|did|should)\b.*\?")
_HARMLESS = re.compile(
    r"(?i)\b(?:do|should|must) i (?:give|hand) (?:her|him|them|it) back\b|\b(?:kids?|children|under-?\w+s?) (?:(?:go"
    r"|get in|eat|are) )?free\b|\bfree[ -](?:ship(?:ping)?|delivery|postage|p&p|freight|range|parking|weight|returns?"
    r"|\d)|\bor madam\b|(?<=[,;] )(?!one|two|second|third|it\b|another)[a-z]+ (?:is |are )?free(?=\s*[.,;\n]|$)"
    r"|\bchange (?:\w+ ){1,5}back\b|(?<!\d )\bback from (?:the |my |our )?(?:airport|station|hotel|work|school|town)\b"
    r"|(?:\w+-|\b(?:delivery|shipping|postage) from [^,.;\n]{1,30}|\b(?:gluten|sugar|dairy|fat|peat|acid|lead|nut|oil"
    r"|lactose|duty|installation|setup|assembly|fitting|deliver(?:y|ed)|shipping|postage|included|parking)(?: is"
    r"| was)? )free\b"
)
UNTAXED = re.compile(
    r"(?i)\b(?:before|without|excluding|ex(?:cl)?\.?|no) (?:any )?(?:sales )?(?:tax|vat|gst)(?: (?:and|or|&) tip)?\b"
    r"|\bpre-?tax\b|\btax[- ](?:exempt|free)\b|\bprices? (?:all |are |is )*inc(?:l(?:ud(?:es?|ing)|\.)?)? (?:vat|tax"
    r"|gst)\b|\b(?:ignor(?:e"
    r"|ing) (?:the )?(?:sales )?(?:tax|vat|gst)|(?:tax|vat|gst) (?:is )?(?:ignored|(?:is not|isn['’]t) charged))\b"
)
"""Says nothing where no tax is given."""


def changing(text: str) -> str:
    """What can change the arithmetic in a way that is not read, or ""."""
    text = _HARMLESS.sub("-", text)
    found = _ALWAYS.search(text)
    for sentence in () if found else _SENTENCES.split(text):
        found = _BESIDE.search(sentence) if _AMOUNT.search(sentence) else None
        found = found or (_ASKED.search(sentence) if _ASKS.search(sentence) else None)
        if found:
            break
    return found[0].strip() if found else ""


@lru_cache(maxsize=2_000)
def stem(word: str) -> str:
    """The singular, near enough to compare by."""
    word = word.removesuffix("'s").removesuffix("'")
    if word == "children":
        return "child"
    endings = {"ies": "y", "ves": "f", "ches": "ch", "shes": "sh", "sses": "ss", "xes": "x", "oes": "o", "s": ""}
    for ending, singular in endings.items():
        if word.endswith(ending) and len(word) > len(ending) + 1 and not word.endswith("ss"):
            return word.removesuffix(ending) + singular
    return word


def stems(text: str) -> list[str]:
    return [stem(word) for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text.lower())]


def is_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss") and len(word) > 2  # noqa: PLR2004
