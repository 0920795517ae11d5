"""Kill -9 of servers at random moments of an eight-way fan-out."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TextIO

from agentloop import ToolError
from agentloop.mcp.client import remote
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.testing import ScriptedMessages
from orchestrator_client.orchestrator import Session
from tests.chaos.counts import Part
from tests.chaos.problems import Model, Problem
from tests.chaos.runs import Outcome, check_ledger, run, session_over
from tests.chaos.servers import WebServer, kill_child, ledger_entry, model_env, stdio_entry

BACK = 60.0
"""Seconds a server has to be connected again after a kill."""
UNDISTURBED_EVERY = 10
"""After one of so many kills comes a whole run that nobody disturbs."""
LEDGER_EVERY = 3
"""In one of so many runs the foreign server is killed too."""

Kill = Callable[[int], Coroutine[Any, Any, str | None]]
"""Kills a server and says which one."""
Revive = Callable[[], Coroutine[Any, Any, None]]


async def over_stdio(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """One server that the client starts, killed once in every run."""
    ledger = folder / "stdio-ledger"

    async def kill(_number: int) -> str | None:
        return "calc" if kill_child("-m mcp_calc_server") else None

    async def revive() -> None:
        pass  # the client's part

    with ScriptedMessages(Model(seed)) as model:
        servers = {"calc": stdio_entry(model), "ledger": ledger_entry(ledger)}
        await _many(part, kills=times, seed=seed, model=model, servers=servers, log=log, kill=kill, revive=revive)
    check_ledger(part, ledger)


async def over_http(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """Two servers, one of which is killed in every run and then started again at the same address."""
    ledger = folder / "http-ledger"
    down: list[WebServer] = []
    async with AsyncExitStack() as stack:
        model = stack.enter_context(ScriptedMessages(Model(seed)))
        web = [await stack.enter_async_context(WebServer(model_env(model))) for _ in range(2)]

        async def kill(number: int) -> str | None:
            down.append(web[number % 2])
            await down[-1].kill()
            return "ab"[number % 2]

        async def revive() -> None:
            while down:
                await down.pop().start()

        entries = {name: ServerEntry(url=each.url, trusted=True) for name, each in zip("ab", web, strict=True)}
        servers = {**entries, "ledger": ledger_entry(ledger)}
        await _many(part, kills=times, seed=seed, model=model, servers=servers, log=log, kill=kill, revive=revive)
    check_ledger(part, ledger)


async def _many(
    part: Part,
    *,
    kills: int,
    seed: int,
    model: ScriptedMessages,
    servers: dict[str, ServerEntry],
    log: TextIO,
    kill: Kill,
    revive: Revive,
) -> None:
    rng = random.Random(seed)  # noqa: S311 - seeded, so that a run can be had again
    remote.PATIENCE = BACK  # starting a server takes longer than usual while this suite keeps the machine busy
    async with session_over(servers, model, log) as session:
        tasks_at_start = len(asyncio.all_tasks())
        warm = [await run(session, Problem.make(f"warm {n}", rng), Part("warm-up"), model) for n in range(2)]
        usual = min(outcome.seconds for outcome in warm)
        for number in range(kills):
            before = {connection.name: connection.reconnects for connection in session.connections}
            killed = await _one(part, number, rng, session=session, model=model, kill=kill, usual=usual)
            await revive()
            await _all_back(part, session, {name: before[name] for name in killed & {"calc", "ledger"}})
            if number % UNDISTURBED_EVERY == 0:
                await _undisturbed(part, number, rng, session, model)
        part.add("reconnects", sum(connection.reconnects for connection in session.connections))
        leaked = max(0, len(asyncio.all_tasks()) - tasks_at_start)
        part.add("leaked tasks", leaked)
        part.expect(leaked == 0, f"{leaked} tasks leaked")
    states = part.counts["answers right"]
    part.expect(states == kills, f"{states} of {kills} runs ended right")


async def _one(
    part: Part,
    number: int,
    rng: random.Random,
    *,
    session: Session,
    model: ScriptedMessages,
    kill: Kill,
    usual: float,
) -> set[str]:
    """Run once and kill meanwhile. The servers that were killed."""
    problem = Problem.make(f"run {number}", rng)
    moment, ledger_moment = rng.uniform(0, usual), rng.uniform(0, usual)
    running = asyncio.create_task(run(session, problem, part, model))
    killing = asyncio.create_task(_kill_at(moment, running, kill, number, part))
    also = asyncio.create_task(_kill_ledger_at(ledger_moment, number, part))
    outcome = await running
    killed = {await killing, await also} - {None}
    part.expect(len(killed) >= 1, f"run {number}: there was no server to kill")
    if not outcome.answer or not problem.is_answered_by(outcome.answer):
        part.expect(False, f"run {number}, killed after {moment:.3f} s: {outcome.answer or outcome.error}")  # noqa: FBT003
    _check_foreign(part, outcome)
    return {name for name in killed if name}


async def _kill_at(seconds: float, running: asyncio.Task[Outcome], kill: Kill, number: int, part: Part) -> str | None:
    await asyncio.wait({running}, timeout=seconds)
    killed = await kill(number)
    part.add("kills", killed is not None)
    part.add("kills before the run was over", killed is not None and not running.done())
    return killed


async def _kill_ledger_at(seconds: float, number: int, part: Part) -> str | None:
    if number % LEDGER_EVERY:
        return None
    await asyncio.sleep(seconds)
    killed = kill_child("ledger_server.py")
    part.add("kills of the foreign server", killed)
    return "ledger" if killed else None


def _check_foreign(part: Part, outcome: Outcome) -> None:
    """`record` is answered or fails typed; `recall`, which may be repeated, is answered."""
    by_tool = {event.tool: event for event in outcome.finished}
    record = by_tool.get("record")
    if record is not None:
        part.add("records answered", not record.is_error)
        part.add("records failed typed", record.is_error)
        typed = not record.is_error or record.result.startswith("ledger ")
        part.expect(typed, f"record failed as {record.result!r}")
    recall = by_tool.get("recall")
    if recall is not None:
        part.expect(not recall.is_error, f"recall, which is read-only, failed: {recall.result}")


async def _undisturbed(part: Part, number: int, rng: random.Random, session: Session, model: ScriptedMessages) -> None:
    aside = Part(part.name)
    outcome = await run(session, Problem.make(f"after run {number}", rng), aside, model)
    part.add("undisturbed runs between", 1)
    part.add("delegations of theirs served by a server", outcome.served["server"])
    served = aside.counts["answers right"] == 1 and outcome.served["local"] == 0
    part.expect(served, f"after run {number}: {outcome.answer or outcome.error}, served by {dict(outcome.served)}")


async def _all_back(part: Part, session: Session, lost: dict[str, int]) -> None:
    """Wait until every server is connected again, and see that it is called and answers.

    `lost` are the ones whose loss must be noticed without a call, with the number of their reconnects before it.
    """

    def is_back(connection: Connection) -> bool:
        return connection.is_up and connection.reconnects > lost.get(connection.name, -1)

    try:
        async with asyncio.timeout(BACK):
            while not all(is_back(connection) for connection in session.connections):  # noqa: ASYNC110 - a state, not an event
                await asyncio.sleep(0.02)
    except TimeoutError:
        down = [connection.name for connection in session.connections if not is_back(connection)]
        part.expect(False, f"not connected again within {BACK:g} s: {Counter(down)}")  # noqa: FBT003
    for connection in session.connections:
        tool = "recall" if connection.name == "ledger" else "square_root"
        arguments = {"key": "between"} if tool == "recall" else {"x": 4}
        try:
            answer = await connection.call(tool, arguments, _no_progress)
        except ToolError as error:
            part.expect(False, f"{connection.name} does not answer after its return: {error}")  # noqa: FBT003
        else:
            part.expect(not answer.is_error, f"{connection.name} fails after its return")
            part.add("first calls after a kill answered by the server")


async def _no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message
