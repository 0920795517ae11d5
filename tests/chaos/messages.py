"""Faults at the Messages side: refusals of every kind, and streams that break, stop or stall."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from anthropic import AsyncAnthropic
from httpx2 import Timeout

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, cut, fails
from tests.chaos.counts import Part
from tests.chaos.problems import Model, Problem
from tests.chaos.runs import run, session_over
from tests.chaos.servers import stdio_entry

PROBABILITY = 0.35
"""Of a fault in a request. No turn has more than two, and a turn has four attempts."""
SILENCE = 1.5
"""Seconds without a byte after which a client gives a stream up; ten minutes in the SDK's default."""
BOUND = 45.0


class Faults:
    """Puts faults in the place of replies. Stalls only where the client is this process's, which has `SILENCE`."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - seeded, so that a run can be had again
        self._of_turn: Counter[str] = Counter()
        self.made: Counter[str] = Counter()

    def __call__(self, request: RecordedRequest, reply: Reply) -> Reply:
        turn = f"{request.prompt} {len(request.body['messages'])}"
        if self._of_turn[turn] >= 2 or self._rng.random() > PROBABILITY:
            return reply
        self._of_turn[turn] += 1
        is_own = '"bills"' in request.prompt
        kinds = ["429", "429 without retry-after", "500", "529", "EOF", "reset", "error event"]
        kind = self._rng.choice([*kinds, "stall"] if is_own else kinds)
        self.made[kind] += 1
        return self._fault(kind, reply)

    def _fault(self, kind: str, reply: Reply) -> Reply:  # noqa: PLR0911 - one for each kind
        match kind:
            case "429":
                return fails(429, "rate_limit_error", retry_after=self._rng.uniform(0.01, 0.3))
            case "429 without retry-after":
                return fails(429, "rate_limit_error")
            case "500":
                return fails(500, "api_error")
            case "529":
                return fails(529, "overloaded_error")
            case "stall":
                return replace(reply, seconds_per_event=60)
            case "EOF" | "reset":
                return cut(reply, after=self._rng.randrange(8), by="eof" if kind == "EOF" else "reset")
            case _:
                return cut(reply, after=self._rng.randrange(8), by="error")


async def play(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """All runs end with the right answer."""
    del folder
    faults = Faults(seed)
    rng = random.Random(seed)  # noqa: S311 - seeded, so that a run can be had again
    with ScriptedMessages(Model(seed, fault=faults)) as model:

        def client() -> AsyncAnthropic:
            return AsyncAnthropic(base_url=model.url, api_key="scripted", timeout=Timeout(30, read=SILENCE))

        async with session_over({"calc": stdio_entry(model)}, model, log, client=client) as session:
            for number in range(times):
                problem = Problem.make(f"fault {number}", rng)
                outcome = await run(session, problem, part, model)
                right = outcome.answer is not None and problem.is_answered_by(outcome.answer)
                part.expect(right, f"{problem.run}: {outcome.answer or outcome.error}")
                part.expect(outcome.seconds < BOUND, f"{problem.run} took {outcome.seconds:.1f} s")
                part.add("retries of the orchestrator", outcome.retries)
    for kind, number in sorted(faults.made.items()):
        part.add(f"faults: {kind}", number)
