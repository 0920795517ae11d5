"""Lists that servers send in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def all_pages(page: Callable[[str | None], Awaitable[tuple[Sequence[T], str | None]]], at_most: int) -> list[T]:
    """The first `at_most` items of a list. `page` returns the items at a cursor and the next cursor.

    An empty page ends the list, so that a server cannot send pages without end.
    """
    found: list[T] = []
    cursor: str | None = None
    while len(found) < at_most:
        items, cursor = await page(cursor)
        found += items
        if cursor is None or not items:
            break
    return found[:at_most]
