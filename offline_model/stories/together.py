"""What each has, from what they have together and how they compare: x and 3x make 48."""

from collections.abc import Mapping, Sequence

from offline_model.lexeme import Unread
from offline_model.stories.terms import Term, less, plain, plus, times
from offline_model.stories.told import Relation, Told

Form = tuple[Term, Term | None]
"""So many times what the one has that all are compared with, and so much more, which may be less than nothing."""


def owners(story: Told, unit: str) -> list[str]:
    """All that are compared, in order; none if it is not said what they have in all."""
    if len(story.joints) != 1 or story.joints[0].term.unit != unit:
        return []
    named = [name for each in _relations(story, unit) for name in (each.owner, each.than)]
    return list(dict.fromkeys(named))


def solved(story: Told, owner: str, unit: str) -> Term | None:
    """What `owner` has. Raises Unread if something else is said of what they have."""
    named = owners(story, unit)
    if owner not in named:
        return None
    [joint] = story.joints
    if any(entry.term is not None and entry.term.unit == unit for entry in story.entries):
        raise Unread("it is said how much one has, and how much all have")
    if joint.owners and set(joint.owners) != set(named):
        raise Unread("not all who are compared have that together")
    forms = _forms(_relations(story, unit), named)
    constants = [constant for _, constant in forms.values() if constant is not None]
    whole = less(joint.term, plus(constants)) if constants else joint.term
    base = times(whole, plus([factor for factor, _ in forms.values()]), over=True)
    factor, constant = forms[owner]
    found = times(base, factor)
    return plus([found, constant]) if constant is not None else found


def _relations(story: Told, unit: str) -> list[Relation]:
    return [each for each in story.relations if each.unit in (unit, "")]


def _forms(relations: Sequence[Relation], named: Sequence[str]) -> Mapping[str, Form]:
    said = {each.owner: each for each in relations}
    bases = [name for name in named if name not in said]
    if len(said) < len(relations) or len(bases) != 1:
        raise Unread("they are not all compared with one")
    forms: dict[str, Form] = {bases[0]: (plain(1), None)}
    while len(forms) < len(named):
        found = next((each for each in relations if each.owner not in forms and each.than in forms), None)
        if found is None:
            raise Unread("the comparisons go round in a circle")
        forms[found.owner] = _compared(forms[found.than], found)
    return forms


def _compared(form: Form, relation: Relation) -> Form:
    factor, constant = form
    by = relation.by
    if relation.sign.endswith("%"):
        raise Unread("what they have together, and by what share more")
    if relation.sign == "*":
        return times(by, factor), None if constant is None else times(constant, by)
    if constant is None:
        return factor, by if relation.sign == "+" else less(plain(0), by)
    return factor, plus([constant, by], [True, relation.sign == "+"])
