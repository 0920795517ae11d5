"""One question, from the connections to the exit status."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentloop import Agent, AgentError, Budget, CallContext, Ledger, RunScope
from agentloop.command_line import EXIT_FAILED, EXIT_INTERRUPTED, print_result
from agentloop.events import Observer, together
from agentloop.limits import deadline_after
from agentloop.model import prepare
from agentloop.observers import export
from orchestrator_client.answer import (
    advice,
    is_ok,
    print_answer,
    printable_json,
)
from orchestrator_client.durable import DurableRun
from orchestrator_client.orchestrator import Session, Setup
from orchestrator_client.progress import Progress, progress_on_stderr, say
from orchestrator_client.report import Report


def answer_one(
    question: str,
    setup: Setup,
    budget: Budget,
    options: Mapping[str, Any],
    observers: Sequence[Observer],
    *,
    run: DurableRun | None = None,
) -> int:
    """Answer a question, by a `run` that is kept if there is one, and print what came of it; the exit status."""
    if run is not None and not options["quiet"]:
        say(f"If this is interrupted: {run.command}")
    report, progress = Report(), progress_on_stderr(is_quiet=options["quiet"])
    began = time.monotonic()
    servers: dict[str, Any] = {}
    context = CallContext(
        deadline=None if options["deadline"] is None else deadline_after(options["deadline"]),
        scope=RunScope(
            emit=together(report.observe, progress.observe, *observers),
            trace=export.tracing("orchestrator-client", say),
            ledger=Ledger(budget),
        ),
    )
    try:
        with export.span("orchestrator-client"):
            asyncio.run(_orchestrate(_asked(question, budget, options, run, report), setup, context, progress, servers))
    except KeyboardInterrupt:
        say("interrupted" if run is None else f"interrupted; to go on: {run.command}")
        return EXIT_INTERRUPTED
    except AgentError as error:
        report.error = f"{error}{advice(error)}"
    finally:
        export.finish()
    ok = is_ok(report, options["policy"])
    if options["as_json"]:
        value = report.to_json(ok=ok, seconds=time.monotonic() - began, servers=servers)
        print_result(printable_json(value), wrap=False)
    else:
        print_answer(report, options["policy"], say)
    return 0 if ok else EXIT_FAILED


Ask = Callable[[Agent, CallContext], Awaitable[None]]


def _asked(question: str, budget: Budget, options: Mapping[str, Any], run: DurableRun | None, report: Report) -> Ask:
    """How an orchestrator is asked: as it is, or by a run that is kept."""

    async def ask(agent: Agent, context: CallContext) -> None:
        if run is None:
            await agent.run(question, context=context)
        else:
            report.settle(await run.answer(agent, budget, options["deadline"], context.scope.emit, context.scope.trace))

    return ask


async def _orchestrate(
    ask: Ask, setup: Setup, context: CallContext, progress: Progress, servers: dict[str, Any]
) -> None:
    """Run to the answer; `servers` gets what is to be said of them at the end."""
    preparing = asyncio.create_task(asyncio.to_thread(prepare))
    try:
        async with (
            progress.shown(),
            progress.server_log() as log,
            Session(replace(setup, server_log=log), progress.say, context.scope.emit) as session,
        ):
            try:
                await ask(session.orchestrator(), context)
            finally:
                servers.update(session.to_json())
    finally:
        await preparing
