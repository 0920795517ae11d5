"""What a question asks for: whose, of what unit, and the amounts that come with it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories import ledger
from offline_model.stories.clauses import (
    Adjustment,
    Count,
    Item,
    Names,
    Noun,
    Post,
    Pronoun,
    Question,
    There,
    Verb,
)
from offline_model.stories.facts import Story
from offline_model.stories.fitting import MEASURED, PARTS_OF_DAY, SIZES
from offline_model.stories.measuring import unit_of
from offline_model.stories.nouns import DAYS_OF, LENGTHS, MEASURES, TIMES
from offline_model.stories.terms import MONEY, Term, figure, is_time, plain, uses
from offline_model.stories.told import EVERYONE, same_time

_AMOUNTS = frozenset(
    ["money", "change", "profit", "interest", "time", "rent", "tax", "tip", "discount", "cash", "salary", "savings"]
)
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
        self._check_person()
        self._buy(story)
        self.extras = list(self._extras())

    @staticmethod
    def _pay(story: Story, question: Question) -> None:
        """How much change do I get from $50?"""
        for post in question.posts:
            if post.kind in {"from", "for"} and isinstance(post.value, Count) and post.value.figure.currency:
                story.payments.append(Term(figure(post.value.figure), MONEY, uses=uses(post.value.figure)))

    def _check_person(self) -> None:
        """Whether "he" may be asked of where all that is told is told of "I", and "both" where there are two prices."""
        subject = self.question.subject
        costs = sum(entry.verb.kind == "COST" for entry in self.story.entries)
        if isinstance(subject, Pronoun) and subject.word == "both" and not costs == len(self.story.prices) == 2:  # noqa: PLR2004
            raise Unread('"both": it is not said of two what they cost')
        owners = {entry.owner for entry in self.story.entries}
        if isinstance(subject, Pronoun) and subject.word in {"he", "she"} and "i" in owners and not self.story.people:
            raise Unread(f'"{subject.word}": it is not said who that is')

    def _buy(self, story: Story) -> None:
        """How much do I pay for 3 shirts at $14 each?"""
        posts = self.question.posts
        for index, post in enumerate(posts[:-1]):
            at = posts[index + 1]
            priced = at.kind == "at" and isinstance(at.value, Count) and bool(at.value.figure.currency)
            if post.kind == "for" and isinstance(post.value, Count) and priced:
                before = story.adjustments
                story.adjustments = (
                    before if story.entries else []
                )  # what changes the bill may stand after the question
                story.spend("", Verb("cost", "COST"), Item(post.value, (at,)))
                story.adjustments = before
                self.question = replace(
                    self.question, posts=tuple(p for p in posts if p not in (post, at, Post("each")))
                )
                self.kinds = {each.kind for each in self.question.posts}

    def _unit(self) -> str:  # noqa: PLR0911 - one for each form of the question
        q = self.question
        units = [entry.term.unit for entry in self.story.entries if entry.term] + [a.unit for a in self.story.atoms]
        units += [relation.unit for relation in self.story.relations]
        units += [joint.term.unit for joint in self.story.joints]
        if q.form == "many" and q.noun is None and self.story.shared and self.story.shared[0][0] is not None:
            return self.story.shared[0][0].unit
        if q.form == "many":
            head = q.noun.head if q.noun else self.story.unit
            return MONEY if head in {"cent", "dollar", "euro"} and MONEY in units else head
        if q.form in {"far", "long", "tall"}:
            return self._measure(q, units)
        if self._is_unknown(q):
            return ""
        if q.verb and q.verb.kind == "WEIGH":
            return next((unit for unit in units if unit != MONEY), "")
        if q.form == "what" and q.noun and q.noun.head in MEASURED:
            return next((unit for unit in units if unit in MEASURED[q.noun.head]), "")
        priced = q.form == "what" and q.noun and q.noun.head in _PRICED and MONEY in units
        if q.noun is None and MONEY not in units:
            return next((unit for unit in units if not is_time(unit)), MONEY)
        if priced or q.noun is None or q.noun.head in {"money", "change"}:
            return MONEY
        return next((unit for unit in units if unit != MONEY and not is_time(unit)), MONEY)

    def _is_unknown(self, q: Question) -> bool:
        """Whether it is asked how much of something that is not spoken of, of what is counted and not measured."""
        terms = [entry.term for entry in self.story.entries if entry.term] + self.story.atoms
        if q.form != "much" or q.noun is None or q.more or not terms:
            return False
        spoken = {word for term in terms for word in (term.unit, *term.per, *term.adjectives)}
        things = [term.unit for term in terms if term.unit != MONEY and not is_time(term.unit)]
        counted = not set(things) & MEASURES and not self.story.measures
        return counted and q.noun.head not in spoken | _AMOUNTS

    def _measure(self, q: Question, units: Sequence[str]) -> str:
        """How far, how long, how old."""
        if q.verb and q.verb.lemma in {"take", "need"}:
            pers = [unit for atom in self.story.atoms for unit in atom.per]
            return next((unit for unit in (*units, *pers) if unit in TIMES | PARTS_OF_DAY), "hour")
        return next((unit for unit in units if unit in (LENGTHS if q.form == "far" else SIZES)), "")

    def _extras(self) -> Iterator[Term]:
        """Amounts that come with the question: "in 5 days", "do 15 shelves"."""
        q = self.question
        values = [post.value for post in q.posts if post.kind in {"in", "for", "after", "with", "at", "to"}]
        values += [post.value for post in q.posts if post.kind == "on" and isinstance(post.value, Count)]
        values += [item.quantity for item in q.items if isinstance(item, Item)]
        if isinstance(q.subject, Item):
            values.append(q.subject.quantity)
        elif isinstance(q.subject, Noun) and q.subject.determiner == "a":
            values.append(q.subject if q.subject.head in TIMES else None)
        yield from self._month()
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

    def _month(self) -> Iterator[Term]:
        """In June: the days that it has, if what is told is told of each day."""
        daily = any(atom.per == ("day",) for atom in self.story.atoms)
        for label in self.labels - {entry.label for entry in self.story.entries}:
            days = DAYS_OF.get(label.removeprefix("in "))
            if daily and days is not None:
                yield replace(plain(days), unit="day")

    def owner(self) -> str:
        q = self.question
        if q.subject is None or isinstance(q.subject, There | Item):
            return EVERYONE
        if isinstance(q.subject, Names):
            named = {noun.name for noun in q.subject.nouns}
            if named != {e.owner for e in self.story.entries if e.owner} | {r.owner for r in self.story.relations}:
                raise Unread("it is asked of some of them")
            return EVERYONE
        try:
            return self.story.owner(q.subject)
        except Unread:
            having = ledger.holders(self.story, self.unit)
            if not isinstance(q.subject, Pronoun) or len(having) != 1 or having[0] not in self.story.people:
                raise
            return having[0]  # of the others it is not said what they have

    def _unspent(self) -> bool:
        """Whether the question speaks of a time ("in a year") that nothing told is a rate of."""
        rated = any(entry.term is not None and entry.term.per for entry in self.story.entries)
        return any(not extra.uses and is_time(extra.unit) for extra in self.extras) and not rated

    def _is_before(self) -> bool:
        """Whether it is asked what there was at a time before the last change."""
        told = [entry.label for entry in self.story.entries]
        named = [label for label in self.labels if any(same_time(label, each) for each in told if each)]
        return bool(named) and not all(same_time(label, told[-1]) for label in named)

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
