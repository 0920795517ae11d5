"""Text -> lexemes -> segments (sentences and lines). Checks every bound before it looks at anything closely."""

import re
from collections.abc import Iterator, Sequence

from offline_model.lexeme import Lexeme, Segment, Unread
from offline_model.lexicon import CONTRACTIONS, NUMERALS, SHOPPING, Vocabulary
from offline_model.number_words import joined

# What a turn of 100 ms can bear.
MAX_CHARACTERS = 5_000
MAX_WORDS = 800
MAX_NESTING = 50
MAX_DIGITS = 1_000

_BULLETS = frozenset({"-", "*", "\N{BULLET}", "\N{EN DASH}"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONG_NUMBER = re.compile(rf"(?<![0-9,.])[0-9][0-9,.]{{{MAX_DIGITS},}}")
_MINUSES = re.compile(f"(?:[-\N{MINUS SIGN}\N{EN DASH}][ \\t]*){{{MAX_NESTING + 1}}}")
_SCAN = re.compile(
    r"(?P<newline>\n)"
    r"|(?P<space>[ \t\u00a0\u202f]+)"
    r"|(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<cross>(?<=[0-9])[xX](?=[0-9.]))"
    r"|(?P<word>[A-Za-z\u00c0-\u024f][A-Za-z0-9\u00c0-\u024f]*(?:['\u2019-][A-Za-z0-9\u00c0-\u024f]+)*['\u2019]?)"
    r"|(?P<symbol>\*\*|.)",
    re.DOTALL,
)


def check_bounds(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Unread(f"the text has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if found := _CONTROL.search(text):
        raise Unread(f"the text holds the control character {found[0]!r}")
    if _LONG_NUMBER.search(text):
        raise Unread(f"a number has more than {MAX_DIGITS} digits")
    if _MINUSES.search(text):
        raise Unread(f"more than {MAX_NESTING} minus signs in a row")
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth > MAX_NESTING:
            raise Unread(f"parentheses are nested more than {MAX_NESTING} deep")


def segments(text: str) -> list[Segment]:
    """The sentences and lines of the text, without their final marks; bullets and line numbers are taken off."""
    lines = list(_split(lexemes(text, SHOPPING), {"NEWLINE"}))
    numbers = [line[0].text for line in lines if _is_numbered(line, text)]
    numbered = len(numbers) > 1 and numbers == [str(count) for count in range(1, len(numbers) + 1)]
    found = []
    for line in lines:
        rest, bullet = line, False
        if numbered and _is_numbered(line, text):
            rest, bullet = line[2:], True
        elif len(lines) > 1 and line[0].text in _BULLETS and text[line[0].end : line[0].end + 1].isspace():
            rest, bullet = line[1:], True
        found += [Segment(tuple(part), bullet) for part in _split(rest, {"END"})]
    return found


def lexemes(text: str, vocabulary: Vocabulary) -> list[Lexeme]:
    found = list(_scan(text))
    if len(found) > MAX_WORDS:
        raise Unread(f"the text has {len(found)} words, numbers and marks; at most {MAX_WORDS} are read")
    return list(_phrased(joined(found), vocabulary))


def _split(lexemes: Sequence[Lexeme], kinds: set[str]) -> Iterator[list[Lexeme]]:
    part: list[Lexeme] = []
    for lexeme in lexemes:
        if lexeme.kind in kinds:
            if part:
                yield part
            part = []
        else:
            part.append(lexeme)
    if part:
        yield part


def _is_numbered(line: Sequence[Lexeme], text: str) -> bool:
    """Whether the line begins like "1. " or "1) "."""
    if len(line) < 3 or line[0].kind != "NUMBER" or line[1].text not in {".", ")"}:  # noqa: PLR2004
        return False
    return text[line[0].start : line[1].end + 1].endswith((" ", "\t"))


def _scan(text: str) -> Iterator[Lexeme]:
    spaced = True
    for match in _SCAN.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "number":
            glued = text[match.end() : match.end() + 2]
            yield _number(match, glued, spaced=spaced)
        elif kind == "word":
            yield from _words(match)
        elif word == "!" and text[match.start() - 1 : match.start()].strip(")0123456789") == "" and match.start():
            yield Lexeme("CHANGING", word, match.start(), match.end())  # a factorial, it may be
        elif kind != "space":
            yield Lexeme("NEWLINE" if kind == "newline" else "SYMBOL", word, match.start(), match.end())
        spaced = kind != "word"


def _number(match: re.Match[str], after: str, *, spaced: bool) -> Lexeme:
    """A decimal number; one that runs into letters, digits or marks (5kg, 1st, 1,5, 1.2.3) is a CODE instead."""
    clean = not after[:1].isalnum() or (after[:1] in "xX" and not after[1:2].isalpha())
    if (after[:1] in {",", "."} and after[1:2].isdigit()) or (match[0] == "0" and after[:1] in {"x", "X"}):
        clean = False
    if not (clean and spaced):
        return Lexeme("CODE", match[0], match.start(), match.end())
    text = match[0].replace(",", "").lstrip("0")
    return Lexeme("NUMBER", f"0{text}" if text[:1] in {"", "."} else text, match.start(), match.end())


def _words(match: re.Match[str]) -> Iterator[Lexeme]:
    plain = match[0].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for word in CONTRACTIONS.get(plain.lower(), (plain,)):
        if word.lower() in NUMERALS:
            yield Lexeme("NUMBER", str(NUMERALS[word.lower()]), match.start(), match.end(), spoken=True)
        else:
            yield Lexeme("SYMBOL", word, match.start(), match.end())


def _phrased(rest: Sequence[Lexeme], vocabulary: Vocabulary) -> Iterator[Lexeme]:
    """Gives each word or run of words its kind from the tables, longest run first."""
    at = 0
    while at < len(rest):
        if rest[at].kind != "SYMBOL":
            yield rest[at]
            at += 1
            continue
        length, kind = _longest(rest, at, vocabulary)
        last = rest[at + length - 1]
        yield Lexeme(kind, " ".join(lexeme.text for lexeme in rest[at : at + length]), rest[at].start, last.end)
        at += length


def _longest(rest: Sequence[Lexeme], at: int, vocabulary: Vocabulary) -> tuple[int, str]:
    run: list[str] = []
    for lexeme in rest[at : at + vocabulary.longest]:
        if lexeme.kind != "SYMBOL" and not lexeme.text.isalpha():
            break
        run.append(lexeme.text.lower())
    for length in range(len(run), 0, -1):
        if kind := vocabulary.phrases.get(tuple(run[:length])):
            return length, kind
    return 1, _unknown(run[0], vocabulary.changing)


def _unknown(word: str, changing: frozenset[str]) -> str:
    if not word[0].isalpha():
        return "CHANGING"
    if word.endswith("n't") or any(part in changing or part in NUMERALS for part in re.split("['-]", word)):
        return "CHANGING"
    return "CODE" if any(character.isdigit() for character in word) else "WORD"
