"""Questions for what somebody did."""

from collections.abc import Iterable
from dataclasses import replace

from offline_model.stories import ledger
from offline_model.stories.averages import are_periods
from offline_model.stories.clauses import (
    Noun,
)
from offline_model.stories.facts import Story
from offline_model.stories.holdings import Holdings
from offline_model.stories.terms import MONEY, Term, is_time, less, plain, plus, times
from offline_model.stories.told import EVERYONE, Entry, same_time

EARNING = frozenset({"earn", "make", "take in", "get", "collect", "receive"})


class Doings(Holdings):
    def _done(self) -> Iterable[Term | None]:
        q = self.question
        if q.verb is None or q.verb.kind in {"BE", "HAVE", "COST", "NEED", "REMAIN"} or self._unspent():
            return []
        if {"per", "each", "left"} & self.kinds - ({"per"} if "average" in self.kinds else set()):
            return []
        owner = self.owner()
        if any(
            each.verb.kind == "BE" or self._same_verb(Entry("", each.verb, 0, None)) for each in self.story.relations
        ):
            return [self._related_done(EVERYONE if "total" in self.kinds else owner)] if not self.question.more else []
        return self._done_by(owner, [entry for entry in self.story.entries if self._chosen(entry, owner)])

    def _done_by(self, owner: str, chosen: list[Entry]) -> Iterable[Term | None]:
        if any(entry.label == "rest" for entry in chosen):
            return [ledger.rest(self.story, owner, self.unit)]
        if any(entry.term is None for entry in chosen):
            return [ledger.missing(self.story, owner, self.unit)]
        if self.question.more:
            return self._more_done(chosen) or self._more_than_the_other(owner)
        spans = [atom for atom in self.story.atoms if is_time(atom.unit) and not atom.per]
        terms = [ledger.settle(entry.term, self.unit, [*self.extras, *spans]) for entry in chosen if entry.term]
        if "average" not in self.kinds:
            return [plus(terms)] if terms else []
        labels = [entry.label or entry.owner for entry in chosen]
        averaged = len(terms) > 1 and are_periods(self.question, labels)
        return [times(plus(terms), plain(len(terms)), over=True)] if averaged else []

    def _chosen(self, entry: Entry, owner: str) -> bool:
        assert self.question.verb is not None
        return (
            self._same_verb(entry)
            and (entry.term is None or ledger.of_unit(entry.term, self.unit, self.adjectives))
            and (owner in (EVERYONE, entry.owner))
            and (not self.labels or entry.label in self.labels)
        )

    def _same_verb(self, entry: Entry) -> bool:
        verb = self.question.verb
        assert verb is not None
        if verb.lemma == entry.verb.lemma:
            return True
        if verb.kind == entry.verb.kind == "MOVE":
            return bool({verb.lemma, entry.verb.lemma} & {"go", "travel", "move", "cover"})
        earned = verb.lemma in EARNING and self.unit == MONEY
        return earned and entry.verb.lemma == "sell" and entry.sign > 0

    def _more_done(self, chosen: list[Entry]) -> Iterable[Term | None]:
        if len(chosen) != 2:  # noqa: PLR2004
            return []
        one, two = chosen[0].term, chosen[1].term
        assert one
        assert two
        than = next((post.value for post in self.question.posts if post.kind == "than"), None)
        name = than.name if isinstance(than, Noun) else than if isinstance(than, str) else ""
        keys = [chosen[0].owner, chosen[1].owner] if isinstance(than, Noun) else [chosen[0].label, chosen[1].label]
        if keys.count(name) != 1:
            return []
        big, small = (two, one) if keys[0] == name else (one, two)
        return [less(big, small) if self.question.more == "+" else less(small, big)]

    def _more_than_the_other(self, owner: str) -> Iterable[Term | None]:
        """How much more did Ben earn, of two who did? How many more on Saturday, of two days?"""
        q = self.question
        than = next((post.value for post in q.posts if post.kind == "than"), None)
        labels, self.labels = self.labels, set()
        every = [entry for entry in self.story.entries if self._chosen(entry, EVERYONE)]
        self.labels = labels
        own = [entry for entry in every if (entry.label in labels if labels else entry.owner == owner)]
        others = [entry for entry in every if entry not in own]
        if isinstance(than, str):
            others = [entry for entry in others if same_time(entry.label, than)]
        elif isinstance(than, Noun):
            alike = [e for e in self.story.entries if self._same_verb(e) and owner in (EVERYONE, e.owner)]
            own = [entry for entry in alike if entry.term and entry.term.unit == self.unit]
            others = [entry for entry in alike if entry.term and entry.term.unit == than.head != self.unit]
        elif than is not None:
            return []
        if len(own) != 1 or len(others) != 1 or not own[0].term or not others[0].term:
            return []
        one, two = own[0].term, others[0].term
        return [less(one, two) if q.more == "+" else less(two, one)]

    def _related_done(self, owner: str) -> Term | None:
        """Eli ran twice as far as Noor, and Noor ran 6 km."""
        story = Story(relations=self.story.relations)
        story.entries = [replace(entry, sign=0) for entry in self.story.entries if self._same_verb(entry)]
        return ledger.level(story, owner, self.unit)
