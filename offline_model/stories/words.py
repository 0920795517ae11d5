"""The words of story.lark, each with its kind. A word that is in no table may stand in a noun, and nowhere else."""

from functools import cache

from offline_model.lexicon import Vocabulary
from offline_model.stories.clauses import Verb
from offline_model.stories.verbs import VERBS

_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_MONTHS = "january february march april may june july august september october november december"

_KINDS = {
    "HER": "her",
    "THE": "the the+same his their its my our this these those your",
    "A": "a an",
    "EACH": "each apiece a+piece each+one every per+person per+item each+of+them each+of+us",
    "PER": "per for+each for+every",
    "OF": "of",
    "IN": "in into",
    "ON": "on",
    "AT": "at @",
    "TO": "to",
    "FROM": "from",
    "FOR": "for",
    "WITH": "with",
    "BY": "by",
    "AFTER": "after",
    "AMONG": "among between amongst",
    "THAN": "than",
    "AS": "as",
    "ASMANY": "as+many as+much as+far as+old as+tall as+long as+heavy as+expensive as+big as+large",
    "THATMUCH": "that+much that+many",
    "AND": "and &",
    "PLUS": "plus +",
    "MINUS": "less+a minus+a",
    "COMMA": ", ;",
    "HYPHEN": "- \N{EN DASH}",
    "X": "x",
    "THEN": "then and+then after+that afterwards later also",
    "IF": "if suppose",
    "WHO": "who",
    "THERE": "there",
    "PRON": "he she they it we i you",
    "THEM": "them it+all us him me them+all all+of+them whom",
    "MORE": "more additional extra another farther further",
    "FEWER": "fewer less",
    "TWICE": "twice",
    "TIMES": "times",
    "SOME": "some",
    "REST": "the+rest the+remaining the+others the+rest+of+them",
    "REMAINDER": "what+was+left what+is+left what+remained what+remains what+he+had+left what+she+had+left "
    "the+remainder "
    "what+they+had+left what+i+had+left what+we+had+left",
    "DO": "do does did",
    "CAN": "can",
    "WILL": "could will would",
    "LEFT": "left left+over remaining over unsold",
    "NOW": "at+the+end+of+the+day at+the+end+of+the+week at+the+end+of+the+month "
    "now at+the+end in+the+end currently by+now",
    "FIRST": "before at+first to+begin+with at+the+start initially in+the+beginning originally to+start+with",
    "TOTAL": "in+total in+all altogether all+together together overall combined all+told on+both+days "
    "for+both on+both+occasions",
    "AVERAGE": "on+average",
    "EQUALLY": "equally evenly in+equal+shares in+equal+parts into+equal+shares fairly",
    "OFF": "off",
    "HOWMANY": "how+many",
    "HOWMUCH": "how+much",
    "HOWFAR": "how+far",
    "HOWLONG": "how+long",
    "HOWTALL": "how+old how+tall how+heavy how+wide how+high how+deep",
    "WHAT": "what",
    "WHEN": " ".join(
        ["yesterday today tomorrow this+week this+month this+year last+week last+month last+year this+morning"]
        + ["in+the+morning in+the+afternoon in+the+evening at+night for+breakfast for+lunch for+dinner before+lunch"]
        + ["after+lunch on+the+first+day on+the+second+day on+the+third+day for+christmas for+her+birthday"]
        + ["for+his+birthday for+babysitting at+the+first+stop babysitting"]
        + ["at+the+next+stop at+the+second+stop at+the+next+station at+the+last+stop at+noon by+noon at+midnight"]
        + ["during+the+day over+the+weekend on+the+next+day the+next+day the+day+before the+day+after"]
        + [f"on+{day} {day}" for day in _DAYS.split()]
        + [f"in+{month} {month}" for month in _MONTHS.split() if month != "may"]
        + ["in+may"]
    ),
    "END": ". ! ?",
    "COLON": ":",
    "OPEN": "(",
    "CLOSE": ")",
    "OLDER": "older taller longer heavier wider higher deeper bigger larger oldest tallest longest heaviest",
    "YOUNGER": "younger shorter lighter smaller lower youngest shortest lightest",
    "LONG": "old tall long heavy wide high deep",
    "TAX": "tax sales+tax vat",
    "TIP": "tip gratuity service+charge",
    "FEE": "shipping delivery fee handling postage fare base+fare booking+fee delivery+fee box+fee "
    "shipping+fee call-out+fee service+fee shipping+cost delivery+charge",
    "DISCOUNT": "discount",
    "COUPON": "coupon voucher",
    "REFUND": "refund rebate cashback",
    "SUBTOTAL": "subtotal",
    "BILL": "bill",
    "WHICH": "which which+one",
    "CHEAP": "cheaper cheapest the+cheapest expensive most+expensive the+most+expensive dearest",
    "GERUND": "spending giving selling eating losing buying using paying giving+away",
    "AVERAGEWORD": "average mean",
    "ITSVALUE": "its+value in+value",
    "VALUE": "value",
    "WORTH": "worth",
    "BOUGHTFOR": "bought+for",
    "GROW": "gain gains gained grow grows grew",
    "SHRINK": "shrinks depreciates decays",
    "SIMPLE": "simple",
    "COMPOUND": "compound compounded",
    "INTEREST": "interest interest+rate",
    "INTERESTOF": "simple+interest+:",
    "ANNUAL": "annually yearly annual",
    "THAT": "that",
    "OUTOF": "out+of",
    "WHATPERCENT": "what+percent what+percentage",
    "WHATEACH": "what+does+each+store+cost what+does+each+shop+cost what+does+each+person+owe "
    "what+does+each+person+pay "
    "what+does+each+trip+cost what+does+each+cost",
    "MOST": "most least the+most the+least",
    "TOTALWORD": "total total+cost grand+total sum amount",
    "LISTWORD": "shopping+list my+shopping+list groceries order my+order expenses my+expenses supplies items "
    "here+is+my+list "
    "please+total+these the+list receipt invoice",
    "FILLER": "already also correctly still on+sale on+sale+for on+sale+at to+go+around+it to+go+round+it",
    "INTERESTQ": "what+is+the+simple+interest+on",
    "WANTTO": "want+to wants+to wanted+to would+like+to decide+to decides+to decided+to agree+to agreed+to",
    "NOT": "not",
    "BOTH": "both",
    "SUMOFALL": "the+sum+of+their+ages their+ages+add+up+to the+sum+of+both+ages together+their+ages+are",
    "ORDINAL": "first third fourth fifth sixth",
    "SECOND": "second",
    "ITTAKES": "it+takes it+took",
    "ENTRY": "to+sign+up to+join to+enter to+register to+sign+in to+get+in",
    "YEAROLD": "year-old",
    "FREE": "free",
    "POLITE": "please could+you+tell+me can+you+tell+me tell+me work+out calculate find",
}

_CHANGING = """
    no not never none nothing without except excluding exclude or nor but unless until while because whether
    however actually wait sorry mistake wrong correction ignore forget instead maybe perhaps possibly about around
    approximately roughly nearly almost least most up down under above below only just even though although whichever
    before neither either both any many few several couple all nobody everybody everyone anyone
    someone somebody percent percents pct hundred hundreds dozen dozens first second third fourth fifth last next
    single
    double triple half might may should must shall wish wishes hope hopes promise promises
    promised consider return returns returned refuse refused cancel cancelled canceled intend intends try tries tried
    yet again once same different other others such very too so exactly average mean reverse back since till during
    ago when where why whose how what as than then each every per times twice more less fewer off
    usd eur gbp yen bucks quid pence k free else rather supposed expected estimated half-price original regular
    normal usual initial previous extra root squared cubed equals convert option options alternative
    """


VERB_KINDS = frozenset(VERBS)


def _lemmas() -> dict[str, str]:
    return {
        form.strip("*").replace("+", " "): group.split()[0].strip("*").replace("+", " ")
        for groups in VERBS.values()
        for group in groups.split(";")
        for form in group.split()
    }


LEMMAS = _lemmas()


GERUNDS = {
    "spending": Verb("spend", "SPEND"),
    "paying": Verb("pay", "SPEND"),
    "giving": Verb("give", "GIVE"),
    "giving away": Verb("give away", "LOSE"),
    "selling": Verb("sell", "LOSE"),
    "eating": Verb("eat", "LOSE"),
    "losing": Verb("lose", "LOSE"),
    "using": Verb("use", "LOSE"),
    "buying": Verb("buy", "GAIN"),
}


@cache
def story_vocabulary() -> Vocabulary:
    kinds = dict(_KINDS)
    for kind, groups in VERBS.items():
        forms = [form for group in groups.split(";") for form in group.split()]
        kinds[kind] = " ".join(form for form in forms if not form.endswith("*"))
        if nouns := [form.strip("*") for form in forms if form.endswith("*")]:
            kinds[f"{kind}N"] = " ".join(nouns)
    known = {word for words in kinds.values() for word in words.split()}
    return Vocabulary(kinds, frozenset(_CHANGING.split()) - known)
