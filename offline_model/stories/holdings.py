"""Questions for what somebody has."""

from collections.abc import Iterable

from offline_model.lexeme import Unread
from offline_model.stories import ledger
from offline_model.stories.asked import Asked
from offline_model.stories.clauses import (
    Names,
    Noun,
    Pronoun,
    There,
)
from offline_model.stories.terms import Term, is_time, less
from offline_model.stories.told import EVERYONE

_FROM_THERE = frozenset({"pick", "collect", "gather", "catch", "fill"})

_HELD = frozenset({"HAVE", "BE", "REMAIN"})


class Holdings(Asked):
    def _held(self) -> Iterable[Term | None]:  # noqa: PLR0911 - one for each doubt
        q = self.question
        kind = q.verb.kind if q.verb else "BE"
        if self._unspent() or kind not in _HELD | {"NEED", "WEIGH"} or "per" in self.kinds or "each" in self.kinds:
            return []
        owner = self.owner()
        losing = any(e.sign < 0 and ledger.of_unit(e.term, self.unit) for e in self.story.entries)
        if self._is_before() or ("total" in self.kinds and losing and q.verb is None):
            return []
        if self._together() and isinstance(q.subject, Pronoun) and q.subject.word == "they" and self._is_alone():
            return []
        if self._elsewhere() or (owner == EVERYONE and self._together() and self._given_away()):
            return []
        if q.more or "first" in self.kinds:
            return self._difference(owner) if q.more else [ledger.started(self.story, owner, self.unit)]
        having = ledger.holders(self.story, self.unit)
        if kind == "REMAIN" or "left" in self.kinds:
            self._check_something_went()
        if owner == EVERYONE and len(having) > 1 and not self._of_all():
            return []
        found = [self._level(owner)]
        if ("total" in self.kinds and not isinstance(q.subject, Noun)) or self._names_all(having):
            found.append(self._level(EVERYONE))
        return found

    def _level(self, owner: str) -> Term | None:
        spans = [atom for atom in self.story.atoms if is_time(atom.unit) and not atom.per]
        return ledger.level(self.story, owner, self.unit, [*self.extras, *spans], self.adjectives)

    def _of_all(self) -> bool:
        q = self.question
        return (
            bool({"total", "done"} & self.kinds) or isinstance(q.subject, Pronoun | There | Names) or q.subject is None
        )

    def _names_all(self, having: list[str]) -> bool:
        """Whether the subject, such as "the boxes", names all that are spoken of."""
        subject = self.question.subject
        plural = isinstance(subject, Noun) and subject.words[-1].casefold() != subject.head
        return plural and isinstance(subject, Noun) and all(each.split()[-1:] == [subject.head] for each in having)

    def _check_something_went(self) -> None:
        theirs = [e for e in self.story.entries if e.term is None or ledger.of_unit(e.term, self.unit)]
        first = next((index for index, entry in enumerate(theirs) if entry.sign == 0), len(theirs))
        taken = [entry for entry in theirs[first:] if entry.sign == 1 and entry.verb.lemma in _FROM_THERE]
        bought = {entry.verb.kind for entry in theirs if entry.sign == -1} != {"COST"}
        if not bought and any(entry.verb.lemma == "save" for entry in theirs):
            raise Unread("it is not said that what is saved is spent")
        if taken or not any(entry.sign == -1 for entry in theirs):
            raise Unread("it is not said that any went")

    def _is_alone(self) -> bool:
        """Whether but one is spoken of, so that "they together" are nobody."""
        having = ledger.holders(self.story, self.unit)
        return len(having) == 1 and not self.story.plural and len(self.story.people) < 2  # noqa: PLR2004

    def _elsewhere(self) -> bool:
        """Whether it is asked what is in one place, and told what is in others."""
        if any(post.kind in {"for", "with", "by"} and isinstance(post.value, Noun) for post in self.question.posts):
            return True
        asked = {
            p.value.name for p in self.question.posts if p.kind in {"in", "on", "at"} and isinstance(p.value, Noun)
        }
        told = {entry.place for entry in self.story.entries if entry.place and ledger.of_unit(entry.term, self.unit)}
        bare = [p.value for p in self.question.posts if isinstance(p.value, Noun) and not p.value.determiner]
        if self.question.noun is None and any(noun.name in asked - told and noun.name.islower() for noun in bare):
            return True
        return bool(asked) and bool(told - asked)

    def _given_away(self) -> bool:
        """Whether somebody was given some of whom it is not said what they had."""
        given = {e.owner for e in self.story.entries if e.verb.kind == "GIVEN"}
        return bool(given - set(ledger.holders(self.story, self.unit)))

    def _together(self) -> bool:
        return "total" in self.kinds or isinstance(self.question.subject, Pronoun | Names)

    def _difference(self, owner: str) -> Iterable[Term | None]:
        q = self.question
        than = next((post.value for post in q.posts if post.kind == "than"), None)
        others = [each for each in ledger.holders(self.story, self.unit) if each != owner]
        if than is None and len(others) == 1 and others[0] and owner != EVERYONE:
            one, two = self._level(owner), self._level(others[0])
        elif isinstance(than, Noun) and than.name in ledger.holders(self.story, self.unit):
            one, two = self._level(owner), self._level(than.name)
        elif isinstance(than, Noun) and than.head == self.unit:
            one = ledger.level(self.story, owner, self.unit, (), self.adjectives)
            two = ledger.level(self.story, owner, self.unit, (), than.adjectives)
        else:
            return []
        if one is None or two is None:
            return []
        return [less(one, two) if q.more == "+" else less(two, one)]
