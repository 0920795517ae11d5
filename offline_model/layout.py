"""Marked text -> pieces: the smallest stretches that may hold one entry, each under the label it stands under."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offline_model import words as w
from offline_model.marking import ANY, M, Marks, N, P
from offline_model.words import stems

ROW = 0xF100
"""Characters from here on begin a line that is a row of a table: the first stands for the first row."""
_BULLET = re.compile(r"^\s*(?:[-*•·–+>]\s+|[#*>]+\s*)+")
_ABBREVIATED = "".join(rf"(?<!\b{word})" for word in ("mr", "mrs", "ms", "dr", "st", "no", "vs", "approx"))
_UNITS = "".join(rf"(?<!\b{word}.)" for word in ("ea", "lb", "lbs", "oz", "doz", "pc", "pcs", "gal"))
_SENTENCE = re.compile(rf"{_ABBREVIATED}(?:\.(?=\s*$|\s+(?-i:[^a-z])|{_UNITS}\s)|[!?])\s*", re.IGNORECASE)
_PIECES = re.compile(
    rf"\s*([,;|…]|\s/(?=\s))\s*|(?<!\S)((?-i:and|AND|&|n|w/|plus|\+|then|also|with(?=\s(?:an?\s)?{M})))(?=\s)"
    rf"|(?<=\beach)(\s)(?={N})|(?<=\bea)(\s)(?={N})",
    re.IGNORECASE,
)
_NAMED_TOGETHER = re.compile(r"(?<=[a-z'’])(?<!each)(?<!apiece)\s&\s(?=[A-Z])")  # "Marks & Spencer"
_KEYS = re.compile(r"\b(item|qty|quantity|price|cost|name|product|description|units?|each|amount)\s*:\s", re.IGNORECASE)
_PLAIN = f"[^:{ANY[1:-1]}]*"
_LABEL = re.compile(rf"\s*({_PLAIN}(?:\b[^\W\d]+ {N}{_PLAIN})?)(?:\s*:\s|\s*:$|\s+(?:-{{1,2}}|–)\s+|\s*—\s*)")
_NAME = r"((?:the\s+)?[^\W\d_][\w'’.&-]*(?:\s+(?:&\s+)?[\w'’.&-]+){0,4}?)"
_VERB = rf"(?:{'|'.join(sorted(w.VERBS))})\b"
_SPOKEN = (  # "At the toy shop I bought", "Ann bought"
    rf"\s*(?:at|from|in|to|on(?=\s\w+day\b))\s+{_NAME}\s*(?:,|(?=\s(?:i|we|he|she|they|you)\b|\s{_VERB}|\s*{N}))",
    r"\s*(the\s[a-z]+(?:\s[a-z]+)?)(?=\s(?:charge[sd]?|quote[sd]?|asks|offers)\b)",
    (
        rf"\s*((?:(?:{'|'.join(sorted(w.PARTS))})\s)?(?-i:[A-Z])[\w'’.&-]*"
        rf"(?:\s(?:of|&|(?-i:[A-Z])[\w'’.&-]*)){{0,3}})(?=\s(?!order|need|purchase|pick|plan|supplies){_VERB})"
    ),
)
_SPOKEN_LABELS = [re.compile(pattern, re.IGNORECASE) for pattern in _SPOKEN]
_NUMBERED = re.compile(rf"\b(?:{'|'.join(sorted(w.PARTS))})\s{N}", re.IGNORECASE)
_MOST_LABELS = 3  # in a row: "Weekly shop - Tesco: ..."
_NOT_LAST = {
    *("tax", "vat", "fee", "charge", "tip", "total", "cost", "price", "rate", "discount", "coupon"),
    "subtotal",
}
_NOT_LAST |= {"budget", "sum", "answer", "question", "each"}


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
    raw = [line for line in text.split("\n") if re.search(rf"\w|{ANY}", line)]
    lines = [_KEYS.sub(r"\1 ", _BULLET.sub("", line)).replace("**", "").strip() for line in raw]
    following = [*lines[1:], ""]
    headings = [_heading(*each) for each in zip(raw, lines, following, strict=False)]
    blocks = len([each for each in headings if each]) > 1
    pieces: list[Piece] = []
    label, sentence = "", 0
    for number, line in enumerate(lines):
        label = headings[number] or label
        sentence += 1
        if ord(line[0]) >= ROW:
            pieces.append(Piece(line[1:], rows[ord(line[0]) - ROW], sentence, number))
        elif not headings[number]:
            listed = label and blocks and _BULLET.match(raw[number])
            for at, each in enumerate(_SENTENCE.split(line)):
                sentence += 1
                found = _LABEL.match(each)
                if at and label and found and re.fullmatch(rf"{M}\s*", each[found.end() :]):
                    label = name_of(found[1]) or label
                for joined, piece in _cut(each):
                    label, rest = (label, piece) if listed else _labelled(piece, label)
                    pieces += (
                        [Piece(rest.strip(), marks.shown(label), sentence, number, joined)] if rest.strip() else []
                    )
    return pieces


def name_of(text: str) -> str:
    """The text as the name of a part, or "" if it is none."""
    text = re.sub(rf"(?<=\S)\s+{_VERB}.*", "", " ".join(text.strip(" *_#:,-").split()), flags=re.IGNORECASE)
    text = re.sub(r"^(?:for|at|from|in|to)\s|^[^:]*:\s+(?=\S)|^(?:the|and|then)\s", "", text, flags=re.IGNORECASE)
    words = stems(text)
    unfit = not words or len(words) > 6 or words[-1] in _NOT_LAST or set(words) <= w.FEES | {"purchase", "order"}  # noqa: PLR2004
    asks = bool(text not in {"IT", "US"} and w.NOT_NAMES & set(text.lower().split()))
    return "" if unfit or asks else text.removeprefix("the ")


def _heading(raw: str, line: str, after: str) -> str:
    """The name in a line that holds nothing but a name."""
    if re.search(ANY, _NUMBERED.sub("", line)) or re.search(r"\dx\d|[?!.]$", line) or len(line.split()) > 8:  # noqa: PLR2004
        return ""
    marked = raw.lstrip().startswith("#") or line.endswith(":")
    return name_of(line) if marked or (re.search(ANY, after) and "?" not in after and ord(after[0]) < ROW) else ""


def _cut(sentence: str) -> Iterator[tuple[str, str]]:
    """The sentence at commas and words like "and", but not in parentheses and not in a label."""
    sentence = sentence.lstrip(" :")
    label = _LABEL.match(sentence)
    if label and not name_of(label[1]) and (w.NOT_NAMES | w.VERBS) & set(label[1].lower().split()):
        yield "", label[1]
        sentence = sentence[label.end() :]
        label = _LABEL.match(sentence)
    start, joined = 0, ""
    masked = re.sub(r"\([^)]*\)", lambda match: "(" + "." * (len(match[0]) - 2) + ")", sentence)
    masked = _NAMED_TOGETHER.sub("+-+", masked)
    for match in _PIECES.finditer(masked, label.end() if label and not re.search(r",|\d", label[1]) else 0):
        yield joined, sentence[start : match.start()]
        start, joined = match.end(), (match[1] or match[2] or ",").strip().lower()
    yield joined, sentence[start:]


def _labelled(piece: str, label: str) -> tuple[str, str]:
    """The label that holds from this piece on, and the piece without it."""
    for _ in range(_MOST_LABELS):
        found = _LABEL.match(piece)
        if not found:
            break
        name, rest = name_of(found[1]), piece[found.end() :]
        numbered = re.search(N, found[1]) and not set(stems(found[1])) & w.PARTS
        if not name or (numbered and len(re.findall(ANY, rest)) < 2) or _is_price(rest):  # noqa: PLR2004
            break
        label, piece = name, rest
    for pattern in _SPOKEN_LABELS:
        if (found := pattern.match(piece)) and (name := name_of(found[1])):
            return name, piece[found.end() :]
    return label, piece


def _is_price(text: str) -> bool:
    """Whether a price is all that comes before the next separator."""
    stretch = _PIECES.split(text, maxsplit=1)[0]
    words = set(stems(re.sub(r"\b(?:per|/|an?)\s\w+", "", stretch)))
    return words <= w.EACH | {"total"} and len(re.findall(f"{M}|{N}|{P}", stretch)) == 1
