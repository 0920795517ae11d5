"""Questions -> every way the facts answer them. One that leaves a number of the text unused is no answer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from offline_model.lexeme import Unread
from offline_model.stories import bill, growth, shapes, together
from offline_model.stories.clauses import (
    Item,
    Noun,
    Pronoun,
    Question,
    Verb,
)
from offline_model.stories.fitting import fits
from offline_model.stories.nouns import MEASURES, conversion
from offline_model.stories.people import is_kin
from offline_model.stories.terms import MONEY, Term, is_time, less, plain, times
from offline_model.stories.told import NEUTRAL, is_year, said_words
from offline_model.stories.workings import Workings

# What only certain ways can find.
_OWN = {
    "change": ("_bill",),
    "profit": ("_profit",),
    "interest": ("_grown",),
    "speed": ("_multiplied",),
    "fence": ("_shape",),
    "fencing": ("_shape",),
    "carpet": ("_shape",),
}
_OPPOSITES = [
    {"girl", "boy"},
    {"man", "woman"},
    {"adult", "child"},
    {"empty", "taken"},
    {"empty", "occupied"},
    {"free", "occupied"},
    {"free", "taken"},
    {"absent", "present"},
    {"rotten", "good"},
    {"bad", "good"},
    {"broken", "good"},
    {"married", "single"},
    {"right", "wrong"},
    {"full", "empty"},
    {"open", "closed"},
    {"new", "old"},
    {"clean", "dirty"},
]


@dataclass(frozen=True)
class Found:
    term: Term
    percent: bool = False
    name: str = ""
    """Whose it is, if it is asked of each of several."""


class Asking(Workings):
    def of_several(self) -> tuple[Found, ...]:
        """What each of those has who have something together; empty if that is not asked."""
        q, named = self.question, together.owners(self.story, self.unit)
        each = isinstance(q.subject, Pronoun) and q.subject.word.startswith("each")
        if not (each or "each" in self.kinds) or self.extras or q.more:
            return ()
        terms = [together.solved(self.story, name, self.unit) for name in named]
        names = [str(self.story.nouns[name]) if name in self.story.nouns else name for name in named]
        return tuple(Found(term, name=name) for name, term in zip(names, terms, strict=True) if term is not None)

    def ways(self) -> Iterator[Found]:
        for way in self._tried():
            try:
                found = [each if isinstance(each, Found) else Found(each) for each in way() if each is not None]
                yield from (each for each in found if each.percent or fits(self.question, each.term.unit))
            except Unread:
                continue

    def _tried(  # noqa: C901, PLR0911, PLR0912 - one for each form
        self,
    ) -> tuple[Callable[[], Iterable[Term | Found | None]], ...]:
        """The ways that fit the form of the question."""
        q = self.question
        if self._is_stranger() or q.form in {"which", "each", "none"} or self._is_of_another_year():
            return ()
        if any(post.kind == "in" and _is_unit(post.value) for post in q.posts):
            return (self._multiplied,) if q.form == "what" else ()
        if q.form in {"gap", "ratio"}:
            return (self._between_two,)
        if q.form == "in years":
            return (self._years_until,)
        if "not" in self.kinds:
            return (self._subset, self._spared)
        if isinstance(q.subject, Pronoun) and q.subject.word == "each":
            return (self._shared,)
        if q.noun is not None and q.noun.head in _OWN:
            return tuple(getattr(self, name) for name in _OWN[q.noun.head])
        if q.form == "tall":
            return (self._jointly, self._held, self._shape)
        if q.form == "much" and q.noun is None and self._is_of_things():
            return ()
        if q.form == "share of":
            return (self._share_of,)
        if q.form == "percent":
            return (self._percent,)
        lemmas = {entry.verb.lemma for entry in self.story.entries}
        if q.verb is not None and q.verb.lemma == "save" and q.verb.lemma not in lemmas:
            return (self._bill,)
        predicate = isinstance(q.subject, Noun) and q.subject.determiner != "each"
        if q.form == "many" and q.noun and q.verb == Verb("be", "BE") and predicate and not q.more:
            return (self._subset,)
        if q.form == "many" and q.verb == Verb("be", "BE") and _is_predicate(q.subject):
            return (self._subset, self._shared, self._spared)
        if "object" in self.kinds:
            return (self._subset, self._done)
        always = (
            self._bill,
            self._jointly,
            self._multiplied,
            self._done,
            self._grown,
            self._shape,
            self._profit,
            self._taken_in,
            self._needed,
            self._until,
            self._left_to_go,
            self._played,
            self._loads,
            self._of_kinds,
        )
        if q.form == "what":
            return (*always, self._average, self._gap, self._sum, self._named_level)
        parts = (self._subset, self._shared, self._percent, self._by_kind)
        return (*always, self._held, *parts, self._converted, self._into, self._filled, self._sized)

    def _is_of_another_year(self) -> bool:
        """Whether years are named, and it is asked of another, or how old somebody is."""
        told = {entry.label for entry in self.story.entries if is_year(entry.label)}
        asked = {label for label in self.labels if is_year(label)}
        return bool(asked - told) or (bool(told) and self.unit == "year")

    def _is_stranger(self) -> bool:
        """Whether it is asked of somebody by name of whom nothing is told."""
        subject, story = self.question.subject, self.story
        if not isinstance(subject, Noun):
            return False
        kin = is_kin(subject.name) and subject.determiner == "the" and subject.words[-1].casefold() == subject.head
        if not kin and (subject.determiner or not subject.words[0][0].isupper()):
            return False
        told = {*story.people, *story.nouns, *(entry.owner for entry in story.entries)}
        told |= {name for each in story.relations for name in (each.owner, each.than)}
        told |= {name for joint in story.joints for name in joint.owners} | {price.noun.name for price in story.prices}
        return subject.name not in told and not any(subject.name == each.said[-1] for each in story.subsets)

    def _is_of_things(self) -> bool:
        """Whether it is asked how much somebody has or does of what is counted."""
        kind = self.question.verb.kind if self.question.verb else "BE"
        return self.unit not in MEASURES | {MONEY, "degree", ""} and kind not in {"BE", "REMAIN"}

    def _share_of(self) -> Iterable[Term | None]:
        """What is 15% of the $60 bill?"""
        [item] = self.question.items
        return [self.story.term(item.quantity)] if isinstance(item, Item) else []

    def _jointly(self) -> Iterable[Term | None]:
        q = self.question
        if (
            {"total", "each", "per", "left"} & self.kinds
            or q.more
            or q.items
            or q.verb is None
            or len(self.story.joints) != 1
        ):
            return []
        if q.verb.kind != self.story.joints[0].verb.kind:
            return []
        owner = self.story.nouns[self.owner()].name if self.owner() in self.story.nouns else self.owner()
        return [together.solved(self.story, owner, self.unit)]

    def _grown(self) -> Iterable[Term | None]:
        return growth.ways(self)

    def _percent(self) -> Iterable[Found]:
        q = self.question
        if q.form != "percent":
            return
        if self.story.changes and q.verb and q.whole is None:
            [(one, two)] = self.story.changes
            up = q.verb.kind == "RISE" or q.verb.lemma == "raise"
            part = less(two, one) if up else less(one, two)
            yield Found(replace(times(times(part, one, over=True), plain(100)), unit=""), percent=True)
        done = self._done_of_all()
        if q.whole is None and done is not None:
            yield Found(done, percent=True)
        for each in self.story.subsets:
            said = said_words(q.verb, [Item(None, q.posts)]) if q.verb else ()
            named = isinstance(q.subject, Noun) and q.subject.name == each.said[-1]
            if isinstance(q.whole, Noun) and q.whole.head == each.whole.unit and (named or said == each.said):
                yield Found(replace(times(times(each.term, each.whole, over=True), plain(100)), unit=""), percent=True)

    def _done_of_all(self) -> Term | None:
        """Out of 50 questions she answered 42: that share, in percent."""
        verb, entries = self.question.verb, [entry for entry in self.story.entries if entry.term]
        levels = [entry.term for entry in entries if entry.sign == 0]
        done = [entry.term for entry in entries if verb and entry.sign == NEUTRAL and entry.verb.lemma == verb.lemma]
        if len(entries) != 2 or len(levels) != 1 or len(done) != 1:  # noqa: PLR2004
            return None
        [one], [all_of] = done, levels
        if one is None or all_of is None or one.unit != all_of.unit:
            return None
        return replace(times(times(one, all_of, over=True), plain(100)), unit="")

    def _converted(self) -> Iterable[Term | None]:
        """How many minutes are in 3.5 hours?"""
        q = self.question
        if q.form != "many" or q.verb is None or q.verb.kind != "BE":
            return
        told = [
            entry.term for entry in self.story.entries if entry.term and is_time(entry.term.unit) == is_time(self.unit)
        ]
        if isinstance(q.subject, Pronoun) and q.subject.word == "that" and not self.extras and len(told) == 1:
            [given] = told
        elif len(self.extras) == 1:
            [given] = self.extras
        else:
            return
        factor = conversion(given.unit, self.unit)
        if factor is not None:
            yield replace(times(given, plain(factor)), unit=self.unit)

    def _bill(self) -> Iterable[Term | None]:
        return () if self._unspent() else bill.ways(self)

    def _subset(self) -> Iterable[Term | None]:
        q = self.question
        if q.form != "many" or q.verb is None:
            return []
        subjects = [Item(q.subject)] if isinstance(q.subject, Noun) else []
        objects = [Item(post.value) for post in q.posts if post.kind == "object" and isinstance(post.value, Noun)]
        posts = tuple(post for post in q.posts if post.kind != "object")
        said = said_words(q.verb, [*subjects, *objects, Item(None, posts)])
        found: list[Term | None] = [
            each.term for each in self.story.subsets if each.said == said or _names(each.said, q.noun)
        ]
        found += [less(each.whole, each.term) for each in self.story.subsets if _opposite(each.said, q)]
        for post in q.posts:
            denied = (q.verb.lemma, *([post.value.name] if isinstance(post.value, Noun) else []))
            if post.kind == "not":
                subsets = [each for each in self.story.subsets if each.said == denied]
                named = q.noun.head if q.noun else ""
                found += [less(e.whole, e.term) for e in subsets if not named or named == e.whole.unit]
        return found

    def _shape(self) -> Iterable[Term | None]:
        return shapes.ways(self)


def _is_predicate(subject: object) -> bool:
    """Such as "present", in "how many are present?"."""
    return isinstance(subject, Noun) and not subject.determiner and subject.words[0].islower()


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
