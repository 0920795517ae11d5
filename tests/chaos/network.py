"""Runs over HTTP through a proxy that delays, cuts, truncates, corrupts and stalls."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO

from agentloop.mcp.client import sdk_session
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.testing import ScriptedMessages
from tests.chaos.counts import Part
from tests.chaos.problems import Model, Problem
from tests.chaos.proxy import Harm, Proxy
from tests.chaos.runs import run, session_over
from tests.chaos.servers import WebServer, model_env

CALL_TIMEOUT = 5.0
"""What a call may take here instead of ten minutes."""
BOUND = 30.0
"""Seconds in which every run ends."""
HARMS: tuple[Harm, ...] = ("delay", "cut", "truncate", "corrupt", "stall")


async def play(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """`times` runs with each kind of harm; half of the connections have it."""
    del folder
    usual = sdk_session.CALL_TIMEOUT
    try:
        async with AsyncExitStack() as stack:
            model = stack.enter_context(ScriptedMessages(Model(seed)))
            web = await stack.enter_async_context(WebServer(model_env(model)))
            proxy = await stack.enter_async_context(Proxy(web.port, seed))
            entry = ServerEntry(url=f"http://127.0.0.1:{proxy.port}/mcp", trusted=True)
            proxy.kinds = ("none",)
            async with session_over({"far": entry}, model, log, connect_timeout=usual) as session:
                # The first call makes the server import the model's SDK, which takes seconds on a busy machine.
                await run(session, Problem.make("undisturbed", random.Random(seed)), part, model)  # noqa: S311
            sdk_session.CALL_TIMEOUT = CALL_TIMEOUT
            for harm in HARMS:
                await _with_harm(part, harm, times=times, seed=seed, proxy=proxy, model=model, entry=entry, log=log)
    finally:
        sdk_session.CALL_TIMEOUT = usual


async def _with_harm(
    part: Part,
    harm: Harm,
    *,
    times: int,
    seed: int,
    proxy: Proxy,
    model: ScriptedMessages,
    entry: ServerEntry,
    log: TextIO,
) -> None:
    rng = random.Random(f"{seed} {harm}")  # noqa: S311 - seeded, so that a run can be had again
    proxy.kinds = ("none",)
    async with session_over({"far": entry}, model, log, connect_timeout=CALL_TIMEOUT) as session:
        for number in range(times):
            proxy.kinds = ("none", harm)
            problem = Problem.make(f"{harm} {number}", rng)
            outcome = await run(session, problem, part, model)
            right = outcome.answer is not None and problem.is_answered_by(outcome.answer)
            wrong = not right and (outcome.answer or "").startswith("Total: ")
            part.expect(not wrong, f"{problem.run}: a wrong answer: {outcome.answer}")
            part.expect(outcome.seconds < BOUND, f"{problem.run} took {outcome.seconds:.1f} s")
            if harm in {"delay", "cut", "truncate"}:
                part.expect(right, f"{problem.run}: {outcome.answer or outcome.error}")
            part.add(f"answers right with {harm}", right)
            proxy.kinds = ("none",)
            await proxy.drop_all()
            await _until_up(part, session.connections[0], problem.run)
        part.add("reconnects", session.connections[0].reconnects)
    part.add(f"connections harmed by {harm}", proxy.done[harm])
    part.expect(proxy.done[harm] > 0, f"no connection was harmed by {harm}")


async def _until_up(part: Part, far: Connection, after: str) -> None:
    try:
        async with asyncio.timeout(BOUND):
            while not far.is_up:  # noqa: ASYNC110 - a state, not an event
                await asyncio.sleep(0.02)
    except TimeoutError:
        part.expect(False, f"{after}: not connected again within {BOUND:g} s: {far.error}")  # noqa: FBT003
