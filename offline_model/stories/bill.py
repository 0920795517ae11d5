"""Bills: what things cost, and what changes the sum."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from offline_model.lexeme import Unread
from offline_model.stories import ledger
from offline_model.stories.clauses import Adjustment, Noun, Pronoun
from offline_model.stories.facts import Story
from offline_model.stories.nouns import TIMES, conversion, singular
from offline_model.stories.terms import MONEY, Term, figure, is_time, less, plain, plus, share_of, times, uses
from offline_model.stories.told import EVERYONE, Entry

if TYPE_CHECKING:
    from offline_model.stories.asked import Asked
    from offline_model.stories.asking import Asking

_WHOLE = frozenset(
    {"meal", "order", "trip", "bill", "shopping", "purchase", "everything", "lunch", "dinner", "job", "ride"}
)
BUYING = frozenset({"buy", "order", "purchase", "get", "take"})
_TOTALS = frozenset({"total", "cost", "price", "bill", "sum", "amount", "spend", "tab"})


def ways(asking: "Asking") -> Iterable[Term | None]:  # noqa: C901, PLR0911 - one for each question
    q, story = asking.question, asking.story
    head = q.noun.head if q.noun else ""
    if asking.unit != MONEY and q.form != "what":
        return
    held = any(e.sign == 0 and e.term and e.term.unit == MONEY and e.verb.kind == "HAVE" for e in story.entries)
    if held and q.verb is not None and q.verb.lemma == "owe":
        return
    if q.noun is not None and q.noun.words[0] == "average":
        return
    if story.deals:
        yield _by_deal(asking)
        return
    if q.verb is not None and q.verb.lemma == "save":
        yield _saved(story) if story.adjustments else _kept(asking)
        return
    if q.noun is not None and q.noun.words[0] in {"new", "sale", "final"} and len(story.entries) == 1:
        if head in {*story.entries[0].owner.split()[-1:], "price", "cost"} and story.adjustments:
            yield total(story)
    elif q.noun is not None and q.noun.words[0] in {"new", "sale"}:
        return
    elif head == "change" and story.payments:
        spenders = {entry.owner for entry in story.entries if entry.sign < 0 and entry.verb.kind != "COST"}
        if story.payers - {""} and spenders - {"", *story.payers}:
            raise Unread("one buys and another pays")
        yield less(plus(story.payments), total(story))
    elif q.verb is not None and q.verb.kind not in {"COST", "SPEND", "BE", "CHARGE"}:
        return
    elif (
        q.form == "much" or head in _TOTALS or (q.form == "what" and q.verb and q.verb.kind in {"COST", "SPEND", "BE"})
    ):
        yield from _costs(asking)


def _by_deal(asking: "Asking") -> Term | None:
    """9 pairs, of which each third is free: 9 times the price times 2 / 3."""
    story, counts = asking.story, [extra for extra in asking.extras if extra.unit != MONEY]
    if len(story.deals) != 1 or len(story.prices) != 1 or len(counts) != 1 or story.adjustments or asking.question.more:
        return None
    [deal], [price], [count] = story.deals, story.prices, counts
    bought, free = (Term(figure(each), uses=uses(each)) for each in (deal.bought, deal.free))
    group, amount = plus([bought, free]), count.worth
    if count.unit not in {*price.term.per, price.noun.head} or amount is None or group.worth is None:
        return None
    if amount.denominator != 1 or not group.worth or amount % group.worth:
        raise Unread("some are left over that are no full group of the offer")
    return times(times(price.term, times(count, group, over=True)), bought)


def _saved(story: Story) -> Term | None:
    """What a discount takes off."""
    if len(story.adjustments) != 1 or story.adjustments[0].kind != "discount" or not _is_share(story.adjustments[0]):
        return None
    return share_of(story.adjustments[0].amount, total(replace(story, adjustments=[])))


def _kept(asking: "Asking") -> Term | None:
    """What is left of what is earned, of which so much is spent: $12 a week less $7 a week."""
    flows = [entry for entry in asking.story.entries if entry.term and entry.term.unit == MONEY]
    signs = {entry.sign for entry in flows}
    if signs != {1, -1} or any(entry.verb.kind == "COST" for entry in flows):
        return None
    if len({entry.term.per for entry in flows if entry.term}) != 1:
        return None
    terms = [_settled(asking.story, entry.term, asking.extras) for entry in flows if entry.term]
    return plus(terms, [entry.sign > 0 for entry in flows])


def _costs(asking: "Asking") -> Iterable[Term | None]:
    q, story = asking.question, asking.story
    own = [price for price in story.prices if isinstance(q.subject, Noun) and _is_named(price.noun, q.subject)]
    named = isinstance(q.subject, Noun) and q.subject.determiner != "each"
    if named and not own and isinstance(q.subject, Noun) and not _known(story, q.subject):
        return
    if is_of_one(asking) or _is_elsewhere(asking):
        return
    if own and len(story.prices) > 1 and q.verb is not None and q.verb.kind == "COST":
        yield own[0].whole if not story.adjustments else None
        return
    if {"left", "first", "average"} & asking.kinds or q.more or (q.verb and q.verb.kind == "HAVE"):
        return
    counted = _counted(asking)
    if counted is not None:
        yield changed(story, counted)
        return
    if {"per", "each"} & asking.kinds or asking.of_each():
        return
    yield total(story, asking.extras)


def _is_elsewhere(asking: "Asking") -> bool:
    """Whether it is asked what is spent on one thing (toys), and told what is spent on others (pants)."""
    asked = [p.value for p in asking.question.posts if p.kind == "on" and isinstance(p.value, Noun)]
    told = {entry.place for entry in asking.story.entries if entry.verb.kind == "SPEND" and entry.place}
    return bool(told) and any(noun.name not in told and noun.head not in _WHOLE for noun in asked)


def _counted(asking: "Asking") -> Term | None:
    """2 books and 4 pens, by the price of each."""
    if not asking.extras or not asking.story.prices:
        return None
    named = [post.value for post in asking.question.posts if post.kind == "for" and isinstance(post.value, Noun)]
    terms = [price.whole for price in asking.story.prices if any(_is_named(price.noun, noun) for noun in named)]
    if len(terms) < len(named) or any(term.per for term in terms):
        return None
    for extra in asking.extras:
        found = [
            price for price in asking.story.prices if price.noun.head == extra.unit or extra.unit in price.term.per
        ]
        found = [p for p in found if p.noun.adjectives == extra.adjectives or p.noun.head in extra.adjectives] or found
        if len(found) != 1:
            return None
        terms.append(times(found[0].term, extra))
    return plus(terms)


def total(story: Story, extras: Sequence[Term] = ()) -> Term:
    if story.doubts:
        raise Unread(story.doubts[0])
    costs = [entry for entry in story.entries if entry.sign < 0 and entry.term and entry.term.unit == MONEY]
    if any(_is_sum(entry) for entry in costs) and any(entry.verb.kind != "SPEND" for entry in costs):
        raise Unread("what was spent may be what the things cost")
    terms = [_settled(story, entry.term, extras) for entry in costs if entry.term]
    rates = [e.term.per for e in costs if e.term and e.term.per and not is_time(e.term.per[0])]
    if len(set(rates)) < len(rates) and extras:
        raise Unread("it is not said of which of them there is so much")
    if all(entry.verb.kind == "COST" for entry in costs) and not extras:
        terms = _bought(story) or terms
    if not terms:
        raise Unread("nothing is said to cost anything")
    return changed(story, plus(terms))


def _bought(story: Story) -> list[Term]:
    """Tea costs $3 and cake $4.50, and Lisa buys 2 teas and 2 cakes; empty if not all that is bought has its price."""
    bought = [
        e.term for e in story.entries if e.verb.lemma in BUYING and e.sign > 0 and e.term and e.term.unit != MONEY
    ]
    if len({entry.owner for entry in story.entries if entry.verb.lemma in BUYING}) > 1:
        return []
    found = []
    for term in bought:
        prices = [p for p in story.prices if p.noun.head == term.unit or (term.unit,) == p.term.per]
        if len(prices) > 1:
            prices = [p for p in prices if p.noun.head in term.adjectives or p.noun.adjectives == term.adjectives]
        if len(prices) != 1 or term.per:
            return []
        found.append(replace(times(prices[0].term, term), unit=MONEY, per=()))
    return found


def _is_named(noun: Noun, said: Noun) -> bool:
    """Whether a jar of jam is called the jam."""
    return noun.name == said.name or (len(said.words) == 1 and said.head in {singular(word) for word in noun.of})


def _settled(story: Story, term: Term, extras: Sequence[Term]) -> Term:
    """A rate times the amount of what it is a rate of."""
    named = [extra for extra in extras if (extra.unit,) == term.per]
    like = named or [extra for extra in extras if len(term.per) == 1 and conversion(extra.unit, term.per[0])]
    return ledger.settle(term, MONEY, [*(like or extras), *_counts(story, term)])


def is_of_one(asking: "Asked") -> bool:
    """Whether it is asked what one of several pays."""
    subject = asking.question.subject
    shared = any(entry.owner == EVERYONE and entry.verb.kind == "SPEND" for entry in asking.story.entries)
    one = isinstance(subject, Pronoun) and subject.word in {"i", "he", "she", *(["you"] if shared else [])}
    if not one and not (isinstance(subject, Noun) and subject.name in asking.story.people):
        return False
    entries = asking.story.entries
    spenders = {e.owner for e in entries if e.term and e.term.unit == MONEY and e.verb.kind != "COST"}
    spenders |= {e.owner for e in entries if e.verb.lemma in BUYING and e.sign > 0}
    return bool(spenders - {"", asking.owner()})


def _known(story: Story, subject: Noun) -> bool:
    """Whether the question is about all of it, or about the one thing that is spoken of."""
    owners = {entry.owner for entry in story.entries if entry.sign < 0}
    shared = {entry.place for entry in story.entries if entry.owner == EVERYONE and entry.verb.kind == "SPEND"}
    if shared - {""}:
        return shared == {subject.name}
    return subject.head in _WHOLE | TIMES or owners == {subject.name} or subject.name in story.people


def _is_sum(entry: Entry) -> bool:
    return entry.verb.kind == "SPEND" and not entry.place and isinstance(entry.term, Term)


def _counts(story: Story, term: Term) -> list[Term]:
    """How many there are of what the price is for one of."""
    found = [atom for atom in story.atoms if not atom.per and term.per == (atom.unit,)]
    return found if len(found) == 1 else []


def changed(story: Story, subtotal: Term) -> Term:
    """Discounts on the sum first, then tax or tip on what is left, then what is added or taken off in money."""
    shares = [each for each in story.adjustments if _is_share(each)]
    amounts = [each for each in story.adjustments if not _is_share(each)]
    discounts = [each for each in shares if each.kind == "discount"]
    raised = [each for each in shares if each.kind in {"tax", "tip", "fee"}]
    if len(discounts) + len(raised) < len(shares) or len(raised) > 1 or len(discounts) > 1:
        raise Unread("it is not said of what the shares are")
    if raised and any(each.kind == "fee" for each in amounts) and "subtotal" not in raised[0].words:
        raise Unread("it is not said whether the tax or tip is on the fee too")
    made = subtotal
    for each in (*discounts, *raised):
        made = _by_share(made, each)
    for each in amounts:
        term = Term(figure(each.amount), MONEY, uses=uses(each.amount))
        made = plus([made, term]) if each.kind in {"fee", "tax", "tip"} else less(made, term)
    return made


def _is_share(each: Adjustment) -> bool:
    return not each.amount.currency


def _by_share(base: Term, each: Adjustment) -> Term:
    part = Term(figure(each.amount), uses=uses(each.amount))
    factor = plus([plain(1), part]) if each.kind != "discount" else less(plain(1), part)
    return times(base, factor)
