"""How many pages a PDF has, without a library that reads them."""

from __future__ import annotations

import base64
import re
import zlib

MAX_INFLATED = 20_000_000
"""Bytes of one compressed stream that are looked at."""

MAX_KNOWN = 1000

_known: dict[tuple[int, int], int | None] = {}
"""The pages of PDFs by length and hash of their base64, because every request of a conversation has them again."""
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_OBJECTS = re.compile(rb"/ObjStm\b.{0,300}?stream\r?\n", re.DOTALL)


def pages_in(data: str) -> int | None:
    """The pages of a PDF in base64; None if they cannot be counted."""
    key = len(data), hash(data)
    if key not in _known:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        try:
            _known[key] = pages_of(base64.b64decode(data))
        except ValueError:
            _known[key] = None
    return _known.get(key)


def pages_of(pdf: bytes) -> int | None:
    """The pages of a PDF, those of earlier versions of the file included; None if none are found.

    Pages are objects, either as they are or in compressed streams of objects (ISO 32000-1, 7.5.7).
    """
    count = len(_PAGE.findall(pdf))
    for found in _OBJECTS.finditer(pdf):
        try:
            objects = zlib.decompressobj().decompress(memoryview(pdf)[found.end() :], MAX_INFLATED)
        except zlib.error:
            continue
        count += len(_PAGE.findall(objects))
    return count or None
