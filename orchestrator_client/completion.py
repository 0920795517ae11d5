"""What the line editor of the chat completes: commands, prompts of servers, their arguments and values, resources."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from mcp.types import Prompt
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.connection import Connection
from orchestrator_client.attachments import argument_values, prompts_of, resources_of


class KnownNames(Completer):
    """Completes the names that are known so far: `commands`, and what servers list within the block of `loaded`."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands
        self._prompts: dict[str, tuple[Connection, Prompt]] = {}
        self._resources: list[str] = []

    @asynccontextmanager
    async def loaded(self, connections: Sequence[Connection]) -> AsyncIterator[None]:
        """Ask the servers in the background."""
        loading = [asyncio.create_task(self._load(each), name="completion") for each in connections if each.is_up]
        try:
            yield
        finally:
            await cancel_and_wait(loading)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """None: an editor asks for them with `get_completions_async`."""
        del document, complete_event
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        del complete_event
        text = document.text_before_cursor
        for each in await self._completions(text):
            yield Completion(each, start_position=-len(text.rsplit(" ", 1)[-1]))

    async def _completions(self, text: str) -> Sequence[str]:
        """What the last word of `text` may become. The values of a prompt's argument are the server's suggestions."""
        first, space, rest = text.partition(" ")
        word = text.rsplit(" ", 1)[-1]
        candidates: Sequence[str] = ()
        if not space and text.startswith("/"):
            candidates = [*self._commands, *self._prompts]
        elif first in self._prompts:
            connection, prompt = self._prompts[first]
            given = {key: value for each in rest.split() for key, _, value in [each.partition("=")]}
            name, is_value, begun = word.partition("=")
            if is_value:
                others = {key: value for key, value in given.items() if key != name}
                values = await argument_values(connection, prompt.name, name, begun, others)
                return [f"{name}={shlex.quote(value)}" for value in values]
            candidates = [f"{each.name}=" for each in prompt.arguments or () if each.name not in given]
        elif word.startswith("@"):
            candidates = self._resources
        return [each for each in candidates if each.startswith(word)]

    async def _load(self, connection: Connection) -> None:
        for prompt in await prompts_of(connection):
            self._prompts[f"/{connection.name}:{prompt.name}"] = connection, prompt
        self._resources += [f"@{connection.name}:{each.uri}" for each in await resources_of(connection)]
