"""What one sentence says, in the terms of its grammar: clauses with a subject, a verb, items and their modifiers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from offline_model.stories.nouns import singular


@dataclass(frozen=True)
class Noun:
    """A noun phrase. `determiner` is "the", "a", "each" or empty."""

    words: tuple[str, ...]
    of: tuple[str, ...] = ()
    determiner: str = ""
    aged: "Figure | None" = field(default=None, compare=False)
    """The age, of "an 8-year-old girl"."""

    @cached_property
    def head(self) -> str:
        return singular(self.words[-1])

    @cached_property
    def adjectives(self) -> frozenset[str]:
        """What tells it from others of its kind: red (marbles), (pieces) of candy."""
        return frozenset(singular(word) for word in (*self.words[:-1], *self.of))

    @cached_property
    def name(self) -> str:
        """How the phrase is known in a story: "the red boxes" and "red box" are the same."""
        return " ".join([*(word.casefold() for word in self.words[:-1]), self.head])

    def __str__(self) -> str:
        return " ".join([*self.words, *(("of", *self.of) if self.of else ())])


@dataclass(frozen=True)
class Pronoun:
    word: str


@dataclass(frozen=True)
class There:
    pass


@dataclass(frozen=True)
class Names:
    """Several that do something together or each."""

    nouns: tuple[Noun, ...]
    others: "Count | None" = None
    """Those who are counted: her two friends."""


@dataclass(frozen=True)
class Figure:
    """A number of the text. `at` tells it from other numbers of the same value."""

    text: str
    at: int
    currency: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Count:
    figure: Figure
    noun: Noun | None
    more: bool = False


@dataclass(frozen=True)
class Part:
    """A share of something: of a quantity, of what a noun names, of "them", or of what was spoken of last (None)."""

    share: Figure
    of: "Quantity | Noun | Pronoun | None" = None
    noun: Noun | None = None


@dataclass(frozen=True)
class Grouped:
    groups: Count
    each: Count


@dataclass(frozen=True)
class Compared:
    """`sign` is "+", "-", "*": so much more or less than, or so many times, what `than` has; "+%" and "-%": a share."""

    sign: str
    figure: Figure
    noun: Noun | None
    than: "Noun | Pronoun | str | None" = None
    """A noun, a pronoun, a time ("Monday"), or what was spoken of last (None)."""


@dataclass(frozen=True)
class Some:
    noun: Noun | None


@dataclass(frozen=True)
class Rest:
    noun: Noun | None = None


@dataclass(frozen=True)
class OutOf:
    """36 of the 90 guests."""

    some: Count
    all: Count


Quantity: TypeAlias = Count | Part | Grouped | Compared | Some | Rest | OutOf


def in_words(quantity: object) -> str:  # noqa: PLR0911 - one for each type
    """A quantity as a reader would name it."""
    match quantity:
        case Noun():
            return str(quantity)
        case Count(figure=Figure(text=text, currency=currency), noun=noun):
            return f"{currency}{text} {noun}" if noun else f"{currency}{text}"
        case OutOf(some=some, all=every):
            return f"{in_words(some)} of {in_words(every)}"
        case Rest():
            return "the rest"
        case Some():
            return "some"
        case Part(of=of):
            return f"a share of {in_words(of)}" if of else "a share"
        case Compared(figure=Figure(text=text)):
            return text
        case _:
            return "it"


@dataclass(frozen=True)
class Post:
    """A modifier: its kind ("per", "for", "left", ...) and what it holds."""

    kind: str
    value: "Noun | Quantity | Pronoun | Item | Clause | Adjustment | str | None" = None

    def __str__(self) -> str:
        match self.value:
            case str() as word:
                return f"{self.kind} {word}"
            case Count(figure=Figure(text=text)):
                return f"{self.kind} {text}"
            case _:
                return self.kind


@dataclass(frozen=True)
class Item:
    quantity: "Quantity | Noun | Pronoun | None"
    posts: tuple[Post, ...] = ()


@dataclass(frozen=True)
class Adjustment:
    """A change of a bill. `kind` is "discount", "tax", "tip", "fee", "coupon" or "refund"."""

    kind: str
    amount: Figure
    words: str = ""


@dataclass(frozen=True)
class Growth:
    """`way` is "grow", "shrink", "multiply", "simple" or "compound"; `share` each `unit`, for so many of them."""

    way: str
    capital: "Quantity | Noun | Pronoun | None"
    share: Figure | None
    factor: str = ""
    unit: str = ""
    lasting: Count | None = None


@dataclass(frozen=True)
class Deal:
    """Of so many that are bought together with so many that are free, only the first are paid for."""

    bought: Figure
    free: Figure


@dataclass(frozen=True)
class ShareOut:
    """What is to be shared out, and among how many."""

    item: Item


Subject: TypeAlias = Noun | Pronoun | There | Names | Item


@dataclass(frozen=True)
class Verb:
    lemma: str
    kind: str
    passive: bool = False


@dataclass(frozen=True)
class Clause:
    subject: Subject | None
    verb: Verb
    items: tuple[Item | Adjustment, ...] = ()
    leads: tuple[Post, ...] = ()
    to: Noun | Pronoun | None = None
    perfect: bool = False
    """It has been done: it may be counted in what there is, or not."""
    wanted: bool = False
    """It is not done yet: she wants to buy."""


@dataclass(frozen=True)
class Entries:
    """A list without a verb."""

    items: tuple[Item | Adjustment, ...]


@dataclass(frozen=True)
class Question:
    """`form` is "many", "much", "far", "long", "tall", "what", "which", "who"; `noun` is what is asked for."""

    form: str
    noun: Noun | None = None
    subject: Subject | None = None
    verb: Verb | None = None
    posts: tuple[Post, ...] = ()
    items: tuple[Item | Adjustment, ...] = ()
    more: str = ""
    """"+" or "-" if it asks how much more or less."""
    than: "Noun | Pronoun | str | None" = None
    whole: "Quantity | Noun | None" = None
    """Of what a percentage is asked, or the size of the groups that are asked for."""
    extreme: str = ""
    """"least" or "most"."""
    sort: str = ""
    """Of what it is the least or the most: "CHEAP", "MORE", "OLDER", ..., kinds of words."""
    future: bool = False
    """What would be then: how much will be left."""
    listed: "tuple[Item | Adjustment, ...]" = ()
    """What is stated in the question itself: 3 pens at $2 each."""
    gap: bool = False
    """Whether it is asked by how much, too."""


Statement: TypeAlias = Clause | Entries | Growth | Deal


@dataclass(frozen=True)
class Sentence:
    clauses: tuple[Statement, ...]
    questions: tuple[Question, ...] = ()
