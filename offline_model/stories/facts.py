"""Clauses -> facts. What has no place is refused."""

from collections.abc import Callable
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories import asides, shapes
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Deal,
    Entries,
    Grouped,
    Growth,
    Item,
    Names,
    Noun,
    Part,
    Post,
    Pronoun,
    Statement,
    There,
    Verb,
    in_words,
)
from offline_model.stories.sharing import Sharing
from offline_model.stories.terms import Term, figure, is_time, uses
from offline_model.stories.told import (
    NEUTRAL,
    PLACES,
    Entry,
    Joint,
)


class Story(Sharing):
    def add(self, clause: Statement) -> None:
        if isinstance(clause, Growth):
            self.growths.append(clause)
            return
        if isinstance(clause, Deal):
            self.deals.append(clause)
            return
        if isinstance(clause, Entries):
            self._list(clause)
            return
        clause = self._resolved(clause)
        if self._introduces(clause) or self._is_joint(clause) or self._comes_in_groups(clause):
            return
        for post in clause.leads:
            if post.kind == "done" and isinstance(post.value, Clause):
                self.add(replace(post.value, subject=clause.subject))
            else:
                self._lead(post)
        self.verbs.add(clause.verb)
        handler = _HANDLERS.get(clause.verb.kind)
        if handler is None:
            raise Unread(f'"{clause.verb.lemma}": it cannot be read here')
        _check_rates(clause)
        handler(self, _with_leads(clause))

    def _resolved(self, clause: Clause) -> Clause:
        """With "each" as each of those who were counted last, and without an "it" that stands for nothing counted."""
        subject = clause.subject
        if isinstance(subject, Pronoun) and subject.word == "each" and self.noun is not None:
            subject = replace(self.noun, determiner="each")
        return replace(clause, subject=subject, items=_of_one_kind(tuple(map(_plain, clause.items))))

    def _introduces(self, clause: Clause) -> bool:
        """Ben and Lou collect cans: nothing is counted."""
        if (
            not isinstance(clause.subject, Names)
            or clause.subject.others
            or clause.verb.kind not in {"GAIN", "HAVE", "ACT"}
        ):
            return False
        bare = [item for item in clause.items if isinstance(item, Item) and isinstance(item.quantity, Noun)]
        if clause.leads or len(bare) < len(clause.items) or any(i.posts or _is_one(i.quantity) for i in bare):
            return False
        for noun in clause.subject.nouns:
            self.meet(noun)
        self.subject = ""
        return True

    def _comes_in_groups(self, clause: Clause) -> bool:
        """Oranges are sold in bags of 6."""
        item = clause.items[0] if len(clause.items) == 1 else None
        if not isinstance(item, Item) or item.quantity is not None or len(item.posts) != 1:
            return False
        groups = item.posts[0].value
        come = clause.verb.passive or clause.verb.lemma == "come"
        if not come or not isinstance(groups, Grouped) or groups.groups.figure.at != -1 or groups.groups.noun is None:
            return False
        if not isinstance(clause.subject, Noun) or clause.verb.lemma not in {"sell", "come", "pack", "deliver"}:
            return False
        self._note(clause.subject)
        each = groups.each if groups.each.noun else replace(groups.each, noun=clause.subject)
        self.atoms.append(replace(self._sure(self.term(each)), per=(groups.groups.noun.head,)))
        return True

    def _is_joint(self, clause: Clause) -> bool:
        """Together they have 48 apples."""
        subject, items = clause.subject, clause.items
        if not isinstance(subject, Names | Pronoun) or len(items) != 1 or not isinstance(items[0], Item):
            return False
        item = items[0]
        kinds = {post.kind for post in (*clause.leads, *item.posts)}
        if isinstance(subject, Names) and subject.others is not None:
            return False
        plural = isinstance(subject, Names) or subject.word in {"they", "we"}
        if not (plural and "total" in kinds and isinstance(item.quantity, Count)):
            return False
        if kinds - {"total", "long", "nothing"}:
            raise Unread("what they have together cannot be read")
        years = clause.verb.kind == "BE" and item.quantity.noun is None and not item.quantity.figure.currency
        given = replace(item.quantity, noun=Noun(("years",))) if years else item.quantity
        owners = tuple(noun.name for noun in subject.nouns) if isinstance(subject, Names) else ()
        self.joints.append(Joint(owners, clause.verb, self._sure(self.term(given))))
        return True

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
            elif (
                isinstance(item.quantity, Count)
                and item.quantity.figure.currency
                and entries.items == (Item(item.quantity),)
            ):
                self.entries.append(Entry("", Verb("cost", "COST"), -1, self.term(item.quantity)))
            elif isinstance(item.quantity, Count) and item.quantity.figure.currency and not _is_for(item):
                raise Unread(f'"{item.quantity.figure.currency}{item.quantity.figure.text}": it is not said for what')
            elif any(post.kind in PLACES and isinstance(post.value, Noun) for post in item.posts) and not _is_for(item):
                raise Unread(f'"{in_words(item.quantity)}": what is said of it cannot be read')
            else:
                self.spend("", Verb("cost", "COST"), item)

    def be(self, clause: Clause) -> None:
        if isinstance(clause.subject, There):
            self.have(clause)
            return
        money = [item for item in clause.items if isinstance(item, Item) and isinstance(item.quantity, Count)]
        if len(money) > 1 and all(isinstance(i.quantity, Count) and i.quantity.figure.currency for i in money):
            self.cost(clause)
            return
        if isinstance(clause.subject, Item) and all(isinstance(item, Adjustment) for item in clause.items):
            self.spend("", Verb("cost", "COST"), clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            else:
                self._is(clause, item)

    def _is(self, clause: Clause, item: Item) -> None:
        if self.spare and asides.is_aside(clause, item):
            owner = self.meet(clause.subject)
            assert isinstance(item.quantity, Count)
            self.asides[item.quantity.figure.at] = f"{owner} {item.quantity.figure.text}"
            return
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


def _of_one_kind(items: tuple[Item | Adjustment, ...]) -> tuple[Item | Adjustment, ...]:
    """Of "7 red, 5 green and 9 blue marbles" all are marbles."""
    counts = [item.quantity for item in items if isinstance(item, Item) and isinstance(item.quantity, Count)]
    nouns = [count.noun for count in counts if count.noun is not None and not count.noun.of]
    if len(items) < 2 or len(nouns) < len(items) or len(nouns[-1].words) != 2:  # noqa: PLR2004
        return items
    last = nouns[-1]
    bare = all(len(noun.words) == 1 and noun.words[0] == noun.head and noun.head != last.head for noun in nouns[:-1])
    counted = all(count.figure.text != "1" for count in counts)
    if not bare or not counted or last.words[-1].casefold() == last.head:
        return items
    made = [replace(noun, words=(*noun.words, last.words[-1])) for noun in nouns[:-1]]
    changed = [replace(count, noun=noun) for count, noun in zip(counts, [*made, last], strict=True)]
    return tuple(
        replace(item, quantity=count) for item, count in zip(items, changed, strict=True) if isinstance(item, Item)
    )


def _plain(item: Item | Adjustment) -> Item | Adjustment:
    if not isinstance(item, Item) or not isinstance(item.quantity, Pronoun):
        return item
    priced = any(isinstance(post.value, Count) and post.value.figure.currency for post in item.posts)
    counted = priced and "them" in item.quantity.word.split()
    return item if counted else replace(item, quantity=None)


def _check_rates(clause: Clause) -> None:
    """Of "a roll for $2 and a juice for $3 every day" it is open whether both are bought every day."""
    items = [item for item in clause.items if isinstance(item, Item)]
    rated = [
        any(p.kind == "per" and isinstance(p.value, Noun) and is_time(p.value.head) for p in i.posts) for i in items
    ]
    if clause.verb.kind not in {"CHARGE", "COST", "BE"} and len(rated) > 1 and rated[-1] and not all(rated):
        raise Unread("it is not said whether all of it is done so often")


def _is_one(quantity: object) -> bool:
    """Whether a noun is one thing, and not things of a kind."""
    return not isinstance(quantity, Noun) or bool(quantity.determiner) or quantity.words[-1].casefold() == quantity.head


def _with_leads(clause: Clause) -> Clause:
    """Each week 5 die: 5 a week; in room 12 there are 18: 18 in it."""
    leads = tuple(post for post in clause.leads if post.kind == "per" or _is_place(clause, post))
    if not leads:
        return clause
    if any(isinstance(item, Item) for item in clause.items):
        items = tuple(replace(i, posts=(*i.posts, *leads)) if isinstance(i, Item) else i for i in clause.items)
        return replace(clause, items=items)
    if not isinstance(clause.subject, Item):
        raise Unread("it is not said what there is so much of")
    return replace(clause, subject=replace(clause.subject, posts=(*clause.subject.posts, *leads)))


def _is_place(clause: Clause, lead: Post) -> bool:
    """In room 12 there are 18 chairs."""
    return isinstance(clause.subject, There) and lead.kind in {"in", "on", "at"} and isinstance(lead.value, Noun)


def _is_for(item: Item) -> bool:
    """$14 for lunch."""
    fors = [post.value for post in item.posts if post.kind == "for"]
    whens = [str(post.value) for post in item.posts if post.kind == "when"]
    return any(isinstance(value, Noun) for value in fors) or any(word.startswith("for ") for word in whens)


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
    "CUT": Story.cut,
    "PACK": Story.pack,
    "RISE": Story.rise,
    "FALL": Story.fall,
    "CHANGE": Story.change,
    "LAST": Story.have,
}
