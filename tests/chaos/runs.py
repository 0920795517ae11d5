"""One orchestrator run over a session, and what is checked and counted of each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from anthropic import AsyncAnthropic

from agentloop import AgentError
from agentloop.events import Event, ToolFinished, TurnRetried
from agentloop.mcp.client.config import ServerEntry
from agentloop.testing import ScriptedMessages
from mcp_calc_server.calculator import calculator_assistant, local_fallbacks
from orchestrator_client.orchestrator import Session
from tests.chaos.counts import Part
from tests.chaos.problems import AGENT, PARTS, Problem, answered_once

HUNG = 60.0
"""Seconds after which a run counts as hung. None takes more than a few."""


def session_over(
    servers: Mapping[str, ServerEntry],
    model: ScriptedMessages,
    log: TextIO,
    *,
    client: Callable[[], AsyncAnthropic] | None = None,
    connect_timeout: float = 30.0,
) -> Session:
    calculator = calculator_assistant(model="claude-haiku-5-5", client=client or model.client)
    return Session(
        servers,
        model="claude-sonnet-5-5",
        client=client or model.client,
        fallback=local_fallbacks(calculator),
        fallback_servers=(),
        allow=["*"],
        connect_timeout=connect_timeout,
        server_log=log,
        warn=lambda _text: None,
    )


@dataclass
class Outcome:
    """`answer` is None if the run ended with an error, which is then in `error`, or hung."""

    answer: str | None = None
    error: str | None = None
    seconds: float = 0.0
    retries: int = 0
    served: Counter[str] = field(default_factory=Counter)
    finished: list[ToolFinished] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        if isinstance(event, TurnRetried):
            self.retries += 1
        if isinstance(event, ToolFinished) and event.agent == "orchestrator":
            self.finished.append(event)
            if event.tool.endswith(AGENT):
                self.served["local" if event.served_by == "local" else "server"] += 1


async def run(session: Session, problem: Problem, part: Part, model: ScriptedMessages) -> Outcome:
    """Run it to its end and check what holds for every run."""
    outcome = Outcome()
    del model.requests[:]
    began = time.monotonic()
    try:
        async with asyncio.timeout(HUNG):
            answer = await session.orchestrator().run(problem.prompt, on_event=outcome.on_event)
        outcome.answer = answer.answer
    except AgentError as error:
        outcome.error = f"{type(error).__name__}: {error}"
    except TimeoutError:
        part.add("hung")
    outcome.seconds = time.monotonic() - began
    _count(part, problem, outcome, model)
    return outcome


def _count(part: Part, problem: Problem, outcome: Outcome, model: ScriptedMessages) -> None:
    right = outcome.answer is not None and problem.is_answered_by(outcome.answer)
    wrong = outcome.answer is not None and not right and outcome.answer.startswith("Total: ")
    part.add("runs")
    part.add("answers right", right)
    part.add("answers wrong", wrong)
    part.add("runs that ended with a typed failure", outcome.error is not None or (not right and not wrong))
    part.add("hung", 0)
    part.add("calls served by a server", outcome.served["server"])
    part.add("calls served by the local fallback", outcome.served["local"])
    started = [r.prompt for r in model.requests if '"part"' in r.prompt and len(r.body["messages"]) == 1]
    part.add("first turns of delegations asked for again", max(0, len(started) - PARTS))
    once = answered_once(model.requests)
    part.add("tool_use ids not answered exactly once", not once)
    part.expect(once, f"{problem.run}: a tool_use was not answered exactly once")
    part.expect(not model.refusals, f"{problem.run}: refused requests: {model.refusals[:1]}")


def check_ledger(part: Part, file: Path) -> None:
    """Nothing that may not be repeated was executed twice."""
    executed = Counter(file.read_text(encoding="utf-8").splitlines()) if file.exists() else Counter()
    part.add("records executed", len(executed))
    part.add("records executed twice", sum(number > 1 for number in executed.values()))
    part.expect(all(number == 1 for number in executed.values()), "a record was executed twice")
