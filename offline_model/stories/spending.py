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
    Part,
    Post,
    Pronoun,
    Rest,
    Verb,
)
from offline_model.stories.comparing import Comparing
from offline_model.stories.terms import MONEY, Term, compared, figure, is_time, times, uses
from offline_model.stories.told import (
    EVERYONE,
    Entry,
    Measured,
    Price,
)

_INCOME = frozenset({"salary", "income", "wage", "paycheck", "allowance", "savings", "budget"})
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
            if self._is_in_payments(item) or self._is_paid_by_each(clause, item):
                continue
            if (
                isinstance(item.quantity, Part)
                and isinstance(item.quantity.of, Noun)
                and item.quantity.of.head == "price"
            ):
                raise Unread("a share of the price is paid")
            self._state_income(owner, item.quantity)
            paid = next((post for post in item.posts if post.kind == "with" and isinstance(post.value, Count)), None)
            if paid is not None and isinstance(paid.value, Count) and paid.value.figure.currency:
                term = self.term(paid.value)
                assert term is not None
                self.payments.append(term)
                self.payers.add(owner)
                if item.quantity is None and len(item.posts) == 1:
                    continue
                item = Item(item.quantity, tuple(post for post in item.posts if post is not paid))  # noqa: PLW2901
            self.spend(owner, clause.verb, item, label=self._lead_label(clause))

    def spend(  # noqa: C901, PLR0912 - one for each doubt
        self, owner: str, verb: Verb, item: Item, *, sign: int = -1, label: str = ""
    ) -> None:
        """An item with its price as money that goes."""
        if isinstance(item.quantity, Noun) and _TOTALS & {*item.quantity.words, item.quantity.head}:
            raise Unread(f'"{item.quantity}": a sum is stated')
        if any(not each.amount.currency for each in self.adjustments):
            raise Unread("it is not said whether what comes after it is discounted or taxed too")
        if isinstance(item.quantity, Part) and item.quantity.of == Rest():
            item = replace(item, quantity=replace(item.quantity, of=Rest(Noun(("money",)))))
        if self._is_paid_for_several(item):
            self._paid_for_several(owner, verb, item, sign, label)
            return
        made = self.measured(item)
        price, count = made.price, made.term
        if isinstance(item.quantity, Noun) and made.price is not None and _is_of_each(verb, item.quantity, made):
            self._priced_each(item.quantity, made.price)
            return
        if isinstance(item.quantity, Noun):
            count = None
        if price is None:
            price, count = count, None
        if price is None or price.unit != MONEY:
            self._uncosted(owner, verb, made)
            return
        if count is not None and count.worth != 1 and not made.priced_each:
            self._priced_in_all(item, count, price, known=made.in_all)
            if made.in_all:
                self.entries.append(Entry(owner, verb, sign, price, made.label or label))
            return
        if count is not None and price.per and price.per[0] != count.unit and price.per[0] not in _words(item):
            raise Unread(f"the price is per {price.per[0]}, not per {count.unit}")
        term = times(replace(price, per=()), count) if count is not None else price
        if made.span and not price.per:
            self.atoms.append(made.span)
        if isinstance(item.quantity, Noun) and (made.each or item.quantity.determiner == "each"):
            raise Unread(f"{item.quantity}: it is not said how many")
        self.entries.append(Entry(owner, verb, sign, term, made.label or label, place=made.place))
        self.atoms.append(term)

    def _is_paid_by_each(self, clause: Clause, item: Item) -> bool:
        """Five friends pay $12 each for a present."""
        subject = clause.subject
        if not isinstance(subject, Item) or not isinstance(subject.quantity, Count) or clause.leads:
            return False
        each = Post("each") in (*subject.posts, *item.posts)
        posts = [post for post in item.posts if post.kind != "each"]
        goods = [post.value for post in posts if post.kind == "for" and isinstance(post.value, Noun)]
        money = isinstance(item.quantity, Count) and item.quantity.figure.currency and item.quantity.noun is None
        if not each or not money or len(goods) < len(posts) or len(posts) > 1:
            return False
        term = times(self._sure(self.term(item.quantity)), self._sure(self.term(subject.quantity)))
        place = goods[0].name if goods else ""
        self.entries.append(Entry(EVERYONE, clause.verb, -1, term, place=place))
        return True

    def _state_income(self, owner: str, quantity: object) -> None:
        """A quarter of his $800 salary: he had $800."""
        of = quantity.of if isinstance(quantity, Part) else None
        if not isinstance(of, Count) or not of.figure.currency or of.noun is None or of.noun.head not in _INCOME:
            return
        if not any(entry.owner == owner and entry.term and entry.term.unit == MONEY for entry in self.entries):
            self.entries.append(Entry(owner, Verb("have", "HAVE"), 0, self.term(of)))

    def _is_in_payments(self, item: Item) -> bool:
        """I pay (it) in 6 equal payments."""
        counts = [post.value for post in item.posts if post.kind == "in" and _is_count(post.value)]
        if item.quantity is not None or len(item.posts) != 1 or len(counts) != 1 or not isinstance(counts[0], Count):
            return False
        if counts[0].noun is None or counts[0].noun.head not in {"payment", "installment", "instalment", "rate"}:
            return False
        self.shared.append((None, self._sure(self.term(counts[0]))))
        return True

    def _is_paid_for_several(self, item: Item) -> bool:
        """$63 for 7 tickets."""
        money = isinstance(item.quantity, Count) and bool(item.quantity.figure.currency)
        return money and any(post.kind == "for" and _is_count(post.value) for post in item.posts)

    def _paid_for_several(self, owner: str, verb: Verb, item: Item, sign: int, label: str) -> None:
        counts = [post.value for post in item.posts if post.kind == "for" and _is_count(post.value)]
        made = self.measured(replace(item, posts=tuple(post for post in item.posts if post.value not in counts)))
        if len(counts) != 1 or made.term is None or made.term.per or not isinstance(counts[0], Count):
            raise Unread("it is not said what is paid for each")
        count = self._sure(self.term(counts[0]))
        rate = replace(times(made.term, count, over=True), per=(count.unit,))
        self.prices.append(Price(counts[0].noun or Noun((count.unit,)), rate, made.term))
        self.entries.append(Entry(owner, verb, sign, made.term, made.label or label))
        self.atoms.append(rate)

    def _priced_each(self, noun: Noun, price: Term) -> None:
        """A shop sells apples at $1.20 each."""
        if any(each.noun.name == noun.name for each in self.prices):
            raise Unread(f'"{noun}": it is said twice what it costs')
        rate = replace(price, per=(noun.head,))
        self.prices.append(Price(noun, rate, price))
        self.atoms.append(rate)

    def _priced_in_all(self, item: Item, count: Term, price: Term, *, known: bool) -> None:
        """12 rolls for $6: the price of one roll is plain, and what is paid for 12 is in doubt."""
        if price.per or not isinstance(item.quantity, Count) or item.quantity.noun is None:
            raise Unread(f"{count.unit}: it is not said whether the price is for each or for all")
        if not known:
            self.doubts.append(f"{count.unit}: it is not said whether the price is for each or for all")
        rate = replace(times(price, count, over=True), per=(count.unit,))
        self.prices.append(Price(item.quantity.noun, rate, price))
        self.atoms.append(rate)

    def _uncosted(self, owner: str, verb: Verb, made: "Measured") -> None:
        if made.term is None:
            raise Unread(f'"{verb.lemma}": it is not said how much')
        if verb.kind not in {"COST", "SPEND"}:
            raise Unread(f'"{verb.lemma}": it is not said for how much')
        self.entries.append(Entry(owner, verb, -1 if verb.kind == "SPEND" else 0, made.term, made.label))
        self.atoms.append(made.term)

    def cost(self, clause: Clause) -> None:
        if self._costs_severally(clause) or self._is_so_many_for(clause):
            return
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
                continue
            if isinstance(item.quantity, Compared) and self._costs_more(clause, item.quantity):
                continue
            if isinstance(item.quantity, Compared):
                self.compare(self.meet(clause.subject), clause.verb, item.quantity, item.posts)
                continue
            if self._is_paid_for_several(item) and isinstance(clause.subject, Noun):
                self.meet(clause.subject)
                self.unit, self.noun = clause.subject.head, clause.subject
                self._paid_for_several(clause.subject.name, clause.verb, item, -1, "")
                continue
            made = self.measured(item)
            if made.term is None or made.term.unit != MONEY:
                raise Unread(f'"{clause.verb.lemma}": it is not said how much')
            self._price(clause, made)

    def _is_so_many_for(self, clause: Clause) -> bool:
        """Oranges cost 3 for $2."""
        subject, item = clause.subject, clause.items[0] if len(clause.items) == 1 else None
        if not isinstance(item, Item) or not isinstance(item.quantity, Count) or not isinstance(subject, Noun):
            return False
        price = item.posts[0].value if len(item.posts) == 1 and item.posts[0].kind == "for" else None
        if not isinstance(price, Count) or not price.figure.currency or price.noun is not None:
            return False
        bare = item.quantity.noun is None and not item.quantity.figure.currency and not item.quantity.more
        if not bare or subject.words[-1].casefold() == subject.head:
            return False
        self._priced_count(Item(replace(item.quantity, noun=subject)), Measured(self.term(price)))
        return True

    def _costs_more(self, clause: Clause, said: Compared) -> bool:
        """A train ticket costs $24, a bus ticket $9 less (than the train ticket)."""
        subject, than = clause.subject, said.than
        known = [p for p in self.prices if not isinstance(than, Noun) or p.noun.name == than.name]
        if not isinstance(subject, Noun) or len(known) != 1 or isinstance(than, str | Pronoun) or said.noun:
            return False
        if said.sign in {"+", "-"} and not said.figure.currency:
            return False
        by = Term(figure(said.figure), MONEY, uses=uses(said.figure))
        base = known[0].whole
        made = compared(base, said.sign, by)
        self._price(clause, Measured(made))
        return True

    def _costs_severally(self, clause: Clause) -> bool:
        """A ticket costs $12 for adults and $7 for children; a plan costs $20 a month plus $0.10 a minute."""
        items = [item for item in clause.items if isinstance(item, Item)]
        if len(items) < 2 or len(items) < len(clause.items) or not isinstance(clause.subject, Noun):  # noqa: PLR2004
            return False
        whose = [[p.value for p in i.posts if p.kind == "for" and isinstance(p.value, Noun)] for i in items]
        if all(len(each) == 1 for each in whose):
            for item, [noun] in zip(items, whose, strict=True):
                made = self.measured(replace(item, posts=tuple(p for p in item.posts if p.kind != "for")))
                self._price(replace(clause, subject=replace(noun, determiner="a")), made)
            return True
        terms = [self.measured(item).term for item in items]
        rates = [term for term in terms if term is not None and term.unit == MONEY and len(term.per) == 1]
        if len({rate.per for rate in rates}) < len(items):
            return False
        owner = self.meet(clause.subject)
        self.entries += [Entry(owner, Verb("cost", "COST"), -1, rate) for rate in rates]
        return True

    def _price(self, clause: Clause, made: "Measured") -> None:
        subject, term = clause.subject, self._sure(made.term)
        if isinstance(subject, Item) and isinstance(subject.quantity, Count | Grouped):
            self._priced_count(subject, made)
            return
        owner = self.meet(subject)
        noun = subject if isinstance(subject, Noun) else self.subject_noun
        if noun is None and isinstance(subject, Pronoun) and subject.word == "it":
            noun = Noun(("it",))
        if noun is None:
            raise Unread("it is not said what costs that")
        if _TOTALS & {*noun.words, noun.head}:
            raise Unread(f'"{noun}": a sum is stated')
        whole = term
        if made.span is not None and not term.per:
            self.atoms.append(replace(times(term, made.span, over=True), per=(made.span.unit,)))
        if not term.per:
            term = replace(term, per=(noun.head,))
        if any(price.noun.name == noun.name for price in self.prices):
            raise Unread(f'"{noun}": it is said twice what it costs')
        self.prices.append(Price(noun, term, whole))
        if not made.each and noun.determiner != "each":
            self.entries.append(Entry(owner, Verb("cost", "COST"), -1, whole, made.label, place=noun.determiner))
        self.atoms.append(term)

    def _priced_count(self, subject: Item, made: "Measured") -> None:
        quantity = subject.quantity
        count, whole = self._sure(self.term(quantity)), self._sure(made.term)
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
        rate = replace(times(whole, count, over=True), per=(count.unit,))
        self.prices.append(Price(noun, rate, whole))
        self.atoms.append(rate)


def _is_of_each(verb: Verb, noun: Noun, made: Measured) -> bool:
    return verb.lemma in {"sell", "charge"} and (made.each or noun.determiner == "each")


def _is_count(value: object) -> bool:
    """Whether it is so many of something, and no money or time."""
    if not isinstance(value, Count) or value.figure.currency:
        return False
    return value.noun is None or not is_time(value.noun.head)


def _words(item: Item) -> set[str]:
    noun = item.quantity.noun if isinstance(item.quantity, Count) else None
    return {noun.head, *noun.adjectives, *noun.of} if noun else set()
