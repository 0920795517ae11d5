"""Numbers that are beside the point: ages, and numbers that are names.

They are passed over only if nothing else of the text, and nothing of the question, is of their kind.
"""

from collections.abc import Iterable, Sequence

from offline_model.stories.clauses import Clause, Count, Item, Noun, Question
from offline_model.stories.nouns import singular
from offline_model.stories.people import is_kin
from offline_model.stories.told import Told

_NUMBERED = frozenset(
    "house phone room bus flight ticket jersey gate platform seat locker train order apartment flat lane shirt".split()  # noqa: SIM905
)
_KIND = frozenset({"year", "month", "age", "old", "number"})


def is_aside(clause: Clause, item: Item) -> bool:
    """Whether the clause gives nothing but an age or the number of a house, a room, a bus."""
    subject, quantity = clause.subject, item.quantity
    if not isinstance(subject, Noun) or not isinstance(quantity, Count) or len(clause.items) != 1 or clause.leads:
        return False
    if quantity.figure.currency or quantity.more:
        return False
    if subject.head == "number" and not subject.of:
        named = len(subject.words) > 1 and singular(subject.words[-2]) in _NUMBERED
        return named and quantity.noun is None and not item.posts
    if any(post.kind != "long" or post.value != "old" for post in item.posts):
        return False
    aged = quantity.noun is not None and quantity.noun.head == "year" and bool(item.posts)
    person = subject.words[0][0].isupper() or is_kin(subject.name)
    return aged or (quantity.noun is None and person)


def are_apart(story: Told, questions: Sequence[Question]) -> bool:
    """Whether nothing that is told or asked could have to do with the ages and names that were passed over."""
    units = {entry.term.unit for entry in story.entries if entry.term} | {each.unit for each in story.relations}
    units |= {unit for atom in story.atoms for unit in (atom.unit, *atom.per)} | {each.unit for each in story.growths}
    return not (units | {word for question in questions for word in _words(question)}) & _KIND


def _words(question: Question) -> Iterable[str]:
    if question.form in {"long", "tall"}:
        yield "old"
    values = [question.noun, question.subject, *(post.value for post in question.posts)]
    values += [item.quantity for item in question.items if isinstance(item, Item)]
    for value in values:
        noun = value.noun if isinstance(value, Count) else value
        if isinstance(noun, Noun):
            yield from map(singular, (*noun.words, *noun.of))
        elif isinstance(value, str):
            yield from value.split()
