"""Draws docs/pictures/tree.svg: the live tree in the middle of a real run. `make pictures` runs it.

The server is a process of its own. Claude's part is played by the offline model, which waits in the right places.
"""

import asyncio
import io
import re
import threading
import time
from pathlib import Path

import anyio.to_thread
from rich.console import Console

from agentloop import CallContext, RunScope
from agentloop.events import Event
from agentloop.observers.live import roots, rows
from agentloop.observers.timeline import Timeline
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages
from mcp_calc_server.calculator import CALCULATOR_MODEL
from offline_model.answering import answer
from orchestrator_client.cli import DEMO
from orchestrator_client.lines import say
from orchestrator_client.orchestrator import ORCHESTRATOR_MODEL, Session
from orchestrator_client.setting_up import own_server
from orchestrator_client.tree_picture import picture_of
from tests.processes import environment

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "tree.svg"
WIDTH = 112
LATENCY = 0.4
"""Seconds a turn takes."""


class SlowClaude:
    """Answers as the offline model does, a little later. Two of the three agents wait for `go_on` along the way."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    async def __call__(self, request: RecordedRequest) -> Reply:
        is_held = request.prompt.startswith("Garden Gate") or (
            request.prompt.startswith("Book Barn") and request.results
        )
        if is_held:
            await anyio.to_thread.run_sync(self.go_on.wait, 60, abandon_on_cancel=True)
        await asyncio.sleep(LATENCY)
        message = answer(request.body)
        return Reply(message["content"], message["stop_reason"], usage=message["usage"])


def is_worth_a_picture(timeline: Timeline) -> bool:
    """One agent is done, one has a result, one is still asking."""
    agents = [child for root in roots(timeline) for child in root.children]
    done = [agent for agent in agents if agent.state == "done"]
    return len(agents) == 3 and len(done) == 1 and bool(agents[1].children) and agents[1].children[0].state == "done"


async def run_until_worth_a_picture() -> str:
    claude, timeline, worth_it = SlowClaude(), Timeline(), asyncio.Event()

    def on_event(event: Event) -> None:
        timeline.on_event(event)
        if is_worth_a_picture(timeline):
            worth_it.set()

    with ScriptedMessages(claude) as model:
        env = environment(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted", CALCULATOR_MODEL=CALCULATOR_MODEL)
        async with Session(own_server(env), model=ORCHESTRATOR_MODEL, client=model.client, warn=say) as session:
            run = asyncio.create_task(
                session.orchestrator().run(DEMO, context=CallContext(scope=RunScope(emit=on_event)))
            )
            await asyncio.wait_for(worth_it.wait(), 60)
            await asyncio.sleep(LATENCY)
            picture = draw(timeline)
            claude.go_on.set()
            await run
    return picture


def draw(timeline: Timeline) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(picture_of(rows(timeline, 20), time.monotonic(), width=WIDTH, unicode=True))
    svg = console.export_svg(title="orchestrator-client --demo", unique_id="tree")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # nothing is loaded from anywhere


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(asyncio.run(run_until_worth_a_picture()), encoding="utf-8")
    say(str(PICTURE))
