"""Areas, perimeters, volumes, and the way back from them. A figure needs its shape or its sides named."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from offline_model.problem import Number, Power, Root
from offline_model.stories.clauses import Noun
from offline_model.stories.terms import Term, plain, plus, times

if TYPE_CHECKING:
    from offline_model.stories.asking import Asking

SIDES = frozenset({"side", "base", "height", "length", "width", "area", "perimeter", "volume", "edge"})
_LONG = {"long": "length", "wide": "width", "high": "height", "tall": "height", "deep": "height", "edge": "side"}
_SQUARE, _RECTANGLE, _TRIANGLE, _CUBE = "square", "rectangle", "triangle", "cube"


def shape_of(subject: object) -> str:
    if not isinstance(subject, Noun):
        return ""
    words = {subject.head, *subject.adjectives, *subject.of}
    if "rectangular" in words:
        return _RECTANGLE
    return next((shape for shape in (_SQUARE, _RECTANGLE, _TRIANGLE, _CUBE) if shape in words), "")


def ways(asking: "Asking") -> Iterable[Term | None]:
    q, story = asking.question, asking.story
    measures = [(_LONG.get(way, way), term) for way, term in story.measures]
    names = [way for way, _ in measures]
    terms = [term for _, term in measures]
    wanted = q.noun.head if q.form == "what" and q.noun else q.subject.head if isinstance(q.subject, Noun) else ""
    one = [extra for extra in asking.extras if extra.unit in SIDES and extra.worth == 1]
    if one and len(asking.extras) == 1 and not wanted:
        wanted = one[0].unit
        terms = [replace(terms[0], uses=terms[0].uses | one[0].uses), *terms[1:]] if terms else []
    if q.form == "many" and q.noun and terms and q.noun.words[0] == "square" and q.noun.head == terms[0].unit:
        wanted = "area"
    fenced = q.noun is not None and bool({q.noun.head, *q.noun.of} & {"fence", "fencing", "ribbon", "border"})
    if fenced and (q.form == "much" or (q.form == "many" and q.noun and terms and q.noun.head == terms[0].unit)):
        wanted = "perimeter"
    if len({term.unit.removeprefix("square ") for term in terms}) > 1 and "area" not in names:
        return
    if story.shape in {_SQUARE, _CUBE} and len(terms) == 1:
        yield _square(story.shape, names[0], terms[0], wanted)
    elif len(terms) == 2:  # noqa: PLR2004
        yield _two(story.shape, names, terms, wanted)
    elif len(terms) == 3 and wanted == "volume" and story.shape in {"", _RECTANGLE}:  # noqa: PLR2004
        yield times(times(terms[0], terms[1]), terms[2])


def _square(shape: str, name: str, given: Term, wanted: str) -> Term | None:
    side = {"side": given, "area": _root(given), "perimeter": times(given, plain(4), over=True)}.get(name)
    if side is None:
        return None
    if shape == _CUBE:
        return _power(side, 3) if wanted == "volume" and name == "side" else None
    made = {"side": side, "length": side, "area": _power(side, 2), "perimeter": times(side, plain(4))}
    return made.get(wanted) if wanted != name else None


def _two(shape: str, names: list[str], terms: list[Term], wanted: str) -> Term | None:
    if shape == _TRIANGLE and set(names) == {"base", "height"}:
        return times(times(terms[0], terms[1]), plain(2), over=True) if wanted == "area" else None
    if "area" in names and len(set(names)) == 2 and wanted in {"length", "width"} and wanted not in names:  # noqa: PLR2004
        area = terms[names.index("area")]
        return times(area, terms[1 - names.index("area")], over=True)
    sides = set(names) == {"length", "width"} or (set(names) == {""} and shape in {"", _RECTANGLE})
    if not sides or shape not in {"", _RECTANGLE}:
        return None
    if wanted == "area":
        return times(terms[0], terms[1])
    return times(plus(terms), plain(2)) if wanted == "perimeter" else None


def _power(term: Term, exponent: int) -> Term:
    return replace(term, value=Power(term.value, Number(str(exponent))))


def _root(term: Term) -> Term:
    return replace(term, value=Root(term.value))
