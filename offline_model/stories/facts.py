"""Clauses -> facts. What has no place is refused."""

from collections.abc import Callable
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories import shapes
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Entries,
    Grouped,
    Growth,
    Item,
    Noun,
    Part,
    Post,
    There,
    Verb,
)
from offline_model.stories.sharing import Sharing
from offline_model.stories.terms import Term, figure, uses
from offline_model.stories.told import (
    NEUTRAL,
    PLACES,
    Entry,
)


class Story(Sharing):
    def add(self, clause: Clause | Entries | Growth) -> None:
        if isinstance(clause, Growth):
            self.growths.append(clause)
            return
        if isinstance(clause, Entries):
            self._list(clause)
            return
        for post in clause.leads:
            if post.kind == "done" and isinstance(post.value, Clause):
                self.add(replace(post.value, subject=clause.subject))
            else:
                self._lead(post)
        handler = _HANDLERS.get(clause.verb.kind)
        if handler is None:
            raise Unread(f'"{clause.verb.lemma}": it cannot be read here')
        pers = tuple(post for post in clause.leads if post.kind == "per")
        if pers:
            items = tuple(replace(i, posts=(*i.posts, *pers)) if isinstance(i, Item) else i for i in clause.items)
            clause = replace(clause, items=items)
        handler(self, clause)

    def _lead(self, post: Post) -> None:
        if post.kind == "when":
            self.label = str(post.value)
        elif post.kind in {"of", "in"} and isinstance(post.value, Count | Grouped):
            self.level("", post.value, Verb("be", "BE"))
        elif post.kind == "with" and isinstance(post.value, Adjustment):
            self.adjustments.append(post.value)
        elif not (post.kind in {"nothing", "now", "per"} or (post.kind in PLACES and isinstance(post.value, Noun))):
            raise Unread(f'"{post}": it cannot be read here')

    def _list(self, entries: Entries) -> None:
        for item in entries.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Count) and item.quantity.figure.currency:
                raise Unread(f'"{item.quantity.figure.currency}{item.quantity.figure.text}": it is not said for what')
            elif any(post.kind in PLACES and isinstance(post.value, Noun) for post in item.posts):
                raise Unread(f'"{item.quantity}": what is said of it cannot be read')
            else:
                self.spend("", Verb("cost", "COST"), item)

    def be(self, clause: Clause) -> None:
        if isinstance(clause.subject, There):
            self.have(clause)
            return
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            else:
                self._is(clause, item)

    def _is(self, clause: Clause, item: Item) -> None:
        self.shape = self.shape or shapes.shape_of(clause.subject)
        subject, quantity = clause.subject, item.quantity
        if isinstance(subject, Item):
            self._subset(clause, subject, item)
        elif isinstance(quantity, Compared):
            self.compare(self.meet(subject), clause.verb, quantity, item.posts)
        elif isinstance(quantity, Count) and quantity.figure.currency:
            self._price(clause, self.measured(item))
        elif (
            isinstance(quantity, Count)
            and quantity.noun is None
            and isinstance(subject, Noun)
            and self._is_many(subject)
        ):
            term = Term(figure(quantity.figure), subject.head, uses=uses(quantity.figure))
            self.entries.append(Entry(self.meet(subject), clause.verb, NEUTRAL, term))
        elif isinstance(quantity, Count):
            self._measure(clause, quantity, item)
        elif (
            isinstance(quantity, Part)
            and isinstance(quantity.of, Noun)
            and quantity.of.head == "full"
            and not item.posts
        ):
            self._full(self.meet(subject), quantity)
        else:
            raise Unread('what is said with a form of "be" cannot be read')


_HANDLERS: dict[str, Callable[[Story, Clause], None]] = {
    "HAVE": Story.have,
    "GAIN": Story.gain,
    "LOSE": Story.lose,
    "GIVE": Story.give,
    "SPEND": Story.spending,
    "COST": Story.cost,
    "BE": Story.be,
    "MOVE": Story.move,
    "WORK": Story.work,
    "WEIGH": Story.weigh,
    "CHARGE": Story.spending,
    "ACT": Story.act,
    "NEED": Story.need,
    "TAKE": Story.take,
    "SHARE": Story.share,
    "CUT": Story.share,
    "PACK": Story.pack,
    "RISE": Story.rise,
    "FALL": Story.fall,
    "CHANGE": Story.change,
}
