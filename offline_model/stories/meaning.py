"""story.lark, loaded once, and what each rule means: the lexemes of a sentence -> every different reading of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from lark import Token
from lark.exceptions import UnexpectedInput
from lark.grammar import Rule

from offline_model.lexeme import Lexeme
from offline_model.parsing import Refused
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Entries,
    Figure,
    Grouped,
    Growth,
    Item,
    Names,
    Noun,
    OutOf,
    Part,
    Post,
    Pronoun,
    Question,
    Rest,
    Sentence,
    Some,
    There,
    Verb,
)
from offline_model.stories.foresight import Foresight
from offline_model.stories.forest import meanings
from offline_model.stories.words import GERUNDS, LEMMAS, VERB_KINDS, story_vocabulary
from offline_model.tables import Grammar, Tables

GRAMMAR = Grammar("stories/story.lark", ("sentence",), story_vocabulary().terminals, ambiguous=True)


@cache
def parser() -> Foresight:
    return Foresight(Tables.load(GRAMMAR), *GRAMMAR.starts)


def readings(lexemes: Sequence[Lexeme]) -> list[Sentence] | Refused:
    """The sentence in each way it can be read, or where it stops making sense. Raises Unread if it takes too much."""
    try:
        forest = parser().parse(lexemes)
    except UnexpectedInput as stop:
        at = getattr(getattr(stop, "token", None), "start_pos", None)
        return Refused(len(lexemes) if at is None else at)
    return meanings(forest, _meant)


def _meant(rule: Rule, children: list[Any]) -> Any:
    made: Callable[[list[Any]], Any] = getattr(_Meaning, rule.alias or rule.origin.name)
    return made(children)


def _of(children: Sequence[Any], *types: type) -> list[Any]:
    return [child for child in children if isinstance(child, types)]


def _kinds(children: Sequence[Any]) -> list[str]:
    return [child.type for child in children if isinstance(child, Token)]


def _flat(children: Sequence[Any]) -> Iterator[Any]:
    for child in children:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def _first(children: Sequence[Any], *types: type) -> Any:
    return next(iter(_of(children, *types)), None)


_QUANTITIES = (Count, Part, Grouped, Compared, Some, Rest, OutOf)


class _Meaning:
    """One function per rule; children that carry no meaning are passed over by their type."""

    # sentences
    @staticmethod
    def told(children: list[Any]) -> Sentence:
        parts = list(_flat(children))
        clauses = tuple(_of(parts, Clause, Entries, Growth))
        if items := tuple(_of(parts, Item, Adjustment)):
            clauses = (*clauses, Entries(items))
        return Sentence(clauses, tuple(_of(parts, Question)))

    @staticmethod
    def clauses(children: list[Any]) -> tuple[Any, ...]:
        return tuple(_of(children, Clause, Growth))

    items = staticmethod(lambda children: tuple(_of(list(_flat(children)), Item, Adjustment)))

    # clauses
    @staticmethod
    def full(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        leads = tuple(_of(children[: at - 1], Post))
        subject = next(child for child in reversed(children[:at]) if not isinstance(child, Token | Post))
        return _clause(subject, children[at], children[at + 1 :], leads)

    @staticmethod
    def there(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        return _clause(There(), children[at], children[at + 1 :], tuple(_of(children[:at], Post)))

    @staticmethod
    def located(children: list[Any]) -> Clause:
        """7 red apples and 2 green apples are in the basket."""
        posts = tuple(_of(children, Post))
        quantities = [child for child in _flat(children) if isinstance(child, (Item, *_QUANTITIES))]
        items = tuple(each if isinstance(each, Item) else Item(each) for each in quantities)
        leads = tuple(post for post in posts if children.index(post) < children.index(_first(children, Verb)))
        held = tuple(replace(each, posts=tuple(post for post in posts if post not in leads)) for each in items)
        return Clause(There(), _first(children, Verb), held, leads)

    @staticmethod
    def elided(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        return _clause(None, children[at], children[at + 1 :], tuple(_of(children[:at], Post)))

    @staticmethod
    def passive(children: list[Any]) -> Clause:
        made = _Meaning.full(children)
        return Clause(
            made.subject, Verb(made.verb.lemma, made.verb.kind, passive=True), made.items, made.leads, made.to
        )

    @staticmethod
    def passive_elided(children: list[Any]) -> Clause:
        made = _Meaning.elided(children)
        return Clause(
            made.subject, Verb(made.verb.lemma, made.verb.kind, passive=True), made.items, made.leads, made.to
        )

    @staticmethod
    def objects(children: list[Any]) -> tuple[Any, ...]:
        return tuple(_flat(children))

    @staticmethod
    def bare(children: list[Any]) -> tuple[Any, ...]:
        return (Item(None, tuple(_of(children, Post))),) if children else ()

    @staticmethod
    def given(children: list[Any]) -> tuple[Any, ...]:
        return (("to", children[0]), *_flat(children[1:]))

    @staticmethod
    def verb(children: list[Token]) -> Verb:
        kind = children[0].type
        return Verb(LEMMAS[children[0].lower()], kind if kind in VERB_KINDS else kind[:-1])

    @staticmethod
    def item(children: list[Any]) -> Any:
        if isinstance(children[0], Adjustment):
            return children[0]
        return Item(children[0], tuple(_of(children[1:], Post)))

    item_arg = item

    @staticmethod
    def when_item(children: list[Any]) -> Item:
        return Item(children[1], (Post("when", str(children[0]).lower()), *_of(children[2:], Post)))

    @staticmethod
    def adjective(children: list[Any]) -> Item:
        return Item(None, (Post("long", str(children[0]).lower()),))

    clause = staticmethod(lambda children: children[0])

    # what grows
    growth = clause

    @staticmethod
    def grows(children: list[Any]) -> Growth:
        return _growth("grow", children)

    @staticmethod
    def shrinks(children: list[Any]) -> Growth:
        return _growth("shrink", children)

    @staticmethod
    def multiplies(children: list[Any]) -> Growth:
        return _growth("multiply", children)

    @staticmethod
    def invests(children: list[Any]) -> Growth:
        return _growth("invest", children)

    interest_of = invests

    @staticmethod
    def rate(children: list[Any]) -> Figure:
        return _Meaning.share(children)

    lasting = staticmethod(lambda children: ("lasting", Count(_first(children, Figure), _first(children, Noun))))

    @staticmethod
    def period(children: list[Any]) -> tuple[str, str]:
        noun = _first(children, Noun)
        return "period", noun.head if noun else "year"

    @staticmethod
    def how(children: list[Any]) -> tuple[str, tuple[str, ...], str]:
        unit = next((child[1] for child in children if isinstance(child, tuple)), "")
        return "how", tuple(kind for kind in _kinds(children) if kind != "COMMA"), unit

    # subjects and nouns
    subject = recipient = ref = object = arg = post = lead = staticmethod(lambda children: children[0])
    pronoun = staticmethod(lambda children: Pronoun(str(children[0]).lower()))
    names = staticmethod(lambda children: Names(tuple(_of(children, Noun))))
    ratio_unit = staticmethod(lambda children: Post("per", _first(children, Noun)))
    rate_lead = staticmethod(lambda children: Post("rate", Item(children[1], (children[2],))))
    out_of = staticmethod(lambda children: Post("of", children[-1]))
    infinitive = staticmethod(lambda children: children[-1])
    gerund = staticmethod(lambda children: str(children[0]).lower())

    @staticmethod
    def after_lead(children: list[Any]) -> Post:
        verb = GERUNDS[next(child for child in children if isinstance(child, str) and child in GERUNDS)]
        return Post("done", _clause(None, verb, [child for child in children if isinstance(child, tuple)], ()))

    each_of = staticmethod(lambda children: Item(children[-1], (Post("each"),)))
    word = staticmethod(lambda children: str(children[0]))

    @staticmethod
    def words(children: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        at = next((i for i, child in enumerate(children) if isinstance(child, Token) and child.type == "OF"), None)
        if at is None:
            return _split(children), ()
        return _split(children[:at]), _split([child for child in children[at:] if not isinstance(child, Token)])

    noun = staticmethod(lambda children: _noun(children, ""))
    unit = noun
    noun_the = staticmethod(lambda children: _noun(children, "the"))
    noun_a = staticmethod(lambda children: _noun(children, "a"))
    noun_interest = staticmethod(lambda _children: Noun(("interest",), determiner="the"))
    counted_times = staticmethod(lambda children: Count(_first(children, Figure), Noun(("times",))))
    varg = staticmethod(lambda children: children[0])
    several = staticmethod(lambda children: tuple(Item(each) for each in _of(children, *_QUANTITIES)))

    @staticmethod
    def left_tip(children: list[Any]) -> Clause:
        return Clause(None, Verb("leave", "LOSE"), (_first(children, Adjustment),), tuple(_of(children, Post)))

    @staticmethod
    def interest_asked(children: list[Any]) -> Sentence:
        asked = Question("much", Noun(("interest",), determiner="the"))
        return Sentence((replace(_growth("simple", children), way="simple"),), (asked,))

    @staticmethod
    def go_into(children: list[Any]) -> Question:
        one, two = _of(children, Figure)
        return Question("into", items=(Item(Count(one, None)), Item(Count(two, None))))

    @staticmethod
    def how_many_times(children: list[Any]) -> Question:
        return replace(_question("many", children), noun=Noun(("times",)))

    noun_value = staticmethod(lambda _children: Noun(("value",), determiner="the"))
    average_of = staticmethod(
        lambda children: Noun(("average", *(children[-1][0] if isinstance(children[-1], tuple) else ())))
    )
    worth = staticmethod(lambda _children: Post("nothing"))
    object_arg = staticmethod(lambda children: Post("object", children[0]))

    @staticmethod
    def hyphened(children: list[Any]) -> Count:
        """Such as "120-page book"."""
        noun = _first(children, Noun)
        return Count(_first(children, Figure), Noun(noun.words[:1]))

    noun_each = staticmethod(lambda children: _noun(children, "each"))

    # quantities
    @staticmethod
    def num(children: list[Token]) -> Figure:
        return Figure(str(children[0]), _place(children[0]))

    @staticmethod
    def money(children: list[Token]) -> Figure:
        token = children[0]
        return Figure(str(token[1:]), _place(token), str(token[0]))

    @staticmethod
    def share(children: list[Token]) -> Figure:
        return Figure(str(children[0]), _place(children[0]), percent=children[0].type == "PERCENT")

    @staticmethod
    def ratio(children: list[Any]) -> Figure:
        if isinstance(children[0], Figure):
            return children[0]
        return Figure("2", _place(children[0])) if children[0].type == "TWICE" else _Meaning.share(children)

    @staticmethod
    def quantity(children: list[Any]) -> Count:
        return Count(_first(children, Figure), None)

    counted = staticmethod(lambda children: Count(_first(children, Figure), _first(children, Noun)))
    priced = staticmethod(lambda children: Count(_first(children, Figure), _of(children, Noun)[-1]))
    bare_number = quantity
    counted_more = staticmethod(lambda children: Count(_first(children, Figure), _first(children, Noun), more=True))
    counted_then_more = counted_more
    some_of = counted
    bare_share = staticmethod(lambda children: Part(_first(children, Figure)))

    @staticmethod
    def part(children: list[Any]) -> Part:
        of = _first(children[1:], Noun, *_QUANTITIES)
        if of is None:
            of = Pronoun("them")
        return Part(children[0], of)

    @staticmethod
    def grouped(children: list[Any]) -> Grouped:
        (one, two), nouns = _of(children, Figure), _of(children, Noun)
        return Grouped(Count(one, nouns[0]), Count(two, nouns[1] if len(nouns) > 1 else None))

    one_group = staticmethod(
        lambda children: Grouped(Count(Figure("1", -1), _of(children, Noun)[0]), _counted(children[-2:]))
    )
    some_of_all = staticmethod(
        lambda children: OutOf(
            Count(_of(children, Figure)[0], None), Count(_of(children, Figure)[1], _first(children, Noun))
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

    some = staticmethod(lambda children: Some(_first(children, Noun)))
    rest = staticmethod(lambda children: Rest(_first(children, Noun)))
    when_ref = staticmethod(lambda children: str(children[-1]).lower())
    when_of = when_ref

    # modifiers
    when = staticmethod(lambda children: Post("when", str(children[0]).lower()))
    nothing = staticmethod(lambda _children: Post("nothing"))
    left = staticmethod(lambda _children: Post("left"))
    now = staticmethod(lambda _children: Post("now"))
    first = staticmethod(lambda _children: Post("first"))
    total = staticmethod(lambda _children: Post("total"))
    average = staticmethod(lambda _children: Post("average"))
    each = staticmethod(lambda _children: Post("each"))
    equally = staticmethod(lambda _children: Post("equally"))
    per = staticmethod(lambda children: Post("per", _first(children, Noun)))
    pp = staticmethod(lambda children: Post(children[0], _first(children[1:], Noun, Adjustment, *_QUANTITIES)))
    of_lead = staticmethod(lambda children: Post("of", _first(children, *_QUANTITIES)))
    than = staticmethod(lambda children: Post("than", children[-1]))
    long = staticmethod(lambda children: Post("long", str(children[0]).lower()))
    prep = staticmethod(lambda children: str(children[0]).lower())

    # lists
    @staticmethod
    def valued(children: list[Any]) -> Item:
        money = Count(_first(children, Figure), None)
        return Item(children[0], (Post("for", money), *_of(children, Post)))

    @staticmethod
    def valued_times(children: list[Any]) -> Item:
        one, two = _of(children, Figure)
        return Item(Count(one, Noun(("items",))), (Post("at", Count(two, None)),))

    @staticmethod
    def valued_count(children: list[Any]) -> Item:
        one, two = _of(children, Figure)
        each = (Post("each"),) if {"EACH", "X"} & set(_kinds(children)) else ()
        return Item(Count(one, _first(children, Noun)), (Post("at" if each else "for", Count(two, None)), *each))

    entry = item

    percent_off = staticmethod(lambda children: Adjustment("discount", _first(children, Figure)))
    adjustment = staticmethod(lambda children: children[0])

    @staticmethod
    def changer(children: list[Any]) -> tuple[str, str]:
        return children[-1].type.lower(), " ".join(str(child) for child in children)

    @staticmethod
    def changed(children: list[Any]) -> Adjustment:
        kind, words = _first(children, tuple)
        return Adjustment(kind, _first(children, Figure), words)

    # questions
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
        return Question("what", _first(children, Noun) or Noun(("total",)), posts=tuple(_of(children, Post)))

    what_total = what_is

    @staticmethod
    def what_of(children: list[Any]) -> Question:
        items = (Item(_first(children, *_QUANTITIES)),)
        return Question("what", _first(children, Noun), posts=tuple(_of(children, Post)), items=items)

    @staticmethod
    def what_percent(children: list[Any]) -> Question:
        made = _question("percent", children)
        whole = next((child for child in children if isinstance(child, (Noun, *_QUANTITIES))), None)
        return replace(made, whole=whole, noun=None)

    what_each = staticmethod(lambda _children: Question("each"))

    @staticmethod
    def which(children: list[Any]) -> Question:
        extreme = next(child[1] for child in children if isinstance(child, tuple))
        return Question("which", _first(children, Noun), verb=_first(children, Verb), extreme=extreme)

    @staticmethod
    def extreme(children: list[Token]) -> tuple[str, str]:
        words = " ".join(str(child).lower() for child in children)
        return "extreme", "least" if set(words.split()) & {"cheaper", "cheapest", "less", "least", "fewer"} else "most"

    @staticmethod
    def share_out(children: list[Any]) -> Question:
        return Question("share", items=(Item(children[1], tuple(_of(children, Post))),))

    @staticmethod
    def tail(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "tail", tuple(children)

    @staticmethod
    def tail_there(children: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "tail", (There(), *children)


def _noun(children: Sequence[Any], determiner: str) -> Noun:
    words, of = children[-1]
    return Noun(words, of, determiner)


def _split(words: Sequence[str]) -> tuple[str, ...]:
    """Phrases that were found as one, in words."""
    return tuple(" ".join(words).split())


def _place(token: Token) -> int:
    """Where in the text the number is."""
    assert token.end_pos is not None
    return token.end_pos


def _counted(children: Sequence[Any]) -> Count:
    return Count(_first(children, Figure), _first(children, Noun))


def _compared(sign: str, children: list[Any]) -> Compared:
    figure = next(child for child in children if isinstance(child, Figure))
    kinds = _kinds(children)
    rest = children[children.index(figure) + 1 :]
    cut = next((i for i, child in enumerate(rest) if isinstance(child, Token) and child.type in {"THAN", "AS"}), None)
    before, after = (rest, []) if cut is None else (rest[:cut], rest[cut + 1 :])
    del kinds
    return Compared(sign, figure, _first(before, Noun), after[0] if after else None)


def _clause(subject: Any, verb: Verb, rest: Sequence[Any], leads: tuple[Post, ...]) -> Clause:
    parts = list(rest[0]) if rest and isinstance(rest[0], tuple) else list(rest)
    to = next((part[1] for part in parts if isinstance(part, tuple)), None)
    return Clause(subject, verb, tuple(_of(parts, Item, Adjustment)), leads, to)


def _question(form: str, children: list[Any]) -> Question:
    tails = [child[1] for child in children if isinstance(child, tuple) and child and child[0] == "tail"]
    tail = tuple(_flat(tails[0])) if tails else tuple(children)
    verb = _first(tail, Verb) or None
    at = tail.index(verb) if verb else 0
    kinds = _kinds(children)
    subjects = [
        part for part in (tail[:at] if verb else tail) if isinstance(part, Noun | Pronoun | There | Names | Item)
    ]
    items = [part for part in tail if isinstance(part, Item)]
    subject = subjects[0] if subjects else None
    if not verb and isinstance(subject, Item):
        subject = None
    if verb is None and any(kind == "BE" for kind in _kinds(tail)):
        verb = Verb("be", "BE")
    posts = tuple(dict.fromkeys(_of([*children, *tail], Post)))
    at_than = next((i for i, child in enumerate(children) if isinstance(child, Token) and child.type == "THAN"), None)
    if at_than is not None:
        posts = (*posts, Post("than", children[at_than + 1]))
        subject = None
    more = "+" if "MORE" in kinds else "-" if "FEWER" in kinds else ""
    asked = tuple(item for item in items if item is not subject)
    figure = _first(children, Figure)
    whole = Count(figure, None) if figure else None
    return Question(form, _first(children, Noun), subject, verb, posts, asked, more, whole=whole)


def _growth(way: str, children: list[Any]) -> Growth:
    figures = [child for child in children if isinstance(child, Figure)]
    share = next((each for each in figures if each.percent), None)
    tuples = {child[0]: child for child in children if isinstance(child, tuple)}
    unit = tuples["period"][1] if "period" in tuples else ""
    if "how" in tuples:
        _, kinds, unit = tuples["how"]
        way = "compound" if "COMPOUND" in kinds else "simple" if "SIMPLE" in kinds else ""
        unit = unit or "year"
    if any(child.type == "INTERESTOF" for child in children if isinstance(child, Token)):
        way = "simple"
    factor = next(
        (LEMMAS[child.lower()] for child in children if isinstance(child, Token) and child.type == "MULTIPLYN"), ""
    )
    lasting = tuples["lasting"][1] if "lasting" in tuples else None
    return Growth(way, _capital(children, share), share, factor, unit, lasting)


def _capital(children: list[Any], share: Figure | None) -> Any:
    nouns = _of(children, Noun)
    figure = next((each for each in _of(children, Figure) if each is not share), None)
    if figure is not None:
        return Count(figure, None if figure.currency else nouns[-1] if nouns else None)
    return nouns[-1] if nouns else _first(children, Pronoun)
