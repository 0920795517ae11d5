"""What the sentences of a text come to: its facts, its numbers, and what an answer may be."""

from collections.abc import Sequence
from fractions import Fraction

from offline_model.lexeme import Lexeme, Unread
from offline_model.stories.clauses import Item, Sentence
from offline_model.stories.facts import Story
from offline_model.stories.layout import Line
from offline_model.stories.nouns import MEASURES
from offline_model.stories.terms import MONEY, Term

NUMBERS = frozenset({"NUMBER", "DOZEN", "FRACTION", "PERCENT", "MONEY", "TWICE"})
_DIVISIBLE = MEASURES | {"", "degree", MONEY}


_NAMING = frozenset({"WORD", "MORE", "FEWER", "TIMES", "OF", "ASMANY", "HYPHEN", "EACH", "PER", "OFF", "DOZEN", "THEM"})
_MOST_NAMING = 4


def read_in(text: str, line: Line) -> tuple[str, ...]:
    """The quantities of a line in the words they came from: "12 apples", "twice as many"."""
    found = []
    for index, lexeme in enumerate(line.lexemes):
        if lexeme.kind in NUMBERS:
            last = index
            while last + 1 < len(line.lexemes) and last - index < _MOST_NAMING and _names(line.lexemes[last + 1]):
                last += 1
            found.append(text[lexeme.start : line.lexemes[last].end])
    return tuple(found)


def _names(lexeme: Lexeme) -> bool:
    return lexeme.kind in _NAMING


def numbers_of(found: Sequence[Line]) -> frozenset[int]:
    return frozenset(lexeme.start for line in found for lexeme in line.lexemes if lexeme.kind in NUMBERS)


def told(sentences: Sequence[Sentence]) -> Story:
    story = Story()
    for sentence in sentences:
        for clause in sentence.clauses:
            story.add(clause)
        for question in sentence.questions:
            if question.form == "share" and isinstance(question.items[0], Item):
                story.share_out(question.items[0], ())
    return story


def check(term: Term) -> None:
    worth = term.worth
    if worth is not None and worth < 0:
        raise Unread("the answer would be less than nothing")
    if worth is not None and term.unit not in _DIVISIBLE and Fraction(worth).denominator != 1:
        raise Unread(f"the answer would be a part of one {term.unit}")
