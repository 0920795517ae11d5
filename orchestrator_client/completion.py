"""What the line editor of the chat completes: commands, prompts of servers and their arguments, resources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.connection import Connection
from orchestrator_client.attachments import prompts_of, resources_of


class KnownNames:
    """The names that are known so far: `commands`, and what servers list within the block of `loaded`."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands
        self._arguments: dict[str, list[str]] = {}
        self._resources: list[str] = []

    @asynccontextmanager
    async def loaded(self, connections: Sequence[Connection]) -> AsyncIterator[None]:
        """Ask the servers in the background."""
        loading = asyncio.create_task(self._load([each for each in connections if each.is_up]), name="completion")
        try:
            yield
        finally:
            await cancel_and_wait([loading])

    def completions(self, text: str) -> Iterator[str]:
        """What the last word of `text` may become."""
        first, space, rest = text.partition(" ")
        word = text.rsplit(" ", 1)[-1]
        candidates: Sequence[str] = ()
        if not space and text.startswith("/"):
            candidates = [*self._commands, *self._arguments]
        elif first in self._arguments:
            given = {each.partition("=")[0] for each in rest.split()}
            candidates = [f"{name}=" for name in self._arguments[first] if name not in given]
        elif word.startswith("@"):
            candidates = self._resources
        return (each for each in candidates if each.startswith(word))

    async def _load(self, connections: Sequence[Connection]) -> None:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(self._load_of(connection))

    async def _load_of(self, connection: Connection) -> None:
        for prompt in await prompts_of(connection):
            names = [argument.name for argument in prompt.arguments or ()]
            self._arguments[f"/{connection.name}:{prompt.name}"] = names
        self._resources += [f"@{connection.name}:{each.uri}" for each in await resources_of(connection)]
