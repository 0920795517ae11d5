"""Whether an answer of a unit can be what a question asks for: no weight is an amount of money."""

from offline_model.stories.clauses import Noun, Question
from offline_model.stories.nouns import LENGTHS, TIMES, WEIGHTS
from offline_model.stories.terms import MONEY

PARTS_OF_DAY = frozenset({"morning", "afternoon", "evening", "night"})
SIZES = LENGTHS | WEIGHTS | {"year"}
MEASURED = {"weight": WEIGHTS, "distance": LENGTHS, "length": LENGTHS, "height": LENGTHS}
_FORMS = {"far": LENGTHS, "tall": SIZES, "long": LENGTHS | TIMES | PARTS_OF_DAY}
COMPARED = {
    "cost": frozenset({MONEY}),
    "old": frozenset({"year"}),
    "heavy": WEIGHTS,
    "long": LENGTHS,
}
"""Of what units two things may be compared in cost, age, weight and size."""
_MONEY = frozenset(
    ["cost", "price", "bill", "profit", "money", "change", "interest", "rent", "salary", "budget", "fee", "savings"]
)
_COUNTED = frozenset({"score", "grade", "mark", "point"})
_PAYING = frozenset({"SPEND", "COST", "CHARGE"})
_EARNING = frozenset({"earn", "save", "take in"})


def fits(question: Question, unit: str) -> bool:  # noqa: C901, PLR0911 - one for each kind of question
    """Whether what is asked may be of the unit. The speed is the business of the one way that knows it."""
    bare = unit.removeprefix("square ")
    if question.form in _FORMS:
        return bare in _FORMS[question.form]
    if question.verb is not None and question.verb.kind == "WEIGH" and question.form == "much":
        return bare in SIZES
    if any(isinstance(post.value, Noun) and post.value.head == "speed" for post in question.posts):
        return False
    if _asks_for_age(question):
        return bare == "year"
    noun = question.noun
    if noun is not None and question.form in {"what", "much"}:
        if noun.head == "number" and unit == MONEY:
            return False
        if noun.head == "speed":
            return bare in LENGTHS | {""}
        if noun.head in _COUNTED:
            return unit != MONEY and bare not in LENGTHS | WEIGHTS | TIMES
        if noun.head in MEASURED:
            return bare in MEASURED[noun.head]
        if noun.head in _MONEY:
            return unit == MONEY
    if question.verb is not None and question.verb.lemma in {"make", "get", "receive"} and noun is None:
        return question.form != "much" or bare not in LENGTHS | TIMES
    paying = question.verb is not None and (question.verb.kind in _PAYING or question.verb.lemma in _EARNING)
    return unit == MONEY if paying and question.form in {"what", "much"} and noun is None else True


def _asks_for_age(question: Question) -> bool:
    nouns = [question.noun, *(post.value for post in question.posts)]
    return any(isinstance(noun, Noun) and noun.head in {"age", "old"} for noun in nouns)
