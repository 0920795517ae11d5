"""One question, from the connections to the exit status."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from agentloop import AgentError, CallContext, Conversation, Ledger, RunScope
from agentloop.command_line import EXIT_FAILED, EXIT_INTERRUPTED, print_result
from agentloop.events import EventHandler, fan_out
from agentloop.limits import deadline_after
from agentloop.observers import export
from orchestrator_client.answer import advice, is_ok, print_answer, printable_json
from orchestrator_client.attachments import prompt_content, question_content
from orchestrator_client.durable import DurableRun
from orchestrator_client.lines import say
from orchestrator_client.options import Options
from orchestrator_client.orchestrator import Setup
from orchestrator_client.progress import connected, progress_on_stderr
from orchestrator_client.questions import Answers, Questions
from orchestrator_client.report import Report


def answer_one(
    question: str, setup: Setup, options: Options, observers: Sequence[EventHandler], *, run: DurableRun | None = None
) -> int:
    """Answer a question, as part of the durable `run` if there is one, print the result and return the exit status."""
    if run is not None and not options.quiet:
        say(f"To resume this run after an interruption: {run.command}")
    report, progress = Report(), progress_on_stderr(is_quiet=options.quiet)
    questions = Questions(progress.say, Answers(options.answers) if options.answers else None)
    began = time.monotonic()
    servers: dict[str, Any] = {}
    context = CallContext(
        deadline=None if options.deadline is None else deadline_after(options.deadline),
        scope=RunScope(
            emit=fan_out(report.on_event, progress.on_event, *observers),
            trace=export.tracing("orchestrator-client", say),
            ledger=Ledger(options.budget),
            ask=questions.ask,
            remote_text=progress.shows_text,
        ),
    )

    async def orchestrate() -> None:
        async with progress.shown(), connected(setup, progress, context.scope.emit, questions) as session:
            try:
                agent = session.orchestrator()
                if run is None:
                    make = prompt_content if options.prompt is not None else question_content
                    message = await make(question, session.connections, progress.say)
                    await agent.run(Conversation().extend(message), context=context)
                else:
                    report.settle(await run.answer(agent, context.scope))
            finally:
                servers.update(session.to_json())

    try:
        with export.span("orchestrator-client"):
            asyncio.run(orchestrate())
    except KeyboardInterrupt:
        say("interrupted" if run is None else f"interrupted; to resume: {run.command}")
        return EXIT_INTERRUPTED
    except AgentError as error:
        report.error = f"{error}{advice(error)}"
    finally:
        export.finish()
    ok = is_ok(report, options.policy)
    if options.as_json:
        value = report.to_json(ok=ok, seconds=time.monotonic() - began, servers=servers)
        value |= {"questions": questions.asked} if questions.asked else {}
        print_result(printable_json(value), wrap=False)
    else:
        print_answer(report, options.policy, say)
        if report.answer is not None and not ok:
            say("There is an answer, but a part failed, so the exit status is 1. --policy best-effort makes it 0.")
    return 0 if ok else EXIT_FAILED
