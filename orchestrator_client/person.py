"""The person at the terminal, who can be asked while a question is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from orchestrator_client.line_editor import typed_line


class Person:
    """Asks one question at a time on stderr, with the progress view (`paused`) out of the way."""

    def __init__(self, paused: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._paused = paused
        self._one_at_a_time = asyncio.Lock()

    async def line(self, text: str, *, when: Callable[[], bool] = lambda: True) -> str | None:
        """Ask for one line. None if the person ended the input (Ctrl-D), or `when` is false when it is their turn."""
        async with self._one_at_a_time:
            if not when():
                return None
            async with self._paused():
                return await typed_line(text)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[str], Awaitable[str | None]]]:
        """A block in which nobody else asks. It gets a function that asks for one line, as `line` does."""
        async with self._one_at_a_time, self._paused():
            yield typed_line

    async def choice(
        self, text: str, choices: Sequence[str], default: str, *, when: Callable[[], bool] = lambda: True
    ) -> str:
        """Ask for one of `choices`, by name or first letter, until one of them or nothing is typed."""
        shown = ", ".join(f"[{name[0].upper() if name == default else name[0]}]{name[1:]}" for name in choices)
        while True:
            answer = await self.line(f"{text} {shown}: ", when=when)
            for name in choices:
                if answer and name.startswith(answer.lower()):
                    return name
            if not answer:
                return default
