"""Modules that are imported when one of their attributes is first used."""

from __future__ import annotations

import importlib
from typing import Any


class _Lazy:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


def lazy(name: str) -> Any:
    """The module of that name, imported when one of its attributes is first used.

    Use it with `if TYPE_CHECKING: import ...`, for the type checker.
    """
    return _Lazy(name)
