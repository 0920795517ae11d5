"""What comes, goes and is done."""

from collections.abc import Sequence
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Grouped,
    Item,
    Noun,
    OutOf,
    Part,
    Post,
    Rest,
    Some,
    Subject,
    Verb,
)
from offline_model.stories.holding import Holding
from offline_model.stories.nouns import singular
from offline_model.stories.terms import MONEY, Term, figure, plus, share_of, times, uses
from offline_model.stories.told import (
    AMONG,
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
        if isinstance(clause.subject, Item) and self._is_of_some(clause, clause.subject):
            return
        done = sign == NEUTRAL  # then what is done may have an object: 340 people visited the museum
        if isinstance(clause.subject, Item) and not any(
            isinstance(item, Item) and item.quantity is not None and not (done and isinstance(item.quantity, Noun))
            for item in clause.items
        ):
            self._moving(clause, clause.subject, sign)
            return
        if isinstance(clause.subject, Item) and done and self._is_told_of_several_times(clause, clause.subject):
            return
        if isinstance(clause.subject, Item):
            self._each_does(clause, clause.subject, sign)
            return
        owner = self.meet(clause.subject)
        self.serving = clause.verb.lemma == "use"
        if self._is_by(clause):
            [item] = clause.items
            by = item.posts[0].value if isinstance(item, Item) else None
            assert isinstance(by, Count)
            self.entries.append(Entry(owner, clause.verb, sign, self.term(by), self._lead_label(clause)))
            return
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Compared) and self._is_added(owner, item.quantity):
                more = Count(item.quantity.figure, item.quantity.noun, more=True)
                self._event(owner, clause, replace(item, quantity=more), sign)
            elif isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, lead=self._lead_label(clause), sign=sign)
            else:
                self._event(owner, clause, item, sign)

    def _is_by(self, clause: Clause) -> bool:
        """It drops by 7 degrees."""
        if len(clause.items) != 1 or not isinstance(clause.items[0], Item) or clause.verb.lemma != "drop":
            return False
        item = clause.items[0]
        return item.quantity is None and [post.kind for post in item.posts] == ["by"] and _is_plain(item.posts[0])

    def _is_added(self, owner: str, said: Compared) -> bool:
        """She has $3.75 and finds $1.50 more."""
        money = said.sign == "+" and said.than is None and said.figure.currency
        return bool(money) and any(
            e.owner == owner and e.sign == 0 and e.term and e.term.unit == MONEY for e in self.entries
        )

    def _moving(self, clause: Clause, subject: Item, sign: int) -> None:
        """9 fly away."""
        posts = (*subject.posts, *(post for item in clause.items if isinstance(item, Item) for post in item.posts))
        made = self.measured(Item(subject.quantity, posts)).settled()
        if made.term is None or made.price or made.each or (made.term.per and isinstance(subject.quantity, Part)):
            raise Unread("it is not said how many")
        if sign == NEUTRAL and isinstance(subject.quantity, Part):
            items = [item for item in clause.items if isinstance(item, Item)]
            self.subsets.append(Subset(said_words(clause.verb, items), made.term, self._whole(subject.quantity.of)))
            return
        self.entries.append(
            Entry("", clause.verb, sign, made.term, made.label or self._lead_label(clause), place=made.place)
        )
        self.atoms += made.loose()

    def _is_of_some(self, clause: Clause, subject: Item) -> bool:
        """A quarter of the guests ordered fish."""
        part, items = subject.quantity, [item for item in clause.items if isinstance(item, Item)]
        named = [item for item in items if isinstance(item.quantity, Noun) and not item.quantity.determiner]
        if not isinstance(part, Part) or len(named) != 1 or len(clause.items) != 1 or named[0].posts or subject.posts:
            return False
        whole = self._whole(part.of)
        self.subsets.append(Subset(said_words(clause.verb, named), share_of(part.share, whole), whole))
        return True

    def _is_told_of_several_times(self, clause: Clause, subject: Item) -> bool:
        """On Friday 230 people visited the zoo, on Saturday 410 people and on Sunday 385."""
        what, *others = [item for item in clause.items if isinstance(item, Item)]
        first = subject.quantity
        if len(others) + 1 < len(clause.items) or not isinstance(what.quantity, Noun) or what.posts or not others:
            return False
        if not isinstance(first, Count) or first.noun is None or subject.posts or not self._lead_label(clause):
            return False
        counts = [(item.quantity, [str(p.value) for p in item.posts if p.kind == "when"]) for item in others]
        for count, labels in counts:
            alike = isinstance(count, Count) and not count.more and not count.figure.currency
            if not alike or not isinstance(count, Count) or len(labels) != 1:
                return False
            if count.noun is not None and count.noun.name != first.noun.name:
                return False
        if any(len(item.posts) != 1 for item in others):
            return False
        self.entries.append(Entry("", clause.verb, NEUTRAL, self.term(first), self._lead_label(clause)))
        for count, [label] in counts:
            if isinstance(count, Count):
                self.entries.append(Entry("", clause.verb, NEUTRAL, self.term(count), label))
        return True

    def _each_does(self, clause: Clause, subject: Item, sign: int) -> None:
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
            if sign < 0 and not made.term.per and not made.span:
                self.entries.append(Entry("", clause.verb, sign, times(made.term, count)))
            if made.span:
                self.atoms.append(made.span)

    def _event(self, owner: str, clause: Clause, item: Item, sign: int) -> None:  # noqa: C901 - one for each doubt
        if isinstance(item.quantity, OutOf | Rest):
            self._of_all(owner, clause.verb, item.quantity, sign)
            return
        if isinstance(item.quantity, Grouped) and self._is_in_groups(item.quantity, item):
            return
        made = self.measured(item).settled()
        self._use_for(item, made)
        label = made.label or self._lead_label(clause)
        if made.price is not None:
            self.spend(owner, clause.verb, item, sign=-sign)
        if made.each and made.price is None and made.groups is None:
            raise Unread("it is not said how many times each is")
        if made.term is None and not isinstance(item.quantity, Some):
            if made.price is not None:
                return
            raise Unread(f'"{clause.verb.lemma}": it is not said how much')
        if made.term is not None and made.term.unit == MONEY and clause.verb.lemma in _BUYING and _noun_of(item):
            self.spend(owner, clause.verb, Item(replace(_count_of(item), noun=None)), sign=-sign)
            return
        if made.term is not None and made.term.unit == MONEY and clause.verb.lemma in _BUYING:
            raise Unread(f'"{clause.verb.lemma}": it is not said for what the money is')
        more = isinstance(item.quantity, Count) and item.quantity.more
        if more and item is not clause.items[0] and _noun_of(item) not in (None, _noun_of(clause.items[0])):
            raise Unread("more of another kind: it is not said more than what")
        if self._is_of_one(clause.subject, made, sign) or self._is_share_saved(owner, clause.verb, item, made):
            return
        self.entries.append(Entry(owner, clause.verb, sign, made.term, label, more=more, place=made.place))
        self.atoms += made.loose()
        if made.term and made.span and made.span_kind == "in" and made.rate is None and not made.term.per:
            self.atoms.append(replace(times(made.term, made.span, over=True), per=(made.span.unit,)))
        if clause.to is not None:
            self._given(clause, made, label)

    def _is_of_one(self, subject: Subject | None, made: Measured, sign: int) -> bool:
        """Each hen lays 5 eggs; a batch, or the recipe, makes 24 cookies."""
        baked = isinstance(subject, Noun) and subject.head in {"batch", "recipe"} and sign > 0
        if not isinstance(subject, Noun) or made.term is None or not (baked or subject.determiner == "each"):
            return False
        self.atoms.append(replace(made.term, per=(*made.term.per, "batch" if baked else subject.head)))
        return True

    def _is_share_saved(self, owner: str, verb: Verb, item: Item, made: Measured) -> bool:
        """A third of the price, or 15% of what is earned each month, which is not earned a second time."""
        part, term = item.quantity, made.term
        if verb.lemma != "save" or not isinstance(part, Part) or term is None:
            return False
        self.entries.append(Entry(owner, verb, NEUTRAL if term.per else 1, term))
        if term.per or not isinstance(part.of, Noun):
            self.atoms.append(term)
        return True

    def _is_in_groups(self, quantity: Grouped, item: Item) -> bool:
        """She makes bouquets of 12 roses."""
        noun = quantity.groups.noun
        if quantity.groups.figure.at != -1 or noun is None or noun.words[-1].casefold() == noun.head or item.posts:
            return False
        self.atoms.append(replace(self._sure(self.term(quantity.each)), per=(noun.head,)))
        return True

    def _use_for(self, item: Item, made: Measured) -> None:
        """2.5 m of fabric for a dress are so much a dress."""
        whats = [post.value for post in item.posts if post.kind == "for" and isinstance(post.value, Noun)]
        if self.serving and made.term and not made.term.per and len(whats) == 1 and whats[0].determiner == "a":
            self.atoms.append(replace(made.term, per=(whats[0].head,)))

    def _of_all(self, owner: str, verb: Verb, quantity: OutOf | Rest, sign: int) -> None:
        if isinstance(quantity, Rest):
            self.entries.append(Entry(owner, verb, sign, None, "rest"))
            return
        whole = self._sure(self.term(quantity.all))
        some = Term(figure(quantity.some.figure), whole.unit, uses=uses(quantity.some.figure))
        self.subsets.append(Subset((verb.lemma,), some, whole))

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
            if isinstance(quantity, Rest) and self._is_shared(quantity, posts):
                continue
            self._state_whole(owner, quantity)
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

    def _state_whole(self, owner: str, quantity: object) -> None:
        """Half of his 28 marbles: he had 28."""
        of = quantity.of if isinstance(quantity, Part) else None
        if (
            isinstance(of, Count)
            and of.noun
            and not of.figure.currency
            and not any(e.owner == owner for e in self.entries)
        ):
            self.entries.append(Entry(owner, Verb("have", "HAVE"), 0, self.term(of)))

    def _is_shared(self, rest: Rest, posts: Sequence[Post]) -> bool:
        """She gave the rest to her 5 friends in equal shares."""
        among = [post.value for post in posts if post.kind in AMONG and isinstance(post.value, Count)]
        if len(among) != 1 or not any(post.kind == "equally" for post in posts):
            return False
        whole = self._whole(rest)
        self.shared.append((whole, self._sure(self.term(among[0]))))
        return True

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
            if clause.verb.lemma == "come":
                self._events(clause, 1)
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

    def want(self, clause: Clause) -> None:
        """She wants to buy a $250 bike: so much she needs."""
        self.meet(clause.subject)
        items = [item for item in clause.items if isinstance(item, Item)]
        if clause.verb.kind != "GAIN" or len(items) != 1 or not isinstance(items[0].quantity, Count):
            raise Unread("it is not said how much is needed")
        made = self.measured(items[0])
        if made.term is None or made.price or made.each:
            raise Unread("it is not said how much is needed")
        self.needs.append(made.term)
        self.atoms.append(made.term)

    def need(self, clause: Clause) -> None:
        self.meet(clause.subject)
        self.serving = True
        for item in clause.items:
            if isinstance(item, Adjustment) or not isinstance(item.quantity, Count | Part):
                raise Unread('"need": it is not said how much')
            made = self.measured(item)
            if made.term is not None and not made.term.per and made.price is None and _dish(clause.subject):
                self.atoms.append(replace(made.term, per=(_dish(clause.subject),)))
            elif made.price is not None:
                self.spend("", clause.verb, item)
            else:
                self.needs += [made.term] if made.term is not None else []
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
                self._work_for(self._sure(made.term))
                self.atoms += [each for each in (made.span, made.price) if each is not None]

    def _work_for(self, term: Term) -> None:
        """The hours of several days are added."""
        before = [atom for atom in self.worked if atom.unit == term.unit and not atom.per and not term.per]
        if before:
            self.atoms.remove(before[0])
            self.worked.remove(before[0])
            term = plus([before[0], term])
        self.worked.append(term)
        self.atoms.append(term)

    def _rate_of(self, count: Count, posts: Sequence[Post]) -> Term:
        term = self._sure(self.term(count))
        pers = tuple(post.value.head for post in posts if post.kind == "per" and isinstance(post.value, Noun))
        return replace(term, per=pers)


def _count_of(item: Item) -> Count:
    assert isinstance(item.quantity, Count)
    return item.quantity


def _noun_of(item: Item | Adjustment) -> Noun | None:
    return item.quantity.noun if isinstance(item, Item) and isinstance(item.quantity, Count) else None


def _dish(subject: Subject | None) -> str:
    """Of what "a cake recipe" makes one."""
    named = isinstance(subject, Noun) and subject.head == "recipe" and len(subject.words) == 2  # noqa: PLR2004
    return singular(subject.words[0]) if named and isinstance(subject, Noun) else ""


def _is_plain(post: Post) -> bool:
    return isinstance(post.value, Count) and not post.value.figure.currency
