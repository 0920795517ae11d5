"""What the children of a node of the parse tree are."""

from collections.abc import Iterator, Sequence
from typing import Any

from lark import Token

from offline_model.stories.clauses import Compared, Count, Grouped, OutOf, Part, Rest, Some

QUANTITIES = (Count, Part, Grouped, Compared, Some, Rest, OutOf)


def of_type(children: Sequence[Any], *types: type) -> list[Any]:
    return [child for child in children if isinstance(child, types)]


def kinds_of(children: Sequence[Any]) -> list[str]:
    return [child.type for child in children if isinstance(child, Token)]


def flattened(children: Sequence[Any]) -> Iterator[Any]:
    for child in children:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def first_of(children: Sequence[Any], *types: type) -> Any:
    return next(iter(of_type(children, *types)), None)
