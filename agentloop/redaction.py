"""Removes secrets from text that is shown or logged."""

from __future__ import annotations

import os
import re

_PASSWORD = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s\"'<>]*@")
_TOKEN = re.compile(
    r"""(?ix) (?P<before> \b(?:bearer|basic)\s+ | [?&](?:\w*token|\w*key|code|\w*secret|password|sig\w*)= )
    [^\s&"'<>,;]+"""
)
_API_KEY = re.compile(r"\bsk-[\w-]{8,}")
_NAME = re.compile(r"(?i)key|token|secret|password|credential|custom_headers")
_HEADERS = re.compile(r":\s+|\n")
_SHORTEST = 8
"""Characters of a variable's value that counts as a secret: shorter ones are rather switches."""


def without_passwords(text: str) -> str:
    """The text with user names and passwords in URLs replaced.

    >>> without_passwords("postgresql://me:secret@db/runs cannot be reached")
    'postgresql://***@db/runs cannot be reached'
    """
    return _PASSWORD.sub(r"\g<scheme>***@", text) if "@" in text else text


def without_secrets(text: str) -> str:
    """The text without passwords and tokens in URLs, authorization headers, API keys, and the process's own secrets.

    Those are the values of environment variables that are named like a key, token, secret or password.

    >>> without_secrets("GET http://127.0.0.1/cb?code=abc failed with Bearer xyz")
    'GET http://127.0.0.1/cb?code=*** failed with Bearer ***'
    """
    values = [value for name, value in os.environ.items() if _NAME.search(name)]
    parts = [part for value in values for part in (value, *_HEADERS.split(value)) if len(part) >= _SHORTEST]
    for secret in sorted(parts, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _API_KEY.sub("***", _TOKEN.sub(r"\g<before>***", without_passwords(text)))
