"""Modules that are imported when something of them is first used: for what a process may never need."""

from __future__ import annotations

import importlib
from functools import cached_property
from types import ModuleType
from typing import Any


class _Lazy:
    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _module(self) -> ModuleType:
        return importlib.import_module(self._name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def lazy(name: str) -> Any:
    """The module of that name, imported when an attribute is first asked for.

    Beside `if TYPE_CHECKING: import ...`, which tells the type checker what it is.
    """
    return _Lazy(name)
