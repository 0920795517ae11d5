"""A text told in sentences -> Calculation. Every word must be in a sentence that is read, every number in the answer."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

from offline_model.lexeme import Lexeme, NotThis, Unread
from offline_model.lexing import lexemes
from offline_model.money import currency_of
from offline_model.parsing import Refused
from offline_model.problem import Calculation
from offline_model.stories.asking import _MEASURES, Asking, Found
from offline_model.stories.clauses import Sentence
from offline_model.stories.facts import Story
from offline_model.stories.meaning import readings
from offline_model.stories.terms import MONEY, Term
from offline_model.stories.words import story_vocabulary

_MOST_SENTENCES = 20
_MOST_WORDS = 60
_MOST_READINGS = 64
_NUMBERS = frozenset({"NUMBER", "DOZEN", "FRACTION", "PERCENT", "MONEY", "TWICE"})


def read_story(text: str) -> Calculation:
    """Raises Unread if the text is not one problem told in sentences."""
    sentences = list(_sentences(text))
    if len(sentences) > _MOST_SENTENCES or any(len(each) > _MOST_WORDS for each in sentences):
        raise NotThis("it is too long for a story")
    numbers = frozenset(lexeme.start for each in sentences for lexeme in each if lexeme.kind in _NUMBERS)
    choices = [_read(text, each) for each in sentences]
    answers: dict[object, Found] = {}
    refusals: list[Unread] = []
    for count, combination in enumerate(itertools.product(*choices)):
        if count >= _MOST_READINGS:
            raise Unread("it has too many readings")
        try:
            for found in _answers(combination, numbers):
                answers.setdefault((found.term.worth or found.term.value, found.term.unit == MONEY, found.percent), found)
        except Unread as refusal:
            refusals.append(refusal)
    if len(answers) > 1:
        raise Unread("it has more than one reading")
    if not answers:
        raise refusals[0] if refusals else Unread("the question does not fit what is told")
    [found] = answers.values()
    return _calculation(text, found)


def _answers(sentences: Sequence[Sentence], numbers: frozenset[int]) -> Iterator[Found]:
    story = Story()
    questions = [question for sentence in sentences for question in sentence.questions]
    if len(questions) != 1:
        raise Unread("it is not one question")
    for sentence in sentences:
        for clause in sentence.clauses:
            story.add(clause)
    found = list(Asking(story, questions[0]).ways())
    full = [each for each in found if each.term.uses == numbers]
    if not full:
        raise Unread("not every number has to do with what is asked" if found else "the question does not fit what is told")
    for each in full:
        _check(each.term)
    yield from full


def _check(term: Term) -> None:
    worth = term.worth
    if worth is not None and worth < 0:
        raise Unread("the answer would be less than nothing")
    if worth is not None and term.unit not in _MEASURES and Fraction(worth).denominator != 1:
        raise Unread(f"the answer would be a part of one {term.unit}")


def _calculation(text: str, found: Found) -> Calculation:
    currency = currency_of(found.term.value)
    money = found.term.unit == MONEY
    return Calculation((found.term.value,), text, currency if money else "", "money" if money else "%" if found.percent else "")


def _read(text: str, sentence: Sequence[Lexeme]) -> list[Sentence]:
    found = readings(sentence)
    if isinstance(found, Refused):
        words = text[sentence[0].start : sentence[-1].end]
        if found.at >= len(sentence):
            raise NotThis(f'"{words[:200]}": it seems to stop short')
        stuck = sentence[found.at]
        raise NotThis(f'"{text[stuck.start : stuck.end]}" in "{words[:200]}"')
    return found


def _sentences(text: str) -> Iterator[list[Lexeme]]:
    current: list[Lexeme] = []
    for lexeme in lexemes(text, story_vocabulary()):
        if lexeme.kind in {"END", "NEWLINE"}:
            if current:
                yield current
            current = []
        else:
            current.append(lexeme)
    if current:
        yield current
