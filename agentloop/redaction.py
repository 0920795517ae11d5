"""Removes secrets from text that is shown or logged."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s\"'<>]*@")


def without_passwords(text: str) -> str:
    """The text with user names and passwords in URLs replaced.

    >>> without_passwords("postgresql://me:secret@db/runs cannot be reached")
    'postgresql://***@db/runs cannot be reached'
    """
    return _PASSWORD.sub(r"\g<scheme>***@", text) if "@" in text else text
