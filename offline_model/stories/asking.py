"""Questions -> every way the facts answer them. One that leaves a number of the text unused is no answer."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from offline_model.lexeme import Unread
from offline_model.stories import bill, growth, ledger, shapes
from offline_model.stories.averages import are_periods
from offline_model.stories.clauses import Adjustment, Count, Item, Names, Noun, Part, Post, Pronoun, Question, There, Verb
from offline_model.stories.facts import EVERYONE, NEUTRAL, Entry, Story, _said, unit_of
from offline_model.stories.nouns import LENGTHS, MEASURES, TIMES, conversion, takes_in
from offline_model.stories.terms import MONEY, Term, chain, figure, is_time, less, plain, plus, share_of, times, uses

_MEASURES = MEASURES | {"", "degree", MONEY}
_PRICED = frozenset({"total", "cost", "price", "change", "profit", "bill", "interest", "value", "balance"})
_FROM_THERE = frozenset({"pick", "collect", "gather", "catch", "fill"})
"""What is picked may be of what was there."""
_COSTS = frozenset({"COST", "SPEND"})
_HELD = frozenset({"HAVE", "BE", "REMAIN"})


@dataclass(frozen=True)
class Found:
    term: Term
    percent: bool = False


class Asking:
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

    # ---- what is asked for ------------------------------------------------------------------------------------------
    def _unit(self) -> str:
        q = self.question
        units = [entry.term.unit for entry in self.story.entries if entry.term] + [a.unit for a in self.story.atoms]
        units += [relation.unit for relation in self.story.relations]
        if q.form == "many" and q.noun:
            head = q.noun.head
            return MONEY if head in {"cent", "dollar", "euro"} and MONEY in units else head
        if q.form == "many":
            return self.story.unit
        if q.form == "far":
            return next((unit for unit in units if unit in LENGTHS), "")
        if q.form in {"long", "tall"}:
            wanted = TIMES if q.verb and q.verb.lemma == "take" else LENGTHS | {"year"}
            return next((unit for unit in units if unit in wanted), "hour" if wanted is TIMES else "")
        if q.form == "what" and q.noun and q.noun.head in _PRICED and MONEY in units:
            return MONEY
        if q.verb and q.verb.kind == "WEIGH":
            return next((unit for unit in units if unit != MONEY), "")
        if q.noun is None or q.noun.head in {"money", "change"}:
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
                yield Term(figure(value.figure), MONEY if value.figure.currency else head, uses=uses(value.figure), adjectives=value.noun.adjectives if value.noun else frozenset())
            elif isinstance(value, Noun) and value.determiner in {"a", ""} and value.head in TIMES:
                yield replace(plain(1), unit=value.head)

    # ---- the ways to an answer -----------------------------------------------------------------------------------------
    def ways(self) -> Iterator[Found]:
        if self.question.form == "what":
            tried = (
                self._bill, self._average, self._gap, self._grown, self._multiplied, self._shape, self._done, self._sum,
                self._named_level, self._profit,
            )  # fmt: skip
        else:
            tried = (
                self._held, self._done, self._multiplied, self._bill, self._subset, self._shared, self._grown, self._shape,
                self._percent, self._converted, self._by_kind, self._into, self._filled, self._profit,
            )  # fmt: skip
        if "object" in self.kinds:
            tried = (self._subset, self._done)
        predicate = isinstance(self.question.subject, Noun) and self.question.subject.determiner != "each"
        if self.question.form == "many" and self.question.noun and self.question.verb == Verb("be", "BE") and predicate:
            tried = (self._subset,)
        if any(post.kind == "in" and _is_unit(post.value) for post in self.question.posts):
            tried = (self._multiplied,) if self.question.form == "what" else ()
        for way in tried:
            try:
                yield from (found if isinstance(found, Found) else Found(found) for found in way() if found is not None)
            except Unread:
                continue

    def _unspent(self) -> bool:
        """Whether the question speaks of a time ("in a year") that nothing told is a rate of."""
        rated = any(entry.term is not None and entry.term.per for entry in self.story.entries)
        return any(not extra.uses for extra in self.extras) and not rated

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

    def _held(self) -> Iterable[Term | None]:
        q = self.question
        kind = q.verb.kind if q.verb else "BE"
        if self._unspent() or kind not in _HELD | {"NEED", "WEIGH"} or "per" in self.kinds or "each" in self.kinds:
            return []
        owner = self.owner()
        if any(post.kind in {"for", "with", "by"} and isinstance(post.value, Noun) for post in q.posts):
            return []
        given = {e.owner for e in self.story.entries if e.verb.kind == "GIVEN"}
        if owner == EVERYONE and given - set(ledger.holders(self.story, self.unit)) and self._together():
            return []
        if self._elsewhere():
            return []
        if q.more:
            return self._difference(owner)
        if "first" in self.kinds:
            return [ledger.started(self.story, owner, self.unit)]
        having = ledger.holders(self.story, self.unit)
        if kind == "REMAIN" or "left" in self.kinds:
            self._check_something_went()
        if owner == EVERYONE and len(having) > 1 and not self._of_all():
            return []
        found = [self._level(owner)]
        if ("total" in self.kinds and not isinstance(q.subject, Noun)) or self._names_all(having):
            found.append(self._level(EVERYONE))
        return found

    def _elsewhere(self) -> bool:
        """Whether it is asked what is in one place, and told what is in others."""
        asked = {p.value.name for p in self.question.posts if p.kind in {"in", "on", "at"} and isinstance(p.value, Noun)}
        told = {entry.place for entry in self.story.entries if entry.place and ledger.of_unit(entry.term, self.unit)}
        return bool(asked) and bool(told - asked)

    def _together(self) -> bool:
        return "total" in self.kinds or isinstance(self.question.subject, Pronoun | Names)

    def _check_something_went(self) -> None:
        theirs = [e for e in self.story.entries if e.term is None or ledger.of_unit(e.term, self.unit)]
        first = next((index for index, entry in enumerate(theirs) if entry.sign == 0), len(theirs))
        taken = [entry for entry in theirs[first:] if entry.sign == 1 and entry.verb.lemma in _FROM_THERE]
        if taken or not any(entry.sign == -1 for entry in theirs):
            raise Unread("it is not said that any went")

    def _of_all(self) -> bool:
        q = self.question
        return bool({"total", "done"} & self.kinds) or isinstance(q.subject, Pronoun | There | Names) or q.subject is None

    def _names_all(self, having: list[str]) -> bool:
        """Whether the subject, such as "the boxes", names all that are spoken of."""
        subject = self.question.subject
        plural = isinstance(subject, Noun) and subject.words[-1].casefold() != subject.head
        return plural and isinstance(subject, Noun) and all(each.split()[-1:] == [subject.head] for each in having)

    def _level(self, owner: str) -> Term | None:
        spans = [atom for atom in self.story.atoms if is_time(atom.unit) and not atom.per]
        return ledger.level(self.story, owner, self.unit, [*self.extras, *spans] , self.adjectives)

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

    def _done(self) -> Iterable[Term | None]:
        q = self.question
        if q.verb is None or q.verb.kind in {"BE", "HAVE", "COST", "NEED", "REMAIN"} or self._unspent():
            return []
        if {"per", "each", "left"} & self.kinds - ({"per"} if "average" in self.kinds else set()):
            return []
        owner = self.owner()
        if any(self._same_verb(Entry("", each.verb, 0, None)) for each in self.story.relations):
            return [self._related_done()] if "total" in self.kinds else []
        chosen = [entry for entry in self.story.entries if self._chosen(entry, owner)]
        if any(entry.label == "rest" for entry in chosen):
            return [ledger.rest(self.story, owner, self.unit)]
        if any(entry.term is None for entry in chosen):
            return [ledger.missing(self.story, owner, self.unit)]
        if q.more:
            return self._more_done(chosen)
        if not chosen:
            return []
        spans = [atom for atom in self.story.atoms if is_time(atom.unit) and not atom.per]
        total = plus([ledger.settle(entry.term, self.unit, [*self.extras, *spans]) for entry in chosen if entry.term])
        if "average" in self.kinds and not are_periods(q, [entry.label or entry.owner for entry in chosen]):
            return []
        if "average" in self.kinds:
            return [times(total, plain(len(chosen)), over=True)] if len(chosen) > 1 else []
        return [total]

    def _related_done(self) -> Term | None:
        """Eli ran twice as far as Noor, and Noor ran 6 km."""
        story = Story(relations=self.story.relations)
        story.entries = [replace(entry, sign=0) if entry.sign == NEUTRAL else entry for entry in self.story.entries]
        return ledger.level(story, EVERYONE, self.unit)

    def _chosen(self, entry: Entry, owner: str) -> bool:
        assert self.question.verb is not None
        return (
            self._same_verb(entry)
            and (entry.term is None or ledger.of_unit(entry.term, self.unit, self.adjectives))
            and (owner == EVERYONE or entry.owner == owner)
            and (not self.labels or entry.label in self.labels)
        )

    def _same_verb(self, entry: Entry) -> bool:
        verb = self.question.verb
        assert verb is not None
        if verb.lemma == entry.verb.lemma:
            return True
        if verb.kind == entry.verb.kind == "MOVE":
            return bool({verb.lemma, entry.verb.lemma} & {"go", "travel", "move", "cover"})
        earned = verb.lemma in {"take in", "make", "earn"} and self.unit == MONEY
        return earned and entry.verb.lemma == "sell" and entry.sign > 0

    def _more_done(self, chosen: list[Entry]) -> Iterable[Term | None]:
        if len(chosen) != 2:  # noqa: PLR2004
            return []
        one, two = chosen[0].term, chosen[1].term
        assert one
        assert two
        than = next((post.value for post in self.question.posts if post.kind == "than"), None)
        name = than.name if isinstance(than, Noun) else than if isinstance(than, str) else ""
        keys = [chosen[0].owner, chosen[1].owner] if isinstance(than, Noun) else [chosen[0].label, chosen[1].label]
        if keys.count(name) != 1:
            return []
        big, small = (two, one) if keys[0] == name else (one, two)
        return [less(big, small) if self.question.more == "+" else less(small, big)]

    def _multiplied(self) -> Iterable[Term | None]:
        q = self.question
        if {"left", "now", "more"} & self.kinds or q.more or "average" in self.kinds:
            return []
        target = Counter([self.unit])
        pers = [post.value.head for post in q.posts if post.kind == "per" and isinstance(post.value, Noun)]
        if isinstance(q.subject, Noun) and q.subject.determiner == "each":
            pers.append(q.subject.head)
        if q.form == "what" and not self._of_money():
            return self._speed()
        going = any(entry.sign < 0 and ledger.of_unit(entry.term, self.unit) for entry in self.story.entries)
        if going and q.verb is not None and q.verb.kind in {"BE", "HAVE", "REMAIN", "ACT"}:
            return []
        target.subtract(pers)
        atoms = [*self.story.atoms, *self.extras]
        every = frozenset().union(*(atom.uses for atom in atoms)) if atoms else frozenset()
        found = [*self._chains(atoms, target, every)]
        return found

    def _of_money(self) -> bool:
        q = self.question
        return self.unit == MONEY and (q.noun is None or q.noun.head in {"cost", "price", "total"})

    def _speed(self) -> Iterable[Term | None]:
        q = self.question
        rates = [atom for atom in self.story.atoms if atom.per and atom.unit in LENGTHS]
        if q.noun is None or q.noun.head != "speed" or q.items or len(rates) != 1:
            return []
        if not q.posts:
            return rates
        posts = {post.kind: post.value for post in q.posts}
        over, under = posts.get("in"), posts.get("per")
        if set(posts) != {"in", "per"} or not isinstance(over, Noun) or not isinstance(under, Noun):
            return []
        target = Counter([over.head])
        target.subtract([under.head])
        return chain(rates, target)

    def _average(self) -> Iterable[Term | None]:
        q = self.question
        averaged = q.noun is not None and q.noun.words[0] == "average" or "average" in self.kinds
        entries = [entry for entry in self.story.entries if entry.term is not None]
        if averaged and not are_periods(q, [entry.label or entry.owner for entry in entries]):
            return []
        if not averaged or len(entries) < 2 or len({(entry.term.unit, entry.sign) for entry in entries if entry.term}) > 1:  # noqa: PLR2004
            return []
        return [times(plus([entry.term for entry in entries if entry.term]), plain(len(entries)), over=True)]

    def _sum(self) -> Iterable[Term | None]:
        q = self.question
        terms = [entry.term for entry in self.story.entries if entry.term is not None]
        if q.noun is None or q.noun.words[0].casefold() != "total" or len({entry.sign for entry in self.story.entries}) != 1:
            return []
        if len({(term.unit, term.per) for term in terms}) != 1 or terms[0].unit == MONEY or terms[0].per:
            return []
        return [plus(terms)]

    def _named_level(self) -> Iterable[Term | None]:
        q = self.question
        if q.noun is None or q.items:
            return []
        own = [entry for entry in self.story.entries if entry.owner == q.noun.name and entry.term]
        return [ledger.level(self.story, q.noun.name, own[0].term.unit)] if own and own[0].term else []

    def _profit(self) -> Iterable[Term | None]:
        q = self.question
        money = [entry for entry in self.story.entries if entry.term and entry.term.unit == MONEY and not entry.term.per]
        gone = [entry.term for entry in money if entry.sign < 0 and entry.term]
        came = [entry.term for entry in money if entry.sign > 0 and entry.term]
        sold = [e.term for e in self.story.entries if e.verb.lemma == "sell" and e.term and e.term.unit != MONEY]
        if not gone and len(sold) == 1:
            gone = [times(p.term, sold[0]) for p in self.story.prices if p.term.per == (sold[0].unit,)]
        if q.noun is None or q.noun.head != "profit" or len(gone) != 1 or len(came) != 1:
            return []
        return [replace(less(came[0], gone[0]), per=())]

    def _by_kind(self) -> Iterable[Term | None]:
        """2 large pizzas, and a large pizza has 16 slices."""
        terms = []
        for entry in self.story.entries:
            if entry.term is None or entry.sign != 0 or entry.term.unit != self.unit:
                continue
            counts = [e.term for e in self.story.entries if e.term and _kind(e.term) == set(entry.owner.split())]
            if len(counts) != 1:
                return []
            terms.append(times(entry.term, counts[0]))
        return [plus(terms)] if terms else []

    def _into(self) -> Iterable[Term | None]:
        q = self.question
        if q.form != "into" or self.story.entries:
            return []
        small, large = (item.quantity for item in q.items if isinstance(item, Item))
        if not isinstance(small, Count) or not isinstance(large, Count):
            return []
        terms = [Term(figure(each.figure), "times", uses=uses(each.figure)) for each in (large, small)]
        return [times(terms[0], terms[1], over=True)]

    def _filled(self) -> Iterable[Term | None]:
        """How many boxes of 15 can be filled with 180 apples?"""
        q = self.question
        if q.form != "many" or not isinstance(q.whole, Count) or q.verb is None or q.verb.lemma not in {"fill", "pack", "make"}:
            return []
        if len(self.extras) != 1:
            return []
        size = Term(figure(q.whole.figure), self.unit, uses=uses(q.whole.figure))
        return [replace(times(self.extras[0], size, over=True), unit=self.unit)]

    def _gap(self) -> Iterable[Term | None]:
        q = self.question
        terms = [entry.term for entry in self.story.entries if entry.term is not None]
        if q.noun is None or q.noun.head != "difference" or len(terms) != 2:  # noqa: PLR2004
            return []
        one, two = terms
        if one.dimensions != two.dimensions or one.worth is None or two.worth is None:
            return []
        return [less(one, two) if one.worth >= two.worth else less(two, one)]

    def _shared(self) -> Iterable[Term | None]:
        q = self.question
        if not (self.of_each() or q.form == "share") or len(self.story.shared) != 1:
            return []
        whole, count = self.story.shared[0]
        named = [q.subject.head] if isinstance(q.subject, Noun) else []
        named += [p.value.head for p in q.posts if p.kind in {"per", "in"} and isinstance(p.value, Noun)]
        if any(name != count.unit and not takes_in(name, count.unit) and (name, count.unit) not in _SAME for name in named):
            return []
        if whole is None:
            return [times(bill.total(self.story), count, over=True)] if self.unit == MONEY else []
        if q.form == "many" and whole.unit != self.unit:
            return []
        return [times(whole, count, over=True)]

    def of_each(self) -> bool:
        q = self.question
        subject = q.subject
        each = isinstance(subject, Noun) and subject.determiner == "each" or isinstance(subject, Pronoun) and subject.word == "each"
        return each or bool({"each", "per"} & self.kinds) or any(
            isinstance(post.value, Noun) and post.value.determiner == "each" for post in q.posts
        )

    def _grown(self) -> Iterable[Term | None]:
        return growth.ways(self)

    def _percent(self) -> Iterable[Found]:
        q = self.question
        if q.form != "percent":
            return
        if self.story.changes and q.verb and q.whole is None:
            [(one, two)] = self.story.changes
            up = q.verb.kind == "RISE"
            part = less(two, one) if up else less(one, two)
            yield Found(replace(times(times(part, one, over=True), plain(100)), unit=""), percent=True)
        for each in self.story.subsets:
            said = _said(q.verb, [Item(None, q.posts)]) if q.verb else ()
            named = isinstance(q.subject, Noun) and q.subject.name == each.said[-1]
            if isinstance(q.whole, Noun) and q.whole.head == each.whole.unit and (named or said == each.said):
                yield Found(replace(times(times(each.term, each.whole, over=True), plain(100)), unit=""), percent=True)

    def _converted(self) -> Iterable[Term | None]:
        """How many minutes are in 3.5 hours?"""
        q = self.question
        if q.form != "many" or q.verb is None or q.verb.kind != "BE" or len(self.extras) != 1:
            return
        [given] = self.extras
        factor = conversion(given.unit, self.unit)
        if factor is not None:
            yield replace(times(given, plain(factor)), unit=self.unit)

    def _chains(self, atoms: list[Term], target: Counter[str], every: frozenset[int]) -> Iterator[Term]:
        if not any(atom.per for atom in atoms):
            return
        for chosen in _covers(atoms, every):
            plain_units = [atom.unit for atom in chosen if not atom.per]
            if len(set(plain_units)) < len(plain_units):
                continue  # two amounts of one kind are added, never multiplied
            yield from (replace(found, unit=self.unit) for found in chain(chosen, target))

    def _bill(self) -> Iterable[Term | None]:
        return () if self._unspent() else bill.ways(self)

    def _subset(self) -> Iterable[Term | None]:
        q = self.question
        if q.form != "many" or q.verb is None:
            return []
        named = [Item(q.subject)] if isinstance(q.subject, Noun) else []
        objects = [Item(post.value) for post in q.posts if post.kind == "object" and isinstance(post.value, Noun)]
        posts = tuple(post for post in q.posts if post.kind != "object")
        said = _said(q.verb, [*named, *objects, Item(None, posts)])
        found: list[Term | None] = [each.term for each in self.story.subsets if each.said == said or _names(each.said, q.noun)]
        found += [less(each.whole, each.term) for each in self.story.subsets if _opposite(each.said, q)]
        return found

    def _shape(self) -> Iterable[Term | None]:
        return shapes.ways(self)


def _is_unit(value: object) -> bool:
    """Whether the answer is asked for in a unit: "in minutes"."""
    return isinstance(value, Noun) and not value.determiner and value.head in MEASURES | {"cent", "dollar", "euro", "dozen"}


def _kind(term: Term) -> set[str]:
    return {term.unit, *term.adjectives}


def _names(said: tuple[str, ...], noun: Noun | None) -> bool:
    return noun is not None and said[-1] == noun.name


_SAME = {("person", "friend"), ("person", "people"), ("one", "person")}
_OPPOSITES = [{"girl", "boy"}, {"man", "woman"}, {"adult", "child"}, {"empty", "taken"}, {"empty", "occupied"}]


def _opposite(said: tuple[str, ...], q: Question) -> bool:
    words = {q.noun.head if q.noun else ""} | {item.quantity.head for item in q.items if isinstance(item, Item) and isinstance(item.quantity, Noun)}
    words |= {q.subject.head} if isinstance(q.subject, Noun) else set()
    return any({said[-1], word} == pair for word in words for pair in _OPPOSITES)


def _covers(atoms: list[Term], every: frozenset[int]) -> Iterator[list[Term]]:
    """Choices of atoms that use each number once; those without a number (an hour) belong to all."""
    fixed = [atom for atom in atoms if not atom.uses]
    numbered = [atom for atom in atoms if atom.uses]

    def extend(start: int, used: frozenset[int], chosen: list[Term]) -> Iterator[list[Term]]:
        if used == every:
            yield [*chosen, *fixed]
            return
        for index in range(start, len(numbered)):
            if not numbered[index].uses & used:
                yield from extend(index + 1, used | numbered[index].uses, [*chosen, numbered[index]])

    if len(numbered) <= 10:  # noqa: PLR2004
        yield from extend(0, frozenset(), [])


_ = Part, Post, share_of, takes_in
