"""What is bought, paid and priced."""

from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Compared,
    Count,
    Grouped,
    Item,
    Noun,
    Verb,
)
from offline_model.stories.comparing import Comparing
from offline_model.stories.terms import MONEY, times
from offline_model.stories.told import (
    Entry,
    Measured,
    Price,
)

_TOTALS = frozenset({"total", "sum", "amount"})


class Spending(Comparing):
    def spending(self, clause: Clause) -> None:
        owner = self.meet(clause.subject)
        if clause.to is not None:
            raise Unread(f'"{clause.verb.lemma}": it is not said what for')
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
                continue
            paid = next((post for post in item.posts if post.kind == "with" and isinstance(post.value, Count)), None)
            if paid is not None and isinstance(paid.value, Count) and paid.value.figure.currency:
                term = self.term(paid.value)
                assert term is not None
                self.payments.append(term)
                if item.quantity is None and len(item.posts) == 1:
                    continue
                item = Item(item.quantity, tuple(post for post in item.posts if post is not paid))  # noqa: PLW2901
            self.spend(owner, clause.verb, item, label=self._lead_label(clause))

    def spend(self, owner: str, verb: Verb, item: Item, *, sign: int = -1, label: str = "") -> None:
        """An item with its price as money that goes."""
        if isinstance(item.quantity, Noun) and _TOTALS & {*item.quantity.words, item.quantity.head}:
            raise Unread(f'"{item.quantity}": a sum is stated')
        if any(not each.amount.currency for each in self.adjustments):
            raise Unread("it is not said whether what comes after it is discounted or taxed too")
        made = self.measured(item)
        price, count = made.price, made.term
        if isinstance(item.quantity, Noun):
            count = None
        if price is None:
            price, count = count, None
        if price is None or price.unit != MONEY:
            self._uncosted(owner, verb, made)
            return
        if count is not None and count.worth != 1 and not made.priced_each:
            raise Unread(f"{count.unit}: it is not said whether the price is for each or for all")
        if count is not None and price.per and price.per[0] != count.unit and price.per[0] not in _words(item):
            raise Unread(f"the price is per {price.per[0]}, not per {count.unit}")
        term = times(replace(price, per=()), count) if count is not None else price
        if made.span and not price.per:
            self.atoms.append(made.span)
        if isinstance(item.quantity, Noun) and made.each:
            raise Unread(f"{item.quantity}: it is not said how many")
        self.entries.append(Entry(owner, verb, sign, term, made.label or label, place=made.place))
        self.atoms.append(term)

    def _uncosted(self, owner: str, verb: Verb, made: "Measured") -> None:
        if made.term is None:
            raise Unread(f'"{verb.lemma}": it is not said how much')
        if verb.kind not in {"COST", "SPEND"}:
            raise Unread(f'"{verb.lemma}": it is not said for how much')
        self.entries.append(Entry(owner, verb, -1 if verb.kind == "SPEND" else 0, made.term, made.label))
        self.atoms.append(made.term)

    def cost(self, clause: Clause) -> None:
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
                continue
            if isinstance(item.quantity, Compared):
                self.compare(self.meet(clause.subject), clause.verb, item.quantity, item.posts)
                continue
            made = self.measured(item)
            if made.term is None or made.term.unit != MONEY:
                raise Unread(f'"{clause.verb.lemma}": it is not said how much')
            self._price(clause, made)

    def _price(self, clause: Clause, made: "Measured") -> None:
        assert made.term is not None
        subject, term = clause.subject, made.term
        if isinstance(subject, Item) and isinstance(subject.quantity, Count | Grouped):
            self._priced_count(subject, made)
            return
        owner = self.meet(subject)
        noun = subject if isinstance(subject, Noun) else self.subject_noun
        if noun is None:
            raise Unread("it is not said what costs that")
        if _TOTALS & {*noun.words, noun.head}:
            raise Unread(f'"{noun}": a sum is stated')
        whole = made.term
        if not term.per:
            term = replace(term, per=(noun.head,))
        if any(price.noun.name == noun.name for price in self.prices):
            raise Unread(f'"{noun}": it is said twice what it costs')
        self.prices.append(Price(noun, term, whole))
        if not made.each:
            self.entries.append(Entry(owner, Verb("cost", "COST"), -1, whole, made.label, place=noun.determiner))
        self.atoms.append(term)

    def _priced_count(self, subject: Item, made: "Measured") -> None:
        quantity = subject.quantity
        count = self.term(quantity)
        assert count is not None
        assert made.term is not None
        noun = (
            quantity.noun
            if isinstance(quantity, Count)
            else quantity.each.noun
            if isinstance(quantity, Grouped)
            else None
        )
        noun = noun or Noun((count.unit,))
        each = made.each or any(post.kind == "each" for post in subject.posts)
        if each:
            raise Unread("several that cost so much each")
        rate = replace(times(made.term, count, over=True), per=(count.unit,))
        self.prices.append(Price(noun, rate, made.term))
        self.atoms.append(rate)


def _words(item: Item) -> set[str]:
    noun = item.quantity.noun if isinstance(item.quantity, Count) else None
    return {noun.head, *noun.adjectives, *noun.of} if noun else set()
