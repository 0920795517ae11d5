"""The rules of story.lark for nouns, quantities and modifiers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lark import Token

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Compared,
    Count,
    Figure,
    Grouped,
    Item,
    Names,
    Noun,
    OutOf,
    Part,
    Post,
    Pronoun,
    Rest,
    Some,
)
from offline_model.stories.tree import QUANTITIES, first_of, kinds_of, of_type


class Phrases:
    subject = recipient = ref = object = post = lead = staticmethod(lambda children: children[0])
    arg = staticmethod(lambda children: children[-1])
    pronoun = staticmethod(lambda children: Pronoun("each" if children[0].type == "EACH" else str(children[0]).lower()))

    @staticmethod
    def one_of(children: list[Any]) -> Count:
        return Count(Figure("1", -1), _noun(children, ""))

    @staticmethod
    def and_others(children: list[Any]) -> Names:
        """Greta and her two friends."""
        one, noun = of_type(children, Noun)
        return Names((one,), Count(first_of(children, Figure), noun))

    @staticmethod
    def placed(children: list[Any]) -> Noun:
        one, place = of_type(children, Noun)
        made: Noun = replace(one, of=(*one.of, *place.words))
        return made

    @staticmethod
    def aged(children: list[Any]) -> Noun:
        noun: Noun = first_of(children, Noun)
        return replace(noun, aged=first_of(children, Figure))

    names = staticmethod(lambda children: Names(tuple(of_type(children, Noun))))
    ratio_unit = staticmethod(lambda children: Post("per", first_of(children, Noun)))
    out_of = staticmethod(lambda children: Post("of", children[-1]))
    each_of = staticmethod(lambda children: Item(children[-1], (Post("each"),)))
    word = staticmethod(lambda children: str(children[0]))

    @staticmethod
    def words(children: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        at = next((i for i, child in enumerate(children) if isinstance(child, Token) and child.type == "OF"), None)
        if at is None:
            return split_words(children), ()
        return split_words(children[:at]), split_words(
            [child for child in children[at:] if not isinstance(child, Token)]
        )

    noun = staticmethod(lambda children: _noun(children, ""))
    unit = noun
    noun_of_one = staticmethod(lambda children: Noun((children[0],)))
    noun_the = staticmethod(lambda children: _noun(children, "the"))
    noun_aged = staticmethod(
        lambda children: replace(_noun(children, "a" if "A" in kinds_of(children) else "the"), aged=children[1])
    )
    noun_a = staticmethod(lambda children: _noun(children, "a"))
    noun_interest = staticmethod(lambda _children: Noun(("interest",), determiner="the"))
    counted_times = staticmethod(lambda children: Count(first_of(children, Figure), Noun(("times",))))
    noun_value = staticmethod(lambda _children: Noun(("value",), determiner="the"))
    average_of = staticmethod(
        lambda children: Noun(("average", *(children[-1][0] if isinstance(children[-1], tuple) else ())))
    )

    @staticmethod
    def hyphened(children: list[Any]) -> Count:
        """Such as "120-page book"."""
        noun = first_of(children, Noun)
        return Count(first_of(children, Figure), Noun(noun.words[:1]))

    noun_each = staticmethod(lambda children: _noun(children, "each"))

    @staticmethod
    def num(children: list[Token]) -> Figure:
        return Figure(str(children[0]), place_of(children[0]))

    @staticmethod
    def money(children: list[Token]) -> Figure:
        token = children[0]
        return Figure(str(token[1:]), place_of(token), str(token[0]))

    @staticmethod
    def share(children: list[Token]) -> Figure:
        return Figure(str(children[0]), place_of(children[0]), percent=children[0].type == "PERCENT")

    @staticmethod
    def ratio(children: list[Any]) -> Figure:
        if isinstance(children[0], Figure):
            return children[0]
        return Figure("2", place_of(children[0])) if children[0].type == "TWICE" else Phrases.share(children)

    @staticmethod
    def quantity(children: list[Any]) -> Count:
        return Count(first_of(children, Figure), None)

    counted = staticmethod(lambda children: Count(first_of(children, Figure), first_of(children, Noun)))
    priced = staticmethod(lambda children: Count(first_of(children, Figure), of_type(children, Noun)[-1]))
    bare_number = quantity
    counted_more = staticmethod(lambda children: Count(first_of(children, Figure), first_of(children, Noun), more=True))
    counted_then_more = counted_more
    some_of = counted
    bare_share = staticmethod(lambda children: Part(first_of(children, Figure)))

    @staticmethod
    def part(children: list[Any]) -> Part:
        of = first_of(children[1:], Noun, *QUANTITIES)
        if of is None:
            of = Pronoun("them")
        return Part(children[0], of)

    @staticmethod
    def of_rest(children: list[Any]) -> Part:
        return Part(children[0], Rest(first_of(children, Noun)))

    @staticmethod
    def grouped(children: list[Any]) -> Grouped:
        (one, two), nouns = of_type(children, Figure), of_type(children, Noun)
        return Grouped(Count(one, nouns[0]), Count(two, nouns[1] if len(nouns) > 1 else None))

    one_group = staticmethod(
        lambda children: Grouped(Count(Figure("1", -1), of_type(children, Noun)[0]), _counted(children[-2:]))
    )
    some_of_all = staticmethod(
        lambda children: OutOf(
            Count(of_type(children, Figure)[0], None), Count(of_type(children, Figure)[1], first_of(children, Noun))
        )
    )
    as_long = staticmethod(
        lambda children: Item(
            next(c for c in children if isinstance(c, Count)),
            (Post("of", children[0]), Post("long", str(children[-1]).lower())),
        )
    )

    @staticmethod
    def more_than(children: list[Any]) -> Compared:
        return _compared("+", children)

    @staticmethod
    def less_than(children: list[Any]) -> Compared:
        return _compared("-", children)

    @staticmethod
    def times_as(children: list[Any]) -> Compared:
        return _compared("*", children)

    @staticmethod
    def share_more(children: list[Any]) -> Compared:
        return _compared("+%", children)

    @staticmethod
    def share_less(children: list[Any]) -> Compared:
        return _compared("-%", children)

    some = staticmethod(lambda children: Some(first_of(children, Noun)))
    rest = staticmethod(lambda children: Rest(first_of(children, Noun)))
    when_ref = staticmethod(lambda children: str(children[-1]).lower())
    when_of = when_ref

    when = staticmethod(lambda children: Post("when", str(children[0]).lower()))
    nothing = staticmethod(lambda _children: Post("nothing"))
    left = staticmethod(lambda _children: Post("left"))
    now = staticmethod(lambda _children: Post("now"))
    first = staticmethod(lambda _children: Post("first"))
    total = staticmethod(lambda _children: Post("total"))
    average = staticmethod(lambda _children: Post("average"))
    each = staticmethod(lambda _children: Post("each"))
    equally = staticmethod(lambda _children: Post("equally"))

    of_what_one_does = staticmethod(lambda children: children[0])

    @staticmethod
    def of_it(children: list[Any]) -> Post:
        if str(children[-1]).lower() not in {"it", "them", "that"}:
            raise Unread(f'"{children[-1]}": it is not said who that is')
        return Post("nothing")

    @staticmethod
    def often(children: list[Any]) -> Post:
        times = first_of(children, Figure) or Figure("2", place_of(children[0]))
        return Post("often", Count(times, first_of(children, Noun)))

    ordinal = staticmethod(lambda children: children[0])
    in_order = staticmethod(
        lambda children: Post("when", " ".join(str(c.words[0] if isinstance(c, Noun) else c).lower() for c in children))
    )
    per_count = staticmethod(lambda children: Post("per_count", _counted(children)))
    per = staticmethod(lambda children: Post("per", first_of(children, Noun)))
    pp = staticmethod(lambda children: Post(children[0], first_of(children[1:], Noun, Adjustment, *QUANTITIES)))
    pp_both = staticmethod(lambda children: Post(str(children[0]).lower(), first_of(children, Noun)))
    of_lead = staticmethod(lambda children: Post("of", first_of(children, *QUANTITIES)))
    than = staticmethod(lambda children: Post("than", children[-1]))
    long = staticmethod(lambda children: Post("long", str(children[0]).lower()))
    prep = staticmethod(lambda children: str(children[0]).lower())


def _noun(children: Sequence[Any], determiner: str) -> Noun:
    words, of = children[-1]
    return Noun(words, of, determiner)


def split_words(words: Sequence[str]) -> tuple[str, ...]:
    """Phrases that were found as one, in words."""
    return tuple(" ".join(words).split())


def place_of(token: Token) -> int:
    """Where in the text the number is."""
    assert token.end_pos is not None
    return token.end_pos


def _counted(children: Sequence[Any]) -> Count:
    return Count(first_of(children, Figure), first_of(children, Noun))


def _compared(sign: str, children: list[Any]) -> Compared:
    figure = next(child for child in children if isinstance(child, Figure))
    rest = children[children.index(figure) + 1 :]
    cut = next((i for i, child in enumerate(rest) if isinstance(child, Token) and child.type in {"THAN", "AS"}), None)
    before, after = (rest, []) if cut is None else (rest[:cut], rest[cut + 1 :])
    return Compared(sign, figure, first_of(before, Noun), after[0] if after else None)
