"""What is counted and measured, with its modifiers -> terms."""

from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories import ledger
from offline_model.stories.clauses import (
    Adjustment,
    Count,
    Figure,
    Grouped,
    Item,
    Noun,
    Part,
    Post,
    Pronoun,
    Quantity,
    Rest,
    Some,
    in_words,
)
from offline_model.stories.nouns import DAYS, MEASURES, MONTHS, TIMES, singular
from offline_model.stories.people import is_kin
from offline_model.stories.terms import MONEY, ONE, Term, chain, figure, is_time, share_of, times, uses
from offline_model.stories.told import (
    EVERYONE,
    PLACES,
    Measured,
    Told,
)

_SPANS = TIMES | DAYS | MONTHS | frozenset(["weekday", "weekend", "morning", "afternoon", "evening", "night"])

_PEOPLE = frozenset(
    [
        "friend",
        "neighbor",
        "neighbour",
        "teacher",
        "classmate",
        "child",
        "baby",
        "boss",
        "colleague",
        "person",
        "adult",
        "guest",
        "pupil",
        "student",
    ]
)
_EVENTS = frozenset(
    [
        *("party", "picnic", "trip", "sale", "fair", "wedding", "concert", "camp", "event", "meeting", "project"),
        *("class", "school", "lunch", "dinner", "breakfast", "holiday"),
    ]
)
_PRICED = frozenset({"price", "sale", "discount", "cost"})


class Measuring(Told):
    def term(self, quantity: Quantity | Noun | Pronoun | None) -> Term | None:  # noqa: PLR0911 - one for each type
        """None for "some"."""
        match quantity:
            case Count(figure=number, noun=noun):
                return self._counted(number, noun)
            case Grouped(groups=groups, each=each):
                one = self._counted(groups.figure, groups.noun)
                two = self._counted(each.figure, each.noun or groups.noun)
                return times(two, one)
            case Part(share=share, of=Noun(head=unit)) if unit in MEASURES and not share.percent:
                return Term(figure(share), unit, uses=uses(share))
            case Part(share=share, of=of):
                return share_of(share, self._whole(of))
            case Pronoun():
                return self._holding(self.unit or MONEY)
            case Some(noun=noun):
                self._note(noun)
                return None
            case Noun(determiner="a"):
                return Term(ONE, quantity.head, adjectives=quantity.adjectives)
            case _:
                raise Unread(f'"{in_words(quantity)}": it is not said how much')

    def _counted(self, number: Figure, noun: Noun | None) -> Term:
        if number.currency:
            if noun is not None and _PRICED & {singular(word) for word in noun.words}:
                raise Unread(f'"{noun}": it is not said what else is to be paid')
            return Term(figure(number), MONEY, uses=uses(number))
        if noun is None:
            if not self.unit or self.unit == MONEY:
                raise Unread(f'"{number.text}": it is not said of what')
            adjectives = self.noun.adjectives if self.noun else frozenset[str]()
            return Term(figure(number), self.unit, uses=uses(number), adjectives=adjectives)
        if noun.head == "one" and self.noun is not None:
            noun = replace(self.noun, words=(*noun.words[:-1], *self.noun.words))
        self._note(noun)
        return Term(figure(number), unit_of(noun), uses=uses(number), adjectives=noun.adjectives)

    def _note(self, noun: Noun | None) -> None:
        if noun is not None and not is_time(noun.head):
            self.unit, self.noun = noun.head, noun

    def _whole(self, of: "Quantity | Noun | Pronoun | None") -> Term:
        if isinstance(of, Count | Grouped):
            made = self.term(of)
            assert made is not None
            return made
        if isinstance(of, Noun):
            found = [entry.term for entry in self.entries if entry.term and entry.term.unit == of.head]
            if len(found) == 1:
                return found[0]
            saved = any(verb.lemma == "save" for verb in self.verbs)
            if of.head in {"price", "cost"} and saved and len(self.prices) == 1 and not self.adjustments:
                return self.prices[0].whole
            if of.head == "money" and not any(e.sign < 0 and e.term and e.term.unit == MONEY for e in self.entries):
                return self._holding(MONEY)
            raise Unread(f'"{of}": it is not said how many there are')
        if isinstance(of, Rest) and of.noun is not None:
            return self._holding(MONEY if of.noun.head == "money" else of.noun.head)
        return self._holding(self.unit or MONEY)

    def _holding(self, unit: str) -> Term:
        told = [entry for entry in self.entries if entry.term and entry.term.unit == unit]
        if unit == MONEY and len(told) == 1 and told[0].sign == 1 and told[0].term and len(told[0].term.per) == 1:
            return told[0].term  # $2,400 a month, and 15% of it
        found = (
            ledger.level(self, self.subject, unit) or ledger.level(self, "", unit) or ledger.level(self, EVERYONE, unit)
        )
        if found is None:
            raise Unread('"of them": it is not said how many there are')
        return found

    def _sure(self, term: Term | None) -> Term:
        if term is None:
            raise Unread("it is not said how much")
        return term

    def measured(self, item: Item) -> "Measured":
        named = item.quantity is None or (isinstance(item.quantity, Noun) and item.quantity.determiner != "a")
        made = Measured(None if named else self.term(item.quantity))
        for index, post in enumerate(item.posts):
            following = item.posts[index + 1].kind if index + 1 < len(item.posts) else ""
            made = self._modified(made, post, following)
        return made

    def _modified(self, made: "Measured", post: Post, following: str) -> "Measured":  # noqa: C901, PLR0911, PLR0912
        value = post.value
        match post.kind:
            case "when":
                return replace(made, label=str(value))
            case "left" | "now":
                return replace(made, now=True)
            case "nothing" | "equally":
                return made
            case "total" if made.price is not None and not made.priced_each and not made.each:
                return replace(made, in_all=True)
            case "each":
                return replace(made, each=True)
            case "per" if isinstance(value, Noun) and made.price is not None:
                return replace(made, price=replace(made.price, per=(value.head,)))
            case "per" if isinstance(value, Noun) and made.term:
                return replace(made, term=replace(made.term, per=(*made.term.per, value.head)))
            case "often" if isinstance(value, Count) and made.term and value.noun and not made.term.per:
                often = Term(figure(value.figure), uses=uses(value.figure))
                return replace(made, term=replace(times(made.term, often), per=(value.noun.head,)))
            case "on" if isinstance(value, Count) and value.noun and made.term and value.noun.head in MEASURES - TIMES:
                return replace(made, term=self._per_count(made.term, value))
            case "per_count" if isinstance(value, Count) and made.term and value.noun:
                return replace(made, term=self._per_count(made.term, value))
            case "for" if isinstance(value, Count) and value.noun and self.serving and made.term and not made.term.per:
                return replace(made, term=self._per_count(made.term, value))
            case "at" | "for" if isinstance(value, Count) and value.figure.currency:
                each = post.kind == "at" or following in {"each", "per"}
                return replace(made, price=self.term(value), priced_each=each)
            case "for" | "in" | "after" if isinstance(value, Count) and value.noun and is_time(value.noun.head):
                return self._lasting(made, self._time(value), post.kind)
            case "at" if isinstance(value, Count) and made.term is None:
                return replace(made, term=self.term(value))
            case "with" if isinstance(value, Count) and made.term:
                inner = self.term(value)
                assert inner is not None
                return replace(made, inner=inner, groups=made.term, each=False)
            case "in" | "on" if isinstance(value, Noun) and value.determiner == "each":
                return replace(made, each=True)
            case _ if isinstance(value, Noun) and value.determiner == "each":
                raise Unread(f'"{post.kind} each {value}": it is not said how many there are')
            case "in" | "on" | "at" | "from" | "to" | "into" if isinstance(value, Noun) and (
                value.head not in _SPANS or value.determiner == "a"
            ):
                return replace(made, place=value.name)
            case "for" if isinstance(value, Noun) and (value.head in _EVENTS or _is_use(value)):
                return made
            case "for" if isinstance(value, Noun) and made.term and made.term.unit == MONEY:
                return replace(made, place=value.name)
            case kind if kind in PLACES and isinstance(value, Adjustment):
                self.adjustments.append(value)
                return made
            case _:
                raise Unread(f'"{post}": it cannot be read here')

    def _per_count(self, term: Term, count: Count) -> Term:
        """7 liters per 100 km, 300 g for 4 people."""
        by = self._sure(self.term(count))
        return replace(times(term, by, over=True), per=(by.unit,))

    def _time(self, value: Count) -> Term:
        assert value.noun is not None
        return Term(figure(value.figure), value.noun.head, uses=uses(value.figure))

    def _lasting(self, made: "Measured", time: Term, kind: str) -> "Measured":
        if made.term and made.term.per and kind != "after":
            rest = made.term.per[1:] if time.unit == made.term.per[0] else made.term.per
            target = (
                replace(made.term, per=rest).dimensions
                if rest != made.term.per
                else replace(made.term, per=()).dimensions
            )
            found = chain([made.term, time], target)
            if len(found) == 1:
                return replace(
                    made,
                    term=replace(found[0], unit=made.term.unit, per=rest if rest != made.term.per else ()),
                    rate=made.term,
                    span=time,
                )
        return replace(made, span=time, span_kind=kind)


def _is_use(noun: Noun) -> bool:
    """What it is for, if it is for a thing: for a bracelet, not for a friend."""
    return (
        noun.determiner in {"a", ""} and noun.words[0].islower() and noun.head not in _PEOPLE and not is_kin(noun.name)
    )


def unit_of(noun: Noun) -> str:
    """The unit of "a 10 mile ride" is the mile."""
    first = singular(noun.words[0])
    return first if len(noun.words) > 1 and first in MEASURES else noun.head
