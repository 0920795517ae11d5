"""What the sentences of a text come to: its facts, its numbers, and what an answer may be."""

from collections.abc import Collection, Sequence
from fractions import Fraction

from offline_model.lexeme import Lexeme, Unread
from offline_model.stories.clauses import Clause, Item, Question, Sentence
from offline_model.stories.facts import Story
from offline_model.stories.layout import Line
from offline_model.stories.nouns import MEASURES, NEGATIVE
from offline_model.stories.terms import MONEY, Term

NUMBERS = frozenset({"NUMBER", "DOZEN", "FRACTION", "PERCENT", "MONEY", "TWICE"})
_DIVISIBLE = MEASURES | {"", "degree", MONEY}


_NAMING = frozenset({"WORD", "MORE", "FEWER", "TIMES", "OF", "ASMANY", "HYPHEN", "EACH", "PER", "OFF", "DOZEN", "THEM"})
_MOST_NAMING = 4


def read_in(text: str, line: Line, but: Collection[int] = ()) -> tuple[str, ...]:
    """The quantities of a line, but for those at some places, in the words they came from: "12 apples"."""
    found = []
    for index, lexeme in enumerate(line.lexemes):
        if lexeme.kind in NUMBERS and lexeme.start not in but:
            last = index
            while last + 1 < len(line.lexemes) and last - index < _MOST_NAMING and _names(line.lexemes[last + 1]):
                last += 1
            found.append(text[lexeme.start : line.lexemes[last].end])
    return tuple(found)


def _names(lexeme: Lexeme) -> bool:
    return lexeme.kind in _NAMING


def numbers_of(found: Sequence[Line]) -> frozenset[int]:
    return frozenset(lexeme.start for line in found for lexeme in line.lexemes if lexeme.kind in NUMBERS)


def told(sentences: Sequence[Sentence], *, spare: bool = False) -> Story:
    """The facts; `spare` passes over ages and numbers that are names."""
    story = Story(spare=spare)
    asked = [question for sentence in sentences for question in sentence.questions]
    lacking = bool(asked) and all(q.verb and q.verb.kind == "NEED" for q in asked)
    _check_done([c for s in sentences for c in s.clauses if isinstance(c, Clause)], asked, lacking=lacking)
    for sentence in sentences:
        for clause in sentence.clauses:
            if isinstance(clause, Clause) and clause.wanted and lacking:
                story.want(clause)
            else:
                story.add(clause)
        for question in sentence.questions:
            if question.form == "share" and isinstance(question.items[0], Item):
                story.share_out(question.items[0], ())
    return story


def _check_done(clauses: Sequence[Clause], asked: Sequence[Question], *, lacking: bool) -> None:
    """What is wanted is done only if it is asked what would be; what has been done may be counted in already."""
    if not lacking and any(each.wanted for each in clauses) and not all(question.future for question in asked):
        raise Unread("it is wanted, and not said to be done")
    levels = [q for q in asked if q.verb and q.verb.kind in {"HAVE", "BE"}]
    if any(each.perfect for each in clauses) and any("left" not in {p.kind for p in q.posts} for q in levels):
        raise Unread("it is not said whether what has been done comes after what is told")


def check(term: Term) -> None:
    worth = term.worth
    if worth is not None and worth < 0 and term.unit not in NEGATIVE:
        raise Unread("the answer would be less than nothing")
    if worth is not None and term.unit not in _DIVISIBLE and Fraction(worth).denominator != 1:
        raise Unread(f"the answer would be a part of one {term.unit}")
