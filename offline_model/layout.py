"""Marked text -> pieces: the smallest stretches that may hold one entry, each under the label it stands under."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from offline_model import words as w
from offline_model.marking import ANY, M, Marks, N, P
from offline_model.problem import Unread
from offline_model.words import stem, stems

ROW = 0xF100
"""Characters from here on begin a line that is a row of a table: the first stands for the first row."""
_BULLET = re.compile(r"^\s*(?:[-*•·–+>]\s+|[#*>]+\s*)+")
_ABBREVIATED = "".join(rf"(?<!\b{word})" for word in ("mr", "mrs", "ms", "dr", "st", "no", "vs", "approx"))
_UNITS = "".join(
    rf"(?<!\b{word}.)"
    for word in ("lb", "lbs", "oz", "doz", "pc", "pcs", "gal", "qts", "yds", "pkg", "pkgs", "ft", "pr")
)
_SENTENCE = re.compile(
    rf"(?i){_ABBREVIATED}(?:\.(?=\s*$|\s+(?-i:[^a-z])|{_UNITS}\s|\s+[^\W\d_]+(?:\s[^\W\d_]+)?(?::|\s[-–—])\s"
    rf"|\s+(?:total|how|what|sum)\b|\s+[^\W\d_]+\s{N}[,:]?\s)|[!?])\s*"
)
_PIECES = re.compile(
    rf"(?i)\s*([,;|…¦]|\s/(?=\s)|\s//?(?=\s))\s*|(?<!\S)((?-i:and|AND|&|n|w/|plus|\+|then|also"
    rf"|with(?=\s(?:an?\s)?(?:{M}|shipping|delivery|postage))))(?=\s)"
    rf"|(?:(?<=\beach)|(?<=\bea)|(?<=\bapiece)|(?<={M}))(\s(?:-{{1,2}}|–|—)\s)|(?<={N})(\s--\s)"
    rf"|(?:(?<=\beach)|(?<={M}))(\swith\s)(?={N}\s[^\W\d_])"
    rf"|(?:(?<=\beach)|(?<=\bea)|(?<=\bapiece)|(?<={M}))(\s)(?=(?:what|what's|whats|how)\b)"
    rf"|(?:(?<=\beach)|(?<=\bea)|(?<=\bapiece)|(?<={M}))(\s)(?=(?:postage|shipping|delivery)\s(?:{M}|free\b))"
    rf"|(?:(?<=\beach)|(?<=\bea)|(?<=\bapiece)|(?<={M}))(\s)(?={N}\s[^\W\d_x×][^,;]*(?:{M}|{N}))"
)
_IN_PARENTHESES = re.compile(r"\(([^()\n]*)\)?")
_SIZE_WORDS = "|".join(sorted(w.SIZES | w.MEASURES | w.CONTAINERS, key=len, reverse=True))
SIZED = re.compile(rf"{N}[\s-]*({_SIZE_WORDS})s?\b", re.IGNORECASE)
_TRAILING = re.compile(
    r"[\s,(]+(?:\b(?:at|from|@)\s+(?:the\s+)?|(?<=\())((?-i:[A-Z])[\w'’.&-]*(?:\s(?:(?:&|and|of"
    r"|the)\s)?(?-i:[A-Z])[\w'’.&-]*){0,3})"
    r"\s*\)?\s*$"
)
_NAMED_TOGETHER = re.compile(r"(?<=[a-z'’])(?<!each)(?<!apiece)\s&\s(?=[A-Z])")  # "Marks & Spencer"
_KEYS = re.compile(r"\b(item|qty|quantity|price|cost|name|product|description|units?|each|amount)\s*:\s", re.IGNORECASE)
_PLAIN = f"[^:{ANY[1:-1]}]*"
_LABEL = re.compile(rf"\s*({_PLAIN}(?:\b[^\W\d]+ {N}{_PLAIN})?)(?:\s*:\s|\s*:$|\s+(?:-{{1,2}}|–)\s+|\s*—\s*)")
_NAME = r"((?:the\s+)?[^\W\d_][\w'’.&-]*(?:\s+(?:&\s+)?[\w'’.&-]+){0,4}?)"
_PARTS = w.one_of(w.PARTS)
_VERB = rf"(?:{w.one_of(w.VERBS)})\b"
_ENUMERATED = "(?:note|day|week|month|trip|invoice|quote|bid|receipt)"
_SPOKEN = (  # "At the toy shop I bought", "Ann bought", "Booth 12 had", "'Game Night' 3 dice"
    r"\s*[\"“]([^\"”]{2,40})[\"”]",
    (
        rf"\s*((?:[a-z]+\s)?(?:store|shop|booth|vendor|supplier|{_ENUMERATED})\s{N})(?=\s{_VERB}"
        rf"|\s[a-z]+\s{N}\s(?!each\b|ea\b|for\b|at\b))"
    ),
    rf"\s*((?-i:[A-Z])[a-z]+\s{N})(?=\s(?:did|wants?|asks?|quote[sd]?|charge[sd]?|bids?|offers?|needs?|has|takes?)\b)",
    rf"\s*((?:[a-z]+\s)?{_ENUMERATED}\s{N})(?=\s[^\W\d_][^,;]*{N}|\s[^\W\d_]+\s{M}\s*$)",
    (
        rf"\s*((?:{w.MONTHS}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|{w.DAYS}|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)s?)(?=\s+(?!and\b|to\b|i\b|we\b)(?:{N}\s)?[^\W\d_])"
    ),
    (
        rf"\s*(?:and\s+|then\s+)?(?:at|from|in|to|on(?=\s\w+day\b))\s+{_NAME}\s*(?:,|$|(?=\s(?:i|we|he|she|they|you"
        rf"|the|my|our)\b"
        rf"|\s{_VERB}|\s*(?:{N}|{M})|\san?\s))"
    ),
    (
        rf"\s*(?:the\s+)?([^\W\d_]+(?:\s[^\W\d_]+)?\s(?:{_PARTS}))(?:\s(?:receipt|order|bill"
        rf"|invoice))?(?=\s(?:shows?|lists?|has|had|was|is|charge[sd]?|sells)\b)"
    ),
    r"\s*(the\s[a-z]+(?:\s[a-z]+){0,3})(?=\s(?:charge[sd]?|quote[sd]?|asks|wants|offers)\b)",
    (
        rf"\s*((?:(?:{_PARTS})\s)?(?-i:[A-Z])[\w'’.&-]*"
        rf"(?:\s(?:of|&|(?-i:[A-Z])[\w'’.&-]*)){{0,3}})(?=\s(?!are\b|order(?!ed)|need|purchase(?!d)|pick|plan"
        rf"|supplies){_VERB})"
    ),
)
_NESTED = re.compile(r"(?:^|[.\n])[^.:;\n]*\S\s(?:—|–|-{1,2})\s[^.:;\n]{1,30}:\s")
_MARKED = re.compile(r"(?:^|[.;\n]\s*)[^.:;\n]{1,40}(?::\s|\s[-–—]\s)")
_SPOKEN_LABELS = [re.compile(pattern, re.IGNORECASE) for pattern in _SPOKEN]
_BEFORE_COUNT = rf"\s+(?={N}\s(?!(?:for|at|and|x)\b)[^\W\d_])"
_OPENING = re.compile(rf"\s*((?-i:[A-Z])[\w'’.&-]*(?:\s(?:&\s)?(?-i:[A-Z])[\w'’.&-]*){{0,3}}){_BEFORE_COUNT}")
_UNCOUNTED = re.compile(rf"\s*([A-Z][\w'’&-]+)\s+(?=[a-z][a-z ]*\s(?:{M}|{N})\s*$)")  # "Uniqlo jeans 49.90"
_LOWER_OPENING = re.compile(rf"\s*([a-z][a-z'’.&-]{{2,}}(?:\s[a-z'’.&-]{{3,}})?){_BEFORE_COUNT}")
_OPENS_LIST = re.compile(r"\s*(?:At|From|In) (?:the )?(?:[A-Z][\w'’.&-]* ?){1,4}")  # "At Target, 3 shirts"
_OPENERS = {":", ";", "|", "//", "/", "then"}
_NUMBERED = re.compile(rf"(?i)\b(?:{_PARTS})\s{N}|^(?-i:[A-Z])[a-z]+ {N}(?=\s*[-–(:])")
_NOT_LAST = frozenset(
    "comparison summary expense log report breakdown tax vat fee charge tip total cost price rate discount coupon "
    "subtotal budget sum answer question each till".split()
)


@dataclass(frozen=True)
class Piece:
    """`sentence` and `line` count up; `label` is empty where there is none; `joined` is the mark before."""

    text: str
    label: str
    sentence: int
    line: int
    joined: str = ""


def lay_out(text: str, marks: Marks, rows: Sequence[str]) -> list[Piece]:
    """`rows` has the parts of the rows of tables."""
    opened = (_IN_PARENTHESES.sub(partial(_opened, line=line), line) for line in text.split("\n"))
    text = "\n".join(opened)
    raw = [line for line in text.split("\n") if re.search(rf"\w|{ANY}", line)]
    lines = [_KEYS.sub(r"\1 ", _BULLET.sub("", line)).replace("**", "").strip() for line in raw]
    following = [*lines[1:], ""]
    headings = [_heading(*each) for each in zip(raw, lines, following, strict=False)]
    blocks = len([each for each in headings if each]) > 1
    opening = _LOWER_OPENING if text == text.lower() else _OPENING
    nests, several = len(_NESTED.findall(text)) > 1, len(_MARKED.findall(text)) > 1
    labels = _Labels(marks, opening, numbered=any(_BULLET.match(line) for line in raw), nests=nests, several=several)
    pieces: list[Piece] = []
    sentence = 0
    for number, line in enumerate(lines):
        bare = name_of(line) and raw[number][0].isalnum() and line[-1] not in ":." and not re.search(ANY, line)
        priced = re.search(ANY, following[number]) and pieces and re.search(ANY, pieces[-1].text)
        if bare and priced and not labels.label and len(line.split()) < 4:  # noqa: PLR2004
            raise Unread(f'No price found for "{line}"')
        labels.label = headings[number] or labels.label
        sentence += 1
        if ord(line[0]) >= ROW:
            pieces.append(Piece(line[1:], rows[ord(line[0]) - ROW], sentence, number))
        elif not headings[number]:
            listed = bool(labels.label and blocks and _BULLET.match(raw[number]))
            for each in _SENTENCE.split(line):
                sentence += 1
                pieces += labels.trailing(list(labels.pieces(each, sentence, number, listed=listed)))
    parts = {piece.label for piece in pieces if re.search(f"{M}|{N}", piece.text)} | {*rows}
    named = {label: _full(label, parts) for label in {piece.label for piece in pieces}}
    plain = [re.sub(r"\([^()]*\)?", " ", piece.text) for piece in pieces]
    return [replace(piece, text=text, label=named[piece.label]) for piece, text in zip(pieces, plain, strict=True)]


def _full(label: str, labels: set[str]) -> str:
    """The one of the parts that is meant by a shorter name: "Wing Kee" for "Supplier Wing Kee"."""
    longer = [each for each in labels if set(stems(label)) < set(stems(each))]
    return longer[0] if label and len(longer) == 1 and label not in labels else label


@dataclass
class _Labels:
    """The label that holds; `opened` is it if a sentence began with it without a colon."""

    marks: Marks
    opening: re.Pattern[str]
    numbered: bool
    nests: bool
    """Whether the text has labels within labels: "May — Aldi: 3 pens at $2; Lidl: 2 pads at $3. June — Aldi: ..."."""
    several: bool
    label: str = ""
    opened: str = ""
    nested: int = -1
    """The sentence that has a label within a label."""

    def pieces(self, text: str, sentence: int, line: int, *, listed: bool) -> Iterator[Piece]:
        cuts = list(_cut(text))
        for place, (joined, piece) in enumerate(cuts):
            after = cuts[place + 1][1] if place + 1 < len(cuts) else ""
            more = bool(re.search(ANY, after)) and not _LABEL.match(after)
            opens = not place or joined in _OPENERS
            rest = piece if listed else self.named(piece, sentence, first=not place, opens=opens, more=more)
            if rest.strip():
                is_whole = len(rest.strip()) == len(piece.strip())
                yield Piece(rest.strip(), self.marks.shown(self.label), sentence, line, joined if is_whole else "")

    def named(self, piece: str, sentence: int, *, first: bool, opens: bool, more: bool) -> str:
        """The piece without the name it begins with, which is the label from here on."""
        before, rest = self.label, piece
        opening = self.opening if opens and before in {"", self.opened} and not self.numbered else None
        if self.nested != sentence:
            self.label, rest = _labelled(
                piece, before, listed=more, again=first and before != "", opening=opening, several=self.several
            )
        outer = re.match(r"(.*\w.*?)\s(?:—|–|-{1,2})\s(.*\w)", self.label) if rest != piece and first else None
        if outer and not self.nests:
            self.label = name_of(outer[2])
        elif outer:
            self.label, rest, self.nested = name_of(outer[1]), f"{outer[2]} {rest}", sentence
        begun = piece[: len(piece) - len(rest)].rstrip().lower().endswith(self.label.lower())
        if opening and self.label != before and (opening.match(piece) or begun):
            self.opened = self.label
        elif opening and not first and before and rest == piece and (found := _UNCOUNTED.match(piece)):
            self.label = self.opened = name_of(found[1]) or before
            rest = piece[found.end() :] if self.label != before else piece
        return rest

    def trailing(self, pieces: Sequence[Piece]) -> list[Piece]:
        """ "3 pens at $2 each from Staples": the name at the end is of the pieces before it, too."""
        labelled: list[Piece] = []
        names = {found[1] for piece in pieces if (found := _TRAILING.search(piece.text))}
        if len(names) > 1:  # "For the office: 3 pens at $2 from Staples, 2 lamps at $9 from Ikea"
            pieces, self.label = [replace(piece, label="") for piece in pieces], ""
        for piece in pieces:
            found = _TRAILING.search(piece.text)
            fee = piece.joined == "plus" and not found and w.FEES & set(stems(piece.text))
            labelled.append(replace(piece, label=labelled[-1].label) if fee and labelled and not piece.label else piece)
            if found and not piece.label and (name := name_of(found[1])) and re.search(ANY, piece.text):
                labelled[-1] = replace(piece, text=piece.text[: found.start()])
                for at, each in enumerate(labelled):
                    labelled[at] = each if each.label else replace(each, label=name)
        return labelled


def _opened(match: re.Match[str], line: str) -> str:
    """Parentheses with an amount that is not only a size are a piece of their own."""
    inner, outside = re.sub(rf"\b[a-z]+ of {N}$", "", match[1]), line.replace(match[0], " ")
    sized = {stem(each[1].lower()) for each in SIZED.finditer(inner)}
    if re.search(ANY, SIZED.sub("", inner)) or sized & w.CONTAINERS & set(stems(outside)):
        return f"¦ {inner}, "
    return " " if sized else match[0]


def name_of(text: str) -> str:
    """The text as the name of a part, or "" if it is none."""
    text = re.sub(rf"\s+{_VERB}(?=\s[-–—]\s)", "", text)  # "Quilt supplies - Spotlight"
    text = re.sub(rf"(?<=\S)\s+{_VERB}(?!\s{N}).*", "", " ".join(text.strip(" *_#:,-").split()))
    text = re.sub(r"^(?:for|at|from|in|to)\s|^[^:]*:\s+(?=\S)|^(?:the|and|then)\s", "", text, flags=re.IGNORECASE)
    words = stems(text)
    fees = set(words) <= w.FEES | w.ADDITIONS | {"purchase", "order"} and not re.search(N, text)
    unfit = not words or len(words) > 6 or words[-1] in _NOT_LAST or fees  # noqa: PLR2004
    mine = re.fullmatch(r"(?i)me|us|myself|(?:my|our) \w+", text)
    person = mine and {words[-1], words[0]} & (w.PEOPLE | {"me"})
    asks = bool(text not in {"IT", "US"} and not person and w.NOT_NAMES & set(text.lower().split()))
    return "" if unfit or asks else text.removeprefix("the ")


def _heading(raw: str, line: str, after: str) -> str:
    """The name in a line that holds nothing but a name."""
    if (
        re.search(ANY, _NUMBERED.sub("", re.sub(rf"^{N} (?=[A-Z]{{3,}}\b[^a-z]*$)", "", line)))
        or re.search(r"\dx\d|[?!.]$", line)
        or len(line.split()) > 8  # noqa: PLR2004
    ):
        return ""
    marked = raw.lstrip().startswith("#") or line.endswith(":")
    return name_of(line) if marked or (re.search(ANY, after) and "?" not in after and ord(after[0]) < ROW) else ""


def _cut(sentence: str) -> Iterator[tuple[str, str]]:
    """The sentence at commas and words like "and", but not in parentheses and not in a label."""
    sentence, joined = sentence.lstrip(" :"), ""
    label = _LABEL.match(sentence)
    apart = label and re.search(rf"([^\W\d_]*)\s*{N}\s+(?!(?:from|by|at)\b)[a-z]", label[1])
    is_sentence = label and not name_of(label[1]) and (w.NOT_NAMES | w.VERBS) & set(label[1].lower().split())
    if label and (is_sentence or (apart and stem(apart[1].lower()) not in w.PARTS)):
        yield "", label[1]
        sentence, joined = sentence[label.end() :], ":"
        label = _LABEL.match(sentence)
    start = 0
    masked = re.sub(r"\([^)]*\)", lambda match: "(" + "." * (len(match[0]) - 2) + ")", sentence)
    masked = _NAMED_TOGETHER.sub("+-+", masked)
    for match in _PIECES.finditer(masked, label.end() if label and not re.search(r",|\d", label[1]) else 0):
        before, mark = sentence[start : match.start()], (next(filter(None, match.groups()), "") or ",").strip().lower()
        yield joined, before
        start, joined = match.end(), joined if mark == "and" and not before.strip() and joined == "," else mark
    yield joined, sentence[start:]


def _labelled(
    piece: str, label: str, *, listed: bool, again: bool, opening: re.Pattern[str] | None, several: bool
) -> tuple[str, str]:
    """The label that holds from this piece on, and the piece without it.

    `listed` says that more follows, which is not labelled itself; `again` that the piece opens a sentence after another
    label; `opening` matches a name before a number; `several` that the text has several labels with a mark.
    """
    before = label
    for _ in range(3):  # labels in a row: "Weekly shop - Tesco: ..."
        found = _LABEL.match(piece)
        if not found:
            break
        name, rest = name_of(found[1]), piece[found.end() :]
        numbered = re.match(rf"\W*{N}\s*\S", found[1]) and not set(stems(found[1])) & w.PARTS
        alone = numbered and len(re.findall(ANY, rest)) < 2  # noqa: PLR2004
        if not name or alone or (_is_price(rest) and not (listed or (again and ":" in found[0]))):
            break
        label, piece = name, rest
    opening = None if several and label != before else opening
    for pattern in (*_SPOKEN_LABELS, *([opening] if opening else [])):
        found = pattern.match(piece)
        if not found or found[1].lower().split()[0] in w.VERBS | w.LEADING - {"the"} or not (name := name_of(found[1])):
            continue
        rest, opens = piece[found.end() :], _OPENS_LIST.fullmatch(piece) or found.re is _SPOKEN_LABELS[-1]
        if (listed and opens) or re.search(rf"{ANY}|^\s(?:was|were|had|bought|spent)\s\S", rest):
            return name, rest
    return label, piece


def _is_price(text: str) -> bool:
    """Whether a price is all that comes before the next separator."""
    stretch = _PIECES.split(text, maxsplit=1)[0]
    words = set(stems(re.sub(r"\b(?:per|/|an?)\s\w+", "", stretch)))
    return words <= w.EACH | {"total"} and len(re.findall(f"{M}|{N}|{P}", stretch)) == 1
