"""The closed lists that decide how purchases are read. A word that is in none of them is passed over."""

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


EACH = _set("each ea apiece piece item unit one pc pop every")  # after "per" or "a", or alone: the price of one
UNITS = _set("unit pair piece item pc set")
CONTAINERS = _set(
    "bag box case pack packet carton crate tray jar bottle can tin tub roll ream set bundle bunch pallet sack jug "
    "tube kit pair dozen doz dz barrel bucket basket punnet bale book sheet page"
)
TIMES = _set("minute min hour hr day week month year night")
MEASURES = TIMES | _set(  # a price per one of these, or per container, is only read if the quantity is of the same
    "kg kilo kilogram g gram lb pound oz ounce l litre liter ml cl ft foot feet m metre meter cm mm inch in yd "
    "yard gal gallon qt quart pint pt cup mile km person head guest thousand hundred ton tonne acre mb gb tb watt "
    "w kw kwh volt v amp count ct pk"
)
SIZES = _set("count ct gb tb mb mm cm inch in watt w kw volt v amp hp mp gauge grit denier ply")
PARTS = _set(
    "store shop vendor supplier place trip month department market retailer site website stop location branch "
    "outlet invoice receipt bill quote merchant dealer seller source stall booth grower farm restaurant cafe "
    "caterer family team client customer project week weekend day quarter event city room class order person "
    "people friend volunteer member section category errand visit contractor company campus floor household "
    "bakery pharmacy purchase group party shipment account cart basket leg season bid option provider school "
    "warehouse region hotel airline garage printer butcher grocer tailor sport game po"
)
PEOPLE = _set(
    "people person kid child children grandchild grandchildren friend guest student coworker colleague teammate "
    "roommate housemate flatmate sibling brother sister son daughter cat dog nephew niece cousin adult player "
    "volunteer member family teacher neighbor neighbour couple girl boy"
)
PASSING = TIMES | _set("mile km block degree time ago floor weekend step")  # stand beside purchases, in sentences
NUMBERED = _set(  # a number after one of these is a name
    "size no number model type grade version v mk level vol volume part chapter windows iphone ipad galaxy ps "
    "xbox playstation office pixel series gen fifa nba class route aisle row lane formula channel studio season "
    "episode day week apt catch area trip"
)
FEES = _set(
    "shipping delivery postage freight handling fee surcharge charge deposit tip gratuity tax vat gst toll "
    "parking service packaging setup installation rush customs duty"
)
PAYMENTS = _set("gift voucher credit")  # what is paid with and so taken off, where it is used
PAYING = _set("used use using apply applied less minu cover redeem after")
DISCOUNTS = _set("off discount coupon rebate markdown savings reduction promo minus less")
ADDITIONS = _set("tax vat gst hst pst tip gratuity surcharge service duty markup")
EVERYTHING = _set(
    "everything all whole entire overall both total altogether bill subtotal purchase lot order it purchases stores"
)
VERBS = _set(
    "bought buy buys buying got get gets getting spent spend spends paid pay pays ordered order orders ordering "
    "purchased purchase need needs needed want wants picked grabbed grab pick had has have was were is are took "
    "take takes found used added went chose sent brought charged charges will would plan plans paying adding "
    "provided provides supplied gave "
    "quotes quoted offers delivers delivered supplies asks"
)
PRONOUNS = _set("i we he she they you it there i'm i've i'd we're we've i'll we'll")
NOT_NAMES = PRONOUNS | _set(
    "my our me us your their his her is are was were following here here's list need needs want please add total "
    "sum calculate compute find how what what's which whats items item shopping question problem answer today "
    "yesterday this these those that each every per if all so then also note costs cost price prices amount help "
    "hi hello dear tell many much who average spend spent altogether both grand check qty quantity units number"
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

_NUMBER = (
    r"(?:[$£€¥₹] ?)?(?:\d(?!\d*-[a-z])|an? (?:hundred|dozen)\b"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\b)"
)
_CHANGING = (
    rf"(?:about|around|approximately|approx|roughly|nearly|almost|over|under|above|below|more than) {_NUMBER}",
    rf"(?:less than|fewer than|at least|at most|up to|between|some|maybe|or so|every|minimum|maximum|from) {_NUMBER}",
    r"(?<!\w)~ ?\d|(?<![x×] )(?<![x×] \d)\d(?: ?[-–] ?| (?:to|or) )[$£€¥₹] ?\d|[$£€¥₹] ?[\d.]+(?:[-–]| (?:to|or) )\d",
    r"\d (?:to|or) \d|(?<![\w.-])\d+[-–]\d+(?![\w-]|\.\d)",
    r"(?:return|refund|exchang|cancel|borrow|lending|lends|lost|stole|broke(?! ?[,.]| lol\b)|subscri|instal|deduct)\w*",
    r"reimburse[ds]? (?:me|us|by)|lent|lend|except|excl\w*|without|instead|besides|apart from|other than|other half",
    r"rather than|(?:but )?not|(?:not )?never|minus the|no (?:longer|more)|\w+n't|half[ -](?:price|off|the|as|of)",
    r"bogo\w*|buy \w+,? (?:and )?get|get \w+ (?:\w+ )?(?:free|half)|for the price of|\d ?(?:-for-|for) ?\d\b(?!\.\d)",
    r"(?:two|three)[ -]for[ -](?:one|two)|free with|same (?:again|thing|order)",
    r"(?:bit|little|slightly|somewhat) (?:more|less|\w+er)|the same\b(?= ?(?:[.,;?!]|$|as|order|item))",
    r"(?:\d[\d.]*|dollar|euro|pound|bit)s? (?:each )?(?:more|less|cheaper|dearer) (?:than|each)|per \w+ per \w+",
    r"on the house|by the (?:glass|slice|hour|pound|dozen|bottle)|match(?:es|ed)?",
    r"applied(?! to)|happy hour|paid (?:for )?(?:one|half|part|some|a third)\b|half (?:now|up ?front|later|today)",
    r"free\b|\d+-?ish|haggl\w*|knock\w*|negotiat\w*|else it|(?:and )?then some|(?:a )?similar (?:price|cost|amount)",
    r"(?:second|third|fourth|last) (?:one|night|item|pair|piece|copy) (?:is |was |at |for )?(?:\d+ ?%|[$£€¥₹]\d)",
    r"already|pre-?paid|paid off|down ?payment|deposit(?! of [^,.;]{1,14} plus )|owed? me|(?-i:owes? [A-Z][a-z]*)",
    r"points|cash ?back|trade[ -]?in|in advance|left to pay|covered|alone|by itself|on its own|expired|rebate later",
    r"back\b(?! to)",
    r"(?:was|were|regular(?:ly)?|usually|list price|msrp|rrp) [$£€]?\d[\d.]*[^.;?]{0,15}\b(?:now|but|today|down)",
    r"on sale from|(?:reduced|marked down|down) from|originally|normally|(?<=% )down|or|either|neither|nor|unless",
    r"alternatively|whichever|might|maybe|perhaps|possibly|probably|unsure|forg[eo]t|unknown|tbd|n/a|varies",
    r"depend\w*|no idea|(?:some|most|half|part|one|many|none|any|several|few|\d+) of (?:the|them|those|these)",
    r"(?:some|most|half|part|two|three|\d+) of (?:my|our)|(?:some|half|part|most) of it|a couple|handful",
    r"enough\b(?! for me)|(?:a few|several)(?= )(?! (?:things|items|stores|places|stops|errands|shops|vendors))",
    r"(?:off|on|of|for) some",
    r"some(?= )(?! (?:help|stuff|things|shopping|groceries|supplies|errands|gifts|presents|items))|same as",
    r"last (?:week|month|year|time)'s|as (?:many|much)|twice|double[ds]?|triple[ds]?|thrice|times (?:as|the)",
    r"the rest|remaining|remainder|leftover",
    r"(?:a|per|each|every) (?:month|week|day|year|hour|night) (?:for|over|during)",
    r"for (?:\w+ )?(?:\d+|two|three|four|five|six|twelve|the next \w+) (?:months|weeks|days|years|hours|nights)",
    r"(?:weekly|monthly|daily|annual|yearly|quarterly) (?:for|x|over)|profit|(?:re)?sell(?!ers?\b|s? (?:me|us)\b)\w*",
    r"sold(?! (?:me|us)\b)|revenue|earn\w*|income|wages?|salary|interest|loan|invest\w*|margin|exchange rate",
    r"convert\w*|how (?:many|long|far|old|often|big|heavy|fast)|when|why|whose",
    r"who\b(?! (?:spent|paid|spends|pays|owes) (?:the )?(?:most|least|more|less))",
    r"should(?! (?:i|we|he|she|they) (?:get|have|receive|pay)\b)|worth|better",
    r"spen[dt] on (?!everything|all|average|it\b|each|both|this|these)|percent(?:age)? of|percentage|ratio",
    r"proportion|fraction|probability|which (?:item|product|is the best)",
    r"(?:cheapest|dearest|most expensive) (?:item|product|thing)|(?:item|product) (?:is|was|costs?)",
    r"per (?:calorie|serving|use)|median|rounded?|round (?:to|up|down)",
    r"(?:average|mean) (?:item |price |cost |amount )?(?:price|(?:per|of|for) (?:(?:an?|each|one) )?(?:item|product))",
    r"(?:discount|tax|percent) (?:after|before)|pre-?tax|before (?:tax|discount|shipping|the)|bulk|thereafter",
    r"first \d|(?:extra|additional|further|another) \d+ ?%|if\b(?! +(?:i|we|you|he|she|they|split|shared|divided)\b)",
    r"if \w+ had|per (?:additional|extra)|incl(?:\.|uding|usive|udes?|uded)? (?:of )?(?:\d|vat|tax|gst)",
    r"(?:vat|tax|gst) incl|(?:get|gets|earn|receive|win) (?:\w+ ){0,3}?(?:[$£€]\d+ )?(?:gift|voucher|store credit)",
)
_CHANGES = re.compile(rf"(?<!\w)(?:{'|'.join(_CHANGING)})(?![a-z])", re.IGNORECASE)
_HARMLESS = re.compile(
    r"free[ -](?:shipping|delivery|postage|freight|range|parking|weight|return)"
    r"|(?:\w+-|\b(?:gluten|sugar|dairy|fat|duty|delivery|shipping|postage|included|parking)(?: is| was)? )free\b",
    re.IGNORECASE,
)


def changing(text: str) -> str:
    """What can change the arithmetic in a way that is not read, or "". For a text with single spaces."""
    found = _CHANGES.search(_HARMLESS.sub("-", text))
    return found[0].strip() if found else ""


def stem(word: str) -> str:
    """The singular, near enough to compare by."""
    word = word.removesuffix("'s").removesuffix("'")
    endings = {"ies": "y", "ves": "f", "ches": "ch", "shes": "sh", "sses": "ss", "xes": "x", "oes": "o", "s": ""}
    for ending, singular in endings.items():
        if word.endswith(ending) and len(word) > len(ending) + 1 and not word.endswith("ss"):
            return word.removesuffix(ending) + singular
    return word


def stems(text: str) -> list[str]:
    return [stem(word) for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text.lower())]


def is_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss") and len(word) > 2  # noqa: PLR2004
