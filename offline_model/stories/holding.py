"""What is there."""

from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories import shapes
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
    Pronoun,
    Quantity,
    Some,
    Subject,
    There,
    Verb,
    in_words,
)
from offline_model.stories.people import is_kin
from offline_model.stories.spending import Spending
from offline_model.stories.terms import Term, compared, figure, share_of, times, uses
from offline_model.stories.told import (
    Entry,
    Kinds,
    Measured,
    Subset,
    said_words,
)


class Holding(Spending):
    def have(self, clause: Clause) -> None:
        if isinstance(clause.subject, Item) and self._held_in_all(clause, clause.subject):
            return
        owner = self.meet(clause.subject)
        self.shape = self.shape or shapes.shape_of(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Compared) and (
                self._of_another_kind(owner, clause, item) or self._than_another_kind(owner, item)
            ):
                continue
            elif isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, lead=self._lead_label(clause))
            else:
                self._have_item(owner, clause, item)

    def _than_another_kind(self, owner: str, item: Item) -> bool:
        """3 more cats than dogs."""
        said = item.quantity
        if (
            not isinstance(said, Compared)
            or not isinstance(said.than, Noun)
            or said.noun is None
            or said.sign.endswith("%")
        ):
            return False
        than = said.than
        plural = than.words[-1].casefold() != than.head and not than.determiner and len(than.words) == 1
        if not plural or not than.words[0].islower() or item.posts or than.name in self.people or is_kin(than.name):
            return False
        by = Term(figure(said.figure), said.noun.head, uses=uses(said.figure))
        self.kinds.append(Kinds(owner, said.noun.head, said.sign, by, than.head))
        return True

    def _of_another_kind(self, owner: str, clause: Clause, item: Item) -> bool:
        """14 lions and 3 times as many monkeys."""
        said = item.quantity
        last = self.entries[-1] if self.entries else None
        if not isinstance(said, Compared) or said.than is not None or said.noun is None or item.posts:
            return False
        if item is clause.items[0] or last is None or last.term is None or last.owner != owner or last.sign:
            return False
        if last.term.per or said.figure.currency or last.term.unit == said.noun.head:
            return False
        by = Term(figure(said.figure), uses=uses(said.figure))
        made = compared(last.term, said.sign, by)
        self._note(said.noun)
        term = replace(made, unit=said.noun.head, adjectives=said.noun.adjectives)
        self.entries.append(Entry(owner, clause.verb, 0, term, last.label, place=last.place))
        return True

    def _held_in_all(self, clause: Clause, subject: Item) -> bool:
        """Nine boxes hold 144 pears in total."""
        if len(clause.items) != 1:
            return False
        item = clause.items[0]
        if isinstance(item, Adjustment) or Post("total") not in item.posts:
            return False
        held = replace(item, posts=tuple(post for post in item.posts if post.kind != "total"))
        self.shared.append((self.measured(held).term, self._sure(self.term(subject.quantity))))
        return True

    def _have_item(self, owner: str, clause: Clause, item: Item) -> None:
        quantity = item.quantity
        if isinstance(quantity, Grouped) and quantity.groups.noun and quantity.groups.noun.head in shapes.SIDES:
            self.measures.append((quantity.groups.noun.head, self._sure(self.term(quantity))))
            return
        made = self.measured(item)
        if made.inner is not None and made.groups is not None and not made.each:
            made = self._holding_others(made)
        made = made.settled()
        self._check_held(clause, item, made)
        if self._is_in_each(clause, item, made):
            return
        if made.price is not None:
            self.spend(owner, clause.verb, item)
            return
        if self._is_added_to(clause, item, made):
            self.entries.append(Entry(owner, clause.verb, 1, made.term, place=made.place, more=True))
            return
        subject = clause.subject if isinstance(clause.subject, Noun) else None
        made = self._rated(clause, item, made)
        if subject is None or subject.determiner != "each":
            now = made.now or any(post.kind == "now" for post in clause.leads)
            self.entries.append(
                Entry(owner, clause.verb, 0, made.term, made.label or self._lead_label(clause), now, place=made.place)
            )
            if made.term:
                self.atoms.append(made.term)

    def _is_added_to(self, clause: Clause, item: Item, made: Measured) -> bool:
        """36 eggs and 5 more eggs are in a basket."""
        first = clause.items[0]
        more = isinstance(item.quantity, Count) and item.quantity.more and item is not first
        return (
            more
            and isinstance(first, Item)
            and bool(self.entries)
            and self.entries[-1].term is not None
            and made.term is not None
            and self.entries[-1].term.dimensions == made.term.dimensions
        )

    def _is_in_each(self, clause: Clause, item: Item, made: Measured) -> bool:
        """There are 24 paintings on each floor."""
        each = [p.value for p in item.posts if isinstance(p.value, Noun) and p.value.determiner == "each"]
        if not isinstance(clause.subject, There) or len(each) != 1 or made.term is None or made.price or made.term.per:
            return False
        if made.groups is not None:
            return False
        self.atoms.append(replace(made.term, per=(each[0].head,)))
        return True

    def _check_held(self, clause: Clause, item: Item, made: Measured) -> None:
        if made.term is None and made.price is None and not isinstance(item.quantity, Some):
            raise Unread(f'"{in_words(item.quantity)}": it is not said how many')
        if isinstance(item.quantity, Part) and (
            isinstance(clause.subject, There) or (isinstance(item.quantity.of, Count) and made.place)
        ):
            raise Unread("a share of what is there")
        if isinstance(item.quantity, Count) and item.quantity.more and item is clause.items[0]:
            raise Unread(f'"{item.quantity.figure.text} more": more than who?')

    def _rated(self, clause: Clause, item: Item, made: Measured) -> Measured:
        """A bus has 40 seats: 40 seats per bus. Each has 3: 3 per each."""
        subject, term = clause.subject, made.term
        if term and isinstance(subject, There):
            nouns = [post.value for post in item.posts if post.kind in {"in", "on"} and isinstance(post.value, Noun)]
            if nouns and nouns[0].determiner == "a":
                self.atoms.append(replace(term, per=(*term.per, nouns[0].head)))
        if term and isinstance(subject, Noun) and (made.each or subject.determiner in {"a", "each"}):
            self.atoms.append(replace(term, per=(*term.per, subject.head)))
        elif term and isinstance(subject, Item):
            return self._per_subject(subject, made)
        elif made.each and made.groups is None:
            raise Unread("it is not said how many times each is")
        return made

    def _holding_others(self, made: "Measured") -> "Measured":
        """A garden with 10 flowers: what is in it is what they have."""
        if made.groups is None or made.groups.uses:
            raise Unread("it is not said whether each of them has so many")
        return replace(made, term=made.inner, inner=None)

    def _per_subject(self, subject: Item, made: "Measured") -> "Measured":
        """5 workers each have 3 ..."""
        count = self.term(subject.quantity)
        if count is None or made.term is None or not (made.each or any(post.kind == "each" for post in subject.posts)):
            raise Unread("it is not said whether each of them does")
        self.atoms.append(count)
        return replace(made, term=times(made.term, count))

    def level(self, owner: str, quantity: Quantity, verb: Verb, label: str = "") -> None:
        term = self.term(quantity)
        self.entries.append(Entry(owner, verb, 0, term, label))
        if term:
            self.atoms.append(term)

    def weigh(self, clause: Clause) -> None:
        self.have(clause)

    def _full(self, owner: str, quantity: Part) -> None:
        """It is three quarters full: there is that share of what it holds."""
        held = [entry for entry in self.entries if entry.owner == owner and entry.sign == 0 and entry.term]
        if len(held) != 1 or held[0].verb.lemma not in {"hold", "contain", "have"} or held[0].term is None:
            raise Unread("a share of what, is not said")
        at = self.entries.index(held[0])
        self.entries[at] = replace(held[0], term=share_of(quantity.share, held[0].term))

    def _subset(self, clause: Clause, subject: Item, item: Item) -> None:
        said = said_words(clause.verb, [item])
        if isinstance(subject.quantity, OutOf):
            whole = self._sure(self.term(subject.quantity.all))
            some = replace(self._sure(self.term(replace(subject.quantity.some, noun=subject.quantity.all.noun))))
            self.subsets.append(Subset(said, some, whole))
            return
        if not isinstance(subject.quantity, Part | Count):
            raise Unread("those of which it is said are not counted")
        if (
            isinstance(subject.quantity, Count)
            and subject.quantity.noun is not None
            and not isinstance(item.quantity, Noun)
        ):
            raise Unread("what is said of a number of things cannot be read")
        whole = self._whole(subject.quantity.of if isinstance(subject.quantity, Part) else Pronoun("them"))
        term = (
            share_of(subject.quantity.share, whole)
            if isinstance(subject.quantity, Part)
            else self.term(subject.quantity)
        )
        assert term is not None
        self.subsets.append(Subset(said, term, whole))

    def _is_many(self, subject: Noun) -> bool:
        return subject.words[-1].casefold() != subject.head

    def _measure(self, clause: Clause, quantity: Count, item: Item) -> None:
        owner = self.meet(clause.subject)
        term = Term(figure(quantity.figure), _unit_of(clause.subject, quantity), uses=uses(quantity.figure))
        made = item.posts
        if any(post.kind not in {"long", "when", "now"} and not (post.kind == "by") for post in made):
            raise Unread('what is said with a form of "be" cannot be read')
        way = next((str(post.value) for post in made if post.kind == "long"), "")
        self.entries.append(
            Entry(owner, clause.verb, 0, term, next((str(p.value) for p in made if p.kind == "when"), ""))
        )
        self.measures.append((way or _way(clause.subject), term))
        for post in made:
            if post.kind == "by" and isinstance(post.value, Count):
                inner = self.term(post.value)
                assert inner is not None
                self.measures.append(("", inner))
        if term.unit != "year":  # an age is no stretch of time
            self.atoms.append(term)
        self.unit = term.unit


def _unit_of(subject: Subject | None, quantity: Count) -> str:
    """Of a person a number is the age; the population is a number of its own kind."""
    if quantity.noun is not None:
        return quantity.noun.head
    things = isinstance(subject, Noun) and subject.words[0][0].islower() and not is_kin(subject.name)
    return subject.head if things and isinstance(subject, Noun) and subject.head != "age" else "year"


def _way(subject: Subject | None) -> str:
    return subject.head if isinstance(subject, Noun) and subject.head in shapes.SIDES else ""
