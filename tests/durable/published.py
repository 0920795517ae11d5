"""An agent whose tool changes something: it rings the bell at $BELL."""

import os
import signal

from agentloop import Agent, Tool
from tests.durable.bell import ring


async def note(text: str) -> str:
    """Note a text."""
    await ring(int(os.environ["BELL"]), text)
    return f"noted {text}"


noter = Agent("noter", "You note what you are told.", [Tool.from_function(note)], model="claude-haiku-5-5")


async def explode() -> str:
    """Take the process down."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "not reached"


bomber = Agent("bomber", "You explode.", [Tool.from_function(explode)], model="claude-haiku-5-5")

clerk = Agent("clerk", "You answer.", model="claude-haiku-5-5", sessions=True)
