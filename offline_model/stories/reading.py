"""A text told in sentences -> a problem. Every word must be in a sentence that is read, every number in the answer."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from offline_model.effort import TOLD, spend
from offline_model.lexeme import NotThis, Unread
from offline_model.money import currency_of
from offline_model.parsing import Refused
from offline_model.problem import Calculation, Comparison, Shown
from offline_model.stories import parts
from offline_model.stories.asides import are_apart
from offline_model.stories.asking import Asking, Found
from offline_model.stories.clauses import Entries, Noun, Question, Sentence, Statement
from offline_model.stories.division import divided
from offline_model.stories.facts import Story
from offline_model.stories.layout import Line, lines, table
from offline_model.stories.meaning import readings
from offline_model.stories.telling import NUMBERS, check, read_in, told
from offline_model.stories.terms import MONEY

_MOST_LINES = 20
_MOST_WORDS_IN_ALL = 150
_MOST_WORDS = 60
_MOST_READINGS = 64
_MOST_QUESTIONS = 3


def read_story(text: str) -> Calculation | Comparison:
    """Raises Unread if the text is not one problem told in sentences."""
    written = table(text)
    found = lines(written)
    words = sum(len(each.lexemes) for each in found)
    if words > _MOST_WORDS_IN_ALL or len(found) > _MOST_LINES or any(len(each.lexemes) > _MOST_WORDS for each in found):
        raise NotThis("it is too long for a story")
    apart = _apart(written, found)
    if apart is not None:
        return apart
    choices = [_read(written, each) for each in found]
    labels = list(dict.fromkeys(line.label for line in found if line.label))
    if len(labels) > 1:
        return parts.read_parts(written, found, choices)
    places = {
        each.start: written[each.start : each.end] for line in found for each in line.lexemes if each.kind in NUMBERS
    }
    answer = _answer(choices, places)
    quantities = tuple(quantity for line in found for quantity in read_in(written, line, answer.unused))
    return _calculation(text, answer, quantities)


def _apart(written: str, found: Sequence[Line]) -> Comparison | None:
    """The parts of a text in which several do the same; None if they cannot be told apart."""
    shared = divided(found, written)
    if shared is None:
        return None
    try:
        choices = [_read(written, line) for line in shared.lines]
        return parts.read_parts(written, shared.lines, choices, shared.fits)
    except Unread:
        return None


@dataclass(frozen=True)
class _Answer:
    """A value for each question, or for each of several who are asked of, and what was not used, by its place."""

    found: tuple[Found, ...]
    unused: Mapping[int, str]

    @property
    def key(self) -> object:
        return tuple((f.term.worth or f.term.value, f.term.unit == MONEY, f.percent, f.name) for f in self.found)


def _answer(choices: Sequence[Sequence[Sentence]], numbers: Mapping[int, str]) -> _Answer:
    answers: dict[object, _Answer] = {}
    refusals: list[Unread] = []
    for count, combination in enumerate(itertools.product(*choices)):
        if count >= _MOST_READINGS:
            raise Unread("it has too many readings")
        spend(TOLD * len(combination))
        try:
            for found in _answers(combination, numbers):
                answers.setdefault(found.key, found)
        except Unread as refusal:
            refusals.append(refusal.with_traceback(None))
    if len(answers) > 1:
        raise Unread("it has more than one reading")
    if not answers:
        raise refusals[0] if refusals else Unread("the question does not fit what is told")
    return next(iter(answers.values()))


def _is_list(clauses: Sequence[Statement]) -> bool:
    """Several things with prices: what else could be asked than what they cost?"""
    items = [item for clause in clauses if isinstance(clause, Entries) for item in clause.items]
    return len(items) > 1 and all(isinstance(clause, Entries) for clause in clauses)


def _answers(sentences: Sequence[Sentence], numbers: Mapping[int, str]) -> Iterator[_Answer]:
    questions = [question for sentence in sentences for question in sentence.questions]
    clauses = [clause for sentence in sentences for clause in sentence.clauses]
    if not questions and _is_list(clauses):
        questions = [Question("what", Noun(("total",)))]
    if not 0 < len(questions) <= _MOST_QUESTIONS:
        raise NotThis("it is not one question")
    full, found = _full(told(sentences), questions, numbers.keys())
    if full:
        yield from (_Answer(each, {}) for each in full)
        return
    story = told(sentences, spare=True)
    if story.asides and are_apart(story, questions):
        full, _ = _full(story, questions, numbers.keys() - story.asides.keys())
        yield from (_Answer(each, story.asides) for each in full)
    if not full:
        raise Unread(_unused(found, numbers))


def _full(
    story: Story, questions: Sequence[Question], numbers: AbstractSet[int]
) -> tuple[list[tuple[Found, ...]], list[Found]]:
    """The answers that use all numbers, and all that were found. Several questions may each use some of the numbers."""
    if len(questions) == 1:
        asking = Asking(story, questions[0])
        each = asking.of_several()
        found = list(asking.ways())
        answers: list[tuple[Found, ...]] = [*((way,) for way in found), *([each] if each else [])]
    else:
        found = [way for question in questions for way in _only(story, question)]
        answers = [tuple(found)]
    full = [answer for answer in answers if _uses(answer) == numbers]
    for each in full:
        for one in each:
            check(one.term)
    return full, found


def _uses(found: Iterable[Found]) -> frozenset[int]:
    return frozenset().union(*(each.term.uses for each in found))


def _only(story: Story, question: Question) -> tuple[Found, ...]:
    """The one answer to one of several questions."""
    asking = Asking(replace(story, adjustments=[*story.adjustments], payments=[*story.payments]), question)
    ways: dict[object, tuple[Found, ...]] = {each.term.worth: (each,) for each in asking.ways()}
    if several := asking.of_several():
        ways[None] = several
    if len(ways) != 1:
        raise Unread("one of the questions has no one answer")
    return next(iter(ways.values()))


def _unused(found: Sequence[Found], numbers: Mapping[int, str]) -> str:
    if not found:
        return "the question does not fit what is told"
    used = max((each.term.uses for each in found), key=len)
    words = [f'"{said}"' for place, said in sorted(numbers.items()) if place not in used]
    return f"{' and '.join(words)}: it is not clear what it has to do with the question"


def _calculation(text: str, answer: _Answer, quantities: tuple[str, ...]) -> Calculation:
    values = tuple(each.term.value for each in answer.found)
    shown = tuple(_shown(each) for each in answer.found)
    unused = tuple(answer.unused.values())
    several = len(shown) > 1
    return Calculation(values, text, shown[0].currency, shown[0].unit, quantities, shown if several else (), unused)


def _shown(found: Found) -> Shown:
    currency = currency_of(found.term.value)
    money = found.term.unit == MONEY
    unit = "money" if money else "%" if found.percent else ""
    return Shown(currency if money else "", unit, found.name)


def _read(text: str, line: Line) -> list[Sentence]:
    sentence = line.lexemes
    unknown = next((lexeme for lexeme in sentence if lexeme.kind in {"CHANGING", "CODE", "NEWLINE"}), None)
    found = readings(sentence) if unknown is None else Refused(sentence.index(unknown))
    if isinstance(found, Refused):
        words = text[sentence[0].start : sentence[-1].end]
        if found.at >= len(sentence):
            raise NotThis(f'"{words[:200]}": it seems to stop short')
        stuck = sentence[found.at]
        raise NotThis(f'"{text[stuck.start : stuck.end]}" in "{words[:200]}"')
    return found
