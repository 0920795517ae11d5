"""story.lark, loaded once, and what each rule means: the lexemes of a sentence -> every different reading of it."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from lark.exceptions import UnexpectedInput
from lark.grammar import Rule

from offline_model.lexeme import Lexeme
from offline_model.parsing import Refused
from offline_model.stories.clauses import Sentence
from offline_model.stories.foresight import Foresight
from offline_model.stories.forest import meanings
from offline_model.stories.questions import Questions
from offline_model.stories.statements import Statements
from offline_model.stories.words import story_vocabulary
from offline_model.tables import Grammar, Tables

GRAMMAR = Grammar("stories/story.lark", ("sentence",), story_vocabulary().terminals, ambiguous=True)


@cache
def parser() -> Foresight:
    return Foresight(Tables.load(GRAMMAR), *GRAMMAR.starts)


def readings(lexemes: Sequence[Lexeme]) -> list[Sentence] | Refused:
    """The sentence in each way it can be read, or where it stops making sense. Raises Unread if it takes too much."""
    try:
        forest = parser().parse(lexemes)
    except UnexpectedInput as stop:
        at = getattr(getattr(stop, "token", None), "start_pos", None)
        return Refused(len(lexemes) if at is None else at)
    return meanings(forest, _meant)


def _meant(rule: Rule, children: list[Any]) -> Any:
    made: Callable[[list[Any]], Any] = getattr(_Meaning, rule.alias or rule.origin.name)
    return made(children)


class _Meaning(Statements, Questions):
    """One function per rule; children that carry no meaning are passed over by their type."""
