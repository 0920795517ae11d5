"""Numbers as text, for readers: exact decimals, fractions, amounts of money, and the `Answer:` line."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from offline_model.lexicon import CURRENCIES

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?:/[0-9]+)?")
_LONGEST = 3_500  # characters; Python itself writes no integer of more than 4,300 digits
_LONGEST_TEXT = 100_000  # characters of a result; a longer one has no number in it
_LABEL = "Answer:"


@dataclass(frozen=True)
class Answer:
    value: Fraction
    text: str
    """The number and its remark, as written: "$59.99", "1.414 (rounded to 4 significant digits)"."""
    currency: str = ""

    @property
    def line(self) -> str:
        return f"{_LABEL} {self.text}"

    @property
    def rounded(self) -> bool:
        return "(" in self.text


def number(text: str) -> Fraction | None:
    """The value of a decimal or fraction, None if the text is anything else or too large to handle."""
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def money(value: Fraction, currency: str, *, exact: bool = True) -> Answer:
    """With two decimals, half a cent rounded away from zero; says so if that, or a step before, changed the value."""
    cents = int(abs(value) * 100 + Fraction(1, 2))
    sign = "-" if value < 0 and cents else ""
    text = f"{sign}{currency}{cents // 100}.{cents % 100:02d}"
    if not exact or Fraction(cents, 100) != abs(value):
        text += " (rounded to cents)"
    return Answer(value, text, currency)


def plain(text: str, *, last_exact: bool = True, exact: bool = True) -> Answer:
    """A number as the tools gave it, with a remark if it, or a step before it, was rounded."""
    value = number(text)
    assert value is not None
    if not last_exact:
        digits = len(text.lower().split("e")[0].replace("-", "").replace(".", "").lstrip("0"))
        text += f" (rounded to {digits} significant digits)"
    elif not exact:
        text += " (not exact: a step before was rounded)"
    return Answer(value, text)


def answered(texts: Sequence[str]) -> Answer | None:
    """The answer in a delegation's result: the last `Answer:` line of its text, else a JSON document's "answer"."""
    texts = _looked_at(texts)
    for text in (*texts, *_documents(texts)):
        lines = [line.strip() for line in text.splitlines() if line.strip().startswith(_LABEL)]
        if lines and (found := _read(lines[-1].removeprefix(_LABEL).strip())):
            return found
    return next((found for text in _documents(texts) if (found := _read(text.strip()))), None)


def explained(texts: Sequence[str]) -> list[str]:
    """The lines before the answer in a delegation's result: what was read, and the arithmetic."""
    texts = _looked_at(texts)
    for text in (*texts, *_documents(texts)):
        lines = text.splitlines()
        at = next((index for index, line in enumerate(lines) if line.startswith(_LABEL)), None)
        if at is not None:
            return lines[:at]
    return []


def result(texts: Sequence[str]) -> tuple[str, bool] | None:
    """The number and whether it is exact, from a math tool's JSON."""
    for text in _looked_at(["".join(texts), *texts]):
        document = _json(text)
        if isinstance(document, dict) and isinstance(document.get("result"), str | int):
            digits = str(document["result"])
            return None if number(digits) is None else (digits, document.get("exact") is not False)
    return None


def together(found: Sequence[Answer], names: Sequence[str]) -> Answer:
    """The answers to several questions: "$7.20 and $2.80", or for several: "36 (Anna) and 12 (Ben)"."""
    texts = [f"{each.text} ({name})" if name else each.text for each, name in zip(found, names, strict=True)]
    return Answer(found[0].value, " and ".join(texts), found[0].currency)


def several(found: Sequence[Answer]) -> Answer:
    """Several values as one answer: "-2 or 3"."""
    return Answer(found[0].value, " or ".join(each.text for each in found), found[0].currency)


def percentage(answer: Answer) -> Answer:
    figure, space, remark = answer.text.partition(" ")
    return Answer(answer.value, f"{figure}%{space}{remark}")


def _read(text: str) -> Answer | None:
    figure, _, _ = text.partition(" (")
    figure, _, _ = figure.partition(" or ")
    figure, _, _ = figure.partition(" and ")
    sign = "-" if figure.startswith("-") else ""
    bare = figure.removeprefix("-")
    currency = bare[0] if bare[:1] in CURRENCIES and bare else ""
    value = number(sign + bare.removeprefix(currency).removesuffix("%"))
    return None if value is None else Answer(value, text, currency)


def _looked_at(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if len(text) <= _LONGEST_TEXT]


def _documents(texts: Sequence[str]) -> list[str]:
    documents = [_json(text) for text in texts]
    return [str(each["answer"]) for each in documents if isinstance(each, dict) and "answer" in each]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
