"""The rules of story.lark for questions."""

from dataclasses import replace
from typing import Any

from lark import Token

from offline_model.stories.clauses import (
    Adjustment,
    Count,
    Figure,
    Item,
    Names,
    Noun,
    Part,
    Post,
    Pronoun,
    Question,
    There,
    Verb,
)
from offline_model.stories.phrases import Phrases
from offline_model.stories.tree import QUANTITIES, first_of, flattened, kinds_of, of_type

_LESS = frozenset(
    "cheaper cheapest less least fewer younger youngest shorter shortest lighter lightest smaller lower".split()  # noqa: SIM905
)

_SORTS = {"CHEAP": "CHEAP", "OLDER": "OLDER", "YOUNGER": "OLDER"}


class Questions(Phrases):
    @staticmethod
    def how_many(children: list[Any]) -> Question:
        return _question("many", children)

    @staticmethod
    def how_much(children: list[Any]) -> Question:
        return _question("much", children)

    @staticmethod
    def how_far(children: list[Any]) -> Question:
        return _question("far", children)

    @staticmethod
    def how_long(children: list[Any]) -> Question:
        return _question("long", children)

    @staticmethod
    def how_tall(children: list[Any]) -> Question:
        return _question("tall", children)

    @staticmethod
    def what(children: list[Any]) -> Question:
        return _question("what", children)

    @staticmethod
    def what_is(children: list[Any]) -> Question:
        return Question("what", first_of(children, Noun) or Noun(("total",)), posts=tuple(of_type(children, Post)))

    what_total = what_is

    @staticmethod
    def what_of(children: list[Any]) -> Question:
        items = (Item(first_of(children, *QUANTITIES)),)
        return Question("what", first_of(children, Noun), posts=tuple(of_type(children, Post)), items=items)

    @staticmethod
    def what_percent(children: list[Any]) -> Question:
        made = _question("percent", children)
        whole = next((child for child in children if isinstance(child, (Noun, *QUANTITIES))), None)
        return replace(made, whole=whole, noun=None)

    what_each = staticmethod(lambda _children: Question("each"))

    @staticmethod
    def which(children: list[Any]) -> Question:
        extreme, sort = next(child[1:] for child in children if isinstance(child, tuple))
        verb = first_of(children, Verb)
        after = children[children.index(verb) :] if verb else children
        posts = tuple(of_type(children, Post))
        gap = "HOWMUCH" in kinds_of(children)
        return Question("which", first_of(after, Noun), None, verb, posts, extreme=extreme, sort=sort, gap=gap)

    @staticmethod
    def how_much_older(children: list[Any]) -> Question:
        kinds = kinds_of(children)
        nouns = of_type(children, Noun, Pronoun)
        unit = nouns.pop(0) if "HOWMANY" in kinds else None
        posts = (Post("than", nouns[1]),) if len(nouns) > 1 else ()
        more = "+" if "OLDER" in kinds else "-"
        return Question("many" if unit else "tall", unit, nouns[0], Verb("be", "BE"), posts, more=more)

    @staticmethod
    def how_much_of(children: list[Any]) -> Question:
        items = tuple(of_type(list(flattened(children)), Item, Adjustment))
        priced = all(isinstance(each, Adjustment) or any(map(_is_price, each.posts)) for each in items)
        return Question("what", Noun(("total",)), listed=items) if priced else Question("none")

    @staticmethod
    def how_many_than(children: list[Any]) -> Question:
        """How many more coffees than teas did it sell?"""
        noun, than = of_type(children, Noun)[:2]
        at = next(index for index, child in enumerate(children) if isinstance(child, Token) and child.type == "DO")
        made = _question("many", [noun, ("tail", tuple(children[at:]))])
        return replace(made, more="+", posts=(*made.posts, Post("than", than)))

    @staticmethod
    def how_many_not(children: list[Any]) -> Question:
        at = next(index for index, child in enumerate(children) if isinstance(child, Token) and child.type == "NOT")
        verb = first_of(children, Verb) or Verb("be", "BE")
        return Question(
            "many", first_of(children[:at], Noun), None, verb, (Post("not", first_of(children[at:], Noun)),)
        )

    @staticmethod
    def what_share(children: list[Any]) -> Question:
        return Question("share of", items=(Item(Part(*of_type(children, Figure, *QUANTITIES))),))

    @staticmethod
    def how_many_sized(children: list[Any]) -> Question:
        """Such as "how many 250 ml glasses"."""
        unit, noun = of_type(children, Noun)
        return replace(_question("many", children), noun=noun, whole=Count(first_of(children, Figure), unit))

    @staticmethod
    def extreme(children: list[Token]) -> tuple[str, str, str]:
        words = " ".join(str(child).lower() for child in children)
        kind = _SORTS.get(children[-1].type, "MORE")
        return "extreme", "least" if set(words.split()) & _LESS else "most", kind

    @staticmethod
    def share_out(children: list[Any]) -> Question:
        return Question("share", items=(Item(children[1], tuple(of_type(children, Post))),))

    @staticmethod
    def tail(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "tail", tuple(children)

    @staticmethod
    def tail_to_do(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        """How many does she (still) have to read? Those that are left."""
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        rest = [child for child in children[at + 1 :] if not isinstance(child, Verb)]
        return "tail", (*children[:at], Verb("have", "HAVE"), Post("left"), *rest)

    @staticmethod
    def tail_there(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "tail", (There(), *children)

    @staticmethod
    def tail_both(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "tail", (Pronoun("both"), *children)

    @staticmethod
    def gap_of_two(children: list[Any]) -> Question:
        return _of_two("gap", children)

    @staticmethod
    def ratio_of_two(children: list[Any]) -> Question:
        return _of_two("ratio", children)

    @staticmethod
    def ratio_as(children: list[Any]) -> Question:
        """How many times as big as 8 is 96?"""
        made = _of_two("ratio", children)
        return replace(made, items=tuple(reversed(made.items)))

    @staticmethod
    def in_years(children: list[Any]) -> Question:
        noun, *others = of_type(children, Noun, Pronoun)
        if noun.head != "year" or any(isinstance(each, Noun) and each.head == "year" for each in others[1:]):
            others = others[:1]
        return Question(
            "in years" if noun.head == "year" else "none",
            noun,
            others[0],
            Verb("be", "BE"),
            items=(Item(Count(first_of(children, Figure), None)),),
        )

    @staticmethod
    def how_many_undone(children: list[Any]) -> Question:
        """How many eggs are not broken?"""
        return Question("many", first_of(children, Noun), None, first_of(children, Verb), (Post("not"),))

    infinitive = staticmethod(lambda children: children[-1])
    varg = staticmethod(lambda children: children[0])

    @staticmethod
    def go_into(children: list[Any]) -> Question:
        one, two = of_type(children, Figure)
        return Question("into", items=(Item(Count(one, None)), Item(Count(two, None))))

    @staticmethod
    def how_many_times(children: list[Any]) -> Question:
        return replace(_question("many", children), noun=Noun(("times",)))

    worth = staticmethod(lambda _children: Post("nothing"))
    object_arg = staticmethod(lambda children: Post("object", children[0]))


_COMPARING = {
    "older": "old", "younger": "old", "heavier": "heavy", "lighter": "heavy", "taller": "long", "longer": "long",
    "higher": "long", "wider": "long", "deeper": "long", "shorter": "long",
}  # fmt: skip


def _of_two(form: str, children: list[Any]) -> Question:
    items = tuple(Item(each) for each in of_type(children, *QUANTITIES))
    words = [child for child in children if isinstance(child, Token) and child.type in {"OLDER", "YOUNGER", "ASMANY"}]
    if not words:
        return Question(form, items=items, sort="cost")
    if words[0].type == "ASMANY":
        sort = {"old": "old", "heavy": "heavy", "tall": "long", "long": "long", "far": "long"}.get(
            words[0].split()[-1], ""
        )
        return Question(form, items=items, sort=sort)
    sort = _COMPARING.get(words[0].lower(), "")
    one_more = words[0].type == "OLDER"
    return Question(form if sort else "none", items=items if one_more else tuple(reversed(items)), sort=sort)


def _is_price(post: Post) -> bool:
    return isinstance(post.value, Count) and bool(post.value.figure.currency)


def _question(form: str, children: list[Any]) -> Question:
    tails = [child[1] for child in children if isinstance(child, tuple) and child and child[0] == "tail"]
    tail = tuple(flattened(tails[0])) if tails else tuple(children)
    verb = first_of(tail, Verb) or None
    at = tail.index(verb) if verb else 0
    kinds = kinds_of(children)
    subjects = [
        part for part in (tail[:at] if verb else tail) if isinstance(part, Noun | Pronoun | There | Names | Item)
    ]
    items = [part for part in tail if isinstance(part, Item)]
    subject = subjects[0] if subjects else None
    if not verb and isinstance(subject, Item):
        subject = None
    if verb is None and any(kind == "BE" for kind in kinds_of(tail)):
        verb = Verb("be", "BE")
    posts = tuple(dict.fromkeys(of_type([*children, *tail], Post)))
    at_than = next((i for i, child in enumerate(children) if isinstance(child, Token) and child.type == "THAN"), None)
    if at_than is not None:
        posts = (*posts, Post("than", children[at_than + 1]))
        subject = None
    more = "+" if "MORE" in kinds else "-" if "FEWER" in kinds else ""
    asked = tuple(item for item in items if item is not subject)
    figure = first_of(children, Figure)
    whole = Count(figure, None) if figure else None
    future = "WILL" in kinds_of(tail)
    return Question(form, first_of(children, Noun), subject, verb, posts, asked, more, whole=whole, future=future)
