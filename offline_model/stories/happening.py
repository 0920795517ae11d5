"""What comes, goes and is done."""

from collections.abc import Sequence
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Item,
    Noun,
    Part,
    Post,
    Rest,
    Some,
    Verb,
)
from offline_model.stories.holding import Holding
from offline_model.stories.terms import MONEY, Term, share_of, times
from offline_model.stories.told import (
    NEUTRAL,
    Entry,
    Measured,
    Subset,
    said_words,
)

_BUYING = frozenset({"buy", "order", "purchase", "pick"})


class Happening(Holding):
    def gain(self, clause: Clause) -> None:
        self._events(clause, 1)

    def lose(self, clause: Clause) -> None:
        self._events(clause, -1)

    def _events(self, clause: Clause, sign: int) -> None:
        if isinstance(clause.subject, Item) and not any(
            isinstance(item, Item) and item.quantity is not None for item in clause.items
        ):
            self._moving(clause, clause.subject, sign)
            return
        if isinstance(clause.subject, Item):
            self._each_does(clause, clause.subject)
            return
        owner = self.meet(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, lead=self._lead_label(clause), sign=sign)
            else:
                self._event(owner, clause, item, sign)

    def _moving(self, clause: Clause, subject: Item, sign: int) -> None:
        """9 fly away."""
        posts = (*subject.posts, *(post for item in clause.items if isinstance(item, Item) for post in item.posts))
        made = self.measured(Item(subject.quantity, posts)).settled()
        if made.term is None or made.price or made.each or (made.term.per and isinstance(subject.quantity, Part)):
            raise Unread("it is not said how many")
        self.entries.append(
            Entry("", clause.verb, sign, made.term, made.label or self._lead_label(clause), place=made.place)
        )
        self.atoms += made.loose()

    def _each_does(self, clause: Clause, subject: Item) -> None:
        """5 workers each earn $120 per day."""
        count = self.term(subject.quantity)
        for item in clause.items:
            if isinstance(item, Adjustment):
                raise Unread("a change of the bill for each of several")
            made = self.measured(item)
            if count is None or made.term is None or made.price:
                raise Unread("it is not said how many")
            if not (made.each or any(post.kind == "each" for post in subject.posts)):
                raise Unread("it is not said whether each of them does")
            self.atoms += [count, replace(made.term, per=(*made.term.per, count.unit))]
            if made.span:
                self.atoms.append(made.span)

    def _event(self, owner: str, clause: Clause, item: Item, sign: int) -> None:
        if isinstance(item.quantity, Rest):
            self.entries.append(Entry(owner, clause.verb, sign, None, "rest"))
            return
        made = self.measured(item).settled()
        label = made.label or self._lead_label(clause)
        if made.price is not None:
            self.spend(owner, clause.verb, item, sign=-sign)
        if made.each and made.price is None and made.groups is None:
            raise Unread("it is not said how many times each is")
        if made.term is None and not isinstance(item.quantity, Some):
            if made.price is not None:
                return
            raise Unread(f'"{clause.verb.lemma}": it is not said how much')
        if made.term is not None and made.term.unit == MONEY and clause.verb.lemma in _BUYING:
            raise Unread(f'"{clause.verb.lemma}": it is not said for what the money is')
        more = isinstance(item.quantity, Count) and item.quantity.more
        if isinstance(clause.subject, Noun) and clause.subject.determiner == "each" and made.term:
            self.atoms.append(replace(made.term, per=(*made.term.per, clause.subject.head)))
            return
        self.entries.append(Entry(owner, clause.verb, sign, made.term, label, more=more, place=made.place))
        self.atoms += made.loose()
        if clause.to is not None:
            self._given(clause, made, label)

    def _given(self, clause: Clause, made: "Measured", label: str) -> None:
        to = self.owner(clause.to)
        self.entries.append(Entry(to, Verb("get", "GIVEN"), 1, made.term, label))

    def give(self, clause: Clause) -> None:
        owner = self.meet(clause.subject)
        to = clause.to
        for item in clause.items:
            if not isinstance(item, Item):
                raise Unread("a change of a bill that is given")
            quantity, posts = item.quantity, item.posts
            target = next((post.value for post in posts if post.kind == "to" and isinstance(post.value, Noun)), to)
            if isinstance(target, Noun) and target.words[0][0].isupper() and target.name not in self.people:
                self.people.append(target.name)
            made = self.measured(Item(quantity, tuple(post for post in posts if post.kind != "to"))).settled()
            if target is None and not self._only_gives(owner):
                raise Unread('"give": it is not said to whom')
            self.entries.append(Entry(owner, clause.verb, -1, made.term, made.label or self._lead_label(clause)))
            self.atoms += made.loose()
            if target is not None:
                self.entries.append(Entry(self.owner(target, owner), Verb("get", "GIVEN"), 1, made.term, made.label))

    def _only_gives(self, owner: str) -> bool:
        return any(entry.owner == owner for entry in self.entries)

    def move(self, clause: Clause) -> None:
        if isinstance(clause.subject, Item) and all(isinstance(i, Item) and i.quantity is None for i in clause.items):
            items = [item for item in clause.items if isinstance(item, Item)]
            part = clause.subject.quantity
            if isinstance(part, Part):
                whole = self._whole(part.of)
                self.subsets.append(Subset(said_words(clause.verb, items), share_of(part.share, whole), whole))
                return
            raise Unread("what moves is counted, but not by how far")
        owner = self.meet(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                raise Unread("a change of a bill that moves")
            if isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, lead=self._lead_label(clause), sign=NEUTRAL)
            else:
                self._moved(owner, clause, item)

    def _moved(self, owner: str, clause: Clause, item: Item) -> None:
        made = self.measured(item)
        if made.term is None or made.price or made.each:
            raise Unread(f'"{clause.verb.lemma}": it is not said how far')
        if made.span and made.rate is None and made.term.per == () and made.span_kind == "in":
            rate = replace(times(made.term, made.span, over=True), per=(made.span.unit,))
            self.atoms.append(rate)
            return
        self.entries.append(Entry(owner, clause.verb, NEUTRAL, made.term, made.label or self._lead_label(clause)))
        self.atoms += made.loose()

    def act(self, clause: Clause) -> None:
        self._events(clause, NEUTRAL)

    def take(self, clause: Clause) -> None:
        """From what others have, if there is such; else it is what it takes."""
        owner = self.owner(clause.subject)
        nouns = [i.quantity.noun for i in clause.items if isinstance(i, Item) and isinstance(i.quantity, Count)]
        units = {noun.head if noun else self.unit for noun in nouns}
        held = {e.owner for e in self.entries if e.sign == 0 and e.term and e.term.unit in units}
        if held and owner not in held:
            self._events(clause, -1)
        else:
            self.have(clause)

    def need(self, clause: Clause) -> None:
        self.meet(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment) or not isinstance(item.quantity, Count | Part):
                raise Unread('"need": it is not said how much')
            made = self.measured(item)
            if made.price is not None:
                self.spend("", clause.verb, item)
            else:
                self.atoms += made.loose()

    def work(self, clause: Clause) -> None:
        self.meet(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                raise Unread("a change of a bill that works")
            for post in item.posts if item.quantity is None else ():
                if post.kind == "for" and isinstance(post.value, Count):
                    self.atoms.append(self._rate_of(post.value, item.posts))
            if item.quantity is not None:
                made = self.measured(item)
                assert made.term is not None
                self.atoms += [made.term, *([made.span] if made.span else [])]

    def _rate_of(self, count: Count, posts: Sequence[Post]) -> Term:
        term = self.term(count)
        assert term is not None
        pers = tuple(post.value.head for post in posts if post.kind == "per" and isinstance(post.value, Noun))
        return replace(term, per=pers)
