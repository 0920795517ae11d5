"""What a percentage is of: one entry, one part, or everything."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from offline_model.items import Entry, labels_of, stands_alone
from offline_model.layout import Piece
from offline_model.marking import ANY, Marks, N, P
from offline_model.numbers import decimal
from offline_model.problem import Unread
from offline_model.words import ADDITIONS, DISCOUNTS, EVERYTHING, PARTS, TAXES, one_of, stem, stems

_MORE = ADDITIONS | {"charge", "fee"}
_NAMES = ("tax", "vat", "gst", "hst", "pst", "tip", "gratuity", "service", "charge")
_TARGET = re.compile(
    r"(?i)\b(?:off|on|of|to)\s(?:(?:the|my|our|all|of|on|at|that|this|just|only|whole|entire|complete)\s)*([a-z']+)"
)
_AFTER = re.compile(rf"(?i)(?:{P}|\b(?:tip|tax|vat|discount|gratuity)\b).*?\b(?:off|on|of|to|from|at|for)\s(.*)")
_THAT = re.compile(r"\bon (?:it|(?:that|this|the above)(?: \w+)?(?: bill| order)?)\W*$", re.IGNORECASE)
_IT = re.compile(rf"{_THAT.pattern}|^\W*(?:and )?it\b", re.IGNORECASE)
_SUBJECT = re.compile(
    rf"(?i)([^{ANY[1:-1]}]*?)\b(?:charges|has|had|adds|gives?|gave|takes|took|is having)\b [^{ANY[1:-1]}]*{P}"
)
_PRONOUNS = frozenset(
    "then now please finally they we i it he she you and also there who all each every both member customer".split()
)
_ALL = re.compile(r"\b(?:everything|the (?:whole|lot)|all of it)\b", re.IGNORECASE)
_ORDER = re.compile(r"\b(?:whole|entire) (?:order|purchase|bill)\b", re.IGNORECASE)
_HERE = re.compile(
    r"\b(?:everything|all) (?:(?:in|at|from) (?:the|this|that) (?:store|shop|place)|there)\b"
    r"|\b(?:on|off) this (?:order|invoice|receipt|bill|shop|store|po)\b",
    re.IGNORECASE,
)
_PARTS = one_of(PARTS | {"order", "table"})
_VAGUE = EVERYTHING | frozenset("store shop place market the my our a".split())
_KNOWN = EVERYTHING | frozenset(
    "we thing item good product material invoice receipt shop store po top us me since because when with as that "
    "thi".split()
)
_SOME = re.compile(rf"(?i)\b(?:off|on) (?:(?:the|just|only) )*(?:{N}|an?\b|single|half)|^{N} (?:at|with|has|is)\b")
_WHERE = re.compile(r"(?i)\b(?:at|from|only) (?:the )?(?!checkout|least|till)([a-z]+)|\bonly\b")
_FILLING = EVERYTHING | frozenset("of the and in for size a".split())


@dataclass(frozen=True)
class Rate:
    """Of one entry, of the part with this label, or of everything if both are empty."""

    percent: str
    off: bool
    name: str
    entry: Entry | None = None
    label: str = ""

    @property
    def portion(self) -> str:
        return decimal(Fraction(self.percent) / 100)

    def __str__(self) -> str:
        return f"{self.percent}% {'off' if self.off else self.name}"


@dataclass
class Scopes:
    """Finds what the percentages of a text are of. Raises Unread where that is not certain."""

    marks: Marks
    pieces: Sequence[Piece]
    entries: Sequence[Entry]
    fees_too: bool = False
    """Whether the text says that a percentage is of the fees too."""

    def rate(self, piece: Piece) -> Rate:
        found, own = re.findall(P, piece.text), set(stems(piece.text))
        beside = [each for each in self.pieces if each.sentence == piece.sentence and not re.search(ANY, each.text)]
        words = own.union(*(stems(each.text) for each in beside))
        kinds = own if own & (DISCOUNTS | _MORE) else words
        off = bool(kinds & DISCOUNTS)
        if len(found) != 1 or off == bool(kinds & _MORE):
            raise self._unsure(piece)
        name = next((word for word in _NAMES if word in kinds), "added")
        entry, label = self._named(piece, words - DISCOUNTS - ADDITIONS) or self._placed(piece, words)
        where = {stem(each.lower()) for each in _WHERE.findall(piece.text)} - EVERYTHING - PARTS
        stray = piece.label not in {"", *labels_of(self.entries)} and not EVERYTHING & {*words, *stems(piece.label)}
        some = _SOME.search(piece.text) and not (entry and entry.quantity == "1")
        if some or ((where or stray) and not (entry or label)):
            raise self._unsure(piece)
        return Rate(self.marks[found[0]].value, off, name, entry, label)

    def _unsure(self, piece: Piece) -> Unread:
        return Unread(f'what "{self.marks.shown(piece.text)}" is of')

    def _named(self, piece: Piece, words: set[str]) -> tuple[Entry | None, str] | None:
        """The entry or the part that the words name, or the entry of the same piece; None if it is something else."""
        inside = next((entry for entry in self.entries if entry.place is piece), None)
        everything = EVERYTHING & words - ({"it"} if inside else set()) - self._all_of_one(piece)
        targets = self._targets(piece)
        unknown = bool(targets) and not targets & (_KNOWN | self._words_of_labels())
        if not inside or {"order", "entire", "whole"} & words:
            label = self._part_of(piece)
            if label is not None:
                return None, label
        if inside:
            only = inside.name and set(stems(inside.name)) <= ADDITIONS | DISCOUNTS | {"sale"}
            if only or (unknown and not everything and not _is_named(inside, targets)):
                raise self._unsure(piece)  # "8% sales tax on $240", which may be the tax or the total
            return None if everything else (inside, "")
        named = [entry for entry in self.entries if _is_named(entry, words)]
        named = [entry for entry in named if entry.place.label == piece.label] or named
        if everything and named and all(entry.is_fee for entry in named):  # "on all of it, delivery too"
            self.fees_too = True
            return None
        several = len(named) > 1 or (named and everything and (not targets or targets & EVERYTHING))
        if several or (unknown and not named):
            raise self._unsure(piece)
        return (named[0], "") if named else None

    def _all_of_one(self, piece: Piece) -> set[str]:
        """The word "all" if it stands before an item: "all frames 50% off"."""
        found = re.search(r"\ball (?:the |our )?([a-z]+)", piece.text, re.IGNORECASE)
        named = found and any(_is_named(entry, {stem(found[1].lower())}) for entry in self.entries)
        return {"all"} if named else set()

    def _targets(self, piece: Piece) -> set[str]:
        return {stem(word) for word in _TARGET.findall(piece.text.lower())} - DISCOUNTS - ADDITIONS

    def _words_of_labels(self) -> set[str]:
        return {word for label in labels_of(self.entries) for word in stems(label)}

    def _part_of(self, piece: Piece) -> str | None:
        """The part whose name, or a word of it, follows the "on" or "off" of a percentage that stands by itself."""
        later = [each for each in self.pieces[self.pieces.index(piece) :] if each.sentence == piece.sentence]
        ends = next((at for at, each in enumerate(later) if at and re.search(P, each.text)), None)
        after = _AFTER.search(" ".join(each.text for each in later[: ends if _TARGET.search(piece.text) else None]))
        labels = [label for label in labels_of(self.entries) if label]
        full = [
            each
            for each in labels
            if after and re.search(rf"\b{re.escape(each)}(?!\w)", self.marks.shown(after[1]), re.IGNORECASE)
        ]
        if len(full) == 1:
            return full[0]
        target = set(stems(after[1])) - _VAGUE if after else set()
        fits = {label: len(target & set(stems(label))) for label in labels_of(self.entries)}
        best = [label for label, fit in fits.items() if fit and fit == max(fits.values())]
        named = max((len(target & set(stems(entry.name))) for entry in self.entries), default=0)
        return best[0] if len(best) == 1 and fits[best[0]] > named else None

    def _placed(self, piece: Piece, words: set[str]) -> tuple[Entry | None, str]:
        """What a percentage is of that names no entry and no part."""
        if found := re.search(rf"\b(?:{_PARTS}) {N}", piece.text, re.IGNORECASE):
            shown = self.marks.shown(found[0]).lower()
            fits = [
                label for label in labels_of(self.entries) if re.search(rf"\b{re.escape(shown)}(?!\w)", label.lower())
            ]
            if len(fits) != 1:
                raise self._unsure(piece)
            return None, fits[0]
        everything = EVERYTHING & words - ({"it"} if _IT.search(piece.text) else set())
        self.fees_too |= bool(_ALL.search(piece.text) and TAXES & words)
        scope = self._of_subject(piece, everything) or self._of_entry_before(piece, everything)
        if scope is None and "both" in words and not words & ADDITIONS:
            scope = self._of_both(piece)
        return scope or self._of_part_or_all(piece, words, everything)

    def _of_subject(self, piece: Piece, everything: frozenset[str]) -> tuple[Entry | None, str] | None:
        """The part that gives the discount or takes the tax: "Boots has 10% off everything"."""
        labels, at = labels_of(self.entries), self.pieces.index(piece)
        several, subject = len(labels) > 1, _SUBJECT.match(piece.text)
        changes = at and self.pieces[at - 1].label != piece.label and stands_alone(piece, self.entries)
        if several and piece.label in labels and (changes or (subject and not subject[1].strip())):
            return None, piece.label
        words = set(stems(subject[1])) if subject else set()
        fits = [label for label in labels if words & set(stems(label))]
        if several and len(fits) == 1:
            return None, fits[0]
        if words - _VAGUE - _PRONOUNS - PARTS and (several or not everything):
            raise self._unsure(piece)
        return None

    def _of_entry_before(self, piece: Piece, everything: frozenset[str]) -> tuple[Entry | None, str] | None:
        """ "5 hats @ £7 (15% off)", "a hat £7, with 15% off", or all else is said to be at its full price."""
        at = self.pieces.index(piece)
        earlier = [each for each in self.entries if each.place.label == piece.label and each.place in self.pieces[:at]]
        with_it = len(earlier) == 1 and not everything and re.match(r"with\b", piece.text, re.IGNORECASE)
        others = re.search(r"(?i)\bno discount|\bfull price", " ".join(each.text for each in self.pieces))
        beside = [each for each in self.entries if each.place.sentence == piece.sentence and not each.taken_off]
        if piece.joined == "¦" or with_it or (others and len(beside) == 1):
            return next(((each, "") for each in self.entries if at and each.place is self.pieces[at - 1]), None)
        return None

    def _of_both(self, piece: Piece) -> tuple[Entry | None, str] | None:
        """Two items that stand before: "kettle £20, toaster £30, both 10% off"."""
        at = self.pieces.index(piece)
        mine = [entry for entry in self.entries if entry.place.label == piece.label and not entry.is_fee]
        two = len(mine) == 2 or (len(mine) == 1 and mine[0].quantity == "2")  # noqa: PLR2004
        before = all(entry.place in self.pieces[:at] for entry in mine) and not stands_alone(piece, self.entries)
        return (None, piece.label if len(labels_of(self.entries)) > 1 else "") if two and before else None

    def _of_part_or_all(self, piece: Piece, words: set[str], everything: frozenset[str]) -> tuple[Entry | None, str]:
        adds, labels, at = bool(words & ADDITIONS), labels_of(self.entries), self.pieces.index(piece)
        goods = [entry for entry in self.entries if not (entry.taken_off or entry.is_fee)]
        earlier = len([entry for entry in goods if entry.place in self.pieces[: at + 1]])
        apart, at_edge = stands_alone(piece, self.entries), earlier in {0, len(goods)}
        alone, here = apart or piece.joined == ";", _HERE.search(piece.text)
        if len(labels) == 1:
            one_place = not here or len({entry.place.sentence for entry in self.entries}) == 1
            certain = one_place and (bool(everything) or len(goods) == 1 or (at_edge and (alone or adds)))
        elif everything and not (here or (_ORDER.search(piece.text) and not (apart or at_edge))):
            certain = alone and at_edge
        elif piece.label and self._is_of_part(piece, at, apart=apart, inner=adds and not at_edge):
            return None, piece.label
        else:
            lines = [{entry.place.line for entry in self.entries if entry.place.label == each} for each in labels]
            same_line = any(entry.place.line == piece.line for entry in self.entries)
            blocks = any(len(each) > 1 for each in lines)
            certain = alone and not same_line and earlier == len(goods) and adds and not blocks
        if not certain:
            raise self._unsure(piece)
        return None, ""

    def _is_of_part(self, piece: Piece, at: int, *, apart: bool, inner: bool) -> bool:
        """Whether a percentage under a label is of that part: it ends it, heads it, or each part has its own."""
        mine = [entry for entry in self.entries if entry.place.label == piece.label]
        ends = all(each.label != piece.label or not re.search(ANY, each.text) for each in self.pieces[at + 1 :])
        rated = [each.label for each in self.pieces if re.search(P, each.text) and stands_alone(each, self.entries)]
        said = _THAT.search(piece.text) or _ORDER.search(piece.text) or piece.joined == ";"
        less = re.match(r"(?:less|minus)\b", piece.text, re.IGNORECASE)
        if _HERE.search(piece.text) or (ends and mine and ((inner and not apart) or said or less)):
            return True
        if apart:
            heads = bool(mine) and at > 0 and self.pieces[at - 1].label != piece.label
            return heads or sorted(rated) == sorted(labels_of(self.entries))
        return len(mine) == 1 and mine[0].place in self.pieces[: at + 1] and ends


def _is_named(entry: Entry, words: set[str]) -> bool:
    return bool((set(stems(entry.name)) - _FILLING) & words)


def check_rates(rates: Sequence[Rate], entries: Sequence[Entry], overall: Sequence[Entry], *, fees_too: bool) -> None:
    """Raises Unread where the order of two percentages matters, or where one may be of a fee too."""
    over = [rate for rate in rates if not rate.entry and not rate.label]
    whole = [] if all(rate.name in TAXES for rate in over) else [rate.off for rate in over]
    if len(whole) != len(set(whole)):
        raise Unread("which of two percentages comes first")
    for rate in rates:
        places = {entry.place.sentence for entry in entries if entry.place.label == rate.label != ""}
        if any(entry.place.sentence in places and not entry.place.label for entry in entries):
            raise Unread(f"what belongs to {rate.label}")
        within = [entry for entry in entries if not rate.label or entry.place.label == rate.label]
        within += [] if rate.label else overall
        doubtful = [entry for entry in within if entry.is_fee or entry.taken_off]
        if not rate.entry and doubtful and not fees_too:
            raise Unread(f'whether the {rate.percent}% are of "{doubtful[0].name or doubtful[0].price}" too')
