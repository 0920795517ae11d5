"""Text -> Problem: a calculation if the whole text is one, otherwise purchases."""

import re
from functools import lru_cache

from offline_model.calculation import read_calculation
from offline_model.problem import NoResult, Part, Problem, Unread, value, written
from offline_model.purchases import read_purchases
from offline_model.tidying import spelled

_MOST_CHARACTERS, _MOST_MARKS, _LONGEST_WORD, _LONGEST_SENTENCE = 5_000, 600, 300, 800
_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d|(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.,]*\d)")
_COMMAS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!,?\d)")
"""Thousands are grouped with points, or with commas."""
FORMS = '"Toy Town: 3 shirts at $12.50 each, shipping $5.99" or "15% of 80"'
"""Forms that are read."""


@lru_cache(maxsize=64)
def read(text: str) -> Problem:
    """Raises Unread if the text has no certain meaning, NoResult if what it asks for does not exist."""
    if len(text) > _MOST_CHARACTERS:
        raise Unread(f"a text of more than {_MOST_CHARACTERS:,} characters")
    if re.search(rf"\S{{{_LONGEST_WORD}}}|[^.,;:?!\n]{{{_LONGEST_SENTENCE}}}", text):
        raise Unread("a word or a sentence of this length")
    if len(re.findall(r"[,:;.?!|\n]", text)) > _MOST_MARKS:
        raise Unread("so many lines, commas and sentences")
    if _POINTS.search(text) and _COMMAS.search(text):
        raise Unread("numbers in two formats")
    text = spelled(text)
    try:
        return read_calculation(text)
    except Unread as reason:
        try:
            return read_purchases(text)
        except Unread as other:
            raise (other if _is_about_money(text) else reason) from None


def prompt_for(problem: Problem, part: Part) -> str:
    """A text that asks for the part alone: in words if they are read as what they stand for, else a calculation."""
    text = f"{part.name}: {', '.join(part.read)}. What is the total?".removeprefix(": ")
    try:
        again = read_purchases(text)
        is_same = again.currency == problem.currency and value(again.parts[0].total) == value(part.total)
        if is_same and len(again.parts) == 1:
            return text
    except (Unread, NoResult):
        pass
    return written(part.total)


def _is_about_money(text: str) -> bool:
    return any(sign in text for sign in "$£€¥₹,:;\n") or len(text.split()) > 12  # noqa: PLR2004
