"""He or she, for the few nouns that tell."""

_MALE = frozenset(
    [
        "uncle",
        "brother",
        "father",
        "dad",
        "grandfather",
        "grandpa",
        "son",
        "nephew",
        "husband",
        "boy",
        "man",
        "king",
        "mr",
    ]
)
_FEMALE = frozenset(
    [
        "aunt",
        "sister",
        "mother",
        "mom",
        "mum",
        "grandmother",
        "grandma",
        "daughter",
        "niece",
        "wife",
        "girl",
        "woman",
        "queen",
        "mrs",
        "ms",
    ]
)


def gender(name: str) -> str:
    """Either "m" or "f", or empty if the name does not tell."""
    words = set(name.split())
    return "m" if words & _MALE else "f" if words & _FEMALE else ""


def is_kin(name: str) -> bool:
    return bool(set(name.split()) & (_MALE | _FEMALE))
