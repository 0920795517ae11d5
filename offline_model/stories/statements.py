"""The rules of story.lark for clauses, growth and lists."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lark import Token

from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Count,
    Deal,
    Entries,
    Figure,
    Growth,
    Item,
    Noun,
    Post,
    Pronoun,
    Question,
    Sentence,
    There,
    Verb,
)
from offline_model.stories.phrases import Phrases
from offline_model.stories.tree import QUANTITIES, first_of, flattened, kinds_of, of_type
from offline_model.stories.words import GERUNDS, LEMMAS, VERB_KINDS


class Statements(Phrases):
    @staticmethod
    def told(children: list[Any]) -> Sentence:
        parts = list(flattened(children))
        clauses = tuple(of_type(parts, Clause, Entries, Growth, Deal))
        if items := tuple(of_type(parts, Item, Adjustment)):
            clauses = (*clauses, Entries(items))
        questions = tuple(of_type(parts, Question))
        if listed := tuple(each for question in questions for each in question.listed):
            clauses = (*clauses, Entries(listed))
        return Sentence(clauses, tuple(replace(question, listed=()) for question in questions))

    @staticmethod
    def clauses(children: list[Any]) -> tuple[Any, ...]:
        return tuple(of_type(children, Clause, Growth, Deal))

    items = staticmethod(lambda children: tuple(of_type(list(flattened(children)), Item, Adjustment)))

    @staticmethod
    def full(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        leads = tuple(of_type(children[: at - 1], Post))
        subject = next(child for child in reversed(children[:at]) if not isinstance(child, Token | Post))
        return _clause(subject, children[at], children[at + 1 :], leads)

    @staticmethod
    def there(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        return _clause(There(), children[at], children[at + 1 :], tuple(of_type(children[:at], Post)))

    @staticmethod
    def located(children: list[Any]) -> Clause:
        """7 red apples and 2 green apples are in the basket."""
        posts = tuple(of_type(children, Post))
        quantities = [child for child in flattened(children) if isinstance(child, (Item, *QUANTITIES))]
        items = tuple(each if isinstance(each, Item) else Item(each) for each in quantities)
        leads = tuple(post for post in posts if children.index(post) < children.index(first_of(children, Verb)))
        held = tuple(replace(each, posts=tuple(post for post in posts if post not in leads)) for each in items)
        return Clause(There(), first_of(children, Verb), held, leads)

    @staticmethod
    def has_done(children: list[Any]) -> Clause:
        return replace(Statements.full(children), perfect=True)

    @staticmethod
    def has_been_done(children: list[Any]) -> Clause:
        made = Statements.full(children)
        return replace(made, verb=replace(made.verb, passive=True), perfect=True)

    @staticmethod
    def item_each(children: list[Any]) -> Item:
        """Two $7 pens."""
        count, price = of_type(children, Figure)
        return Item(Count(count, first_of(children, Noun)), (Post("at", Count(price, None)), Post("each")))

    @staticmethod
    def sum_of_all(children: list[Any]) -> Clause:
        """The sum of their ages is 48: together they are 48 years old."""
        return Clause(Pronoun("they"), Verb("be", "BE"), (Item(children[-1], (Post("total"),)),))

    @staticmethod
    def who_does(children: list[Any]) -> Clause:
        return replace(Statements.elided(children[1:]), subject=Pronoun("who"))

    @staticmethod
    def grows_by(children: list[Any]) -> Clause:
        """A tree grows 0.3 m a year."""
        return _with_verb(Verb("grow", "GAIN"), children)

    @staticmethod
    def puts_by(children: list[Any]) -> Clause:
        lemma = next(LEMMAS[str(c).lower()] for c in children if isinstance(c, Token) and c.type.startswith("INVEST"))
        kind = {"deposit": "GAIN", "put": "PACK"}.get(lemma, "INVEST")
        return _with_verb(Verb(lemma, kind), children)

    @staticmethod
    def puts_into(children: list[Any]) -> Clause:
        """She puts them into bags of 8."""
        lemma = next(LEMMAS[str(c).lower()] for c in children if isinstance(c, Token) and c.type.startswith("INVEST"))
        at = next(i for i, child in enumerate(children) if isinstance(child, Token) and child.type.startswith("INVEST"))
        subject = next((child for child in children[:at] if not isinstance(child, Token | Post)), None)
        verb = Verb("pack", "PACK") if lemma == "put" else Verb(lemma, "INVEST")
        return Clause(subject, verb, (Item(None, tuple(of_type(children[at:], Post))),))

    @staticmethod
    def grown_by(children: list[Any]) -> Clause:
        rising = "GROW" in kinds_of(children)
        made = _with_verb(Verb("rise", "RISE") if rising else Verb("fall", "FALL"), children)
        by = made.items[0].quantity if isinstance(made.items[0], Item) else None
        return replace(made, items=(Item(None, (Post("by", by if not isinstance(by, Pronoun) else None),)),))

    @staticmethod
    def wanted(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Token) and child.type == "WANTTO")
        subject = next((child for child in children[:at] if not isinstance(child, Token | Post)), None)
        made = _clause(subject, children[at + 1], children[at + 2 :], tuple(of_type(children[:at], Post)))
        return replace(made, wanted=True)

    @staticmethod
    def it_takes(children: list[Any]) -> Clause:
        """It takes a printer 3 minutes to print 45 pages: it prints 45 pages in 3 minutes."""
        lasting, made = of_type(children, *QUANTITIES)
        return Clause(first_of(children, Noun), first_of(children, Verb), (Item(made, (Post("in", lasting),)),))

    @staticmethod
    def elided(children: list[Any]) -> Clause:
        at = next(index for index, child in enumerate(children) if isinstance(child, Verb))
        return _clause(None, children[at], children[at + 1 :], tuple(of_type(children[:at], Post)))

    @staticmethod
    def passive(children: list[Any]) -> Clause:
        made = Statements.full(children)
        return Clause(
            made.subject, Verb(made.verb.lemma, made.verb.kind, passive=True), made.items, made.leads, made.to
        )

    @staticmethod
    def passive_elided(children: list[Any]) -> Clause:
        made = Statements.elided(children)
        return Clause(
            made.subject, Verb(made.verb.lemma, made.verb.kind, passive=True), made.items, made.leads, made.to
        )

    @staticmethod
    def objects(children: list[Any]) -> tuple[Any, ...]:
        return tuple(flattened(children))

    @staticmethod
    def bare(children: list[Any]) -> tuple[Any, ...]:
        return (Item(None, tuple(of_type(children, Post))),) if children else ()

    @staticmethod
    def of_them(children: list[Any]) -> tuple[Any, ...]:
        return (Item(Pronoun(str(children[0]).lower()), tuple(of_type(children, Post))),)

    @staticmethod
    def deal(children: list[Any]) -> Deal:
        bought, free = of_type(children, Figure)
        return Deal(bought, free)

    @staticmethod
    def given(children: list[Any]) -> tuple[Any, ...]:
        return (("to", children[0]), *flattened(children[1:]))

    @staticmethod
    def verb(children: list[Token]) -> Verb:
        kind = children[0].type
        return Verb(LEMMAS[children[0].lower()], kind if kind in VERB_KINDS else kind[:-1])

    moved = done = verb

    @staticmethod
    def item(children: list[Any]) -> Any:
        if isinstance(children[0], Adjustment):
            return children[0]
        return Item(children[0], tuple(of_type(children[1:], Post)))

    item_arg = item

    @staticmethod
    def when_item(children: list[Any]) -> Item:
        return Item(children[1], (Post("when", str(children[0]).lower()), *of_type(children[2:], Post)))

    @staticmethod
    def adjective(children: list[Any]) -> Item:
        return Item(None, (Post("long", str(children[0]).lower()),))

    clause = staticmethod(lambda children: children[0])

    rate_lead = staticmethod(lambda children: Post("rate", Item(children[1], (children[2],))))
    gerund = staticmethod(lambda children: str(children[0]).lower())

    @staticmethod
    def after_lead(children: list[Any]) -> Post:
        verb = GERUNDS[next(child for child in children if isinstance(child, str) and child in GERUNDS)]
        return Post("done", _clause(None, verb, [child for child in children if isinstance(child, tuple)], ()))

    @staticmethod
    def left_of(children: list[Any]) -> Sentence:
        """How much is left of $75 after paying $28.40?"""
        done = of_type(children, Post)[0].value
        having = Clause(There(), Verb("be", "BE"), (Item(first_of(children, *QUANTITIES)),))
        asked = Question("much", verb=Verb("be", "BE"), posts=(Post("left"),))
        return Sentence((having, *([replace(done, subject=There())] if isinstance(done, Clause) else [])), (asked,))

    several = staticmethod(lambda children: tuple(Item(each) for each in of_type(children, *QUANTITIES)))

    @staticmethod
    def left_tip(children: list[Any]) -> Clause:
        return Clause(None, Verb("leave", "LOSE"), (first_of(children, Adjustment),), tuple(of_type(children, Post)))

    @staticmethod
    def interest_asked(children: list[Any]) -> Sentence:
        asked = Question("much", Noun(("interest",), determiner="the"))
        return Sentence((replace(_growth("simple", children), way="simple"),), (asked,))

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
        return Statements.share(children)

    lasting = staticmethod(lambda children: ("lasting", Count(first_of(children, Figure), first_of(children, Noun))))

    @staticmethod
    def period(children: list[Any]) -> tuple[str, str]:
        noun = first_of(children, Noun)
        return "period", noun.head if noun else "year"

    @staticmethod
    def how(children: list[Any]) -> tuple[str, tuple[str, ...], str]:
        unit = next((child[1] for child in children if isinstance(child, tuple)), "")
        return "how", tuple(kind for kind in kinds_of(children) if kind != "COMMA"), unit

    @staticmethod
    def valued(children: list[Any]) -> Item:
        money = Count(first_of(children, Figure), None)
        return Item(children[0], (Post("for", money), *of_type(children, Post)))

    @staticmethod
    def valued_times(children: list[Any]) -> Item:
        one, two = of_type(children, Figure)
        return Item(Count(one, Noun(("items",))), (Post("at", Count(two, None)),))

    @staticmethod
    def valued_count(children: list[Any]) -> Item:
        one, two = of_type(children, Figure)
        each = (Post("each"),) if {"EACH", "X"} & set(kinds_of(children)) else ()
        return Item(Count(one, first_of(children, Noun)), (Post("at" if each else "for", Count(two, None)), *each))

    entry = item

    percent_off = staticmethod(lambda children: Adjustment("discount", first_of(children, Figure)))
    adjustment = staticmethod(lambda children: children[0])

    @staticmethod
    def changer(children: list[Any]) -> tuple[str, str]:
        kind = "FEE" if children[0].type == "ENTRY" else children[-1].type
        return kind.lower(), " ".join(str(child) for child in children)

    @staticmethod
    def changed(children: list[Any]) -> Adjustment:
        kind, words = first_of(children, tuple)
        return Adjustment(kind, first_of(children, Figure), words)


def _with_verb(verb: Verb, children: list[Any]) -> Clause:
    """A clause of the one quantity of the children and what follows it, and of its subject, if there is one."""
    at = next(index for index, child in enumerate(children) if isinstance(child, QUANTITIES))
    subject = next((child for child in reversed(children[:at]) if not isinstance(child, Token | Post)), None)
    item = Item(children[at], tuple(of_type(children[at + 1 :], Post)))
    return Clause(subject, verb, (item,), tuple(of_type(children[:at], Post)))


def _clause(subject: Any, verb: Verb, rest: Sequence[Any], leads: tuple[Post, ...]) -> Clause:
    parts = list(rest[0]) if rest and isinstance(rest[0], tuple) else list(rest)
    to = next((part[1] for part in parts if isinstance(part, tuple)), None)
    return Clause(subject, verb, tuple(of_type(parts, Item, Adjustment)), leads, to)


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
    nouns = of_type(children, Noun)
    figure = next((each for each in of_type(children, Figure) if each is not share), None)
    if figure is not None:
        return Count(figure, None if figure.currency else nouns[-1] if nouns else None)
    return nouns[-1] if nouns else first_of(children, Pronoun)
