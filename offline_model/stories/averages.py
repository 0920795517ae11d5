"""What an average is taken over."""

from collections.abc import Sequence

from offline_model.stories.clauses import Noun, Question
from offline_model.stories.nouns import DAYS, MONTHS, singular

_IN_ORDER = frozenset(["in", "on", "the", "first", "second", "third", "fourth", "fifth", "sixth"])
_DAYS_NAMED = DAYS | {"today", "yesterday"}
_NAMED = frozenset({"store", "shop", "person", "friend", "trip", "student", "child", "player"})


def are_periods(question: Question, labels: Sequence[str]) -> bool:
    """Whether "per month" in the question, if there is such, is what the labels are."""
    units = [post.value.head for post in question.posts if post.kind == "per" and isinstance(post.value, Noun)]
    return all(unit in _NAMED or all(_is_one(unit, label) for label in labels) for unit in units)


def _is_one(unit: str, label: str) -> bool:
    words = {singular(word) for word in label.casefold().split()}
    return (
        unit in words
        or words <= _IN_ORDER
        or bool(words & {"day": _DAYS_NAMED, "month": MONTHS}.get(unit, frozenset()))
    )
