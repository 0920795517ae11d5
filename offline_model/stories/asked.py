"""What a question asks for: whose, of what unit, and the amounts that come with it."""

from collections.abc import Iterator
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Count,
    Item,
    Names,
    Noun,
    Pronoun,
    Question,
    There,
)
from offline_model.stories.facts import Story
from offline_model.stories.measuring import unit_of
from offline_model.stories.nouns import LENGTHS, TIMES
from offline_model.stories.terms import MONEY, Term, figure, is_time, plain, uses
from offline_model.stories.told import EVERYONE

_PRICED = frozenset({"total", "cost", "price", "change", "profit", "bill", "interest", "value", "balance"})


class Asked:
    def __init__(self, story: Story, question: Question) -> None:
        self.story = story
        self.question = question
        self.kinds = {post.kind for post in question.posts}
        self.unit = self._unit()
        self.adjectives = question.noun.adjectives if question.noun and question.form == "many" else frozenset[str]()
        self.labels = {str(post.value) for post in question.posts if post.kind == "when"}
        if question.noun and question.noun.head == "change":
            self._pay(story, question)
        story.adjustments += [post.value for post in question.posts if isinstance(post.value, Adjustment)]
        self.extras = list(self._extras())

    @staticmethod
    def _pay(story: Story, question: Question) -> None:
        """How much change do I get from $50?"""
        for post in question.posts:
            if post.kind in {"from", "for"} and isinstance(post.value, Count) and post.value.figure.currency:
                story.payments.append(Term(figure(post.value.figure), MONEY, uses=uses(post.value.figure)))

    def _unit(self) -> str:
        q = self.question
        units = [entry.term.unit for entry in self.story.entries if entry.term] + [a.unit for a in self.story.atoms]
        units += [relation.unit for relation in self.story.relations]
        if q.form == "many":
            head = q.noun.head if q.noun else self.story.unit
            return MONEY if head in {"cent", "dollar", "euro"} and MONEY in units else head
        if q.form in {"far", "long", "tall"}:
            wanted = TIMES if q.verb and q.verb.lemma == "take" else LENGTHS if q.form == "far" else LENGTHS | {"year"}
            return next((unit for unit in units if unit in wanted), "hour" if wanted is TIMES else "")
        if q.verb and q.verb.kind == "WEIGH":
            return next((unit for unit in units if unit != MONEY), "")
        priced = q.form == "what" and q.noun and q.noun.head in _PRICED and MONEY in units
        if priced or q.noun is None or q.noun.head in {"money", "change"}:
            return MONEY
        return next((unit for unit in units if unit != MONEY and not is_time(unit)), MONEY)

    def _extras(self) -> Iterator[Term]:
        """Amounts that come with the question: "in 5 days", "do 15 shelves"."""
        q = self.question
        values = [post.value for post in q.posts if post.kind in {"in", "for", "after", "with", "at", "to"}]
        values += [item.quantity for item in q.items if isinstance(item, Item)]
        if isinstance(q.subject, Item):
            values.append(q.subject.quantity)
        for post in q.posts:
            if post.kind == "rate" and isinstance(post.value, Item):
                yield self.story.measured(post.value).term or plain(1)
        for value in values:
            if isinstance(value, Count):
                head = unit_of(value.noun) if value.noun else MONEY if value.figure.currency else ""
                yield Term(
                    figure(value.figure),
                    MONEY if value.figure.currency else head,
                    uses=uses(value.figure),
                    adjectives=value.noun.adjectives if value.noun else frozenset(),
                )
            elif isinstance(value, Noun) and value.determiner in {"a", ""} and value.head in TIMES:
                yield replace(plain(1), unit=value.head)

    def owner(self) -> str:
        q = self.question
        if q.subject is None or isinstance(q.subject, There | Item):
            return EVERYONE
        if isinstance(q.subject, Names):
            named = {noun.name for noun in q.subject.nouns}
            if named != {e.owner for e in self.story.entries if e.owner} | {r.owner for r in self.story.relations}:
                raise Unread("it is asked of some of them")
            return EVERYONE
        return self.story.owner(q.subject)

    def _unspent(self) -> bool:
        """Whether the question speaks of a time ("in a year") that nothing told is a rate of."""
        rated = any(entry.term is not None and entry.term.per for entry in self.story.entries)
        return any(not extra.uses for extra in self.extras) and not rated

    def of_each(self) -> bool:
        q = self.question
        subject = q.subject
        each = (isinstance(subject, Noun) and subject.determiner == "each") or (
            isinstance(subject, Pronoun) and subject.word == "each"
        )
        return (
            each
            or bool({"each", "per"} & self.kinds)
            or any(isinstance(post.value, Noun) and post.value.determiner == "each" for post in q.posts)
        )
