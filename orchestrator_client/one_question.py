"""One question, from the connections to the exit status."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from agentloop import AgentError, Budget, CallContext, Ledger
from agentloop.events import Observer, together
from agentloop.limits import deadline_after
from agentloop.model import prepare
from agentloop.observers import export
from orchestrator_client.answer import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    advice,
    is_ok,
    print_answer,
    printable_json,
    say,
)
from orchestrator_client.durable import DurableRun
from orchestrator_client.orchestrator import Session, Setup
from orchestrator_client.progress import progress_on_stderr
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

    observe = together(report.observe, progress.observe, *observers)
    trace = export.tracing("orchestrator-client", say)

    async def orchestrate() -> None:
        deadline = None if options["deadline"] is None else deadline_after(options["deadline"])
        context = CallContext(emit=observe, trace=trace, deadline=deadline, ledger=Ledger(budget))
        preparing = asyncio.create_task(asyncio.to_thread(prepare))
        try:
            async with (
                progress.shown(),
                progress.server_log() as log,
                Session(replace(setup, server_log=log), progress.say, observe) as session,
            ):
                try:
                    if run is None:
                        await session.orchestrator().run(question, context=context)
                    else:
                        agent, seconds = session.orchestrator(), options["deadline"]
                        report.settle(await run.answer(agent, budget, seconds, observe, trace))
                finally:
                    servers.update(session.to_json())
        finally:
            await preparing

    try:
        with export.span("orchestrator-client"):
            asyncio.run(orchestrate())
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
        click.echo(printable_json(value))
    else:
        print_answer(report, options["policy"], say)
    return 0 if ok else EXIT_FAILED
