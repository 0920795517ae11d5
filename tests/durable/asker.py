"""Agents that ask, published with a store: their runs are executed again after a crash."""

import asyncio
import os
from pathlib import Path

from pydantic import BaseModel

from agentloop import Accepted, Agent, CallContext, tool
from agentloop.question_tools import ask_user


class Name(BaseModel):
    answer: str


@tool(read_only=True)
async def ask_later(context: CallContext) -> str:
    """Ask when the file is there that the environment names."""
    while not Path(os.environ["ASK_LATER"]).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)
    match await context.ask("Who?", Name):
        case Accepted(value):
            return value.answer
    return "nobody"


asker = Agent("asker", "You ask.", [ask_user], model="claude-haiku-5-5")
late_asker = Agent("late_asker", "You ask.", [ask_later], model="claude-haiku-5-5")
