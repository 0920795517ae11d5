"""Questions for what is left to go, to spare or to carry, and for what lies between two."""

from collections.abc import Iterable
from dataclasses import replace

from offline_model.stories import ledger
from offline_model.stories.clauses import Count, Item, Noun, Pronoun, Quantity
from offline_model.stories.doings import Doings
from offline_model.stories.fitting import COMPARED
from offline_model.stories.nouns import LENGTHS, takes_in
from offline_model.stories.terms import Term, figure, less, plus, times, uses
from offline_model.stories.told import EVERYONE, NEUTRAL

_WAYS = frozenset({"distance", "trip", "journey", "trail", "route", "hike", "tour", "way"})
_GAMES = frozenset({"game", "match", "set", "round"})
_RESULTS = frozenset({"win", "lose", "draw", "tie"})
_SEATS = frozenset({"seat", "bed", "place"})
_TRIPS = frozenset({"trip", "ride", "load"})
_CARRIERS = frozenset({"elevator", "lift", "boat", "ferry", "van", "bus", "car", "truck", "cart", "raft", "taxi"})


class Remainders(Doings):
    def _left_to_go(self) -> Iterable[Term | None]:
        """The trip is 463 km, and they have driven 215 km."""
        q = self.question
        if (
            q.form not in {"many", "far"}
            or q.more
            or self.unit not in LENGTHS
            or not ((q.verb and q.verb.kind == "REMAIN") or "left" in self.kinds)
        ):
            return []
        told = [entry for entry in self.story.entries if entry.term and entry.term.unit == self.unit]
        whole = [
            entry.term for entry in told if entry.sign == 0 and entry.verb.kind == "BE" and self._is_way(entry.owner)
        ]
        gone = [entry.term for entry in told if entry.sign == NEUTRAL and entry.verb.kind == "MOVE"]
        movers = {entry.owner for entry in told if entry.sign == NEUTRAL}
        if len(whole) != 1 or not gone or len(whole) + len(gone) < len(told) or len(movers) != 1 or not whole[0]:
            return []
        terms = [term for term in gone if term and not term.per]
        theirs = self.owner() in {EVERYONE, *movers}
        return [less(whole[0], plus(terms))] if theirs and len(terms) == len(gone) else []

    def _is_way(self, owner: str) -> bool:
        noun = self.story.nouns.get(owner)
        towns = noun is not None and bool(noun.of) and noun.words[0][0].isupper() and noun.of[0][0].isupper()
        return noun is not None and (noun.head in _WAYS or towns)

    def _played(self) -> Iterable[Term | None]:
        """A team won 18 games and lost 7: it played 25."""
        q = self.question
        entries = self.story.entries
        if q.verb is None or q.verb.lemma != "play" or self.unit not in _GAMES or q.more or self.labels or self.extras:
            return []
        terms = [entry.term for entry in entries if entry.term and entry.term.unit == self.unit and not entry.term.per]
        lemmas, owners = {entry.verb.lemma for entry in entries}, {entry.owner for entry in entries}
        if len(terms) < len(entries) or not {"win", "lose"} <= lemmas <= _RESULTS or len(owners) != 1:
            return []
        return [plus(terms)] if self.owner() in {EVERYONE, *owners} else []

    def _loads(self) -> Iterable[Term | None]:
        """How many buses of 40 seats, or trips of an elevator that carries 8, are needed for 200 people?"""
        q = self.question
        rates = [atom for atom in self.story.atoms if len(atom.per) == 1]
        if q.form != "many" or q.verb is None or q.verb.kind != "NEED" or len(rates) != 1 or len(self.extras) != 1:
            return []
        [rate], [whole] = rates, self.extras
        people = whole.unit == "person" or takes_in("person", whole.unit)
        seated = rate.per == (self.unit,) and rate.unit in _SEATS and people
        carried = self.unit in _TRIPS and rate.unit == whole.unit and rate.per[0] in _CARRIERS
        return [replace(times(whole, rate, over=True), unit=self.unit, per=())] if seated or carried else []

    def _between_two(self) -> Iterable[Term | None]:
        """How much more does a $45 ticket cost than a $28 ticket? How many times as big as 8 is 96?"""
        q = self.question
        one, two = [self._bare(item.quantity) for item in q.items if isinstance(item, Item)]
        if one is None or two is None or self.story.entries or one.unit != two.unit or one.per or two.per:
            return []
        if q.sort and one.unit not in COMPARED[q.sort]:
            return []
        return [less(one, two) if q.form == "gap" else replace(times(one, two, over=True), unit="")]

    def _bare(self, quantity: Quantity | Noun | Pronoun | None) -> Term | None:
        if isinstance(quantity, Count) and quantity.noun is None and not quantity.figure.currency:
            return Term(figure(quantity.figure), uses=uses(quantity.figure))
        return self.story.term(quantity)

    def _years_until(self) -> Iterable[Term | None]:
        """In how many years will he be 60?"""
        age = ledger.level(self.story, self.owner(), "year")
        [item] = self.question.items
        if age is None or not isinstance(item, Item) or not isinstance(item.quantity, Count):
            return []
        then = Term(figure(item.quantity.figure), "year", uses=uses(item.quantity.figure))
        return [less(then, age)]

    def _spared(self) -> Iterable[Term | None]:
        """5 eggs are broken: how many are not? 41 GB are used: how many are free?"""
        q, entries = self.question, self.story.entries
        lost = [entry for entry in entries if entry.sign < 0]
        free = isinstance(q.subject, Noun) and q.subject.name in {"free", "unused", "available"}
        lemma = "use" if free else q.verb.lemma if q.verb else ""
        if len(lost) != 1 or lost[0].owner or not lost[0].verb.passive or lost[0].verb.lemma != lemma:
            return []
        having = ledger.holders(self.story, self.unit)
        return [ledger.level(self.story, having[0], self.unit)] if len(having) == 1 else []
