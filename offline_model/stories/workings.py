"""Questions that are worked out from rates, prices and shares."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from offline_model.stories import bill, ledger
from offline_model.stories.averages import are_periods
from offline_model.stories.clauses import (
    Count,
    Item,
    Noun,
)
from offline_model.stories.doings import EARNING
from offline_model.stories.fitting import MEASURED
from offline_model.stories.nouns import LENGTHS, TIMES, conversion, takes_in
from offline_model.stories.remainders import Remainders
from offline_model.stories.terms import MONEY, Term, chain, compared, figure, less, plain, plus, times, uses
from offline_model.stories.told import EVERYONE

_FILLING = frozenset({"fill", "pack", "make", "cut", "pour", "get"})
_SAME = {("person", "friend"), ("person", "people"), ("one", "person")}


class Workings(Remainders):
    def _multiplied(self) -> Iterable[Term | None]:
        q = self.question
        if {"left", "now", "more"} & self.kinds or q.more or "average" in self.kinds:
            return []
        target = Counter([self.unit])
        pers = [post.value.head for post in q.posts if post.kind == "per" and isinstance(post.value, Noun)]
        if isinstance(q.subject, Noun) and q.subject.determiner == "each":
            pers.append(q.subject.head)
        if self._is_another_move() or self._is_another_flow() or (self.unit == MONEY and bill.is_of_one(self)):
            return []
        if q.form == "what" and not self._of_money() and not (q.noun and q.noun.head in MEASURED):
            return self._speed()
        going = any(entry.sign < 0 and ledger.of_unit(entry.term, self.unit) for entry in self.story.entries)
        if going and not pers and q.verb is not None and q.verb.kind in {"BE", "HAVE", "REMAIN", "ACT"}:
            return []
        target.subtract(pers)
        atoms = [*self._packed(), *self.extras]
        every = frozenset().union(*(atom.uses for atom in atoms)) if atoms else frozenset()
        return [*self._chains(atoms, target, every)]

    def _is_another_flow(self) -> bool:
        """Whether it is asked what one spends, and told of what one earns each month so much is saved."""
        flows = [e for e in self.story.entries if e.term and e.term.per and e.term.unit == self.unit == MONEY]
        shares = len(flows) > 1 and flows[0].term is not None and flows[-1].term is not None
        if not shares or not flows[0].term or not flows[-1].term or not flows[0].term.uses < flows[-1].term.uses:
            return False
        return self.question.verb is None or self.question.verb.lemma != flows[-1].verb.lemma

    def _packed(self) -> list[Term]:
        """The amounts and rates; what several picked is one amount if they pack it together."""
        story = self.story
        sizes = [atom for atom in story.atoms if atom.per == (self.unit,)]
        if len(sizes) != 1 or not story.packer:
            return story.atoms
        goods = [e for e in story.entries if e.term and e.term.unit == sizes[0].unit]
        theirs = story.packer in {EVERYONE, *(entry.owner for entry in goods)}
        alone = story.packer == EVERYONE or all(entry.owner == story.packer for entry in goods)
        terms = [entry.term for entry in goods if entry.term and entry.sign in {0, 1} and not entry.term.per]
        if len(goods) < 2 or len(terms) < len(goods) or not (theirs and alone):  # noqa: PLR2004
            return story.atoms
        return [*(atom for atom in story.atoms if atom not in terms), plus(terms)]

    def _is_another_move(self) -> bool:
        """Whether it is asked how far one flies, and told how one walks."""
        verb = self.question.verb
        moves = {each.lemma for each in self.story.verbs if each.kind == "MOVE"}
        going = {"go", "travel", "move", "cover", "come"}
        return (
            verb is not None
            and verb.kind == "MOVE"
            and bool(moves)
            and not ({verb.lemma, *moves} & going or verb.lemma in moves)
        )

    def _chains(self, atoms: list[Term], target: Counter[str], every: frozenset[int]) -> Iterator[Term]:
        if not any(atom.per for atom in atoms):
            return
        for chosen in _covers(atoms, every):
            plain_units = [atom.unit for atom in chosen if not atom.per]
            rates = [(atom.unit, atom.per) for atom in chosen if atom.per]
            if len(set(plain_units)) < len(plain_units) or len(set(rates)) < len(rates):
                continue  # two amounts of one kind are added, never multiplied
            yield from (replace(found, unit=self.unit) for found in chain(chosen, target))

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
        averaged = (q.noun is not None and q.noun.words[0] == "average") or "average" in self.kinds
        entries = [entry for entry in self.story.entries if entry.term is not None]
        if averaged and not are_periods(q, [entry.label or entry.owner for entry in entries]):
            return []
        alike = len({(entry.term.unit, entry.sign) for entry in entries if entry.term}) == 1
        if not averaged or not alike or len(entries) == 1:
            return []
        return [times(plus([entry.term for entry in entries if entry.term]), plain(len(entries)), over=True)]

    def _sum(self) -> Iterable[Term | None]:
        q = self.question
        terms = [entry.term for entry in self.story.entries if entry.term is not None]
        if (
            q.noun is None
            or q.noun.words[0].casefold() != "total"
            or len({entry.sign for entry in self.story.entries}) != 1
        ):
            return []
        if len({(term.unit, term.per) for term in terms}) != 1 or terms[0].unit == MONEY or terms[0].per:
            return []
        return [plus(terms)]

    def _named_level(self) -> Iterable[Term | None]:
        q = self.question
        if q.noun is None or q.items:
            return []
        own = [entry for entry in self.story.entries if entry.owner == q.noun.name and entry.term]
        if self._is_before():
            return []
        return [ledger.level(self.story, q.noun.name, own[0].term.unit)] if own and own[0].term else []

    def _profit(self) -> Iterable[Term | None]:
        q = self.question
        money = [
            entry for entry in self.story.entries if entry.term and entry.term.unit == MONEY and not entry.term.per
        ]
        gone = [entry.term for entry in money if entry.sign < 0 and entry.term]
        came = [entry.term for entry in money if entry.sign > 0 and entry.term]
        sold = [e.term for e in self.story.entries if e.verb.lemma == "sell" and e.term and e.term.unit != MONEY]
        if not gone and len(sold) == 1:
            gone = [times(p.term, sold[0]) for p in self.story.prices if p.term.per == (sold[0].unit,)]
        if q.noun is None or q.noun.head != "profit" or not gone or not came:
            return []
        if self.story.adjustments or self.story.doubts:
            return []
        return [replace(less(plus(came), plus(gone)), per=())]

    def _taken_in(self) -> Iterable[Term | None]:
        """What is earned with all that is sold, of one kind at one price."""
        q, story = self.question, self.story
        sold = [entry.term for entry in story.entries if entry.verb.lemma == "sell" and entry.term and entry.sign < 0]
        earning = q.verb is not None and (q.verb.lemma in EARNING)
        if not earning or self.unit != MONEY or len(story.prices) != 1 or q.more or {"each", "per"} & self.kinds:
            return []
        rate = story.prices[0].term
        if not sold or any((term.unit,) != rate.per for term in sold) or len(sold) != len(story.entries):
            return []
        return [replace(times(plus(sold), replace(rate, per=())), unit=MONEY)]

    def _needed(self) -> Iterable[Term | None]:
        """We need 60 chairs and have 38: how many more do we need?"""
        q = self.question
        needs = [term for term in self.story.needs if term.unit == self.unit and not term.per]
        if self.unit == MONEY and not self.story.needs and len(self.story.prices) == 1 and self._is_saved():
            needs = [self.story.prices[0].whole]
        if q.more != "+" or len(needs) != 1 or q.verb is None or q.verb.kind != "NEED" or "than" in self.kinds:
            return []
        held = ledger.level(self.story, self.owner(), self.unit)
        return [less(needs[0], held)] if held is not None else []

    def _is_saved(self) -> bool:
        """Whether of one thing it is said what it costs, and else only what is saved."""
        others = [entry for entry in self.story.entries if entry.verb.kind != "COST"]
        costs = [entry for entry in self.story.entries if entry.verb.kind == "COST"]
        saved = all(entry.verb.lemma == "save" and entry.sign == 1 for entry in others)
        return len(costs) == 1 and bool(others) and saved and not self.story.adjustments and not self.story.doubts

    def _of_kinds(self) -> Iterable[Term | None]:
        """3 more cats than dogs, of which there are 2."""
        q = self.question
        found = [each for each in self.story.kinds if self.unit in (each.unit, each.than)]
        if q.form != "many" or len(found) != 1 or q.more or {"total", "each", "per", "left"} & self.kinds:
            return []
        [kinds] = found
        forward = self.unit == kinds.unit
        known = kinds.than if forward else kinds.unit
        other = ledger.level(self.story, kinds.owner, known)
        if other is None and ledger.holders(self.story, known) == [""]:
            other = ledger.level(self.story, "", known)
        if other is None:
            return []
        if forward or kinds.sign != "*":
            sign = kinds.sign if forward else "-" if kinds.sign == "+" else "+"
            return [replace(compared(other, sign, kinds.by), unit=self.unit)]
        return [replace(times(other, kinds.by, over=True), unit=self.unit)]

    def _until(self) -> Iterable[Term | None]:
        """I need $300, have $120 and save $30 a week: for how many weeks?"""
        q, needs = self.question, self.story.needs
        if self.unit not in TIMES or len(needs) != 1 or needs[0].per or q.more:
            return []
        theirs = [entry for entry in self.story.entries if entry.term and entry.term.unit == needs[0].unit]
        held = [entry.term for entry in theirs if entry.term and entry.sign == 0]
        rates = [entry.term for entry in theirs if entry.term and entry.sign == 1 and entry.term.per == (self.unit,)]
        if len(held) != 1 or len(rates) != 1 or len(theirs) != 2:  # noqa: PLR2004
            return []
        return [replace(times(less(needs[0], held[0]), rates[0], over=True), unit=self.unit)]

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
        if (
            q.form != "many"
            or not isinstance(q.whole, Count)
            or q.verb is None
            or q.verb.lemma not in _FILLING
            or q.whole.noun is not None
        ):
            return []
        if len(self.extras) != 1:
            return []
        size = Term(figure(q.whole.figure), self.unit, uses=uses(q.whole.figure))
        return [replace(times(self.extras[0], size, over=True), unit=self.unit)]

    def _sized(self) -> Iterable[Term | None]:
        """How many 250 ml glasses can be filled from 2 liters?"""
        q = self.question
        if q.form != "many" or not isinstance(q.whole, Count) or q.whole.noun is None or self.extras:
            return []
        held = [entry.term for entry in self.story.entries if entry.term and entry.sign == 0]
        if len(held) != 1 or len(self.story.entries) != 1 or q.verb is None or q.verb.lemma not in _FILLING:
            return []
        size = Term(figure(q.whole.figure), q.whole.noun.head, uses=uses(q.whole.figure))
        factor = conversion(held[0].unit, size.unit)
        if factor is None:
            return []
        return [replace(times(times(held[0], plain(factor)), size, over=True), unit=self.unit)]

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
        if any(
            name != count.unit and not takes_in(name, count.unit) and (name, count.unit) not in _SAME for name in named
        ):
            return []
        if whole is None:
            return [times(bill.total(self.story), count, over=True)] if self.unit == MONEY else []
        if q.form == "many" and q.noun is not None and whole.unit != self.unit:
            return []
        return [times(whole, count, over=True)]


def _kind(term: Term) -> set[str]:
    return {term.unit, *term.adjectives}


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
