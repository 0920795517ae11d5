"""What a story has told so far: who has how much, what came and went, prices, rates and amounts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Deal,
    Growth,
    Item,
    Names,
    Noun,
    Subject,
    There,
    Verb,
)
from offline_model.stories.people import gender, is_kin
from offline_model.stories.terms import Term, times

EVERYONE = "*"

NEUTRAL = 2

PLACES = frozenset({"in", "on", "at", "from", "to", "by", "with", "for", "into"})

AMONG = frozenset({"among", "between", "amongst", "in", "into", "to"})


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
class Kinds:
    """Of one kind `owner` has `sign` `by` what there is of another: 3 more cats than dogs."""

    owner: str
    unit: str
    sign: str
    by: Term
    than: str


@dataclass(frozen=True)
class Joint:
    """What several have together; `owners` is empty if it is all that are spoken of."""

    owners: tuple[str, ...]
    verb: Verb
    term: Term


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
    in_all: bool = False
    """The price is said to be that of all."""
    span: Term | None = None
    span_kind: str = ""
    rate: Term | None = None
    groups: Term | None = None
    inner: Term | None = None

    def settled(self) -> "Measured":
        if self.inner is not None and self.groups is not None:
            return replace(self, term=replace(times(self.inner, self.groups), per=self.groups.per), inner=None)
        return self

    def loose(self) -> list[Term]:
        """What it adds to the amounts and rates that may be multiplied."""
        if self.rate is not None and self.span is not None:
            return [self.rate, self.span]
        return [each for each in (self.term, self.span) if each is not None]


@dataclass
class Told:
    entries: list[Entry] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    atoms: list[Term] = field(default_factory=list)
    """Rates and amounts, each usable once in a product."""
    subsets: list[Subset] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    payments: list[Term] = field(default_factory=list)
    payers: set[str] = field(default_factory=set)
    shared: list[tuple[Term | None, Term]] = field(default_factory=list)
    """What is shared out, None for the bill, and among how many."""
    growths: list[Growth] = field(default_factory=list)
    kinds: list[Kinds] = field(default_factory=list)
    joints: list[Joint] = field(default_factory=list)
    worked: list[Term] = field(default_factory=list)
    verbs: set[Verb] = field(default_factory=set)
    """All that are told."""
    needs: list[Term] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Why it is not plain what is spent in all."""
    spare: bool = False
    """Whether ages and numbers that are names (of a house) are passed over and kept in `asides`, by their place."""
    serving: bool = False
    """Whether "300 g for 4 people" is a rate."""
    asides: dict[int, str] = field(default_factory=dict)
    nouns: dict[str, Noun] = field(default_factory=dict)
    """Those that do or have something, by their names, as they are written."""
    changes: list[tuple[Term, Term]] = field(default_factory=list)
    """From what to what."""
    shape: str = ""
    measures: list[tuple[str, Term]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    packer: str = ""
    """Who packed so much in each."""
    subject: str = ""
    mentioned: str = ""
    """The one named last, of whom "who" says something."""
    plural: bool = False
    subject_noun: Noun | None = None
    unit: str = ""
    noun: Noun | None = None
    last: Term | None = None
    label: str = ""

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

    def pronoun(self, word: str, but: str = "") -> str:  # noqa: PLR0911 - one for each kind of pronoun
        if word in {"i", "we", "me", "us", "you"}:
            return "i"
        if word == "they":
            return self.subject if self.plural or self._is_organisation() else EVERYONE
        if word == "who":
            return self.mentioned or self.subject
        if word in {"it", "them", "that"}:
            return self.subject  # none yet in "it was 18 degrees"
        if word in {"each", "both"}:
            return EVERYONE
        of = {"he": "m", "him": "m", "she": "f", "her": "f"}.get(word)
        if of is None:
            raise Unread(f'"{word}": it is not said who that is')
        goods = {price.noun.name for price in self.prices}
        found = [each for each in self.people if gender(each) in {of, ""} and each != but and each not in goods]
        if not found and not any(gender(each) in {"", of} for each in self.people if each not in goods):
            return "he" if of == "m" else "she"  # one who is not named
        if len(found) > 1:  # "Karen ... her mother gives her 5": she is Karen
            found = [each for each in found if not is_kin(each)]
        if len(found) != 1:
            raise Unread(f'"{word}": it could be {" or ".join(found) or "anyone"}')
        return found[0]

    def _is_organisation(self) -> bool:
        """Whether the one that is spoken of is such as "the library", of which "they" is said too."""
        noun = self.subject_noun
        if noun is None or len(self.people) != 1 or noun.determiner not in {"the", "a"} or is_kin(noun.name):
            return False
        return noun.words[-1][0].islower()

    def meet(self, subject: Subject | None) -> str:
        owner = self.owner(subject)
        if isinstance(subject, Noun):
            self.nouns.setdefault(owner, subject)
            if subject.aged is not None and self.spare:
                self.asides[subject.aged.at] = f"the age {subject.aged.text}"
            if owner not in self.people:
                self.people.append(owner)
            self.subject_noun = subject
            self.plural = subject.words[-1].casefold() != subject.head and subject.determiner != "a"
        if subject is not None and owner:
            self.subject = self.mentioned = owner
        return owner


def said_words(verb: Verb, items: Sequence[Item | Adjustment]) -> tuple[str, ...]:
    words = [verb.lemma]
    for item in items:
        if isinstance(item, Item):
            if isinstance(item.quantity, Noun):
                words.append(item.quantity.name)
            words += [f"{post.kind} {post.value.name}" for post in item.posts if isinstance(post.value, Noun)]
    return tuple(words)


def is_year(label: str) -> bool:
    return label.removeprefix("in ").isdecimal()


def same_time(label: str, said: str) -> bool:
    return _time(label) == _time(said)


def _time(label: str) -> str:
    first, _, rest = label.partition(" ")
    return rest if first in {"on", "in", "by", "at"} else label
