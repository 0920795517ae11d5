"""The closed lists that decide how purchases are read. A word that is in none of them is passed over."""

import re
from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


EACH = _set("each ea apiece piece item unit one pc pop go every")  # after "per" or "a", or alone: the price of one
UNITS = _set("unit pair piece item pc set")
CONTAINERS = _set(
    "bag box case pack packet carton crate tray jar bottle can tin tub roll ream set bundle bunch pallet sack jug "
    "tube kit pair dozen doz dz barrel bucket basket punnet bale book sheet page"
)
TIMES = _set("minute min hour hr day week month year night")
MEASURES = TIMES | _set(  # a price per one of these is only read if the quantity is of the same
    "kg kilo kilogram g gram lb pound oz ounce l litre liter ml cl ft foot feet m metre meter cm mm inch in yd "
    "yard µl mg gal gallon qt quart pint pt cup mile km person head guest thousand hundred ton tonne acre mb gb tb "
    "watt w kw kwh volt v amp count ct pk"
)
SIZES = _set("count ct gb tb mb mm cm inch in watt w kw volt v amp hp mp gauge grit denier ply")
PARTS = _set(
    "store shop vendor supplier place trip month department market retailer site website stop location branch "
    "outlet invoice receipt bill quote merchant dealer seller source stall booth grower farm restaurant cafe "
    "caterer family team client customer project week weekend day quarter event city aisle job flat room class order "
    "person people "
    "friend volunteer member section category errand visit contractor company campus floor household bakery "
    "pharmacy purchase group party shipment account cart basket leg season bid option provider school warehouse "
    "region hotel airline garage plan printer meet butcher grocer tailor sport game po note centre center"
)
PEOPLE = _set(
    "people person kid child children grandchild grandchildren friend guest student coworker colleague teammate "
    "roommate housemate flatmate sibling brother sister son daughter cat dog nephew niece cousin adult player "
    "volunteer member family teacher neighbor neighbour couple girl boy guy mate pal man woman men women parent dad "
    "mom wife husband fiance girlfriend boyfriend partner attendee passenger resident tenant employee worker"
)
PASSING = TIMES | _set("mile km block degree time ago floor weekend step")  # stand beside purchases, in sentences
NUMBERED = _set(  # a number after one of these is a name
    "size no number model type grade version v mk level vol volume part chapter windows iphone ipad galaxy ps "
    "xbox playstation office pixel series gen fifa nba class route aisle row lane formula channel studio season "
    "episode day week apt catch area trip"
)
FEES = _set(
    "shipping delivery postage freight handling fee surcharge charge deposit tip gratuity tax vat gst toll parking "
    "service packaging setup installation rush customs duty"
)
PAYMENTS = _set("gift voucher credit")  # what is paid with and so taken off, where it is used
PAYING = _set("used use using apply applied less minu cover redeem after")
INCOME = _set(
    "grant allowance sponsorship sponsor donation donated fund funding budget kitty stipend subsidy income takings "
    "proceeds received raised contributed contribution lent earned winnings bonu refund float cash reimbursement"
)
"""Money that comes in, which is no cost."""
DISCOUNTS = _set("off down discount coupon rebate markdown savings reduction promo minu minus less")
ADDITIONS = _set("tax vat gst hst pst tip gratuity surcharge service duty markup")
EVERYTHING = _set(
    "everything all whole entire overall both total altogether bill subtotal purchase lot order it purchases stores sum"
)
VERBS = _set(
    "bought buy buys buying got get gets getting spent spend spends paid pay pays ordered order orders ordering "
    "purchased purchase need needs needed want wants picked grabbed grab pick had has have was were is are took "
    "take takes found used added went chose sent brought charged charges will would plan plans paying adding costs "
    "sold provided provides supplied gave came totaled totalled ran set sells gives quotes quoted offers delivers "
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
LEADING = (
    VERBS
    | PRONOUNS
    | _set(  # what may stand before a quantity
        "we'd a an à the x my our your his her their also of just and for plus with qty quantity if when to like how "
        "much cost costs what what's whats price total sum hey hi hello ok okay so please calculate compute first "
        "second third next finally then additionally only about one item items from both all together up in"
    )
)
PRICE_WORDS = (
    EACH
    | CONTAINERS
    | UNITS
    | LEADING
    | MEASURES
    | _set(
        "at is wa were are a an again price priced costing for per total which that they it all lot these "
        "those them there altogether together in both flat"
    )
)
"""What may stand beside an amount without naming an item."""

_NUMBER = (
    r"(?:[$£€¥₹] ?)?(?:\d(?!\d*-[a-z])|an? (?:hundred|dozen)\b"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\b)"
)
_EXTRAS = (
    r"(?:(?:sales )?tax(?:es)?|vat|gst|hst|pst|tip|gratuity|discount|saving|shipping|delivery|postage|surcharge"
    r"|service charge|fees?)"
)


def _any(alternatives: str) -> re.Pattern[str]:
    """Of alternatives, one or more a line; a line that ends with "|" goes on in the next one."""
    pattern = re.sub(r"\n\s*", "|", alternatives.strip()).replace("||", "|").replace("<extra>", _EXTRAS)
    pattern = pattern.replace("<number>", _NUMBER).replace("<part>", "|".join(sorted(PARTS | PEOPLE | EACH | {"head"})))
    return re.compile(rf"(?<!\w)(?:{pattern})(?![a-z])", re.IGNORECASE)


_STRONG = _any(
    r"""
    (?:return(?:ed|ing)\b|return (?:one|it|the|them|two|some|\d)|refund|exchang|cancel|borrow)\w*
    reimburse[ds]? (?:me|us|by)|sen[dt] (?:\w+ ){0,3}back
    (?:took|take|taking|bring|brought|gave|give|put) (?:\w+ ){1,3}back|trade[ds]?[ -]?in
    half[ -](?:price(?! (?-i:[A-Z]))|off|the|as|of)|other half|paid (?:for )?(?:half|part|some)|bogo\w*
    buy \w+,? (?:and )?get|get \w+ (?:\w+ )?(?:free|half)|for the price of
    (?:two|three|\d)[ -]for[ -](?:one|two|\d\b)(?!\.\d)|on the house|except|excl\w*|apart from|besides|other than
    rather than|instead|minus the|no longer|already|pre-?paid|paid off|down ?payment|pa(?:y|id) [^.?!]{0,20}in advance
    (?:earn|redeem|get|use)\w* [^.?!]{0,20}points|cash ?back|rebate later|rain ?check|store credit
    half (?:now|later|today)|stole\w*|unless|whichever|alternatively|either|neither|maybe|perhaps|possibly|probably
    (?:un|not )sure|forg[eo]t|unknown|tbd|n/a|varies|depend\w*|no idea
    (?:do(?:es)?|did|can?)(?: not|n?[’']t) (?:know|recall|remember|say)|on request|haggl\w*
    (?:some|most|half|part|one|two|three|many|none|any|several|few|\d+) of (?:the(?:m|se)?|those|my|our|
    (?-i:[A-Z])\w+'s)\b(?<!\d of them)(?<!\d of those)(?<!\d of these)
    (?:not|never|\w+n[’']t) (?:\w+ ){0,2}(?:buy|bought|take|took|get|got|ke[ep]pt?|need|want|pay|paid|charged?|
    counte?d?)
    (?:some|part|(?<!what is )(?<!what's )half|most|rest) of (?:that|it|this|what|which)\b
    (?<!off )(?:with|by|using|used?|in|from|cover\w*|redeem\w*) (?:(?!of\b)\w+ ){0,3}(?:points|miles|rewards|
    gift cards?|vouchers?|tokens)\b(?! (?:at|for)\b)
    <extra> only(?! (?:on|for))|(?:only|just) the <extra>\b
    \w+ of us (?:is|are|was|were|has|have)\b(?! (?:going|coming|there))
    (?:member|student|senior|kid|child|pensioner|teacher|employee)(?:s|ren)? (?:gets?|pays?|receives?) \d
    chang\w+ (?:my|our|his|her|their) minds?|never ?mind|scrap
    (?:order|price|bill|number)s? (?:was |were )?(?:doubled|tripled|halved)
    owe[sd]? (?:me|him|her|us|them) (?:for|[$£€\d])|times (?:that|what|as)\b
    round(?:ed)? (?:it |that |this )?(?:up|down|off)|to the (?:nearest|next) (?!cent|penn)
    \d(?:st|nd|rd|th)(?: \w+)? (?:is |was )?(?:at |for )?(?:free|half|\d+ ?%)|money back
    g[eo]t (?:my|our|the|his|her|their) (?:\w+ )?back
    pa(?:y|id|ys) for (?:hers|his|theirs|mine|(?:his|her|their|my) own)\b
    (?:dropp?ed|skip(?:ped)?|removed?|forget|leave out) (?:the|my|one|both|it)\b
    (?:go|goes|are|is|pay|pays) half\b(?! (?:an?|of))
    if (?:you|i|we|he|she|they) (?:have|had|are|use|join|show|bring|sign|book|take)\b
    (?<![$£€.\d])\d+ (?!(?:dollar|euro|buck|pound|cent)s? |(?:usd|eur|gbp|quid|pence|more|less) )[a-z]+ (?:an?|per|
    each|every) (?:day|week|month|night|year|hour|person|guest|kid|child|head)\b
    same as (?:last|before|usual)|same (?:again|order)|(?:bit|little|slightly) (?:more|less|\w+er)
    owe[sd]? (?-i:[A-Z])\w+|(?:usual|normal|regular) (?:price|rate|order)
    (?:kids?|people|of us|friends|\d+ \w+) each (?:needs?|wants?|gets?|takes?)|last (?:week|month|year|time)'s
    twice (?:that|the|as|what)|(?:charged|billed|paid) (?:\w+ )?twice
    (?:third|second|fourth|next|other)(?: one)? (?:is |was |comes )?(?:at |for )?(?:free|half|\d+ ?%)
    (?:but|though|which) (?:only|just) <number>|(?:one|each)[ -]way(?! (?:ticket|fare|flight|rental)s?\b)
    (?:it|they|this|that|them) (?:was|were|is|are) (?:cheaper|dearer|less)\b(?! than)(?! ?\?)
    (?:cheaper|less|discount|off|more|free) (?:if|when|after|for (?:every|each))
    if (?:you|he|she|they) (?:spend|buy|order)
    if (?:i|we) (?:\w+ )?(?:spen[dt]|order(?:ed)?|b[uo](?:y|ught)) (?:more|over|at least)|exchange rate|convert\w*
    (?:only|just) (?:\w+ ){1,3}(?:one|1) of|(?:only|just) charged|prices? (?:drops?|goes|will|rises?)
    each (?:\w+ )?(?:gets?|needs?|wants?|takes?|receives?)\b
    every (?:second|third|fourth|fifth|tenth|other)\b|profit|re-?sell\w*|(?:i|we) (?:\w+ )?s(?:ell|old)\b|revenue
    salary|wages?
    (?:these|those|they|prices|which) (?:are|were) (?:already )?(?:the )?(?:sale|discounted|reduced|final) prices?
    """
)
"""Changes the arithmetic wherever it stands."""
_WEAK = _any(
    r"""
    (?:about|around|approximately|approx|roughly|nearly|almost|over|under|above|below|
    more than) <number>(?! (?:shop|store|month|trip|place)s\b)
    (?:less than|fewer than|at least|at most|up to|between|some|or so|every) <number>(?!\W+\d| (?:shop|store)s\b)
    from (?:[$£€¥₹] ?\d|\d+(?= (?:a|per|each)\b))|(?<!\w)~ ?\d
    (?<![x×] )(?<![x×] \d)\d(?: ?[-–] ?| (?:to|or) )[$£€¥₹] ?\d|[$£€¥₹] ?[\d.]+(?:[-–]| (?:to|or) )\d|\d (?:to|or) \d
    (?<![\w.-])\d+[-–]\d+(?![\w-]|\.\d)|\d+-?ish|not|never|\w+n[’']t|or|nor|might|(?-i:may)(?! \d)|worth
    both (?:ways|sides)|lost|broken|broke(?! ?[,.]| lol)|lent|lends?|half an? (?!dozen)
    (?:one|\d|get|gets|got|is|was|for|make|half|comes?) (?:\w+ )?free|free (?:one|with|if|over|when)|knock\w*
    negotiat\w*|(?:and )?then some|similar|match(?:es|ed)?|happy hour
    (?:bit|little|slightly|somewhat) (?:more|less|\w+er)|same (?:again|price|amount|number|order|quantity|as|for)
    the same\b(?= ?(?:[.,;?!]|$))|(?:\d[\d.]*|dollar|euro|pound|bit)s? (?:each )?(?:more|less|cheaper|dearer)(?! \d)
    per \w+ per \w+|(?:per|each) (?:additional|extra)|by the (?:glass|slice|hour|pound|dozen|bottle)|applied(?! to)
    (?<!in the )(?<!at the )(?<!from the )(?:second|third|fourth|last) (?:one|night|item|pair|piece|copy) (?:is |
    was |at |for )?(?:\d+ ?%|[$£€¥₹]\d)
    deposit (?:paid|already|down)|(?:paid|left|put down|took|made) (?:a |the )?(?:[$£€]? ?[\d.,]+ )?deposit
    (?:alone|by itself|on its own|expired|covered by)|first \d|thereafter
    (?:was|were|regular(?:ly)?|usually|list price|msrp|rrp) [$£€]?\d[\d.]*[^.;?]{0,15}\b(?:now|but|today|down)|on sale
    (?:reduced|marked down|down) from|originally|normally|regular(?:ly)?|(?<=% )down|discount(?:s|ed)? for|a couple
    handful|enough|(?:a few|several|some)(?= )(?! (?:things|stuff|items|stores|help|places|stops|errands|shops))
    as (?:many|much)|double[ds]?|triple[ds]?|thrice|times (?:as|the)|the rest|remaining|remainder|leftover|interest
    (?:a|per|each|every) (?:month|week|day|year|hour|night) (?:over|during)|earn\w*|income|loan|invest\w*|margin
    (?:every|until|till) (?:day|week|weekend|month(?! ?:)|year|\w+day|(?-i:[A-Z])\w+)|instal?l?ments?|deduct\w*
    minimum|maximum|sold(?! (?:us|me|him|her|them)\b)|else|(?<!at the )(?<!in the )back(?! to| home| in| at|-|\?)
    if(?! +(?:unclear|possible|(?:all|it|that|this|everything|the \w+)(?: is)? (?:equally )?(?:split|shared|divided)|
    an? [a-z ]{2,30}costs?\b|one (?:store|shop|place|vendor)|i|we|you|he|she|they|split|shared|divided|\d+|\w+ of us)\b)
    for the next \w+ (?:months|weeks|days|years|hours|nights)
    (?:weekly|monthly|daily|annual|yearly|quarterly) (?:for|x|over)|(?:extra|additional|further|another) \d+ ?%
    (?:discount|tax|percent) (?:after|before)|pre-?tax|before (?:tax|discount|shipping|the)
    bulk (?:price|rate|discount|order)s?|sometimes|incl(?:\.|uding|usive|udes?|uded)? (?:of )?(?:\d|vat|tax|gst)
    (?:vat|tax|gst)(?: (?:of |at )?\d+ ?%)? incl|win|per (?!100 ?%)<number>
    (?:get|gets|earn|receive|win) (?:\w+ ){0,3}?(?:[$£€]\d+ )?(?:gift|voucher|store credit)
    """
)
"""Changes the arithmetic in a sentence that holds an amount."""
_UNKNOWN = _any(
    r"""
    how (?:many|long|far|old|often|big|heavy|fast)|why|when|worth|better|best|median
    (?:total|cost|price|much|that|it|what) per (?!(?:<part>)s?\b)\w+|(?:what|which|how many) (?:percent\w*|%)|the rest
    original|(?:full|list) price|the net\b(?! total)
    where(?! (?:is|was|did|do|does|would|should|will) [^.?!]{0,30}(?:cheap|dear|most|least|less|more|expens))
    (?:rounded|round)(?= (?:to|up|down|off|it))(?! to (?:the )?(?:nearest )?(?:cent|penn|two|2))|percent(?:age)? of
    percentage|ratio|proportion|fraction|probability|which (?:item|product)|per (?:use|serving)
    (?:how much|what) (?:is|does|did|would|do|are|was|were) (?:one|1|a single|(?:an? )?half)\b
    (?:what(?:[’']?s| is| was| are| will| would)?|how much(?: is| was| will| would| did| does)?|
    find)(?: be)? (?:(?:the|my|our|that|total|all) )*(?:(?!with|after|before|incl|plus|
    and)\w+ )?(?<!after )<extra>\b(?! (?:total|bill|included|is it|come))
    (?:pa(?:y|id)|spen[dt]|cost|charged?|sav(?:e|ed|ings?)) (?:\w+ )?(?:in|on|for|from|by|with) (?:the |my )?<extra>\b
    (?:cheapest|dearest|most expensive) (?:item|product|thing)|(?:item|product) (?:is|was|costs?)
    should (?:i|we|you|he|she|they) (?!get|pay|owe|have|expect|budget|bring|set|be|spend)
    spen[dt] on (?!everything|all|average|it\b|each|both|this|these)|before tax|pre-?tax|without|alone
    (?:average|mean) (?:item |cost |amount )?(?:price|(?:per|of|for) (?:(?:an?|each|one) )?(?:item|product))
    fair(?:ly)?
    who\b(?! (?:spen[dt]s?|pa[iy](?:e?d)?|pays|owes|costs?|charge[sd]?|is|was) (?:the )?(?:\w+er|\w+est|most|least|
    more|less|how much))
    """
)
"""Asks for something that is not worked out."""
_SENTENCES = re.compile(r"[.!;](?=\s)|\n|(?<=\?)")
_AMOUNT = re.compile(rf"[$£€¥₹@%]|(?<![\w-]){_NUMBER}|\beach\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?:how|what|what'?s)\b|\b(?:how|what|what's|which|who|total|sum|add|is|are|do|does|did|should)\b.*\?",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"free[ -](?:shipping|delivery|postage|freight|range|parking|weight|return)s?"
    r"|(?:\w+-|\b(?:gluten|sugar|dairy|fat|duty|delivery|shipping|postage|included|parking)(?: is| was)? )free\b",
    re.IGNORECASE,
)


UNTAXED = re.compile(
    r"\b(?:before|without|excluding|excl\.?|no) (?:any )?(?:sales )?(?:tax|vat|gst)\b|\bpre-?tax\b", re.IGNORECASE
)

"""Says nothing where no tax is given."""


def changing(text: str) -> str:
    """What can change the arithmetic in a way that is not read, or ""."""
    text = _HARMLESS.sub("-", text)
    found = _STRONG.search(text)
    for sentence in () if found else _SENTENCES.split(text):
        found = _WEAK.search(sentence) if _AMOUNT.search(sentence) else None
        found = found or (_UNKNOWN.search(sentence) if _ASKS.search(sentence) else None)
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
