"""JSON with exact numbers.

`json.loads` reads 0.1000000000000000000001 as 0.1, which is silently wrong in a calculator. Here a number becomes a
float only if the float prints as exactly that value, and a `Decimal` otherwise.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

MAX_NESTING = 100
"""The maximum nesting of objects and lists. Other parsers and encoders support no more than about 200."""
_TOO_DEEP = f"nested more than {MAX_NESTING} deep"


def loads(text: str) -> Any:
    """Parse `text` with exact numbers.

    Raises:
        ValueError: not JSON, NaN or Infinity, an integer over Python's digit limit, an exponent over `decimal`'s, an
            unpaired surrogate, or nested more than `MAX_NESTING` deep.
    """
    return _parse(text, _EXACT)


def loads_as_floats(text: str) -> Any:
    """Parse `text` into values that can be encoded as JSON again: floats, and strings for numbers beyond floats.

    Raises:
        ValueError: as `loads`.
    """
    return _parse(text, _AS_FLOATS)


def _parse(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        value = decoder.decode(text)
        if text.count("[") + text.count("{") > MAX_NESTING < nesting(value, MAX_NESTING):
            raise ValueError(_TOO_DEEP)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except InvalidOperation:
        raise ValueError("a number whose exponent is too large") from None
    if "\\ud" in text or "\\uD" in text:
        _refuse_unpaired_surrogates(value)
    return value


def _exact(text: str) -> float | Decimal:
    as_float, as_decimal = float(text), Decimal(text)
    return as_float if Decimal(repr(as_float)) == as_decimal else as_decimal


def _float_or_text(text: str) -> float | str:
    as_float = float(text)
    return text if as_float in (float("inf"), float("-inf")) else as_float


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_EXACT = json.JSONDecoder(parse_float=_exact, parse_constant=_refuse)
_AS_FLOATS = json.JSONDecoder(parse_float=_float_or_text, parse_constant=_refuse)


def _refuse_unpaired_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise ValueError("an unpaired surrogate in a string") from None


def encodable(value: Any) -> Any:
    """The JSON value, with U+FFFD for each unpaired surrogate in its text, which UTF-8 cannot encode."""
    text = dumps(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(encodable_text(text))
    return value


def encodable_text(text: str) -> str:
    """The text, with U+FFFD for each unpaired surrogate."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_encodable(text: str) -> bool:
    """Whether the text has no surrogate, and so can be sent as UTF-8."""
    return text == encodable_text(text)


def dumps(value: Any) -> str:
    """Encode as JSON. A `Decimal` is written with all digits, as a string if no float is equal to it.

    Dates, enumerations, data classes, sets, paths and UUIDs are encoded as pydantic encodes them.

    Raises:
        TypeError, ValueError: the value cannot be encoded; NaN and infinity cannot.
    """
    return _encode(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        as_float = float(value)
        return as_float if Decimal(repr(as_float)) == value else str(value)
    if isinstance(value, _KNOWN):
        return to_jsonable_python(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is not JSON")


_KNOWN = (BaseModel, Enum, date, time, timedelta, UUID, PurePath, set, frozenset)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def nesting(value: Any, limit: int) -> int:
    """The nesting of objects and lists in the value, or `limit + 1` if it is more than `limit`.

    It is computed level by level, without recursion.
    """
    level, depth = [value], 0
    while level and depth <= limit:
        containers = [each for each in level if isinstance(each, dict | list)]
        level = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
        depth += bool(containers)
    return depth
