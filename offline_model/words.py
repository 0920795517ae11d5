"""The closed lists of words that decide how a text of purchases is read. A word that is in none of them is passed over."""

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


EACH = _set("each ea apiece piece item unit one pc pop every")
"""After "per" or "a", or alone: the price of one."""
CONTAINERS = _set(
    "bag box case pack packet carton crate tray jar bottle can tin tub roll ream set bundle bunch pallet sack jug tube "
    "kit pair dozen doz dz barrel bucket basket punnet bale book sheet page"
)
MEASURES = _set(
    "kg kilo kilogram g gram lb pound oz ounce l litre liter ml cl ft foot feet m metre meter cm mm inch in yd yard gal "
    "gallon qt quart pint pt cup mile km hour hr minute day week month year night person head guest thousand hundred ton "
    "tonne acre sqft mb gb tb watt w kw kwh volt v amp count ct pk"
)
"""What is measured or packed: a price per such a unit is only read if the quantity is of that unit."""
SIZES = _set("count ct gb tb mb mm cm inch in watt w kw volt v amp hp mp gauge grit denier ply tb")
"""A number of these is the size of an item, unless its price is per such a unit."""
PARTS = _set(
    "store shop vendor supplier place trip month department market retailer site website stop location branch outlet "
    "invoice receipt bill quote merchant dealer seller source stall booth grower farm restaurant cafe caterer family "
    "team client customer project week weekend day quarter event city room class order person people friend volunteer "
    "member section category errand visit contractor company campus project floor household bakery pharmacy purchase "
    "group party shipment account cart basket leg season bid site option provider school warehouse region hotel airline garage printer butcher grocer tailor sport game po"
)
PEOPLE = _set(
    "people person kid child children grandchild grandchildren friend guest student coworker colleague teammate roommate "
    "housemate flatmate sibling brother sister son daughter cat dog nephew niece cousin adult player volunteer member "
    "family teacher neighbor neighbour couple girl boy of us"
)
PASSING = _set("mile km minute min hour hr block degree time ago floor year week day month night weekend step")
"""Numbers of these may stand in a text beside the purchases, where no price belongs to them."""
NUMBERED = _set(
    "size no number model type grade version v mk level vol volume part chapter windows iphone ipad galaxy ps playstation "
    "xbox office pixel series gen fifa nba class route aisle row lane formula channel studio season episode day week "
    "apt catch area trip"
)
"""A number after one of these is a name."""
FEES = _set(
    "shipping delivery postage freight handling fee surcharge charge deposit tip gratuity tax vat gst toll parking service "
    "packaging setup installation rush customs duty"
)
PAYMENTS = _set("gift voucher credit")
"""What is paid with and so taken off, where it is used."""
DISCOUNTS = _set("off discount coupon rebate markdown savings reduction promo minus less")
ADDITIONS = _set("tax vat gst hst pst tip gratuity surcharge service duty markup")
EVERYTHING = _set(
    "everything all whole entire overall both total altogether bill subtotal purchase lot order it purchases stores"
)
VERBS = _set(
    "bought buy buys buying got get gets getting spent spend spends paid pay pays ordered order orders ordering purchased "
    "purchase need needs needed want wants picked grabbed grab pick had has have was were is are took take takes found "
    "used added went chose sent brought charged charges will would plan plans paying adding quotes quoted offers delivers delivered supplies asks"
)
UNITS = _set("unit pair piece item pc set")
PRONOUNS = _set("i we he she they you it there i'm i've i'd we're we've i'll we'll")
NOT_NAMES = PRONOUNS | _set(
    "my our me us your their his her is are was were following here here's list need needs want please add total sum calculate "
    "compute find how what what's which whats items item shopping question problem answer today yesterday this these "
    "those that each every per if all so then also note costs cost price prices amount help hi hello dear tell many much "
    "spend spent altogether both grand check qty quantity units number"
)

LEADING = VERBS | _set(
    "i we he she they you it i'd i'll we'd we'll a an à the x my our your his her their also of just and for plus with qty quantity if when "
    "to like how much would cost costs what what's whats is are price total sum hey hi hello ok okay so please calculate compute "
    "first second third next finally then additionally only about one item items from both all together up in"
)
"""What may stand before a quantity."""

_APPROXIMATE = r"about|around|approximately|approx|roughly|nearly|almost|over|under|above|below|more than|less than|fewer than|at least|at most|up to|between|some|maybe|perhaps|or so|every|minimum|maximum|from"
_AMOUNT = (
    r"(?:[$£€¥₹]\s?)?(?:\d|an?\s(?:hundred|dozen)\b|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\b)"
)

CHANGING = re.compile(
    rf"""
    \b(?:{_APPROXIMATE})\s+{_AMOUNT} | ~\s?\d
  | \d(?:\s?[-–]\s?|\s(?:to|or)\s)[$£€¥₹]\s?\d | [$£€¥₹]\s?[\d.]+(?:[-–]|\s(?:to|or)\s)\d | (?<![\w.-])\d+[-–]\d+(?![\w-]|\.\d) | \d\s(?:to|or)\s\d
  | \b(?:return|refund|exchang|cancel|swapp?|borrow|lending|lends|lost|stole|broke|subscri|instal|reimburs(?:e|ed)\s(?:me|us|by)|deduct)\w*
  | \b(?:lent|lend|except|excluding|exclude[sd]?|excl|without|instead|besides|apart\sfrom|other\sthan|rather\sthan|but\snot|not\sincluding|minus\sthe)\b
  | \bhalf[\s-](?:price|off|the|as|of)\b | \bbogo\w* | \bbuy\s\w+,?\s(?:and\s)?get\b | \bget\s\w+\s(?:\w+\s)?(?:free|half) | \bfor\sthe\sprice\sof\b
  | \b\d\s?(?:-for-|for)\s?\d\b(?!\.) | \b(?:two|three)[\s-]for[\s-](?:one|two)\b
  | \b(?:already|prepaid|pre-paid|paid\soff|down\s?payment|deposit|owed?\sme|points|cash\s?back|trade[\s-]?in|rebate\slater)\b
  | \b(?:was|were|regular(?:ly)?|normally|usually|list\sprice|msrp|rrp)\s[$£€]?\d[\d.]*[^.;\n?]{{0,15}}\b(?:now|but|today|down)\b | \bon\ssale\sfrom\b
  | \b(?:reduced|marked\sdown|down)\sfrom\b | \boriginally\b | \bnormally\b
  | \b(?:or|either|neither|nor|unless|alternatively|whichever|might|maybe|perhaps|possibly|probably|unsure|not\ssure|forgot|forget|unknown|tbd|n/?a|varies|depends|depending|don't\s(?:know|remember)|can't\sremember|no\sidea)\b
  | \b(?:some|most|half|part|one|many|none|any|two|three|several|few)\sof\s(?:the|them|those|these|my|our|it)\b | \ba\sfew\s(?!things|items|stores|places|stops|errands) | \bseveral\s(?!things|items|stores|places|stops|errands|shops|vendors) | \ba\scouple\b | \ba\sbunch\sof\s(?!\w+\s(?:at|for)) | \bhandful\b | \benough\s(?!for\sme)
  | \bsome\s(?!help|stuff|things|shopping|groceries|supplies|errands|gifts|presents|items) | \b(?:off|on|of|for)\ssome\b | \b\d+\sof\s(?:the|them|those|these|my|our)\b
  | \b(?:same\sas|last\s(?:week|month|year|time)'s|as\s(?:many|much)|twice|double[ds]?|triple[ds]?|thrice|times\s(?:as|the)|the\srest|remaining|remainder|leftover)\b
  | \b(?:a|per|each|every)\s(?:month|week|day|year|hour|night)\s(?:for|over|during)\b | \bfor\s(?:\w+\s)?(?:\d+|two|three|four|five|six|twelve|the\snext\s\w+)\s(?:months|weeks|days|years|hours|nights)\b | \b(?:weekly|monthly|daily|annual|yearly|biweekly|quarterly)\s(?:for|x|over)\b
  | \b(?:profit|sell|sells|sold|selling|resell|revenue|earn\w*|income|wages?|salary|interest|loan|invest\w*|margin|exchange\srate|convert\w*|in\s(?:dollars|euros|pounds)\sinstead)\b
  | \b(?:do|did|does|was|were|is|are|have|has|had|would|could|should|will|ca|wo)n't\b | \bnot\b | \bnever\b | \bno\s(?:longer|more)\b
  | \bhow\s(?:many|long|far|old|often|come|big|heavy|fast)\b | \b(?:when|why|whose)\b | \bwho\b(?!\s(?:spent|paid|spends|pays|owes)\s(?:the\s)?(?:most|least|more|less)) | \bspen[dt]\son\s(?!everything|all|average|it\b|each|both|this|these) | \b(?:should|worth|better|percent(?:age)?\sof|percentage|ratio|proportion|fraction|probability)\b
  | \bwhich\s(?:item|product|is\sthe\sbest)\b | \b(?:cheapest|dearest|priciest|most\sexpensive|least\sexpensive)\s(?:item|product|thing)\b | \b(?:item|product)\s(?:is|was|costs?|cost)\b | \bper\s(?:calorie|serving|use)\b
  | \b(?:average|mean)\s(?:price|cost|amount)?\s?(?:per|of|for)\s(?:an?\s|each\s|one\s)?(?:item|product|unit|thing|piece)s?\b | \b(?:average|mean|median)\s(?:item\s)?price\b | \bmedian\b | \brounded?\b | \bround\s(?:to|up|down)\b
  | \b(?:buying|purchase|sale)\s(?:price\sand)\b | \b(?:discount|tax|percent)\s(?:after|before)\b | \bpre-?tax\b | \bbefore\s(?:tax|discount|shipping|the)\b | \b(?:extra|additional|further|another)\s\d+\s?% | \bbulk\b | \bif\s++(?!(?:i|we|you|he|she|they|split|shared|divided)\b) | \bif\s\w+\shad\b | \bfirst\s\d | \bthereafter\b | (?<!-)(?<!gluten\s)(?<!sugar\s)(?<!dairy\s)(?<!fat\s)(?<!duty\s)(?<!nut\s)(?<!delivery\s)(?<!shipping\s)(?<!postage\s)(?<!included\s)(?<!delivery\sis\s)(?<!shipping\sis\s)(?<!delivery\swas\s)(?<!shipping\swas\s)(?<!parking\sis\s)\bfree\b(?![\s-](?:shipping|delivery|postage|freight|range|parking|weights?|returns?)) | \bback\b(?![\s-]to[\s-]school) | \bthe\ssame\b(?=\s*(?:[.,;?!]|$|as|amount|order|items|things?|quantit|number|price)) | %\sdown\b | \b(?:get|gets|earn|receive|win)\s(?:\w+\s){{0,3}}?(?:[$£€]\d+\s)?(?:gift|voucher|store\scredit) | \bper\s(?:additional|extra)\b | \bincl(?:\.|uding|usive|udes?|uded)?\s(?:of\s)?(?:\d|vat|tax|gst) | \b(?:vat|tax|gst)\sincl
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What can change the arithmetic in a way that is not read here."""


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
