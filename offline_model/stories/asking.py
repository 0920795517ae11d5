"""Questions -> every way the facts answer them. One that leaves a number of the text unused is no answer."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from offline_model.lexeme import Unread
from offline_model.stories import bill, growth, ledger, shapes
from offline_model.stories.clauses import Count, Item, Noun, Part, Post, Pronoun, Question, There
from offline_model.stories.facts import EVERYONE, Entry, Story, _said
from offline_model.stories.nouns import LENGTHS, MEASURES, TIMES, conversion, takes_in
from offline_model.stories.terms import MONEY, Term, chain, figure, is_time, less, plain, plus, share_of, times, uses

_MEASURES = MEASURES | {"", "degree", MONEY}
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
        self.extras = list(self._extras())

    # ---- what is asked for ------------------------------------------------------------------------------------------
    def _unit(self) -> str:
        q = self.question
        units = [entry.term.unit for entry in self.story.entries if entry.term] + [a.unit for a in self.story.atoms]
        units += [relation.unit for relation in self.story.relations]
        if q.form == "many" and q.noun:
            return q.noun.head
        if q.form == "far":
            return next((unit for unit in units if unit in LENGTHS), "")
        if q.form in {"long", "tall"}:
            wanted = TIMES if q.verb and q.verb.lemma == "take" else LENGTHS | {"year"}
            return next((unit for unit in units if unit in wanted), "hour" if wanted is TIMES else "")
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
                head = value.noun.head if value.noun else MONEY if value.figure.currency else ""
                yield Term(figure(value.figure), MONEY if value.figure.currency else head, uses=uses(value.figure), adjectives=value.noun.adjectives if value.noun else frozenset())
            elif isinstance(value, Noun) and value.determiner in {"a", ""} and value.head in TIMES:
                yield replace(plain(1), unit=value.head)

    # ---- the ways to an answer -----------------------------------------------------------------------------------------
    def ways(self) -> Iterator[Found]:
        if self.question.form == "what":
            tried = (self._bill, self._average, self._gap, self._grown, self._multiplied, self._shape, self._done)
        else:
            tried = (
                self._held, self._done, self._multiplied, self._bill, self._subset, self._shared, self._grown, self._shape,
                self._percent, self._converted,
            )  # fmt: skip
        for way in tried:
            try:
                yield from (found if isinstance(found, Found) else Found(found) for found in way() if found is not None)
            except Unread:
                continue

    def owner(self) -> str:
        q = self.question
        if q.subject is None or isinstance(q.subject, There | Item):
            return EVERYONE
        if isinstance(q.subject, Pronoun | Noun):
            return self.story.owner(q.subject)
        return EVERYONE

    def _held(self) -> Iterable[Term | None]:
        q = self.question
        kind = q.verb.kind if q.verb else "BE"
        if kind not in _HELD | {"NEED", "WEIGH"} or "per" in self.kinds or "each" in self.kinds:
            return []
        owner = self.owner()
        if q.more:
            return self._difference(owner)
        if "first" in self.kinds:
            return [ledger.started(self.story, owner, self.unit)]
        having = ledger.holders(self.story, self.unit)
        if owner == EVERYONE and len(having) > 1 and not self._of_all():
            return []
        found = [self._level(owner)]
        if "total" in self.kinds or self._names_all(having):
            found.append(self._level(EVERYONE))
        return found

    def _of_all(self) -> bool:
        q = self.question
        return bool({"total", "done"} & self.kinds) or isinstance(q.subject, Pronoun | There) or q.subject is None

    def _names_all(self, having: list[str]) -> bool:
        """Whether the subject, such as "the boxes", names all that are spoken of."""
        subject = self.question.subject
        plural = isinstance(subject, Noun) and subject.words[-1].casefold() != subject.head
        return plural and isinstance(subject, Noun) and all(each.split()[-1] == subject.head for each in having)

    def _level(self, owner: str) -> Term | None:
        spans = [atom for atom in self.story.atoms if is_time(atom.unit) and not atom.per]
        return ledger.level(self.story, owner, self.unit, [*self.extras, *spans] , self.adjectives)

    def _difference(self, owner: str) -> Iterable[Term | None]:
        q = self.question
        than = next((post.value for post in q.posts if post.kind == "than"), None)
        if isinstance(than, Noun) and than.name in ledger.holders(self.story, self.unit):
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
        if q.verb is None or q.verb.kind in {"BE", "HAVE", "COST", "NEED", "REMAIN"}:
            return []
        if {"per", "each", "left"} & self.kinds - ({"per"} if "average" in self.kinds else set()):
            return []
        owner = self.owner()
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
        if "average" in self.kinds:
            return [times(total, plain(len(chosen)), over=True)] if len(chosen) > 1 else []
        return [total]

    def _chosen(self, entry: Entry, owner: str) -> bool:
        assert self.question.verb is not None
        return (
            entry.verb.lemma == self.question.verb.lemma
            and (entry.term is None or ledger.of_unit(entry.term, self.unit, self.adjectives))
            and (owner == EVERYONE or entry.owner == owner)
            and (not self.labels or entry.label in self.labels)
        )

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
        if q.noun and q.noun.head == "speed" and not q.items and len(rates) == 1:
            return rates
        return []

    def _average(self) -> Iterable[Term | None]:
        q = self.question
        averaged = q.noun is not None and q.noun.words[0] == "average" or "average" in self.kinds
        entries = [entry for entry in self.story.entries if entry.term is not None]
        if not averaged or len(entries) < 2 or len({(entry.term.unit, entry.sign) for entry in entries if entry.term}) > 1:  # noqa: PLR2004
            return []
        return [times(plus([entry.term for entry in entries if entry.term]), plain(len(entries)), over=True)]

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
        if not self._of_each() or len(self.story.shared) != 1:
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

    def _of_each(self) -> bool:
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
            yield from (replace(found, unit=self.unit) for found in chain(chosen, target))

    def _bill(self) -> Iterable[Term | None]:
        return bill.ways(self)

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


def _names(said: tuple[str, ...], noun: Noun | None) -> bool:
    return noun is not None and said[-1] == noun.name


_SAME = {("person", "friend"), ("person", "people"), ("one", "person")}
_OPPOSITES = [{"girl", "boy"}, {"man", "woman"}, {"adult", "child"}, {"red", "blue"}]


def _opposite(said: tuple[str, ...], q: Question) -> bool:
    words = {q.noun.head if q.noun else ""} | {item.quantity.head for item in q.items if isinstance(item, Item) and isinstance(item.quantity, Noun)}
    words |= {q.subject.head} if isinstance(q.subject, Noun) else set()
    return any({said[-1], word} == pair for word in words for pair in _OPPOSITES[:3])


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
