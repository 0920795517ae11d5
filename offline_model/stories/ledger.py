"""What somebody has: levels, what came, what went, and comparisons with what others have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.nouns import NEGATIVE, takes_in
from offline_model.stories.terms import Term, chain, compared, less, plain, plus, times
from offline_model.stories.told import EVERYONE, NEUTRAL, Entry, Relation, Told

_DEEP = 12


def of_unit(term: Term | None, unit: str, adjectives: frozenset[str] = frozenset()) -> bool:
    return term is not None and (term.unit == unit or takes_in(unit, term.unit)) and adjectives <= term.adjectives


def settle(term: Term, unit: str, extras: Sequence[Term]) -> Term:
    """A rate times the amounts it is a rate of."""
    if not term.per:
        return term
    found = chain([term, *extras], Counter([term.unit]))
    if len(found) != 1:
        raise Unread(f"so many {term.unit} per {' and '.join(term.per)}, and it is not said for how many")
    return replace(found[0], unit=unit)


def holders(story: Told, unit: str) -> list[str]:
    """All who are said to have some, or to have come by some, in order; not who was only given some."""
    given = {entry.owner for entry in story.entries if entry.verb.kind == "GIVEN"}
    given -= {entry.owner for entry in story.entries if entry.verb.kind != "GIVEN"}
    said = [
        entry.owner
        for entry in story.entries
        if entry.sign in (0, 1) and (entry.term is None or of_unit(entry.term, unit))
    ]
    said += [relation.owner for relation in story.relations if relation.unit in (unit, "")]
    return [each for each in dict.fromkeys(said) if each != EVERYONE and each not in given]


def level(
    story: Told,
    owner: str,
    unit: str,
    extras: Sequence[Term] = (),
    adjectives: frozenset[str] = frozenset(),
    *,
    depth: int = 0,
) -> Term | None:
    if depth > _DEEP:
        raise Unread("the comparisons go round in a circle")
    having = holders(story, unit)
    if owner == EVERYONE:
        if len(having) == 2 and "" in having:  # noqa: PLR2004
            return level(story, next(each for each in having if each), unit, extras, adjectives, depth=depth + 1)
        levels = [level(story, each, unit, extras, adjectives, depth=depth + 1) for each in having]
        theirs = [e for e in story.entries if e.owner == EVERYONE and e.sign in (1, -1) and _fits(e, unit, adjectives)]
        if not having or not all(levels) or not all(entry.term for entry in theirs):
            return None
        terms = [*(each for each in levels if each), *(entry.term for entry in theirs if entry.term)]
        return plus(terms, [*(True for _ in levels), *(entry.sign > 0 for entry in theirs)])
    own = [
        e for e in story.entries if _is_of(story, e, owner, having) and _fits(e, unit, adjectives) and e.sign != NEUTRAL
    ]
    if any(entry.sign in {0, 1} for entry in own):
        return _run(own, unit, extras)
    return _related(story, owner, unit, extras, depth)


def _is_of(story: Told, entry: Entry, owner: str, having: Sequence[str]) -> bool:
    if entry.owner == owner:
        return True
    if entry.verb.kind == "GIVE" and entry.owner != "i":
        return False
    places = {owner, "", *(each.place for each in story.entries if each.owner == owner)}
    if entry.place not in places:
        return False
    alone = having in ([owner], ["", owner], [owner, ""])
    return alone and (entry.owner == "" or (entry.sign < 0 and entry.owner not in having))


def _fits(entry: Entry, unit: str, adjectives: frozenset[str]) -> bool:
    return entry.term is None or of_unit(entry.term, unit, adjectives)


def _run(own: Sequence[Entry], unit: str, extras: Sequence[Term]) -> Term | None:
    if any(entry.term is None for entry in own):
        return None
    first = next((index for index, entry in enumerate(own) if entry.sign != 0), len(own))
    if any(entry.sign == 0 for entry in own[first:]):
        return None
    _check_levels(own[:first])
    if first == 0 and any(entry.more for entry in own):
        return None
    events = [entry.term for entry in own if entry.term and entry.sign]
    if any(term.per for term in events) and not all(term.per for term in events):
        raise Unread("it is not said whether all of it is done so often")
    terms = [settle(entry.term, unit, extras) for entry in own if entry.term]
    signs = [entry.sign >= 0 for entry in own]
    if not signs[0]:
        return None
    _check_never_below_zero(terms, signs)
    return plus(terms, signs)


def _check_levels(levels: Sequence[Entry]) -> None:
    seen: set[object] = set()
    for entry in levels:
        assert entry.term is not None
        key = (entry.term.unit, entry.term.adjectives, entry.place)
        if key in seen:
            raise Unread("it is said twice how much there is")
        seen.add(key)


def _check_never_below_zero(terms: Sequence[Term], signs: Sequence[bool]) -> None:
    total = None
    for term, sign in zip(terms, signs, strict=True):
        total = term if total is None else plus([total, term], [True, sign])
        if total.worth is not None and total.worth < 0 and total.unit not in NEGATIVE:
            raise Unread("more is taken away than there is")


def _related(story: Told, owner: str, unit: str, extras: Sequence[Term], depth: int) -> Term | None:
    found = [each for each in story.relations if each.owner == owner and _same(each, unit)]
    if len(found) > 1:
        return None
    if found:
        other = level(story, found[0].than, unit, extras, frozenset(), depth=depth + 1)
        return _applied(other, found[0]) if other else None
    backward = [each for each in story.relations if each.than == owner and _same(each, unit)]
    if len(backward) != 1:
        return None
    known = any(entry.owner == backward[0].owner and _fits(entry, unit, frozenset()) for entry in story.entries)
    other = level(story, backward[0].owner, unit, extras, frozenset(), depth=depth + 1) if known else None
    return _undone(other, backward[0]) if other else None


def _same(relation: Relation, unit: str) -> bool:
    return relation.unit == unit or not relation.unit


def _applied(other: Term, relation: Relation) -> Term:
    return compared(other, relation.sign, relation.by)


def _undone(other: Term, relation: Relation) -> Term:
    if relation.sign == "*" or relation.sign.endswith("%"):
        factor = relation.by if relation.sign == "*" else compared(plain(1), relation.sign[0], relation.by)
        return times(other, factor, over=True)
    return less(other, relation.by) if relation.sign == "+" else plus([other, relation.by])


def started(story: Told, owner: str, unit: str) -> Term | None:
    """What there was at first, from what there is now."""
    own = [entry for entry in story.entries if entry.owner == owner and _fits(entry, unit, frozenset())]
    if own and own[0].sign == 0 and own[0].term is None:
        own = own[1:]
    if not own or own[-1].sign != 0 or own[-1].term is None or any(e.sign == 0 or e.term is None for e in own[:-1]):
        return None
    events = [entry for entry in own[:-1] if entry.term]
    return plus([own[-1].term, *(e.term for e in events if e.term)], [True, *(e.sign < 0 for e in events)])


def missing(story: Told, owner: str, unit: str) -> Term | None:
    """How much came or went, from what there was and what there is."""
    own = [entry for entry in story.entries if entry.owner == owner and _fits(entry, unit, frozenset())]
    if len(own) < 3 or own[0].sign or own[-1].sign or own[0].term is None or own[-1].term is None:  # noqa: PLR2004
        return None
    unknown = [entry for entry in own[1:-1] if entry.term is None]
    events = [entry for entry in own[1:-1] if entry.term]
    if len(unknown) != 1 or unknown[0].sign == 0 or any(entry.sign == 0 for entry in events):
        return None
    start = plus([own[0].term, *(e.term for e in events if e.term)], [True, *(e.sign > 0 for e in events)])
    return less(start, own[-1].term) if unknown[0].sign < 0 else less(own[-1].term, start)


def rest(story: Told, owner: str, unit: str) -> Term | None:
    own = [entry for entry in story.entries if entry.owner == owner and _fits(entry, unit, frozenset())]
    if not own or own[-1].label != "rest" or any(entry.term is None for entry in own[:-1]):
        return None
    return _run(own[:-1], unit, ())
