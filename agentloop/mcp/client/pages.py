"""Lists that servers send in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mcp import Client
from mcp.types import PaginatedResult, Prompt, Resource, ResourceTemplate

T = TypeVar("T")
Page = TypeVar("Page", bound=PaginatedResult)


async def _all_pages(
    request: Callable[..., Awaitable[Page]], items: Callable[[Page], Sequence[T]], at_most: int
) -> list[T]:
    """The first `at_most` of the items of all pages.

    An empty page ends the list, so that a server cannot send pages without end.
    """
    found: list[T] = []
    cursor: str | None = None
    while len(found) < at_most:
        page = await request(cursor=cursor, cache_mode="bypass")
        found += items(page)
        cursor = page.next_cursor
        if cursor is None or not items(page):
            break
    return found[:at_most]


async def listed_prompts(client: Client, at_most: int) -> list[Prompt]:
    """The first prompts of a server; none if it says that it has none."""
    if client.server_capabilities.prompts is None:
        return []
    return await _all_pages(client.list_prompts, lambda page: page.prompts, at_most)


async def listed_resources(client: Client, at_most: int) -> list[Resource]:
    """The first resources of a server; none if it says that it has none."""
    if client.server_capabilities.resources is None:
        return []
    return await _all_pages(client.list_resources, lambda page: page.resources, at_most)


async def listed_templates(client: Client, at_most: int) -> list[ResourceTemplate]:
    """The first resource templates of a server."""
    return await _all_pages(client.list_resource_templates, lambda page: page.resource_templates, at_most)
