"""Lists that servers send in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mcp import Client
from mcp.types import Resource, ResourceTemplate

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


async def listed_resources(client: Client, at_most: int) -> list[Resource]:
    """The first resources of a server; none if it says that it has none."""
    if client.server_capabilities.resources is None:
        return []

    async def page(cursor: str | None) -> tuple[Sequence[Resource], str | None]:
        result = await client.list_resources(cursor=cursor, cache_mode="bypass")
        return result.resources, result.next_cursor

    return await all_pages(page, at_most)


async def listed_templates(client: Client, at_most: int) -> list[ResourceTemplate]:
    """The first resource templates of a server."""

    async def page(cursor: str | None) -> tuple[Sequence[ResourceTemplate], str | None]:
        result = await client.list_resource_templates(cursor=cursor, cache_mode="bypass")
        return result.resource_templates, result.next_cursor

    return await all_pages(page, at_most)
