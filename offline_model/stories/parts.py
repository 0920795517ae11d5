"""Several labelled parts (stores, people, trips, months) and one question about all of them."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from offline_model.effort import TOLD, spend
from offline_model.lexeme import Unread
from offline_model.money import numbers, one_currency
from offline_model.problem import Comparison, Share
from offline_model.stories import bill
from offline_model.stories.averages import are_periods
from offline_model.stories.clauses import Count, Item, Noun, Pronoun, Question, Sentence, There
from offline_model.stories.facts import Story
from offline_model.stories.fitting import fits as fits_unit
from offline_model.stories.layout import Line, joined
from offline_model.stories.nouns import TIMES
from offline_model.stories.telling import check, numbers_of, read_in, told
from offline_model.stories.terms import MONEY, Term, plus

_TOTALS = frozenset({"total", "cost", "price", "bill", "sum", "amount", "distance", "weight", "number", "spending"})


Fits: TypeAlias = Callable[[Question, str], bool]
"""Whether a question, about so much of a unit, is about what the parts say."""


@dataclass(frozen=True)
class _Ask:
    ask: str
    order: tuple[int, ...]
    gap: bool = False


def read_parts(
    text: str, found: Sequence[Line], choices: Sequence[Sequence[Sentence]], fits: Fits | None = None
) -> Comparison:
    """Raises Unread if the parts are not alike, or if the question is not about all of them."""
    names = list(dict.fromkeys(line.label for line in found if line.label))
    asked = [choice for line, choice in zip(found, choices, strict=True) if not line.label]
    if any(sentence.clauses for choice in asked for sentence in choice) or not asked:
        raise Unread("something is said outside of the parts, or nothing is asked")
    terms, shares = [], []
    per = _unit_priced(asked)
    asks = f"What is the price of one {per}?" if per else "What is the total?"
    for name in names:
        own = [(line, choice) for line, choice in zip(found, choices, strict=True) if line.label == name]
        term = _total([choice for _, choice in own], [line for line, _ in own], per)
        terms.append(term)
        shares.append(Share(name, term.value, f"{name}: {joined([line for line, _ in own], text)}. {asks}"))
    unit = {term.unit for term in terms}
    if len(unit) > 1:
        raise Unread(f"{' and '.join(sorted(unit))} do not add up")
    alike = frozenset.intersection(*(term.adjectives for term in terms))
    ask = _one_ask(
        asked, names, terms[0].unit, lambda q, unit: _is_of_all(q, unit, alike) and (fits or _fits_labels)(q, unit)
    )
    order = ask.order
    if ask.ask == "gap" or ask.gap:
        worths = [term.worth for term in terms]
        if None in worths or len(worths) != 2:  # noqa: PLR2004
            raise Unread("it is asked by how much, and not than which")
        order = (0, 1) if (worths[0] or 0) >= (worths[1] or 0) else (1, 0)
    made = _comparison([shares[at] for at in order], terms, "difference" if ask.ask == "gap" else ask.ask)
    return replace(made, gap=ask.gap, read=tuple(quantity for line in found for quantity in read_in(text, line)))


def _fits_labels(question: Question, unit: str) -> bool:
    """Of money under labels it is asked what is spent, or what it costs."""
    verb = question.verb
    return unit != MONEY or verb is None or verb.kind in {"SPEND", "COST", "CHARGE", "BE"}


def _is_of_all(question: Question, unit: str, alike: frozenset[str]) -> bool:
    """Whether the red ones are asked for only if all are red."""
    counted = question.noun is not None and question.noun.head == unit and question.form in {"many", "which"}
    return not counted or (question.noun is not None and question.noun.adjectives <= alike)


def _one_ask(asked: Sequence[Sequence[Sentence]], names: Sequence[str], unit: str, fits: Fits) -> _Ask:
    """What is asked, however the questions are parsed. All of several questions must be answered by it."""
    found: set[_Ask] = set()
    for combination in itertools.product(*asked):
        questions = [question for sentence in combination for question in sentence.questions]
        asks = [
            _ask(question, names, unit) if fits(question, unit) and fits_unit(question, unit) else None
            for question in questions
        ]
        if asks and None not in asks:
            found.add(_joined([each for each in asks if each is not None]))
    if len(found) != 1:
        raise Unread("the question does not fit the parts")
    return found.pop()


def _joined(asks: Sequence[_Ask]) -> _Ask:
    """For each and in total is one; so is which, and by how much."""
    if len(set(asks)) == 1:
        return asks[0]
    which = [each for each in asks if each.ask in {"least", "most"}]
    if len(asks) == 2 and len(which) == 1 and asks[1].ask == "gap":  # noqa: PLR2004
        return replace(which[0], gap=True)
    raise Unread("there are two questions")


def _comparison(shares: Sequence[Share], terms: Sequence[Term], ask: str) -> Comparison:
    currency = one_currency(number for term in terms for number in numbers(term.value))
    money = terms[0].unit == MONEY
    return Comparison(tuple(shares), ask, currency if money else "", "money" if money else "")


def _unit_priced(asked: Sequence[Sequence[Sentence]]) -> str:
    """Of what it is asked which is cheaper per one of it; empty if that is not asked."""
    questions = {question for choice in asked for sentence in choice for question in sentence.questions}
    pers = {p.value.head for q in questions for p in q.posts if p.kind == "per" and isinstance(p.value, Noun)}
    which = all(question.form == "which" and question.sort == "CHEAP" for question in questions)
    return pers.pop() if which and len(pers) == 1 else ""


def _unit_price(story: Story, per: str) -> Term:
    if len(story.prices) != 1 or story.prices[0].term.per != (per,) or story.adjustments:
        raise Unread(f"it is not said what one {per} costs")
    return replace(story.prices[0].term, per=())


def _total(choices: Sequence[Sequence[Sentence]], own: Sequence[Line], per: str) -> Term:
    numbers = numbers_of(own)
    found: dict[object, Term] = {}
    refusals: list[Unread] = []
    for combination in itertools.product(*choices):
        spend(TOLD * len(combination))
        try:
            story = told(combination)
            term = _unit_price(story, per) if per else _sum(story)
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
    return replace(plus(terms), adjectives=frozenset.intersection(*(term.adjectives for term in terms)))


def _ask(question: Question, names: Sequence[str], unit: str) -> _Ask | None:  # noqa: PLR0911 - one for each form
    every = tuple(range(len(names)))
    kinds = {post.kind for post in question.posts}
    timed = [p.value for p in question.posts if isinstance(p.value, Noun) and p.value.head in TIMES and p.kind != "per"]
    if question.items or question.whole or timed or any(isinstance(post.value, Count) for post in question.posts):
        return None
    if question.form == "which":
        priced = question.sort == "CHEAP" and unit != MONEY
        others = {post.kind for post in question.posts} - ({"per"} if question.sort == "CHEAP" else set())
        return None if priced or others else _Ask(question.extreme, every, question.gap)
    if question.form == "each":
        return _Ask("total", every)
    if question.more:
        return _more(question, names)
    head = question.noun.head if question.noun else ""
    if "average" in kinds or (question.noun and question.noun.words[0] == "average"):
        return _Ask("average", every) if are_periods(question, names) else None
    if head == "difference" and len(names) == 2:  # noqa: PLR2004
        return _Ask("gap", every)
    return _Ask("total", every) if _is_total(question, head, kinds, unit, names) else None


def _is_total(question: Question, head: str, kinds: Iterable[str], unit: str, names: Sequence[str]) -> bool:
    subject = question.subject
    if question.noun is not None and question.noun.words[0].casefold() in {"new", "sale", "old", "original"}:
        return False
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


def _more(question: Question, names: Sequence[str]) -> _Ask | None:
    if question.subject is None and {post.kind for post in question.posts} <= {"nothing"} and not question.items:
        return _Ask("gap", tuple(range(len(names))))
    than = next((post.value for post in question.posts if post.kind == "than"), None)
    one = [at for at, name in enumerate(names) if _speaks_of(question.subject, name) or _posts_speak(question, name)]
    two = [at for at, name in enumerate(names) if _speaks_of(than, name)]
    if len(one) != 1 or len(two) != 1 or one == two:
        return None
    return _Ask("difference", (one[0], two[0]) if question.more == "+" else (two[0], one[0]))


def _posts_speak(question: Question, name: str) -> bool:
    return any(_speaks_of(post.value, name) for post in question.posts if post.kind != "than")


def _speaks_of(said: object, name: str) -> bool:
    if isinstance(said, Noun):
        return _key(said.name) == _key(name)
    return isinstance(said, str) and _key(said.removeprefix("in ").removeprefix("on ")) == _key(name)


def _key(name: str) -> str:
    return " ".join(name.casefold().removeprefix("the ").split())
