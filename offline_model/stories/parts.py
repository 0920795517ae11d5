"""Several labelled parts (stores, people, trips, months) and one question about all of them."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from offline_model.effort import TOLD, spend
from offline_model.lexeme import Unread
from offline_model.money import numbers, one_currency
from offline_model.problem import Comparison, Share
from offline_model.stories import bill
from offline_model.stories.averages import are_periods
from offline_model.stories.clauses import Item, Noun, Pronoun, Question, Sentence, There
from offline_model.stories.facts import Story
from offline_model.stories.layout import Line, joined
from offline_model.stories.telling import check, numbers_of, read_in, told
from offline_model.stories.terms import MONEY, Term, plus

_TOTALS = frozenset({"total", "cost", "price", "bill", "sum", "amount", "distance", "weight", "number", "spending"})


def read_parts(text: str, found: Sequence[Line], choices: Sequence[Sequence[Sentence]]) -> Comparison:
    """Raises Unread if the parts are not alike, or if the question is not about all of them."""
    names = list(dict.fromkeys(line.label for line in found if line.label))
    asked = [(line, choice) for line, choice in zip(found, choices, strict=True) if not line.label]
    questions = {question for _, choice in asked for sentence in choice for question in sentence.questions}
    if any(sentence.clauses for _, choice in asked for sentence in choice) or not asked:
        raise Unread("something is said outside of the parts, or nothing is asked")
    terms, shares = [], []
    for name in names:
        own = [(line, choice) for line, choice in zip(found, choices, strict=True) if line.label == name]
        term = _total([choice for _, choice in own], [line for line, _ in own])
        terms.append(term)
        shares.append(Share(name, term.value, f"{name}: {joined([line for line, _ in own], text)}. What is the total?"))
    unit = {term.unit for term in terms}
    if len(unit) > 1:
        raise Unread(f"{' and '.join(sorted(unit))} do not add up")
    asks = {found_ask for question in questions if (found_ask := _ask(question, names, unit.copy().pop())) is not None}
    if len(asks) != 1:
        raise Unread("the question does not fit the parts")
    [(ask, order)] = asks
    if ask == "gap":
        worths = [term.worth for term in terms]
        if None in worths:
            raise Unread("the difference of what is not rational")
        ask, order = "difference", (0, 1) if (worths[0] or 0) >= (worths[1] or 0) else (1, 0)
    quantities = tuple(quantity for line in found for quantity in read_in(text, line))
    return replace(_comparison([shares[at] for at in order], terms, ask), read=quantities)


def _comparison(shares: Sequence[Share], terms: Sequence[Term], ask: str) -> Comparison:
    currency = one_currency(number for term in terms for number in numbers(term.value))
    money = terms[0].unit == MONEY
    return Comparison(tuple(shares), ask, currency if money else "", "money" if money else "")


def _total(choices: Sequence[Sequence[Sentence]], own: Sequence[Line]) -> Term:
    numbers = numbers_of(own)
    found: dict[object, Term] = {}
    refusals: list[Unread] = []
    for combination in itertools.product(*choices):
        spend(TOLD * len(combination))
        try:
            term = _sum(told(combination))
        except Unread as refusal:
            refusals.append(refusal.with_traceback(None))
            continue
        if term.uses == numbers:
            check(term)
            found.setdefault(term.worth, term)
    if len(found) != 1:
        raise refusals[0] if refusals else Unread("a part has no one total")
    return next(iter(found.values()))


def _sum(story: Story) -> Term:
    if any(entry.sign < 0 for entry in story.entries):
        return bill.total(story)
    terms = [entry.term for entry in story.entries if entry.term]
    if not terms or len({term.unit for term in terms}) > 1 or story.adjustments:
        raise Unread("a part has no one total")
    return plus(terms)


def _ask(question: Question, names: Sequence[str], unit: str) -> tuple[str, tuple[int, ...]] | None:
    every = tuple(range(len(names)))
    kinds = {post.kind for post in question.posts}
    if question.items or question.whole:
        return None
    if question.form in {"which", "each"}:
        return (question.extreme if question.form == "which" else "total"), every
    if question.more:
        return _more(question, names)
    head = question.noun.head if question.noun else ""
    if "average" in kinds or (question.noun and question.noun.words[0] == "average"):
        return ("average", every) if are_periods(question, names) else None
    if head == "difference" and len(names) == 2:  # noqa: PLR2004
        return "gap", every
    return ("total", every) if _is_total(question, head, kinds, unit, names) else None


def _is_total(question: Question, head: str, kinds: Iterable[str], unit: str, names: Sequence[str]) -> bool:
    subject = question.subject
    if isinstance(subject, Noun) and any(_key(subject.name) == _key(name) for name in names):
        return False
    if any(isinstance(post.value, Noun) and _key(post.value.name) in map(_key, names) for post in question.posts):
        return False
    if {"each", "per", "left", "first", "now"} & set(kinds) or isinstance(subject, Item):
        return False
    if question.form == "many":
        return head == unit
    spent = question.form == "what" and question.verb is not None and question.verb.kind in {"SPEND", "COST"}
    named = head in _TOTALS or (question.form in {"much", "far"} and not head) or spent
    return named and (isinstance(subject, Pronoun | There | None) or "total" in kinds)


def _more(question: Question, names: Sequence[str]) -> tuple[str, tuple[int, ...]] | None:
    than = next((post.value for post in question.posts if post.kind == "than"), None)
    one = [at for at, name in enumerate(names) if _speaks_of(question.subject, name) or _posts_speak(question, name)]
    two = [at for at, name in enumerate(names) if _speaks_of(than, name)]
    if len(one) != 1 or len(two) != 1 or one == two:
        return None
    return "difference", (one[0], two[0]) if question.more == "+" else (two[0], one[0])


def _posts_speak(question: Question, name: str) -> bool:
    return any(_speaks_of(post.value, name) for post in question.posts if post.kind != "than")


def _speaks_of(said: object, name: str) -> bool:
    if isinstance(said, Noun):
        return _key(said.name) == _key(name)
    return isinstance(said, str) and _key(said.removeprefix("in ").removeprefix("on ")) == _key(name)


def _key(name: str) -> str:
    return " ".join(name.casefold().removeprefix("the ").split())
