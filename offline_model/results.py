"""Results as people read them, and results of tools and agents as numbers."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?:/[0-9]+)?")
_ANSWER = re.compile(
    r"(?:Answer|Total): *(?P<sign>-?)(?P<currency>[^\d\s.-]{0,4} ?)(?P<number>[0-9][0-9.,]*(?:/[0-9]+)?)%?"
    r"(?: \(rounded from (?P<exact>-?[0-9.]+)\))?(?: (?:or|and|\()[^\n]*)?"
)
_LONGEST = 3_500  # characters; Python itself writes no integer of more than 4,300 digits
_LONGEST_TEXT = 100_000  # characters of a result; a longer one has no number in it
_CENTS = 2
_DIGITS = 12  # of the decimal that is shown beside a fraction, and of an exact amount beside a rounded one


@dataclass(frozen=True)
class Answer:
    value: Fraction
    text: str
    """The number and its remark, as written: "$59.99", "1.414 (rounded to 4 significant digits)"."""
    currency: str = ""


@dataclass(frozen=True)
class Result:
    """What a calculator's function answered; `inputs` says whether what it was given was exact."""

    text: str
    is_exact: bool = True
    approximation: str = ""
    inputs: bool = True


def shown(result: Result, currency: str, unit: str) -> Answer:
    """The result with its unit, and with a remark if it or a step before it was rounded."""
    value = Fraction(result.text)
    if unit == "money":
        return money(value, currency, exact=result.is_exact and result.inputs)
    if unit.isdigit():
        return money(value, "", exact=result.is_exact and result.inputs, places=int(unit))
    text = str(value) if unit == "fraction" and result.is_exact else result.text + ("%" if unit == "%" else "")
    if not result.is_exact:
        digits = len(result.text.lower().split("e")[0].replace("-", "").replace(".", "").lstrip("0"))
        text += f" (rounded to {digits} significant digits)"
    elif not result.inputs:
        text += " (not exact: a step before was rounded)"
    elif "/" in text and result.approximation and unit != "fraction":
        text += f" (about {result.approximation[: _DIGITS + 2]})"
    return Answer(value, text)


def money(value: Fraction, currency: str, *, exact: bool = True, places: int = _CENTS) -> Answer:
    """With so many decimals, a half rounded away from zero; says so if that, or a step before, changed the value."""
    units = int(abs(value) * 10**places + Fraction(1, 2))
    digits = str(units).rjust(places + 1, "0")
    text = f"{'-' if value < 0 and units else ''}{currency}{digits[: len(digits) - places]}"
    text += f".{digits[-places:]}" if places else ""
    if not exact or Fraction(units, 10**places) != abs(value):
        digits = str(abs(int(value * 10**_DIGITS))).rjust(_DIGITS + 1, "0")
        whole = f"{'-' if value < 0 else ''}{digits[:-_DIGITS]}.{digits[-_DIGITS:]}".rstrip("0")
        rounded = f"rounded to {'cents' if places == _CENTS else f'{places} places'}"
        text += f" (rounded from {whole})" if exact and Fraction(whole) == value else f" ({rounded})"
    return Answer(value, text, currency.strip())


def answered(texts: Sequence[str]) -> Answer | None:
    """The answer in a delegation's result: the last `Answer:` of its text or of the "answer" in a JSON document."""
    inside = [str(each["answer"]) for each in _documents(texts) if "answer" in each]
    for text in (*inside, *texts):
        if len(text) <= _LONGEST_TEXT and (found := list(_ANSWER.finditer(text))):
            last = found[-1]
            value = _number(last["exact"] or last["sign"] + last["number"].replace(",", "").rstrip("."))
            shown_text = last[0].partition(":")[2].strip()
            return None if value is None else Answer(value, shown_text, last["currency"].strip())
    return next((Answer(value, text) for text in inside if (value := _number(text.strip())) is not None), None)


def explained(texts: Sequence[str]) -> list[str]:
    """The lines before the answer in a delegation's result: what was read, and the arithmetic."""
    for text in (*(str(each.get("answer", "")) for each in _documents(texts)), *texts):
        before, answer, _ = text.partition("\nAnswer:")
        if answer:
            return before.splitlines()
    return []


def result_in(texts: Sequence[str]) -> Result | None:
    """What is in a math tool's JSON."""
    for document in _documents(["".join(texts), *texts]):
        if isinstance(document.get("result"), str | int):
            text, exact = str(document["result"]), document.get("exact") is not False
            return None if _number(text) is None else Result(text, exact, str(document.get("approximation", "")))
    return None


def _number(text: str) -> Fraction | None:
    """The value of a decimal or fraction, None if the text is anything else or too large to handle."""
    try:
        return Fraction(text) if len(text) <= _LONGEST and _NUMBER.fullmatch(text) else None
    except (ValueError, ZeroDivisionError):
        return None


def _documents(texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    for text in texts:
        if len(text) <= _LONGEST_TEXT and text[:1] == "{":
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found
