"""A text told in sentences -> a problem. Every word must be in a sentence that is read, every number in the answer."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from offline_model.effort import TOLD, spend
from offline_model.lexeme import NotThis, Unread
from offline_model.money import currency_of
from offline_model.parsing import Refused
from offline_model.problem import Calculation, Comparison
from offline_model.stories import parts
from offline_model.stories.asking import Asking, Found
from offline_model.stories.clauses import Clause, Entries, Growth, Noun, Question, Sentence
from offline_model.stories.layout import Line, lines, table
from offline_model.stories.meaning import readings
from offline_model.stories.telling import NUMBERS, check, read_in, told
from offline_model.stories.terms import MONEY

_MOST_LINES = 20
_MOST_WORDS_IN_ALL = 150
_MOST_WORDS = 60
_MOST_READINGS = 64


def read_story(text: str) -> Calculation | Comparison:
    """Raises Unread if the text is not one problem told in sentences."""
    written = table(text)
    found = lines(written)
    words = sum(len(each.lexemes) for each in found)
    if words > _MOST_WORDS_IN_ALL or len(found) > _MOST_LINES or any(len(each.lexemes) > _MOST_WORDS for each in found):
        raise NotThis("it is too long for a story")
    choices = [_read(written, each) for each in found]
    labels = list(dict.fromkeys(line.label for line in found if line.label))
    if len(labels) > 1:
        return parts.read_parts(written, found, choices)
    quantities = tuple(quantity for line in found for quantity in read_in(written, line))
    places = {
        each.start: written[each.start : each.end] for line in found for each in line.lexemes if each.kind in NUMBERS
    }
    return _calculation(text, _answer(choices, places), quantities)


def _answer(choices: Sequence[Sequence[Sentence]], numbers: Mapping[int, str]) -> Found:
    answers: dict[object, Found] = {}
    refusals: list[Unread] = []
    for count, combination in enumerate(itertools.product(*choices)):
        if count >= _MOST_READINGS:
            raise Unread("it has too many readings")
        spend(TOLD * len(combination))
        try:
            for found in _answers(combination, numbers):
                key = (found.term.worth or found.term.value, found.term.unit == MONEY, found.percent)
                answers.setdefault(key, found)
        except Unread as refusal:
            refusals.append(refusal.with_traceback(None))
    if len(answers) > 1:
        raise Unread("it has more than one reading")
    if not answers:
        raise refusals[0] if refusals else Unread("the question does not fit what is told")
    return next(iter(answers.values()))


def _is_list(clauses: Sequence[Clause | Entries | Growth]) -> bool:
    """Several things with prices: what else could be asked than what they cost?"""
    items = [item for clause in clauses if isinstance(clause, Entries) for item in clause.items]
    return len(items) > 1 and all(isinstance(clause, Entries) for clause in clauses)


def _answers(sentences: Sequence[Sentence], numbers: Mapping[int, str]) -> Iterator[Found]:
    questions = [question for sentence in sentences for question in sentence.questions]
    clauses = [clause for sentence in sentences for clause in sentence.clauses]
    if not questions and _is_list(clauses):
        questions = [Question("what", Noun(("total",)))]
    if len(questions) != 1:
        raise NotThis("it is not one question")
    found = list(Asking(told(sentences), questions[0]).ways())
    full = [each for each in found if each.term.uses == numbers.keys()]
    if not full:
        raise Unread(_unused(found, numbers))
    for each in full:
        check(each.term)
    yield from full


def _unused(found: Sequence[Found], numbers: Mapping[int, str]) -> str:
    if not found:
        return "the question does not fit what is told"
    used = max((each.term.uses for each in found), key=len)
    words = [f'"{said}"' for place, said in sorted(numbers.items()) if place not in used]
    return f"{' and '.join(words)}: it is not clear what it has to do with the question"


def _calculation(text: str, found: Found, quantities: tuple[str, ...]) -> Calculation:
    currency = currency_of(found.term.value)
    money = found.term.unit == MONEY
    unit = "money" if money else "%" if found.percent else ""
    return Calculation((found.term.value,), text, currency if money else "", unit, quantities)


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


_ = Clause, Entries, Growth
