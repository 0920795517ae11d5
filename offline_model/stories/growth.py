"""Simple interest, and what grows or shrinks by the same share in each of a whole number of periods."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from offline_model.problem import Power
from offline_model.stories import ledger
from offline_model.stories.clauses import Count, Growth, Noun
from offline_model.stories.nouns import singular
from offline_model.stories.terms import MONEY, Term, figure, less, plain, plus, times, uses
from offline_model.stories.told import EVERYONE

if TYPE_CHECKING:
    from offline_model.stories.asking import Asking

_WORTH = frozenset({"value", "balance", "price", "worth", "amount"})
_FACTORS = {"double": 2, "triple": 3, "quadruple": 4}
_MOST_PERIODS = 100


def ways(asking: "Asking") -> Iterable[Term | None]:
    if len(asking.story.growths) != 1:
        return
    [growth] = asking.story.growths
    capital, periods = _capital(asking, growth), _periods(asking, growth)
    if capital is None or periods is None:
        return
    grown = _simple(capital, growth, periods) if growth.way == "simple" else _compound(capital, growth, periods)
    if grown is None:
        return
    interest, whole = grown
    q = asking.question
    if q.noun is not None and q.noun.head == "interest":
        yield interest if growth.way in {"simple", "compound"} else None
    elif _asks_for_all(asking, growth, capital):
        yield whole


def _asks_for_all(asking: "Asking", growth: Growth, capital: Term) -> bool:
    q = asking.question
    if {"per", "each", "average"} & asking.kinds or (q.verb is not None and q.verb.kind in {"GAIN", "COST"}):
        return False
    if {"left", "first"} & asking.kinds or (q.verb is not None and q.verb.kind == "SPEND" and q.verb.lemma != "owe"):
        return False
    if q.form == "many" and q.noun is None:
        return True
    if q.form == "many" and q.noun:
        noun = growth.capital.noun if isinstance(growth.capital, Count) else growth.capital
        words = {capital.unit, *(noun.adjectives if isinstance(noun, Noun) else ())}
        return q.noun.head in words
    if capital.unit != MONEY or q.more:
        return False
    return q.noun is None or q.noun.head in _WORTH | {"money"}


def _capital(asking: "Asking", growth: Growth) -> Term | None:
    given = growth.capital
    if isinstance(given, Count):
        if given.figure.currency:
            return Term(figure(given.figure), MONEY, uses=uses(given.figure))
        return Term(figure(given.figure), given.noun.head if given.noun else "", uses=uses(given.figure))
    if isinstance(given, Noun) and asking.unit in {given.head, *given.of, *map(singular, given.of)}:
        return ledger.level(asking.story, EVERYONE, asking.unit)
    return None


def _periods(asking: "Asking", growth: Growth) -> Term | None:
    spans = [term for term in asking.extras if term.unit == growth.unit]
    if growth.lasting is not None and growth.lasting.noun and growth.lasting.noun.head == growth.unit:
        spans.append(Term(figure(growth.lasting.figure), growth.unit, uses=uses(growth.lasting.figure)))
    if len(spans) != 1 or spans[0].worth is None:
        return None
    return spans[0]


def _simple(capital: Term, growth: Growth, periods: Term) -> tuple[Term, Term] | None:
    if growth.share is None:
        return None
    share = Term(figure(growth.share), uses=uses(growth.share))
    interest = times(times(capital, share), periods)
    return interest, plus([capital, interest])


def _compound(capital: Term, growth: Growth, periods: Term) -> tuple[Term, Term] | None:
    worth = periods.worth
    if growth.way not in {"grow", "shrink", "multiply", "compound"} or worth is None:
        return None
    if worth.denominator != 1 or not 0 < worth <= _MOST_PERIODS:
        return None
    if growth.share is not None:
        share = Term(figure(growth.share), uses=uses(growth.share))
        factor = less(plain(1), share) if growth.way == "shrink" else plus([plain(1), share])
    else:
        factor = plain(_FACTORS[growth.factor])
    raised = replace(factor, value=Power(factor.value, periods.value), uses=factor.uses | periods.uses)
    whole = times(capital, raised)
    return less(whole, capital), whole
