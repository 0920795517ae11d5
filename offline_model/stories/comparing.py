"""What one has, by what another has."""

from collections.abc import Sequence

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Clause,
    Compared,
    Noun,
    Post,
    Pronoun,
    Verb,
)
from offline_model.stories.measuring import Measuring
from offline_model.stories.terms import MONEY, Term, compared, figure, uses
from offline_model.stories.told import (
    Entry,
    Relation,
    same_time,
)


class Comparing(Measuring):
    def _lead_label(self, clause: Clause) -> str:
        return next((str(post.value) for post in clause.leads if post.kind == "when"), "")

    def compare(
        self, owner: str, verb: Verb, said: Compared, posts: Sequence[Post], *, lead: str = "", sign: int = 0
    ) -> None:
        if not owner:
            raise Unread("it is compared, and it is not said who has it")
        label = next((str(post.value) for post in posts if post.kind == "when"), lead)
        if any(post.kind not in {"when", "now"} for post in posts):
            raise Unread("what is compared cannot be read")
        money = bool(said.figure.currency)
        money = money or (said.noun is not None and said.noun.head == "money")
        unit = MONEY if money else said.noun.head if said.noun else self.unit
        value = figure(said.figure)
        by = Term(value, MONEY if money else unit, uses=uses(said.figure))
        if isinstance(said.than, str) or (said.than is None and (label or sign in (1, -1))):
            self._compared_with_another_time(owner, verb, said, by, label)
            return
        than = self._than(owner, said.than, label)
        if isinstance(said.than, Noun):
            self.nouns.setdefault(than, said.than)
            self.mentioned = than
        self.relations.append(Relation(owner, verb, said.sign, by, than, unit or by.unit, label))
        if unit:
            self.unit = unit

    def _compared_with_another_time(self, owner: str, verb: Verb, said: Compared, by: Term, label: str) -> None:
        before = [e for e in self.entries if e.owner == owner and e.verb.lemma == verb.lemma and e.term is not None]
        if isinstance(said.than, str):
            before = [entry for entry in before if same_time(entry.label, said.than)]
        if not before or (said.than is None and not (label and before[-1].label != label)):
            raise Unread("it is not said than when")
        base = before[-1].term
        assert base is not None
        if said.noun is not None and said.noun.head != base.unit:
            raise Unread(f"{said.noun} are compared with {base.unit}")
        term = compared(base, said.sign, by)
        self.entries.append(Entry(owner, verb, before[-1].sign, term, label))

    def _than(self, owner: str, than: "Noun | Pronoun | str | None", label: str) -> str:
        if isinstance(than, Noun):
            return than.name
        if isinstance(than, Pronoun):
            return self.pronoun(than.word)
        if isinstance(than, str):
            return f"@{than}"
        others = [entry.owner for entry in self.entries if entry.sign == 0 and entry.owner != owner]
        if label:
            labels = [entry.label for entry in self.entries if entry.owner == owner and entry.label]
            return f"@{labels[-1]}" if labels else ""
        return others[-1] if others else ""
