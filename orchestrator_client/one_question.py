"""One question, from the connections to the exit status."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from agentloop import AgentError, Conversation
from agentloop.command_line import EXIT_FAILED, print_result
from agentloop.observers import export
from orchestrator_client.answer import advice, is_ok, print_answer, printable_json
from orchestrator_client.attachments import prompt_content, question_content
from orchestrator_client.durable import DurableRun
from orchestrator_client.lines import say
from orchestrator_client.progress import CommandState, MakeSession
from orchestrator_client.report import Report


def answer_one(question: str, make_session: MakeSession, state: CommandState, run: DurableRun | None = None) -> int:
    """Answer a question, as part of the durable `run` if there is one, print the result and return the exit status."""
    options, report, began = state.options, Report(), time.monotonic()
    if run is not None and not options.quiet:
        say(f"To resume this run after an interruption: {run.command}")
    servers: dict[str, Any] = {}
    context = state.context(report.on_event)

    async def orchestrate() -> None:
        async with state.progress.shown(), state.connected(make_session, context.scope.emit) as session:
            try:
                agent = session.orchestrator()
                if run is None:
                    make = prompt_content if options.prompt is not None else question_content
                    message = await make(question, session.connections, state.progress.say)
                    await agent.run(Conversation().extend(message), context=context)
                else:
                    report.settle(await run.answer(agent, context.scope))
            finally:
                servers.update(session.to_json())

    try:
        with export.span("orchestrator-client"):
            asyncio.run(orchestrate())
    except KeyboardInterrupt:
        if run is not None:
            say(f"To resume: {run.command}")
        raise
    except AgentError as error:
        report.error = f"{error}{advice(error)}"
    ok = is_ok(report, options.policy)
    if options.as_json:
        value = report.to_json(ok=ok, seconds=time.monotonic() - began, servers=servers)
        value |= {"questions": state.questions.asked} if state.questions.asked else {}
        print_result(printable_json(value), wrap=False)
    else:
        print_answer(report, options.policy, say)
        if report.answer is not None and not ok:
            say("There is an answer, but a part failed, so the exit status is 1. --policy best-effort makes it 0.")
    return 0 if ok else EXIT_FAILED
