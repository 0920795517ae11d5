"""Questions -> every way the facts answer them. One that leaves a number of the text unused is no answer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from offline_model.lexeme import Unread
from offline_model.stories import bill, growth, shapes
from offline_model.stories.clauses import (
    Item,
    Noun,
    Question,
    Verb,
)
from offline_model.stories.nouns import MEASURES, conversion
from offline_model.stories.terms import Term, less, plain, times
from offline_model.stories.told import said_words
from offline_model.stories.workings import Workings

_OPPOSITES = [
    {"girl", "boy"},
    {"man", "woman"},
    {"adult", "child"},
    {"empty", "taken"},
    {"empty", "occupied"},
]


@dataclass(frozen=True)
class Found:
    term: Term
    percent: bool = False


class Asking(Workings):
    def ways(self) -> Iterator[Found]:
        for way in self._tried():
            try:
                yield from (found if isinstance(found, Found) else Found(found) for found in way() if found is not None)
            except Unread:
                continue

    def _tried(self) -> tuple[Callable[[], Iterable[Term | Found | None]], ...]:
        """The ways that fit the form of the question."""
        q = self.question
        if any(post.kind == "in" and _is_unit(post.value) for post in q.posts):
            return (self._multiplied,) if q.form == "what" else ()
        predicate = isinstance(q.subject, Noun) and q.subject.determiner != "each"
        if q.form == "many" and q.noun and q.verb == Verb("be", "BE") and predicate:
            return (self._subset,)
        if "object" in self.kinds:
            return (self._subset, self._done)
        always = (self._bill, self._multiplied, self._done, self._grown, self._shape, self._profit)
        if q.form == "what":
            return (*always, self._average, self._gap, self._sum, self._named_level)
        parts = (self._subset, self._shared, self._percent, self._by_kind)
        return (*always, self._held, *parts, self._converted, self._into, self._filled)

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
            said = said_words(q.verb, [Item(None, q.posts)]) if q.verb else ()
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

    def _bill(self) -> Iterable[Term | None]:
        return () if self._unspent() else bill.ways(self)

    def _subset(self) -> Iterable[Term | None]:
        q = self.question
        if q.form != "many" or q.verb is None:
            return []
        named = [Item(q.subject)] if isinstance(q.subject, Noun) else []
        objects = [Item(post.value) for post in q.posts if post.kind == "object" and isinstance(post.value, Noun)]
        posts = tuple(post for post in q.posts if post.kind != "object")
        said = said_words(q.verb, [*named, *objects, Item(None, posts)])
        found: list[Term | None] = [
            each.term for each in self.story.subsets if each.said == said or _names(each.said, q.noun)
        ]
        found += [less(each.whole, each.term) for each in self.story.subsets if _opposite(each.said, q)]
        return found

    def _shape(self) -> Iterable[Term | None]:
        return shapes.ways(self)


def _is_unit(value: object) -> bool:
    """Whether the answer is asked for in a unit: "in minutes"."""
    return (
        isinstance(value, Noun)
        and not value.determiner
        and value.head in MEASURES | {"cent", "dollar", "euro", "dozen"}
    )


def _names(said: tuple[str, ...], noun: Noun | None) -> bool:
    return noun is not None and said[-1] == noun.name


def _opposite(said: tuple[str, ...], q: Question) -> bool:
    words = {q.noun.head if q.noun else ""} | {
        item.quantity.head for item in q.items if isinstance(item, Item) and isinstance(item.quantity, Noun)
    }
    words |= {q.subject.head} if isinstance(q.subject, Noun) else set()
    return any({said[-1], word} == pair for word in words for pair in _OPPOSITES)
