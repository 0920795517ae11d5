"""Names of remote tools. No server can take the name of another server's tool."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agentloop import Tool

LONGEST = 64
"""Characters of a name that the Messages API takes."""
LONGEST_PREFIX = 30
SEPARATOR = "__"

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9-]+")
_NOT_IN_TOOL_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that a server lists, by name."""

    server: str
    names: Sequence[str]
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class ServerNames:
    """The names of one server's tools.

    `usable` maps the name that the server lists to one that the Messages API takes. Those in `plain`, of the listed
    names, are not prefixed.
    """

    prefix: str
    usable: Mapping[str, str]
    plain: frozenset[str]

    def shown(self, name: str) -> str:
        """The tool's name for the model."""
        return self.usable[name] if name in self.plain else self.qualified(name)

    def qualified(self, name: str) -> str:
        """`server__tool`, cut to the length that the Messages API takes. A stable hash keeps cut names different."""
        whole = f"{self.prefix}{SEPARATOR}{self.usable[name]}"
        return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 9]}_{_hash(whole)}"

    def is_allowed(self, name: str, patterns: Iterable[str]) -> bool:
        """Whether a pattern matches: one with `__` the qualified name, any other a name that no other tool has."""
        names = {name, self.usable[name]} if name in self.plain else set()
        return any(
            fnmatchcase(self.qualified(name), pattern)
            if SEPARATOR in pattern
            else pattern == "*" or any(fnmatchcase(each, pattern) for each in names)
            for pattern in patterns
        )

    def is_denied(self, name: str, patterns: Iterable[str]) -> bool:
        """Whether a pattern matches: one with `__` the qualified name, any other the tool's own name."""
        return any(fnmatchcase(self.qualified(name) if SEPARATOR in each else name, each) for each in patterns)

    def to_allow(self, name: str) -> str:
        """The pattern that matches only this tool."""
        usable = self.usable[name]
        return usable if name in self.plain and SEPARATOR not in usable else self.qualified(name)


def name_tools(offers: Sequence[Offer], reserved: Collection[str] = ()) -> list[ServerNames]:
    """Choose the names of each server's tools.

    A name that only one server uses is kept. If several use it, the only trusted one keeps it, and all others get a
    prefix: `server__name`. A `reserved` name is always prefixed, and so is one that begins like a server's prefix. A
    name that the Messages API does not take (dots, slashes, spaces, more than 64 characters) is replaced by one that it
    takes, before the names are compared.
    """
    prefixes = _prefixes([offer.server for offer in offers])
    usable = [_usable(offer.names) for offer in offers]
    uses = Counter(name for names in usable for name in names.values())
    trusted = Counter(
        name for names, offer in zip(usable, offers, strict=True) if offer.is_trusted for name in names.values()
    )

    def is_plain(name: str, offer: Offer) -> bool:
        if name in reserved or _is_forged(name, prefixes):
            return False
        return uses[name] == 1 or (offer.is_trusted and trusted[name] == 1)

    return [
        ServerNames(prefix, names, frozenset(listed for listed, name in names.items() if is_plain(name, offer)))
        for prefix, names, offer in zip(prefixes, usable, offers, strict=True)
    ]


def name_matches(tool: Tool, pattern: str) -> bool:
    """Whether a pattern matches the name of a tool of an agent, or `server__tool` of a remote one."""
    names = [tool.name, *([] if tool.served_by == "local" else [f"{tool.served_by}{SEPARATOR}{tool.name}"])]
    return any(fnmatchcase(name, pattern) for name in names)


def _usable(listed: Iterable[str]) -> dict[str, str]:
    """A different name for each listed one, which is kept if the Messages API takes it."""
    cleaned = {name: _NOT_IN_TOOL_NAMES.sub("_", name) for name in listed}
    uses = Counter(cleaned.values())

    def chosen(name: str, clean: str) -> str:
        if len(clean) <= LONGEST and (name == clean or (uses[clean] == 1 and clean.strip("_"))):
            return clean
        return f"{clean[: LONGEST - 9].strip('_') or 'tool'}_{_hash(name)}"

    return {name: chosen(name, clean) for name, clean in cleaned.items()}


def _is_forged(name: str, prefixes: Collection[str]) -> bool:
    head, separator, _ = name.partition(SEPARATOR)
    return bool(separator) and head.lower() in {prefix.lower() for prefix in prefixes}


def _prefixes(servers: Sequence[str]) -> list[str]:
    """A different prefix for each server. None contains the separator, so a name has only one possible prefix."""
    found: list[str] = []
    for server in servers:
        prefix = _NOT_IN_NAMES.sub("_", server).strip("_") or "server"
        if len(prefix) > LONGEST_PREFIX:
            prefix = f"{prefix[: LONGEST_PREFIX - 9].rstrip('_')}_{_hash(server)}"
        candidates = (prefix, *(f"{prefix}_{number}" for number in range(2, len(servers) + 2)))
        taken = {each.lower() for each in found}
        found.append(next(each for each in candidates if each.lower() not in taken))
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
