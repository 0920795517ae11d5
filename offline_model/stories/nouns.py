"""English nouns: singular forms, units that convert, and nouns that take in others."""

from fractions import Fraction
from functools import cache

_IRREGULAR = {
    "children": "child", "people": "person", "persons": "person", "men": "man", "women": "woman", "feet": "foot",
    "mice": "mouse", "geese": "goose", "loaves": "loaf", "leaves": "leaf", "shelves": "shelf", "knives": "knife",
    "halves": "half", "teeth": "tooth", "wolves": "wolf", "scarves": "scarf", "potatoes": "potato",
    "tomatoes": "tomato", "mangoes": "mango", "bus": "bus", "buses": "bus", "gas": "gas", "glasses": "glass",
    "movies": "movie", "cookies": "cookie", "pies": "pie", "ties": "tie", "zombies": "zombie", "hours": "hour",
    "shoes": "shoe", "toes": "toe", "clothes": "clothes", "metres": "meter", "metre": "meter", "litres": "liter",
    "litre": "liter", "kilometres": "km", "kilometers": "km", "kilometre": "km", "kilometer": "km", "cms": "cm",
    "centimetres": "cm", "centimeters": "cm", "centimeter": "cm", "m": "meter", "l": "liter", "hrs": "hour",
    "mins": "minute", "kilograms": "kg", "kilogram": "kg", "kilos": "kg", "kilo": "kg", "grams": "gram", "g": "gram",
    "lbs": "pound", "lb": "pound", "pupils": "pupil", "brownies": "brownie", "calories": "calorie", "series": "series",
    "friends": "friend", "is": "is", "this": "this", "bacteria": "bacteria", "lbs.": "pound", "mls": "ml",
    "milliliters": "ml", "milliliter": "ml", "millilitres": "ml", "millilitre": "ml", "kids": "kid",
}  # fmt: skip

_CONVERSIONS = {
    ("minute", "second"): 60,
    ("hour", "minute"): 60,
    ("day", "hour"): 24,
    ("week", "day"): 7,
    ("year", "month"): 12,
    ("km", "meter"): 1000,
    ("meter", "cm"): 100,
    ("cm", "mm"): 10,
    ("liter", "ml"): 1000,
    ("pound", "ounce"): 16,
    ("gallon", "quart"): 4,
    ("kg", "gram"): 1000,
    ("foot", "inch"): 12,
    ("yard", "foot"): 3,
    ("dozen", "egg"): 12,
}
DAYS = frozenset(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
NUMBERED = frozenset(
    "store shop house room bus flight ticket gate platform seat locker train plan team class group option site".split()  # noqa: SIM905
)
"""What may be known by a number: bus 12."""
MONTHS = frozenset(
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
DAYS_OF = dict.fromkeys("january march may july august october december".split(), 31) | dict.fromkeys(  # noqa: SIM905
    ["april", "june", "september", "november"], 30
)
"""February has no fixed number."""
TIMES = frozenset({"second", "minute", "hour", "day", "week", "month", "year"})
NEGATIVE = frozenset({"degree"})
"""Of what there may be less than nothing."""
WEIGHTS = frozenset({"kg", "gram", "pound", "ounce", "ton"})
LENGTHS = frozenset({"km", "meter", "cm", "mm", "mile", "foot", "yard", "inch"})
MEASURES = (
    TIMES
    | LENGTHS
    | {"kg", "gram", "liter", "ml", "gallon", "quart", "pound", "cup", "ounce", "ton", "teaspoon", "tablespoon"}
)

_TAKES_IN = {
    "animal": "cow sheep pig horse goat chicken duck dog cat hen rabbit lion tiger bird fish "
    "lamb calf kitten puppy foal piglet chick",
    "fruit": "apple pear orange banana plum peach mango melon lemon",
    "coin": "quarter dime nickel penny",
    "child": "boy girl kid",
    "kid": "boy girl",
    "student": "boy girl pupil",
    "pupil": "boy girl",
    "passenger": "person",
    "person": "boy girl man woman child adult student guest visitor",
    "piece": "chocolate candy",
    "seat": "chair",
    "flower": "rose tulip daisy lily",
    "vegetable": "carrot potato onion",
}


@cache
def singular(word: str) -> str:
    low = word.casefold()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    for ending, short in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("zes", "z")):
        if low.endswith(ending) and len(low) > len(ending) + 1:
            return low[: -len(ending)] + short
    if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(low) > 3:  # noqa: PLR2004
        return low[:-1]
    return low


def takes_in(wide: str, narrow: str) -> bool:
    return narrow in _TAKES_IN.get(wide, "").split()


@cache
def conversion(unit: str, other: str) -> Fraction | None:
    """How many of `other` make one `unit`; None if they do not convert."""
    reached = {unit: Fraction(1)}
    grown = True
    while grown:
        grown = False
        for (big, small), factor in _CONVERSIONS.items():
            for one, two, times in ((big, small, Fraction(factor)), (small, big, Fraction(1, factor))):
                if one in reached and two not in reached and "dozen" not in (one, two):
                    reached[two] = reached[one] * times
                    grown = True
    return reached.get(other)
