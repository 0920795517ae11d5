"""The words the offline model knows, each with its kind. A kind is a terminal of grammar.lark.

To teach it a word, add it here; to teach it a construction, add a rule there and run `make grammars`. A word that is in
no table is a plain WORD, which may stand in the names of goods and shops and nowhere else. A word that could change an
answer in a way not read yet belongs in CHANGING, which may stand nowhere: then it is named instead of being taken for a
name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Vocabulary:
    kinds: Mapping[str, str]
    """The words of each kind, "+" between those of a phrase."""
    changing: frozenset[str] = frozenset()

    @cached_property
    def phrases(self) -> dict[tuple[str, ...], str]:
        """("at", "a", "price", "of") -> kind; the longest match wins."""
        return {
            tuple(entry.split("+")) if len(entry) > 1 else (entry,): kind
            for kind, entries in self.kinds.items()
            for entry in entries.split()
        }

    @cached_property
    def longest(self) -> int:
        return max(map(len, self.phrases))

    @property
    def terminals(self) -> frozenset[str]:
        return frozenset(self.kinds) | _FOUND


# What the lexer makes without a table. DOZEN is a number too: "a dozen at $3" may give the price of one or of all.
_FOUND = frozenset({"NUMBER", "DOZEN", "FRACTION", "PERCENT", "MONEY", "WORD", "CODE", "CHANGING"})

_KINDS = {
    "I": "i we they he she",
    "BUY": "buy buys bought buying order orders ordered ordering purchase purchases purchased purchasing get gets got "
    "getting need needs take takes took grab grabs grabbed pick+up picks+up picked+up",
    "SHOP": "shopping shopped go+shopping went+shopping visit visited visiting went+to stopped+at",
    "AUX": "am are have has will would want wants like to also then going need+to going+to plan+to",
    "IS": "is was comes+to",
    "STORE": "store stores shop shops website websites",
    "AT": "at @ costing priced+at which+cost which+costs at+a+price+of at+the+price+of",
    "FROM": "from",
    "IN": "in",
    "FOR": "for",
    "OF": "of",
    "EACH": "each apiece a+piece per+piece per+item ea",
    "AND": "and &",
    "PLUS": "plus +",
    "WITH": "with",
    "IF": "if",
    "THE": "the",
    "MY": "my our",
    "A": "a an",
    "FEE": "shipping delivery handling postage fee tax tip shipping+and+handling sales+tax delivery+fee shipping+fee "
    "handling+fee service+fee booking+fee shipping+cost shipping+costs delivery+cost shipping+charge delivery+charge "
    "service+charge gift+wrapping",
    "WHAT": "what",
    "HOWMUCH": "how+much",
    "DO": "do does did",
    "PAY": "pay pays spend spends spent paid owe owes",
    "COST": "cost costs",
    "TOTAL": "total totals sum bill amount total+cost total+price total+amount grand+total overall+total "
    "overall+cost overall+price",
    "ADJ": "grand final combined",
    "ALL": "all",
    "EVERYTHING": "everything it that this all+of+it all+of+this all+of+them both+stores",
    "OVERALL": "overall in+total in+all altogether all+together in+the+end",
    "PERSTORE": "per+store per+shop each+store each+shop each+place each+person each+order",
    "POLITE": "please could+you can+you would+you tell+me i+want+to+know i+would+like+to+know i+need+to+know "
    "work+out calculate compute find find+out give+me show+me evaluate hello hi thanks thank+you",
    "LIST": "here+is+my+order here+is+my+list here+is+my+shopping+list here+are+my+orders my+shopping+list "
    "shopping+list my+order items",
    "MINUS": "minus - \N{MINUS SIGN} \N{EN DASH}",
    "TIMES": "times multiplied+by * \N{MULTIPLICATION SIGN} \N{MIDDLE DOT} \N{DOT OPERATOR}",
    "X": "x",
    "OVER": "divided+by / \N{DIVISION SIGN}",
    "POWER": "^ ** to+the+power+of to+the+power raised+to raised+to+the+power+of",
    "SQUARED": "squared",
    "CUBED": "cubed",
    "SQRT": "sqrt \N{SQUARE ROOT}",
    "ROOT": "square+root+of the+square+root+of",
    "SUMOF": "sum+of the+sum+of",
    "PRODUCTOF": "product+of the+product+of",
    "EQUALS": "= equals",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "COLON": ":",
    "END": ". ! ? ;",
}

_CHANGING = """
    markdown reward rewards bonus promo promotion allowance prize winnings salary income wage wages loan debt
    no not never none nothing without except excluding exclude minus less fewer more other another extra both
    either or nor but half third quarter fourth fifth sixth seventh eighth ninth tenth first second last next
    single double triple twice thrice once couple few several some many any most pair pairs dozen dozens score
    gross hundred hundreds thousand thousands million millions billion billions trillion point percent percents
    pct per every daily weekly monthly yearly annually hourly day days week weeks month months year years hour
    hours minute minutes off discount discounts discounted discounting sale coupon coupons voucher vouchers
    rebate rebates cashback refund refunds refunded refunding return returns returned returning exchange
    exchanged credit credits deposit deposits budget change cheaper cheapest reduced reduction save saves saved
    saving free complimentary gratis waived included includes including include excludes sold sell sells selling
    sales stolen lost lose loses missing cancel cancels cancelled canceled cancelling refuse refused already own
    owns owned gave give gives given giving donate donated lent borrow borrowed split share shares shared
    sharing divide divided average mean remaining left rest difference instead unless until when while because
    however actually wait oops sorry mistake wrong correction ignore forget cents cent dollar dollars euro euros
    usd eur gbp yen bucks quid pence k m plus times add added subtract subtracted increase increased decrease
    decreased raise raised tripled doubled halved bundle bogo buyone together total totals subtotal maybe
    perhaps possibly about around approximately roughly nearly almost least than up down under above below
    between only just even if whichever whether before after later again too same nought zip nil worth value
    valued paid unpaid prepaid member members loyalty points interest estimated tentative optional skip skipped
    remove removed removing removes drop dropped nobody everybody everyone anyone anybody someone somebody
    people option options alternative alternatives quote choice out stock might may could should wish wishlist
    considered considering undecided backorder backordered unavailable pending deferred postponed back
    instalment instalments installment installments rate rates monday tuesday wednesday thursday friday saturday
    sunday rented rent hire hired
    """

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

CURRENCIES = frozenset("$\N{EURO SIGN}\N{POUND SIGN}")

MAGNITUDES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
    "halves": 2,
    "thirds": 3,
    "quarters": 4,
    "fourths": 4,
    "fifths": 5,
    "sixths": 6,
    "eighths": 8,
    "tenths": 10,
}
CENTS = {"cent": "$", "cents": "$", "pence": "\N{POUND SIGN}"}
CURRENCY_WORDS = {
    "\N{EURO SIGN}": "\N{EURO SIGN}",
    "euro": "\N{EURO SIGN}",
    "euros": "\N{EURO SIGN}",
    "dollar": "$",
    "dollars": "$",
}

CONTRACTIONS = {
    "i'm": ("i", "am"),
    "i'd": ("i", "would"),
    "i've": ("i", "have"),
    "i'll": ("i", "will"),
    "we're": ("we", "are"),
    "we'd": ("we", "would"),
    "we've": ("we", "have"),
    "we'll": ("we", "will"),
    "what's": ("what", "is"),
    "don't": ("do", "not"),
    "doesn't": ("does", "not"),
    "didn't": ("did", "not"),
    "aren't": ("are", "not"),
    "isn't": ("is", "not"),
    "here's": ("here", "is"),
}


def _numerals() -> dict[str, int]:
    numerals = {word: value for value, word in enumerate(_UNITS.split())}
    for tens, word in enumerate(_TENS.split(), 2):
        numerals[word] = 10 * tens
        numerals |= {f"{word}-{unit}": 10 * tens + value for value, unit in enumerate(_UNITS.split()[1:10], 1)}
    return numerals


NUMERALS = _numerals()  # "twelve" and "twenty-five" -> int
SHOPPING = Vocabulary(
    _KINDS, frozenset(_CHANGING.split()) - frozenset(word for words in _KINDS.values() for word in words.split())
)
