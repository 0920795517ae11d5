"""People at a client, who are asked."""

import asyncio
from typing import Any

from agentloop import Answer, Question


class NeverAnswers:
    """A question handler for a person who does not answer. The events are set when that happens to a question."""

    def __init__(self) -> None:
        self.is_asked, self.is_withdrawn = asyncio.Event(), asyncio.Event()

    async def __call__(self, _question: Question) -> Answer[Any]:
        self.is_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_withdrawn.set()
        raise AssertionError("there was an answer")
