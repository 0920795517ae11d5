"""Importing less: most of what a large library offers is never used by one process.

`lazy` puts a module off until something of it is used. `lean` makes the packages of a library resolve the names they
re-export one by one, instead of importing all their modules for the first of them. Both only change when a module runs.
`built_late` puts off what pydantic makes for each model.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_IMPORT = re.compile(r"^from (?P<module>\.*[\w.]*) import (?P<names>\([^)]*\)|[^\n(*]+)$", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")


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


def lean(*libraries: str, left_out: Mapping[str, Collection[str]] | None = None) -> None:
    """Let the packages of these libraries, which must not be imported yet, resolve their names when asked for.

    For a command's own process only: a library's users may expect their imports to run as written. `left_out` names
    classes, by package, that this process may never use: whoever imports one while it is named there gets a stand-in,
    which can be compared with and called.
    """
    sys.meta_path.insert(0, _Finder(libraries, left_out or {}))


def built_late(module: str, base: str) -> None:
    """Let pydantic models of this base class, which are not defined yet, be built when each is first used.

    For a command's own process only, like `lean`. Nothing changes with a version of a library that has no such class.
    """
    with suppress(ImportError, AttributeError):
        getattr(importlib.import_module(module), base).model_config["defer_build"] = True


class _Finder(MetaPathFinder):
    def __init__(self, libraries: Collection[str], left_out: Mapping[str, Collection[str]]) -> None:
        self._libraries = libraries
        self._left_out = left_out

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._libraries:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.submodule_search_locations and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Postponed(spec.loader, self._left_out)
        return spec


class _Postponed(Loader):
    """Loads a package without running its `__init__`."""

    def __init__(self, real: SourceFileLoader, left_out: Mapping[str, Collection[str]]) -> None:
        self.real = real
        self.left_out = left_out

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        index = _index(self.real.get_source(module.__name__) or "")
        # `from .name import name`: whoever imports the module would find it where its function should be.
        if any(source.endswith(f".{name}") for name, (source, _) in index.items()):
            self.real.exec_module(module)
            return
        module.__dict__["_index"] = index
        module.__class__ = _LeanPackage


class _LeanPackage(ModuleType):
    """A package whose names are imported when asked for. What its `__init__` does not just import runs it."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None
        assert isinstance(spec.loader, _Postponed)
        if name in spec.loader.left_out.get(self.__name__, ()):
            return _StandIn(name, (), {"__module__": self.__name__})
        if name in self.__dict__["_index"]:
            value: Any = self.imported(name)
        elif name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        elif not name.startswith("__") and find_spec(f"{self.__name__}.{name}"):
            value = importlib.import_module(f"{self.__name__}.{name}")
        else:
            self.__class__ = ModuleType  # type: ignore[assignment]
            spec.loader.real.exec_module(self)
            return getattr(self, name)
        setattr(self, name, value)
        return value

    def imported(self, name: str) -> Any:
        module, real = self.__dict__["_index"][name]
        if not module.strip("."):
            return importlib.import_module(module + real, self.__name__)
        return getattr(importlib.import_module(module, self.__name__), real)


class _StandIn(type):
    """Stands for a class that is left out: has its real instances, should there be any, and makes one when called."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        package: Any = sys.modules[cls.__module__]
        return package.imported(cls.__name__)(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return any(c.__name__ == cls.__name__ and c.__module__.startswith(cls.__module__) for c in type(instance).mro())

    def __getitem__(cls, _parameters: object) -> type:
        return cls


def _index(source: str) -> dict[str, tuple[str, str]]:
    """For each name that a module's source imports from another: from where, and its name there."""
    index: dict[str, tuple[str, str]] = {}
    for found in _IMPORT.finditer(source):
        for part in _COMMENT.sub("", found["names"]).strip("()\n ").split(","):
            name, _, alias = (each.strip() for each in part.partition(" as "))
            if name:
                index[alias or name] = (found["module"], name)
    return index
