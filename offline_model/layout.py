"""Marked text -> pieces: the smallest stretches that may hold one entry, each under the label it stands under."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offline_model.marking import ANY, M, N, P
from offline_model.words import EACH, FEES, NOT_NAMES, PARTS, VERBS, stems

_BULLET = re.compile(r"^\s*(?:[-*•·–+>]\s+|[#*>]+\s*|\(?\d{1,2}[.)]\s+)+")
_SENTENCE = re.compile(
    r"(?<!\bmr)(?<!\bmrs)(?<!\bms)(?<!\bdr)(?<!\bst)(?<!\bno)(?<!\bvs)(?<!\bapprox)"
    r"(?:\.(?=\s*$|\s+(?-i:[^a-z])|(?<!\bea.)(?<!\blb.)(?<!\blbs.)(?<!\boz.)(?<!\bdoz.)(?<!\bpc.)(?<!\bpcs.)(?<!\bgal.)\s)|[!?])\s*",
    re.IGNORECASE,
)
_PIECES = re.compile(
    r"\s*([,;|…]|\s/(?=\s))\s*|(?<!\S)(and|&|n|w/|plus|\+|then|also)(?=\s)|(?<=\beach)(\s)(?=[\ue400-\ue7ff])|(?<=\bea)(\s)(?=[\ue400-\ue7ff])",
    re.IGNORECASE,
)
_KEYS = re.compile(r"\b(item|qty|quantity|price|cost|name|product|description|units?|each|amount)\s*:\s", re.IGNORECASE)
_LABEL = re.compile(
    rf"\s*([^:{ANY[1:-1]}]*(?:\b[^\W\d]+ {N}[^:{ANY[1:-1]}]*)?)(?:\s*:\s|\s*:$|\s+(?:-{{1,2}}|–)\s+|\s*—\s*)"
)
_NAME = r"((?:the\s+)?[^\W\d_][\w'’.&-]*(?:\s+(?:&\s+)?[\w'’.&-]+){0,4}?)"
_VERB = rf"(?:{'|'.join(sorted(VERBS))})\b"
_PLACE = re.compile(
    rf"\s*(?:at|from|in|to|on(?=\s\w+day\b))\s+{_NAME}\s*(?:,|(?=\s(?:i|we|he|she|they|you)\b|\s{_VERB}|\s*{N}))",
    re.IGNORECASE,
)
_PERSON = re.compile(
    rf"\s*((?-i:[A-Z])[\w'’.&-]*(?:\s(?:of|(?-i:[A-Z])[\w'’.&-]*)){{0,3}})(?=\s{_VERB})", re.IGNORECASE
)
_NOT_LAST = frozenset(
    "tax vat fee charge tip total cost price rate discount coupon subtotal budget sum answer question each".split()
)


@dataclass(frozen=True)
class Piece:
    """`sentence` and `line` count up; `label` is empty where none stands above or before; `joined` is the mark before."""

    text: str
    label: str
    sentence: int
    line: int
    joined: str = ""


def lay_out(text: str) -> list[Piece]:
    lines = [(line, _KEYS.sub(r"\1 ", _BULLET.sub("", line)).replace("**", "").strip()) for line in text.split("\n")]
    lines = [(raw, line) for raw, line in lines if re.search(r"\w", line) or re.search(ANY, line)]
    following = [line for _, line in [*lines[1:], ("", "")]][: len(lines)]
    headings = [_heading(raw, line, after) for (raw, line), after in zip(lines, following, strict=True)]
    pieces: list[Piece] = []
    label, sentence = "", 0
    for number, ((raw, line), heading) in enumerate(zip(lines, headings, strict=True)):
        label = heading or label
        if heading:
            continue
        listed = bool(_BULLET.match(raw)) and len([each for each in headings if each]) > 1 and bool(label)
        for each in _SENTENCE.split(line):
            sentence += 1
            for joined, piece in _cut(each):
                label, rest = (label, piece) if listed else _labelled(piece, label)
                if rest.strip():
                    pieces.append(Piece(rest.strip(), label, sentence, number, joined))
    return pieces


def name_of(text: str) -> str:
    """The text as the name of a part, or "" if it is none."""
    text = re.sub(rf"(?<=\S)\s+{_VERB}.*", "", " ".join(text.strip(" *_#:,-").split()), flags=re.IGNORECASE)
    text = re.sub(r"^(?:for|at|from|in|to)\s|^[^:]*:\s+(?=\S)|^(?:the|and|then)\s", "", text, flags=re.IGNORECASE)
    words = stems(text)
    if (
        not words
        or len(words) > 6
        or words[-1] in _NOT_LAST
        or set(words) <= FEES
        or NOT_NAMES & set(text.lower().split())
    ):  # noqa: PLR2004
        return ""
    return text.removeprefix("the ")


def _heading(raw: str, line: str, after: str) -> str:
    """The name in a line that holds nothing but a name."""
    amounts = re.sub(rf"\b({'|'.join(sorted(PARTS))})\s{N}", "", line, flags=re.IGNORECASE)
    if re.search(ANY, amounts) or re.search(r"\dx\d", line) or re.search(r"[?!.]$", line) or len(line.split()) > 8:  # noqa: PLR2004
        return ""
    marked = (
        raw.lstrip().startswith("#") or line.endswith(":") or bool(re.search(ANY, after) and not _LABEL.match(after))
    )
    return name_of(line) if marked or (re.search(ANY, after) and "?" not in after) else ""


def _cut(sentence: str) -> Iterator[tuple[str, str]]:
    """The sentence at commas and words like "and", but not in parentheses and not in a label."""
    sentence = sentence.lstrip(" :")
    label = _LABEL.match(sentence)
    kept = label.end() if label and not re.search(r",|\d", label[1]) else 0
    if label and not name_of(label[1]) and (NOT_NAMES | VERBS) & set(label[1].lower().split()):
        yield "", label[1]
        sentence, kept = sentence[label.end() :], 0
        label = _LABEL.match(sentence)
        kept = label.end() if label and not re.search(r",|\d", label[1]) else 0
    masked = re.sub(r"\([^)]*\)", lambda match: "(" + "." * (len(match[0]) - 2) + ")", sentence)
    start, joined = 0, ""
    for match in _PIECES.finditer(masked, kept):
        yield joined, sentence[start : match.start()]
        start, joined = match.end(), (match[1] or match[2] or ",").lower()
    yield joined, sentence[start:]


def _labelled(piece: str, label: str) -> tuple[str, str]:
    """The label that holds from this piece on, and the piece without it."""
    while found := _LABEL.match(piece):
        name, rest = name_of(found[1]), piece[found.end() :]
        own = re.search(N, found[1])
        if not name or (own and len(re.findall(ANY, rest)) < 2 and not set(stems(found[1])) & PARTS) or _is_price(rest):  # noqa: PLR2004
            break
        label, piece = name, rest
    for pattern in (_PLACE, _PERSON):
        if (found := pattern.match(piece)) and (name := name_of(found[1])):
            return name, piece[found.end() :]
    return label, piece


def _is_price(text: str) -> bool:
    """Whether a price is all that comes before the next separator."""
    stretch = _PIECES.split(text)[0]
    words = [word for word in stems(re.sub(r"\b(?:per|/|an?)\s\w+", "", stretch)) if word not in EACH | {"total"}]
    return not words and len(re.findall(f"{M}|{N}|{P}", stretch)) == 1


def of_sentence(pieces: Sequence[Piece], piece: Piece) -> str:
    """The words of the piece, and of the other pieces of its sentence that hold no amounts."""
    return " ".join(
        each.text
        for each in pieces
        if each is piece or (each.sentence == piece.sentence and not re.search(ANY, each.text))
    )
