"""Clauses -> facts: who has how much, what came and went, prices, rates and amounts. What has no place is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from offline_model.lexeme import Unread
from offline_model.problem import Number
from offline_model.stories import shapes
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Entries,
    Figure,
    Growth,
    Grouped,
    Item,
    Names,
    Noun,
    OutOf,
    Part,
    Post,
    Pronoun,
    Quantity,
    Rest,
    Some,
    Subject,
    There,
    Verb,
)
from offline_model.stories.nouns import LENGTHS, MEASURES, TIMES, singular
from offline_model.stories.people import gender, is_kin
from offline_model.stories.terms import MONEY, ONE, Term, figure, is_time, plus, share_of, times, uses

EVERYONE = "*"
NEUTRAL = 2
_SPANS = TIMES | frozenset(
    "monday tuesday wednesday thursday friday saturday sunday weekday weekend morning afternoon evening night "
    "january february march april may june july august september october november december".split()
)
_TOTALS = frozenset({"total", "sum", "amount"})
_PRICED = frozenset({"price", "sale", "discount", "cost"})
_BUYING = frozenset({"buy", "order", "purchase", "pick"})
_AMONG = frozenset({"among", "between", "amongst", "in", "into", "to"})
_PLACES = frozenset({"in", "on", "at", "from", "to", "by", "with", "for", "into"})


@dataclass(frozen=True)
class Entry:
    """`sign` is 0 for what is there, 1 for what comes, -1 for what goes. `term` is None if it is not said how much."""

    owner: str
    verb: Verb
    sign: int
    term: Term | None
    label: str = ""
    now: bool = False
    more: bool = False
    place: str = ""


@dataclass(frozen=True)
class Relation:
    """What `owner` has is `sign` `by` what `than` has."""

    owner: str
    verb: Verb
    sign: str
    by: Term
    than: str
    unit: str
    label: str = ""


@dataclass(frozen=True)
class Price:
    noun: Noun
    term: Term
    """In money per noun, or for what is bought once."""
    whole: Term
    """What was said: for "6 tickets cost $51" the $51."""


@dataclass(frozen=True)
class Subset:
    """Those of a set of which something is said."""

    said: tuple[str, ...]
    term: Term
    whole: Term


@dataclass
class Story:
    entries: list[Entry] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    atoms: list[Term] = field(default_factory=list)
    """Rates and amounts, each usable once in a product."""
    subsets: list[Subset] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    payments: list[Term] = field(default_factory=list)
    shared: list[tuple[Term | None, Term]] = field(default_factory=list)
    """What is shared out, None for the bill, and among how many."""
    growths: list[Growth] = field(default_factory=list)
    changes: list[tuple[Term, Term]] = field(default_factory=list)
    """From what to what."""
    shape: str = ""
    measures: list[tuple[str, Term]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    subject: str = ""
    plural: bool = False
    subject_noun: Noun | None = None
    unit: str = ""
    noun: Noun | None = None
    last: Term | None = None
    label: str = ""

    # ---- who ----------------------------------------------------------------------------------------------------
    def owner(self, subject: Subject | None, but: str = "") -> str:
        if subject is None:
            return self.subject
        if isinstance(subject, There | Item):
            return ""
        if isinstance(subject, Names):
            raise Unread(f'"{" and ".join(map(str, subject.nouns))}": it is not said what each of them does')
        if isinstance(subject, Noun):
            return subject.name
        return self.pronoun(subject.word, but)

    def pronoun(self, word: str, but: str = "") -> str:
        if word in {"i", "we", "me", "us", "you"}:
            return "i"
        if word == "they":
            return self.subject if self.plural else EVERYONE
        if word in {"it", "them", "that"}:
            return self.subject
        if word == "each":
            return EVERYONE
        of = {"he": "m", "him": "m", "she": "f", "her": "f"}[word]
        found = [each for each in self.people if gender(each) in {of, ""} and each != but]
        if len(found) > 1:  # "Karen ... her mother gives her 5": she is Karen
            found = [each for each in found if not is_kin(each)]
        if len(found) != 1:
            raise Unread(f'"{word}": it could be {" or ".join(found) or "anyone"}')
        return found[0]

    def meet(self, subject: Subject | None) -> str:
        owner = self.owner(subject)
        if isinstance(subject, Noun):
            if owner not in self.people:
                self.people.append(owner)
            self.subject_noun = subject
            self.plural = subject.words[-1].casefold() != subject.head and subject.determiner != "a"
        if subject is not None and owner:
            self.subject = owner
        return owner

    # ---- sentences -----------------------------------------------------------------------------------------------
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
        elif not (post.kind in {"nothing", "now", "per"} or (post.kind in _PLACES and isinstance(post.value, Noun))):
            raise Unread(f'"{post.kind} {post.value or ""}": it cannot be read here')

    def _list(self, entries: Entries) -> None:
        for item in entries.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Count) and item.quantity.figure.currency:
                raise Unread(f'"{item.quantity.figure.currency}{item.quantity.figure.text}": it is not said for what')
            elif any(post.kind in _PLACES and isinstance(post.value, Noun) for post in item.posts):
                raise Unread(f'"{item.quantity}": what is said of it cannot be read')
            else:
                self.spend("", Verb("cost", "COST"), item)

    # ---- terms ---------------------------------------------------------------------------------------------------
    def term(self, quantity: Quantity | Noun | None) -> Term | None:
        """None for "some"."""
        match quantity:
            case Count(figure=number, noun=noun):
                return self._counted(number, noun)
            case Grouped(groups=groups, each=each):
                one = self._counted(groups.figure, groups.noun)
                two = self._counted(each.figure, each.noun or groups.noun)
                return times(two, one)
            case Part(share=share, of=Noun(head=unit)) if unit in MEASURES and not share.percent:
                return Term(figure(share), unit, uses=uses(share))
            case Part(share=share, of=of):
                return share_of(share, self._whole(of))
            case Some(noun=noun):
                self._note(noun)
                return None
            case Noun(determiner="a"):
                return Term(ONE, quantity.head, adjectives=quantity.adjectives)
            case _:
                raise Unread(f'"{quantity}": it is not said how much')

    def _counted(self, number: Figure, noun: Noun | None) -> Term:
        if number.currency:
            if noun is not None and _PRICED & {singular(word) for word in noun.words}:
                raise Unread(f'"{noun}": it is not said what else is to be paid')
            return Term(figure(number), MONEY, uses=uses(number))
        if noun is None:
            if not self.unit or self.unit == MONEY:
                raise Unread(f'"{number.text}": it is not said of what')
            adjectives = self.noun.adjectives if self.noun else frozenset[str]()
            return Term(figure(number), self.unit, uses=uses(number), adjectives=adjectives)
        self._note(noun)
        return Term(figure(number), unit_of(noun), uses=uses(number), adjectives=noun.adjectives)

    def _note(self, noun: Noun | None) -> None:
        if noun is not None and not is_time(noun.head):
            self.unit, self.noun = noun.head, noun

    def _whole(self, of: "Quantity | Noun | Pronoun | None") -> Term:
        if isinstance(of, Count | Grouped):
            made = self.term(of)
            assert made is not None
            return made
        if isinstance(of, Noun):
            found = [entry.term for entry in self.entries if entry.term and entry.term.unit == of.head]
            if len(found) == 1:
                return found[0]
            if of.head == "money" and not any(e.sign < 0 and e.term and e.term.unit == MONEY for e in self.entries):
                return self._holding(MONEY)
            raise Unread(f'"{of}": it is not said how many there are')
        return self._holding(self.unit or MONEY)

    def _holding(self, unit: str) -> Term:
        from offline_model.stories.ledger import level

        found = level(self, self.subject, unit) or level(self, "", unit) or level(self, EVERYONE, unit)
        if found is None:
            raise Unread('"of them": it is not said how many there are')
        return found

    # ---- what is there ---------------------------------------------------------------------------------------------
    def have(self, clause: Clause) -> None:
        if isinstance(clause.subject, Item) and self._held_in_all(clause, clause.subject):
            return
        owner = self.meet(clause.subject)
        self.shape = self.shape or shapes.shape_of(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            elif isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, self._lead_label(clause))
            else:
                self._have_item(owner, clause, item)

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

    def _sure(self, term: Term | None) -> Term:
        if term is None:
            raise Unread("it is not said how much")
        return term

    def _have_item(self, owner: str, clause: Clause, item: Item) -> None:
        if isinstance(item.quantity, Grouped) and item.quantity.groups.noun and item.quantity.groups.noun.head in shapes.SIDES:
            self.measures.append((item.quantity.groups.noun.head, self._sure(self.term(item.quantity))))
            return
        made = self.measured(item)
        if made.inner is not None and made.groups is not None and not made.each:
            made = self._holding_others(made, clause)
        made = made.settled()
        if made.price is not None:
            self.spend(owner, clause.verb, item)
            return
        if made.term is None and not isinstance(item.quantity, Some):
            raise Unread(f'"{item.quantity}": it is not said how many')
        if isinstance(clause.subject, There) and isinstance(item.quantity, Part):
            raise Unread("a share of what is there")
        if isinstance(item.quantity, Count) and item.quantity.more and item is clause.items[0]:
            raise Unread(f'"{item.quantity.figure.text} more": more than who?')
        subject = clause.subject if isinstance(clause.subject, Noun) else None
        place = next((post.value for post in item.posts if post.kind in {"in", "on"} and isinstance(post.value, Noun)), None)
        if made.term and isinstance(clause.subject, There) and place is not None and place.determiner == "a":
            self.atoms.append(replace(made.term, per=(*made.term.per, place.head)))
        if made.term and (made.each or (subject and subject.determiner in {"a", "each"})) and subject:
            self.atoms.append(replace(made.term, per=(*made.term.per, subject.head)))
        elif made.term and clause.subject is not None and isinstance(clause.subject, Item):
            made = self._per_subject(clause.subject, made)
        elif made.each and made.groups is None:
            raise Unread("it is not said how many times each is")
        if subject is None or subject.determiner != "each":
            now = made.now or any(post.kind == "now" for post in clause.leads)
            self.entries.append(Entry(owner, clause.verb, 0, made.term, made.label or self._lead_label(clause), now, place=made.place))
            if made.term and not (subject and subject.determiner == "a"):
                self.atoms.append(made.term)

    def _holding_others(self, made: "Measured", clause: Clause) -> "Measured":
        """A garden with 10 flowers: what is in it is what they have."""
        if made.groups is None or made.groups.uses:
            raise Unread("it is not said whether each of them has so many")
        return replace(made, term=made.inner, inner=None)

    def _per_subject(self, subject: Item, made: "Measured") -> "Measured":
        """5 workers each have 3 ..."""
        count = self.term(subject.quantity if not isinstance(subject.quantity, Noun) else subject.quantity)
        if count is None or made.term is None or not (made.each or any(post.kind == "each" for post in subject.posts)):
            raise Unread("it is not said whether each of them does")
        self.atoms.append(count)
        return replace(made, term=times(made.term, count))

    def _lead_label(self, clause: Clause) -> str:
        return next((str(post.value) for post in clause.leads if post.kind == "when"), "")

    def level(self, owner: str, quantity: Quantity, verb: Verb, label: str = "") -> None:
        term = self.term(quantity)
        self.entries.append(Entry(owner, verb, 0, term, label))
        if term:
            self.atoms.append(term)

    # ---- items -----------------------------------------------------------------------------------------------------
    def measured(self, item: Item) -> "Measured":
        named = item.quantity is None or (isinstance(item.quantity, Noun) and item.quantity.determiner != "a")
        made = Measured(None if named else self.term(item.quantity))
        for index, post in enumerate(item.posts):
            following = item.posts[index + 1].kind if index + 1 < len(item.posts) else ""
            made = self._modified(made, post, following)
        return made

    def _modified(self, made: "Measured", post: Post, following: str) -> "Measured":  # noqa: C901, PLR0911, PLR0912
        value = post.value
        match post.kind:
            case "when":
                return replace(made, label=str(value))
            case "left" | "now":
                return replace(made, now=True)
            case "nothing" | "equally":
                return made
            case "each":
                return replace(made, each=True)
            case "per" if isinstance(value, Noun) and made.price is not None:
                return replace(made, price=replace(made.price, per=(value.head,)))
            case "per" if isinstance(value, Noun) and made.term:
                return replace(made, term=replace(made.term, per=(*made.term.per, value.head)))
            case "at" | "for" if isinstance(value, Count) and value.figure.currency:
                each = post.kind == "at" or following in {"each", "per"}
                return replace(made, price=self.term(value), priced_each=each)
            case "for" | "in" | "after" if isinstance(value, Count) and value.noun and is_time(value.noun.head):
                return self._lasting(made, self._time(value), post.kind)
            case "at" if isinstance(value, Count) and made.term is None:
                return replace(made, term=self.term(value))
            case "with" if isinstance(value, Count) and made.term:
                inner = self.term(value)
                assert inner is not None
                return replace(made, inner=inner, groups=made.term, each=False)
            case "in" | "on" if isinstance(value, Noun) and value.determiner == "each":
                return replace(made, each=True)
            case _ if isinstance(value, Noun) and value.determiner == "each":
                raise Unread(f'"{post.kind} each {value}": it is not said how many there are')
            case "in" | "on" | "at" | "from" | "to" | "into" if isinstance(value, Noun) and (value.head not in _SPANS or value.determiner == "a"):
                return replace(made, place=value.name)
            case "for" if isinstance(value, Noun) and made.term and made.term.unit == MONEY:
                return replace(made, place=value.name)
            case kind if kind in _PLACES and isinstance(value, Adjustment):
                self.adjustments.append(value)
                return made
            case _:
                raise Unread(f'"{post.kind} {value or ""}": it cannot be read here')

    def _time(self, value: Count) -> Term:
        assert value.noun is not None
        return Term(figure(value.figure), value.noun.head, uses=uses(value.figure))

    def _lasting(self, made: "Measured", time: Term, kind: str) -> "Measured":
        if made.term and made.term.per and kind != "after":
            from offline_model.stories.terms import chain

            rest = made.term.per[1:] if time.unit == made.term.per[0] else made.term.per
            target = replace(made.term, per=rest).dimensions if rest != made.term.per else replace(made.term, per=()).dimensions
            found = chain([made.term, time], target)
            if len(found) == 1:
                return replace(made, term=replace(found[0], unit=made.term.unit, per=rest if rest != made.term.per else ()), rate=made.term, span=time)
        return replace(made, span=time, span_kind=kind)

    # ---- what comes and goes -----------------------------------------------------------------------------------------
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
                self.compare(owner, clause.verb, item.quantity, item.posts, self._lead_label(clause), sign)
            else:
                self._event(owner, clause, item, sign)

    def _moving(self, clause: Clause, subject: Item, sign: int) -> None:
        """9 fly away."""
        posts = (*subject.posts, *(post for item in clause.items if isinstance(item, Item) for post in item.posts))
        made = self.measured(Item(subject.quantity, posts)).settled()
        if made.term is None or made.price or made.each or (made.term.per and isinstance(subject.quantity, Part)):
            raise Unread("it is not said how many")
        self.entries.append(Entry("", clause.verb, sign, made.term, made.label or self._lead_label(clause), place=made.place))
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
                self.atoms += [replace(made.term, per=(*made.term.per,)), count] if False else []
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

    # ---- money -------------------------------------------------------------------------------------------------------
    def spending(self, clause: Clause) -> None:
        owner = self.meet(clause.subject)
        if clause.to is not None:
            raise Unread(f'"{clause.verb.lemma}": it is not said what for')
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
                continue
            paid = next((post for post in item.posts if post.kind == "with" and isinstance(post.value, Count)), None)
            if paid is not None and isinstance(paid.value, Count) and paid.value.figure.currency:
                term = self.term(paid.value)
                assert term is not None
                self.payments.append(term)
                if item.quantity is None and len(item.posts) == 1:
                    continue
                item = Item(item.quantity, tuple(post for post in item.posts if post is not paid))  # noqa: PLW2901
            self.spend(owner, clause.verb, item, label=self._lead_label(clause))

    def spend(self, owner: str, verb: Verb, item: Item, *, sign: int = -1, label: str = "") -> None:
        """An item with its price as money that goes."""
        if isinstance(item.quantity, Noun) and _TOTALS & {*item.quantity.words, item.quantity.head}:
            raise Unread(f'"{item.quantity}": a sum is stated')
        if any(not each.amount.currency for each in self.adjustments):
            raise Unread("it is not said whether what comes after it is discounted or taxed too")
        made = self.measured(item)
        price, count = made.price, made.term
        if isinstance(item.quantity, Noun):
            count = None
        if price is None:
            price, count = count, None
        if price is None or price.unit != MONEY:
            self._uncosted(owner, verb, made)
            return
        if count is not None and count.worth != 1 and not made.priced_each:
            raise Unread(f"{count.unit}: it is not said whether the price is for each or for all")
        if count is not None and price.per and price.per[0] != count.unit and price.per[0] not in _words(item):
            raise Unread(f"the price is per {price.per[0]}, not per {count.unit}")
        term = times(replace(price, per=()), count) if count is not None else price
        if made.span and not price.per:
            self.atoms.append(made.span)
        if isinstance(item.quantity, Noun) and made.each:
            raise Unread(f"{item.quantity}: it is not said how many")
        self.entries.append(Entry(owner, verb, sign, term, made.label or label, place=made.place))
        self.atoms.append(term)

    def _uncosted(self, owner: str, verb: Verb, made: "Measured") -> None:
        if made.term is None:
            raise Unread(f'"{verb.lemma}": it is not said how much')
        if verb.kind not in {"COST", "SPEND"}:
            raise Unread(f'"{verb.lemma}": it is not said for how much')
        self.entries.append(Entry(owner, verb, -1 if verb.kind == "SPEND" else 0, made.term, made.label))
        self.atoms.append(made.term)

    def cost(self, clause: Clause) -> None:
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
                continue
            if isinstance(item.quantity, Compared):
                self.compare(self.meet(clause.subject), clause.verb, item.quantity, item.posts)
                continue
            made = self.measured(item)
            if made.term is None or made.term.unit != MONEY:
                raise Unread(f'"{clause.verb.lemma}": it is not said how much')
            self._price(clause, made)

    def _price(self, clause: Clause, made: "Measured") -> None:
        assert made.term is not None
        subject, term = clause.subject, made.term
        if isinstance(subject, Item) and isinstance(subject.quantity, Count | Grouped):
            self._priced_count(subject, made)
            return
        owner = self.meet(subject)
        noun = subject if isinstance(subject, Noun) else self.subject_noun
        if noun is None:
            raise Unread("it is not said what costs that")
        if _TOTALS & {*noun.words, noun.head}:
            raise Unread(f'"{noun}": a sum is stated')
        whole = made.term
        if not term.per:
            term = replace(term, per=(noun.head,))
        if any(price.noun.name == noun.name for price in self.prices):
            raise Unread(f'"{noun}": it is said twice what it costs')
        self.prices.append(Price(noun, term, whole))
        if not made.each:
            self.entries.append(Entry(owner, Verb("cost", "COST"), -1, whole, made.label, place=noun.determiner))
        self.atoms.append(term)

    def _priced_count(self, subject: Item, made: "Measured") -> None:
        quantity = subject.quantity
        count = self.term(quantity)
        assert count is not None
        assert made.term is not None
        noun = quantity.noun if isinstance(quantity, Count) else quantity.each.noun if isinstance(quantity, Grouped) else None
        noun = noun or Noun((count.unit,))
        each = made.each or any(post.kind == "each" for post in subject.posts)
        if each:
            raise Unread("several that cost so much each")
        rate = replace(times(made.term, count, over=True), per=(count.unit,))
        self.prices.append(Price(noun, rate, made.term))
        self.atoms.append(rate)

    # ---- the rest ----------------------------------------------------------------------------------------------------
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
        elif isinstance(quantity, Count) and quantity.noun is None and isinstance(subject, Noun) and self._is_many(subject):
            term = Term(figure(quantity.figure), subject.head, uses=uses(quantity.figure))
            self.entries.append(Entry(self.meet(subject), clause.verb, NEUTRAL, term))
        elif isinstance(quantity, Count):
            self._measure(clause, quantity, item)
        elif isinstance(quantity, Part) and isinstance(quantity.of, Noun) and quantity.of.head == "full" and not item.posts:
            self._full(self.meet(subject), quantity)
        else:
            raise Unread("what is said with a form of \"be\" cannot be read")

    def _is_many(self, subject: Noun) -> bool:
        return subject.words[-1].casefold() != subject.head

    def _measure(self, clause: Clause, quantity: Count, item: Item) -> None:
        owner = self.meet(clause.subject)
        term = Term(figure(quantity.figure), quantity.noun.head if quantity.noun else "year", uses=uses(quantity.figure))
        made = item.posts
        if any(post.kind not in {"long", "when", "now"} and not (post.kind == "by") for post in made):
            raise Unread("what is said with a form of \"be\" cannot be read")
        way = next((str(post.value) for post in made if post.kind == "long"), "")
        self.entries.append(Entry(owner, clause.verb, 0, term, next((str(p.value) for p in made if p.kind == "when"), "")))
        self.measures.append((way or _way(clause.subject), term))
        for post in made:
            if post.kind == "by" and isinstance(post.value, Count):
                inner = self.term(post.value)
                assert inner is not None
                self.measures.append(("", inner))
        self.atoms.append(term)
        self.unit = term.unit

    def _full(self, owner: str, quantity: Part) -> None:
        """It is three quarters full: there is that share of what it holds."""
        held = [entry for entry in self.entries if entry.owner == owner and entry.sign == 0 and entry.term]
        if len(held) != 1 or held[0].verb.lemma not in {"hold", "contain", "have"} or held[0].term is None:
            raise Unread("a share of what, is not said")
        at = self.entries.index(held[0])
        self.entries[at] = replace(held[0], term=share_of(quantity.share, held[0].term))

    def _subset(self, clause: Clause, subject: Item, item: Item) -> None:
        said = _said(clause.verb, [item])
        if isinstance(subject.quantity, OutOf):
            whole = self._sure(self.term(subject.quantity.all))
            some = replace(self._sure(self.term(replace(subject.quantity.some, noun=subject.quantity.all.noun))))
            self.subsets.append(Subset(said, some, whole))
            return
        if not isinstance(subject.quantity, Part | Count):
            raise Unread("those of which it is said are not counted")
        if isinstance(subject.quantity, Count) and subject.quantity.noun is not None and not isinstance(item.quantity, Noun):
            raise Unread("what is said of a number of things cannot be read")
        whole = self._whole(subject.quantity.of if isinstance(subject.quantity, Part) else Pronoun("them"))
        term = share_of(subject.quantity.share, whole) if isinstance(subject.quantity, Part) else self.term(subject.quantity)
        assert term is not None
        self.subsets.append(Subset(said, term, whole))

    def compare(
        self, owner: str, verb: Verb, said: Compared, posts: Sequence[Post], lead: str = "", sign: int = 0
    ) -> None:
        if not owner:
            raise Unread("it is compared, and it is not said who has it")
        label = next((str(post.value) for post in posts if post.kind == "when"), lead)
        if any(post.kind not in {"when", "now"} for post in posts):
            raise Unread("what is compared cannot be read")
        money = bool(said.figure.currency)
        unit = MONEY if money else said.noun.head if said.noun else self.unit
        value = figure(said.figure)
        by = Term(value, MONEY if money else unit, uses=uses(said.figure))
        if isinstance(said.than, str) or (said.than is None and (label or sign == 1 or sign == -1)):
            self._compared_with_another_time(owner, verb, said, by, label, sign)
            return
        than = self._than(owner, said.than, label)
        self.relations.append(Relation(owner, verb, said.sign, by, than, unit or by.unit, label))
        if unit:
            self.unit = unit

    def _compared_with_another_time(self, owner: str, verb: Verb, said: Compared, by: Term, label: str, sign: int) -> None:
        before = [e for e in self.entries if e.owner == owner and e.verb.lemma == verb.lemma and e.term is not None]
        if isinstance(said.than, str):
            before = [entry for entry in before if _same_time(entry.label, said.than)]
        if not before or (said.than is None and not (label and before[-1].label != label)):
            raise Unread("it is not said than when")
        base = before[-1].term
        assert base is not None
        if said.noun is not None and said.noun.head != base.unit:
            raise Unread(f"{said.noun} are compared with {base.unit}")
        if said.sign == "*":
            term = times(base, by)
        else:
            term = plus([base, by], [True, said.sign == "+"])
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

    def move(self, clause: Clause) -> None:
        if isinstance(clause.subject, Item) and all(isinstance(i, Item) and i.quantity is None for i in clause.items):
            items = [item for item in clause.items if isinstance(item, Item)]
            part = clause.subject.quantity
            if isinstance(part, Part):
                whole = self._whole(part.of)
                self.subsets.append(Subset(_said(clause.verb, items), share_of(part.share, whole), whole))
                return
            raise Unread("what moves is counted, but not by how far")
        owner = self.meet(clause.subject)
        for item in clause.items:
            if isinstance(item, Adjustment):
                raise Unread("a change of a bill that moves")
            if isinstance(item.quantity, Compared):
                self.compare(owner, clause.verb, item.quantity, item.posts, self._lead_label(clause), NEUTRAL)
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

    def share(self, clause: Clause) -> None:
        if clause.verb.passive:
            self.share_out(self._item_of(clause.subject), [p for i in clause.items if isinstance(i, Item) for p in i.posts])
            return
        if not isinstance(clause.subject, Item):
            raise Unread(f'"{clause.verb.lemma}": it is not said among how many')
        count = self._sure(self.term(clause.subject.quantity))
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            else:
                self._share_item(item, count)

    def _item_of(self, subject: Subject | None) -> Item:
        if isinstance(subject, Item):
            return subject
        if self.measures and isinstance(subject, Pronoun):
            return Item(None, (Post("it"),))
        raise Unread("it is not said how much is shared out")

    def share_out(self, item: Item, posts: Sequence[Post]) -> None:
        """Among so many, or into so many pieces or groups, or into groups of so many."""
        among = [post.value for post in (*item.posts, *posts) if post.kind in _AMONG]
        others = [p.kind for p in (*item.posts, *posts) if p.kind not in {*_AMONG, "equally", "each", "of", "long", "it"}]
        if len(among) != 1 or others:
            raise Unread("it is not said among how many")
        whole = self.measures[-1][1] if item.quantity is None else self._sure(self.term(item.quantity))
        if isinstance(among[0], Grouped) and among[0].groups.figure.at == -1:
            size = self._sure(self.term(among[0].each if among[0].each.noun else replace(among[0].each, noun=Noun((whole.unit,)))))
            assert among[0].groups.noun is not None
            self.atoms += [whole, replace(size, per=(among[0].groups.noun.head,))]
        elif isinstance(among[0], Count):
            self._share_item(item, self._sure(self.term(among[0])), whole)
        else:
            raise Unread("it is not said among how many")

    def _share_item(self, item: Item, count: Term, whole: Term | None = None) -> None:
        if whole is None:
            if any(post.kind not in {"equally", "among"} for post in item.posts):
                raise Unread("it is not said how it is shared out")
            whole = self._sure(self.term(item.quantity))
        if whole.unit == MONEY:
            self.entries.append(Entry("", Verb("cost", "COST"), -1, whole))
            self.shared.append((None, count))
        else:
            self.shared.append((whole, count))

    def pack(self, clause: Clause) -> None:
        posts = [post for item in clause.items if isinstance(item, Item) for post in item.posts]
        if clause.verb.passive:
            self.share_out(self._item_of(clause.subject), posts)
        elif all(isinstance(item, Item) and item.quantity is None for item in clause.items):
            last = self.entries[-1].term if self.entries else None
            if last is None:
                raise Unread("it is not said what is packed")
            grouped = next((p.value for p in posts if isinstance(p.value, Grouped)), None)
            if grouped is None or len(posts) != 1 or grouped.groups.noun is None:
                raise Unread("it is not said how it is packed")
            size = self._sure(self.term(replace(grouped.each, noun=Noun((last.unit,)))))
            self.atoms.append(replace(size, per=(grouped.groups.noun.head,)))
        else:
            self.gain(clause)

    def rise(self, clause: Clause) -> None:
        self._moved_by(clause, 1)

    def fall(self, clause: Clause) -> None:
        self._moved_by(clause, -1)

    def _moved_by(self, clause: Clause, sign: int) -> None:
        posts = {post.kind: post.value for item in clause.items if isinstance(item, Item) for post in item.posts}
        owner = self.meet(clause.subject)
        if set(posts) == {"from", "to"} and all(isinstance(each, Count) for each in posts.values()):
            one, two = (self._sure(self.term(posts[kind])) for kind in ("from", "to"))  # type: ignore[arg-type]
            self.changes.append((one, two))
        elif set(posts) == {"by"} and isinstance(posts["by"], Count):
            self.entries.append(Entry(owner, clause.verb, sign, self.term(posts["by"])))
        elif set(posts) <= {"by", "from"} and isinstance(posts.get("by"), Part):
            self._by_part(clause, posts, sign)
        else:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')

    def _by_part(self, clause: Clause, posts: dict[str, object], sign: int) -> None:
        part, base = posts["by"], posts.get("from")
        if isinstance(clause.subject, Item) and base is None:
            base = clause.subject.quantity
        if not isinstance(part, Part) or part.of is not None or not isinstance(base, Count):
            raise Unread(f'"{clause.verb.lemma}": it is not said from how much')
        owner = base.noun.name if base.noun else ""
        self.entries.append(Entry(owner, Verb("cost", "COST"), -1, self.term(base)))
        self.adjustments.append(Adjustment("tax" if sign > 0 else "discount", part.share, "subtotal"))

    def change(self, clause: Clause) -> None:
        """A $120 coat is discounted by 30%; a shop raises the price of a $40 bag by 5%."""
        sign = 1 if clause.verb.lemma in {"raise", "increase"} else -1
        items = [item for item in clause.items if isinstance(item, Item)]
        subject = clause.subject
        if not clause.verb.passive and items and isinstance(items[0].quantity, Count):
            subject = Item(items[0].quantity)
        elif not clause.verb.passive:
            raise Unread(f'"{clause.verb.lemma}": it is not said what')
        posts = {post.kind: post.value for item in items for post in item.posts}
        if set(posts) != {"by"}:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')
        self._by_part(replace(clause, subject=subject), dict(posts), sign)

    def weigh(self, clause: Clause) -> None:
        self.have(clause)


@dataclass(frozen=True)
class Measured:
    """An item with its modifiers."""

    term: Term | None
    label: str = ""
    each: bool = False
    now: bool = False
    place: str = ""
    price: Term | None = None
    priced_each: bool = False
    span: Term | None = None
    span_kind: str = ""
    rate: Term | None = None
    groups: Term | None = None
    inner: Term | None = None

    def settled(self) -> "Measured":
        if self.inner is not None and self.groups is not None:
            return replace(self, term=times(self.inner, self.groups), inner=None)
        return self

    def loose(self) -> list[Term]:
        """What it adds to the amounts and rates that may be multiplied."""
        if self.rate is not None and self.span is not None:
            return [self.rate, self.span]
        return [each for each in (self.term, self.span) if each is not None]


def unit_of(noun: Noun) -> str:
    """The unit of "a 10 mile ride" is the mile."""
    first = singular(noun.words[0])
    return first if len(noun.words) > 1 and first in MEASURES else noun.head


def _words(item: Item) -> set[str]:
    noun = item.quantity.noun if isinstance(item.quantity, Count) else None
    return {noun.head, *noun.adjectives, *noun.of} if noun else set()


def _said(verb: Verb, items: Sequence[Item | Adjustment]) -> tuple[str, ...]:
    words = [verb.lemma]
    for item in items:
        if isinstance(item, Item):
            if isinstance(item.quantity, Noun):
                words.append(item.quantity.name)
            words += [f"{post.kind} {post.value.name}" for post in item.posts if isinstance(post.value, Noun)]
    return tuple(words)


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
_ = LENGTHS


def _same_time(label: str, said: str) -> bool:
    return label.removeprefix("on ").removeprefix("in ") == said.removeprefix("on ").removeprefix("in ")


def _way(subject: Subject | None) -> str:
    return subject.head if isinstance(subject, Noun) and subject.head in shapes.SIDES else ""
