"""Results as people read them, and results of tools and agents as numbers."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?:/[0-9]+)?")
_ANSWER = re.compile(
    r"(?:Answer|Total):\s*(?P<sign>-?)\s?(?P<currency>[^\d\s.-]{0,4} ?)(?P<number>[0-9][0-9.,]*(?:/[0-9]+)?)(?P<unit>%?)"
    r"(?: \((?:rounded from|about) (?P<exact>-?[0-9.]+)\))?(?P<remark>(?: (?:or|and|\()[^\n]*)?)"
)
_LONGEST = 3_500  # characters; Python itself writes no integer of more than 4,300 digits
_LONGEST_TEXT = 100_000  # characters of a result; a longer one has no number in it
_DIGITS = 12  # of the decimal that is shown beside a fraction, and of an exact amount beside a rounded one


@dataclass(frozen=True)
class Answer:
    value: Fraction
    text: str
    """The number and its remark, as written: "$59.99", "1.414 (rounded to 4 significant digits)"."""
    currency: str = ""


@dataclass(frozen=True)
class Result:
    """What a calculator's function answered."""

    text: str
    is_exact: bool
    approximation: str


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
        whole = value * 10**_DIGITS
        short = exact and whole.denominator == 1
        text += f" (rounded from {_decimal(value)})" if short else " (rounded to cents)"
    return Answer(value, text, currency)


def plain(result: Result, *, exact: bool = True) -> Answer:
    """A number as the tools gave it, with a remark if it, or a step before it, was rounded."""
    value = number(result.text)
    assert value is not None
    text = result.text
    if not result.is_exact:
        digits = len(text.lower().split("e")[0].replace("-", "").replace(".", "").lstrip("0"))
        text += f" (rounded to {digits} significant digits)"
    elif not exact:
        text += " (not exact: a step before was rounded)"
    elif "/" in text and result.approximation:
        text += f" (about {result.approximation[: _DIGITS + 2]})"
    return Answer(value, text)


def with_unit(answer: Answer, unit: str) -> Answer:
    figure, space, remark = answer.text.partition(" ")
    if unit == "%":
        return Answer(answer.value, f"{figure}%{space}{remark}")
    return Answer(answer.value, str(answer.value)) if unit == "fraction" and not remark else answer


def answered(texts: Sequence[str]) -> Answer | None:
    """The answer in a delegation's result: the last `Answer:` of its text or of the "answer" in a JSON document."""
    for text in (*_documents(texts), *_looked_at(texts)):
        found = list(_ANSWER.finditer(text))
        if found:
            last = found[-1]
            value = number(last["exact"] or last["sign"] + last["number"].replace(",", "").rstrip("."))
            shown = last[0].partition(":")[2].strip()
            return None if value is None else Answer(value, shown, last["currency"].strip())
    return next(
        (Answer(value, text) for text in _documents(texts) if (value := number(text.strip())) is not None), None
    )


def explained(texts: Sequence[str]) -> list[str]:
    """The lines before the answer in a delegation's result: what was read, and the arithmetic."""
    for text in (*_documents(texts), *_looked_at(texts)):
        lines = text.splitlines()
        at = next((index for index, line in enumerate(lines) if line.startswith("Answer:")), None)
        if at is not None:
            return lines[:at]
    return []


def result(texts: Sequence[str]) -> Result | None:
    """What is in a math tool's JSON."""
    for text in _looked_at(["".join(texts), *texts]):
        document = _json(text)
        if isinstance(document, dict) and isinstance(document.get("result"), str | int):
            digits = str(document["result"])
            exact = document.get("exact") is not False
            return None if number(digits) is None else Result(digits, exact, str(document.get("approximation", "")))
    return None


def _decimal(value: Fraction) -> str:
    whole = str(abs(int(value * 10**_DIGITS))).rjust(_DIGITS + 1, "0")
    return ("-" if value < 0 else "") + f"{whole[:-_DIGITS]}.{whole[-_DIGITS:]}".rstrip("0")


def _looked_at(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if len(text) <= _LONGEST_TEXT]


def _documents(texts: Sequence[str]) -> list[str]:
    documents = [_json(text) for text in _looked_at(texts)]
    return [str(each["answer"]) for each in documents if isinstance(each, dict) and "answer" in each]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
