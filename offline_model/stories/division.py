"""Several who each buy, sell, have or do something, told in sentences -> the lines of each under a label.

"Ann buys 3 pens at $2 and Bob 4 at $1.75" is read as "Ann: 3 pens at $2" and "Bob: 4 pens at $1.75".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from offline_model.lexeme import Lexeme, Unread
from offline_model.stories.clauses import Pronoun, Question
from offline_model.stories.layout import Line
from offline_model.stories.nouns import LENGTHS, WEIGHTS
from offline_model.stories.terms import MONEY
from offline_model.stories.words import LEMMAS

_DOING = frozenset("GAIN GAINN LOSE LOSEN SPEND CHARGE CHARGEN COST HAVE MOVE MOVEN ACT ACTN BE".split())  # noqa: SIM905
_ASKING = frozenset({"HOWMANY", "HOWMUCH", "HOWFAR", "WHICH", "WHO", "WHAT", "WHATEACH"})
_SEPARATORS = frozenset({"COMMA", "AND"})
_NUMBERS = frozenset({"NUMBER", "MONEY", "DOZEN"})
_DETERMINERS = frozenset({"THE", "A", "HER"})
_BUYING = frozenset({"buy", "order", "purchase", "spend", "pay"})
_SELLING = frozenset({"sell", "charge", "cost"})
_GOING = frozenset({"go", "travel", "move", "cover"})
_LONGEST_NAME = 4


@dataclass(frozen=True)
class Divided:
    lines: tuple[Line, ...]
    verb: str
    """What all of them do: a lemma."""

    def fits(self, question: Question, unit: str) -> bool:  # noqa: PLR0911 - one for each kind of verb
        """Whether what is asked is what they do: who spends more, of those who buy."""
        verb = question.verb
        if isinstance(question.subject, Pronoun) and question.subject.word in {"he", "she", "i"}:
            return False
        if self.verb in _BUYING:
            paying = verb is None or verb.kind in {"SPEND", "COST"} or verb.lemma in {self.verb, "be"}
            return unit == MONEY and paying and question.sort != "CHEAP"
        if self.verb == "sell" and verb is not None and verb.lemma in {"earn", "make", "take in"}:
            return unit == MONEY and question.sort != "CHEAP"
        if self.verb in _SELLING:
            return unit == MONEY and question.form == "which" and question.sort == "CHEAP"
        if self.verb == "be":
            return question.form == "which" and question.sort == "OLDER" and unit in {"year", *LENGTHS, *WEIGHTS}
        if question.noun is not None and question.noun.head not in {
            unit,
            "money" if unit == MONEY else unit,
            "total",
            "difference",
            "distance",
        }:
            return False
        if question.sort not in {"", "MORE"} or verb is None or (unit == MONEY and verb.kind != "HAVE"):
            return False
        going = verb.kind == "MOVE" and bool({verb.lemma, self.verb} & _GOING)
        return verb.lemma == self.verb or going or (verb.kind == "BE" and question.form != "which")


@dataclass(frozen=True)
class _Piece:
    name: tuple[Lexeme, ...]
    """Empty if a pronoun stands for it."""
    verb: Lexeme | None
    """None if it is that of the piece before."""
    body: tuple[Lexeme, ...]


def divided(found: Sequence[Line], text: str) -> Divided | None:
    """None if the text is not of several who do the same."""
    if any(line.label for line in found):
        return None
    lines: list[Line] = []
    verbs: set[str] = set()
    kinds: set[str] = set()
    last: _Piece | None = None
    label = ""
    try:
        for line in found:
            told, asked = _asked_apart(line.lexemes)
            for piece in _pieces(told, text):
                whole = _completed(piece, last)
                label = text[piece.name[0].start : piece.name[-1].end] if piece.name else label
                lines.append(Line(label, whole.body, _written(whole.body, text)))
                verbs.add(LEMMAS[whole.verb.text.lower()] if whole.verb else "")
                kinds.add(whole.verb.kind if whole.verb else "")
                last = whole
            if asked:
                lines.append(Line("", asked))
    except Unread:
        return None
    one_verb = len(verbs) == 1 or verbs <= _BUYING
    labels = [line.label for line in lines if line.label]
    names = {_bare(label) for label in labels}
    if len(names) < 2 or len(names) < len(set(labels)) or not one_verb or "" in verbs:  # noqa: PLR2004
        return None
    if "HAVE" in kinds and len(labels) > len(names):
        return None  # it is said twice what one has
    return Divided(tuple(lines), min(verbs))


def _bare(label: str) -> str:
    words = label.casefold().split()
    return " ".join(words[1:] if words[0] in {"a", "an", "the", "his", "her", "my", "our", "their"} else words)


def _asked_apart(lexemes: Sequence[Lexeme]) -> tuple[tuple[Lexeme, ...], tuple[Lexeme, ...]]:
    """What is told and what is asked in a sentence."""
    at = next((index for index, each in enumerate(lexemes) if each.kind in _ASKING), len(lexemes))
    told = lexemes[: at - 1] if at and lexemes[at - 1].kind in _SEPARATORS else lexemes[:at]
    if told and at < len(lexemes) and len(told) == at:
        return (), tuple(lexemes)  # a question that begins with something else
    return tuple(told), tuple(lexemes[at:])


def _pieces(told: Sequence[Lexeme], text: str) -> Iterator[_Piece]:
    """Raises Unread if what is told does not begin with somebody who does something."""
    if not told:
        return
    starts = [index for index in range(len(told)) if _begins(told, index, text)]
    if starts[:1] != [0]:
        raise Unread("it does not begin with somebody who does something")
    for start, end in zip(starts, [*starts[1:], len(told)], strict=True):
        cut = end
        while cut > start and cut < len(told) and told[cut - 1].kind in _SEPARATORS:
            cut -= 1
        yield _piece(told[start:cut], text)


def _begins(told: Sequence[Lexeme], at: int, text: str) -> bool:
    if at and told[at - 1].kind not in _SEPARATORS:
        return False
    try:
        piece = _piece(told[at:], text)
    except Unread:
        return False
    return piece.verb is not None or at > 0


def _piece(lexemes: Sequence[Lexeme], text: str) -> _Piece:
    at = 0
    if lexemes and lexemes[0].kind == "PRON":
        at = 1
    else:
        at += bool(lexemes) and lexemes[0].kind in _DETERMINERS
        first = at
        while at < len(lexemes) and lexemes[at].kind == "WORD" and at - first < _LONGEST_NAME:
            at += 1
        if at == first:
            raise Unread("it is not said who")
    name = tuple(lexemes[:at]) if lexemes[0].kind != "PRON" else ()
    if at + 1 < len(lexemes) and lexemes[at].kind in _DOING:
        return _Piece(name, lexemes[at], tuple(lexemes[at + 1 :]))
    named = bool(name) and text[name[-1].start].isupper()
    if at < len(lexemes) and lexemes[at].kind in _NUMBERS and named:
        return _Piece(name, None, tuple(lexemes[at:]))
    raise Unread("it is not said what they do")


def _completed(piece: _Piece, last: _Piece | None) -> _Piece:
    """With the verb and the goods of the piece before, where it leaves them out or says "it"."""
    if last is None:
        if not piece.name or piece.verb is None:
            raise Unread("it is not said who")
        return replace(piece, body=_sized(piece.verb, piece.body))
    verb, body = piece.verb or last.verb, _sized(piece.verb or last.verb, piece.body)
    goods = _goods(last.body)
    if body[0].text.lower() == "it" and goods and goods[0].kind in _DETERMINERS:
        body = (*goods, *body[1:])
    elif body[0].kind == "NUMBER" and len(body) > 1 and body[1].kind in {"AT", "FOR"} and len(goods) > 1:
        body = (body[0], *goods[1:], *body[1:])
    return replace(piece, verb=verb, body=body)


def _sized(verb: Lexeme | None, body: tuple[Lexeme, ...]) -> tuple[Lexeme, ...]:
    """Of "is 12 years old" or "is 12" the 12 years."""
    if verb is None or verb.kind != "BE":
        return body
    kept = tuple(each for each in body if each.kind != "LONG")
    if len(kept) == 1 and kept[0].kind == "NUMBER":
        return (*kept, Lexeme("WORD", "years", kept[0].end, kept[0].end))
    return kept


def _goods(body: Sequence[Lexeme]) -> tuple[Lexeme, ...]:
    """Such as "3 pens" or "a phone", with which the body begins."""
    if not body or body[0].kind not in {"NUMBER", *_DETERMINERS}:
        return ()
    at = 1
    while at < len(body) and body[at].kind == "WORD":
        at += 1
    return tuple(body[:at])


def _written(body: Sequence[Lexeme], text: str) -> str:
    """The words of the body, those that stand next to each other as they were written."""
    runs: list[list[int]] = []
    if body[-1].start == body[-1].end:
        return f"{_written(body[:-1], text)} {body[-1].text}"
    for lexeme in body:
        if runs and runs[-1][1] <= lexeme.start and not text[runs[-1][1] : lexeme.start].strip(" ("):
            runs[-1][1] = lexeme.end
        else:
            runs.append([lexeme.start, lexeme.end])
    return " ".join(text[start:end] for start, end in runs)
