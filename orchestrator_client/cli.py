"""The command `orchestrator-client`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from agentloop import Agent, AgentError, Budget, CallContext, ConfigurationError, Ledger, ModelError
from agentloop.events import Event, Observer
from agentloop.limits import deadline_after
from agentloop.narration import Narrator, clip, printable
from mcp_calc_server.calculator import CALCULATOR_MODEL, calculator_assistant, local_twins
from offline_model.choice import ModelChoice, choose_model
from orchestrator_client.command import CommandWithOthers
from orchestrator_client.config import read_config, servers_to_use
from orchestrator_client.connection import MAX_CALLS
from orchestrator_client.durable import STORE_VARIABLE, DurableRun, default_folder
from orchestrator_client.observing import kept, render
from orchestrator_client.orchestrator import CONNECT_TIMEOUT, ORCHESTRATOR_MODEL, Session, Setup
from orchestrator_client.report import Report

DEMO = (
    "I am ordering from three stores. "
    "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. "
    "Book Barn: 4 novels at $9.75 each, 1 atlas at $34.20, shipping $4.50. "
    "Garden Gate: 12 bulbs at $1.35 each, 2 pots at $14.99 each, shipping $7.25. "
    "What does each store cost, and what is the total?"
)

_HANDED_ON = re.compile(r"ANTHROPIC_\w+|(?i:https?|all|no)_(?i:proxy)|SSL_CERT_(FILE|DIR)")

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

NO_ACCESS = {401, 403}
"""HTTP statuses that mean that the credentials are wrong."""


_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _Usd(click.ParamType[Decimal]):
    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount of money.", param, ctx)
        return amount


@click.command(cls=CommandWithOthers, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("prompt", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="A file with `mcpServers`, as Claude Desktop has it.")
@click.option(
    "--server",
    "words",
    multiple=True,
    metavar="NAME|URL|COMMAND",
    help="Use this server: a name from --config, a URL, or a command to start. May be given again.",
)
@click.option("--model", envvar="ORCHESTRATOR_MODEL", default=ORCHESTRATOR_MODEL, show_default=True)
@click.option("--calculator-model", envvar="CALCULATOR_MODEL", default=CALCULATOR_MODEL, show_default=True)
@click.option("--offline", is_flag=True, help="Use the built-in offline model, which is rule-based, and no other.")
@click.option("--local", is_flag=True, help="Use no server: local threads do the work.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the answer.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--demo", is_flag=True, help="Ask about three stores.")
@click.option("--events", type=_FILE, help="Record everything that happens in this file, as JSON lines.")
@click.option("--timeline", type=_FILE, help="Draw who did what when in this file, as one HTML page.")
@click.option("--max-usd", type=_Usd(), help="What the run and its agents may cost, estimated from list prices.")
@click.option("--max-tokens", type=click.IntRange(min=0), help="Tokens of all prompts and answers, agents included.")
@click.option("--max-turns", type=click.IntRange(min=0), help="Model turns, agents included.")
@click.option("--deadline", type=click.FloatRange(min=0, min_open=True), help="Seconds the run may take.")
@click.option("--policy", type=click.Choice(["all", "best-effort"]), default="all", show_default=True)
@click.option("--no-eager", is_flag=True, help="Start calls only when the model's message is complete.")
@click.option("--max-calls", type=click.IntRange(min=1), default=MAX_CALLS, show_default=True, help="On each server.")
@click.option("--connect-timeout", type=click.FloatRange(min=0.1), default=CONNECT_TIMEOUT, show_default=True)
@click.option("--durable", is_flag=True, help="Keep the run, so that `resume` can finish it after a crash.")
@click.option("--durable-dir", type=_FOLDER, envvar="ORCHESTRATOR_RUNS", help="Where --durable keeps runs.")
@click.version_option(package_name="mcp-calc-server")
def main(prompt: str | None, **options: Any) -> None:
    """Answer PROMPT (or stdin, with -) by delegating its parts to the agents and functions that MCP servers offer.

    The answer goes to stdout, everything else to stderr. Exit status: 0 answered, 1 failed, 2 usage, 130 interrupted.

    With --policy all a run has failed if a part of it has; with best-effort it is answered if it has an answer, and
    without one the finished parts are printed instead, if there are any.
    """
    question = _question(prompt, demo=options["demo"])
    _observed(question, options)


@main.command("resume")
@click.argument("run_id")
@click.option("--durable-dir", type=_FOLDER, envvar="ORCHESTRATOR_RUNS", help="Where the run is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the answer.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--events", type=_FILE, help="Record everything that happens in this file, as JSON lines.")
@click.option("--timeline", type=_FILE, help="Draw who did what when in this file, as one HTML page.")
def resume(run_id: str, durable_dir: Path | None, **options: Any) -> None:
    """Finish a run that was begun with --durable and interrupted. What is done already is not done again."""
    try:
        run = DurableRun.kept(durable_dir, run_id)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    _observed(run.question, _read_again(run.options) | options, run)


def _read_again(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an earlier command line, from how they were kept."""
    config, usd = options["config"], options["max_usd"]
    config, usd = None if config is None else Path(config), None if usd is None else Decimal(usd)
    return {**options, "config": config, "max_usd": usd}


def _observed(question: str, options: Mapping[str, Any], run: DurableRun | None = None) -> None:
    budget = Budget(options["max_usd"], options["max_tokens"], options["max_turns"])
    try:
        if options["durable"] and run is None:
            run = DurableRun.begun(options["durable_dir"], question, options)
        setup = _setup(options, run)
        with kept(options["events"], options["timeline"], _say, name_it=not options["quiet"]) as observers:
            status = _run(Question(question, budget, run), setup, options, observers)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    sys.exit(status)


@main.command("timeline")
@click.argument("recording", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--output", type=_FILE, help="The page to write.  [default: RECORDING with the ending .html]")
def timeline(recording: Path, output: Path | None) -> None:
    """Draw the timeline of a recording, made with --events, as one HTML page."""
    page = output or recording.with_suffix(".html")
    if page == recording:
        raise click.UsageError(f"{recording} is the recording; say with -o where to write the page.")
    try:
        render(recording, page, _say)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    _say(f"timeline: {page}")


def _setup(options: Mapping[str, Any], run: DurableRun | None) -> Setup:
    orchestrator = choose_model(options["model"], offline=options["offline"])
    calculator = choose_model(options["calculator_model"], offline=options["offline"])
    if orchestrator.notice and not options["quiet"]:
        _say(orchestrator.notice)
    configured = read_config(options["config"]) if options["config"] else {}
    servers = {} if options["local"] else servers_to_use(options["words"], configured, _own_env(calculator, run))
    return Setup(
        model=orchestrator.model,
        client=orchestrator.client,
        servers=servers,
        twins=local_twins(calculator_assistant(model=calculator.model, client=calculator.client)),
        connect_timeout=options["connect_timeout"],
        max_calls=options["max_calls"],
        eager=not options["no_eager"],
        keys=None if run is None else run.id,
    )


def _question(prompt: str | None, *, demo: bool) -> str:
    if demo and prompt is None:
        return DEMO
    if prompt == "-":
        prompt = _stdin()
    if not prompt or not prompt.strip():
        raise click.UsageError('Say what is wanted: orchestrator-client "What is 3 * 12.50 + 5.99?"')
    return prompt


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"What comes from stdin is not text: {error}") from None
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(EXIT_INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, what the answer may cost, and the run that is kept of it, if one is."""

    text: str
    budget: Budget
    run: DurableRun | None

    async def put_to(self, agent: Agent, observe: Observer, report: Report, seconds: float | None) -> None:
        """Run the agent; `report` and the others hear what comes of it."""
        if self.run is not None:
            report.settle(await self.run.answer(agent, self.budget, seconds, observe))
            return
        deadline = None if seconds is None else deadline_after(seconds)
        context = CallContext(emit=observe, deadline=deadline, ledger=Ledger(self.budget))
        await agent.run(self.text, context=context)


def _run(question: Question, setup: Setup, options: Mapping[str, Any], observers: Sequence[Observer]) -> int:
    # What a server does wrong is told in a line; the SDK would print a traceback for each broken frame.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    if question.run is not None and not options["quiet"]:
        _say(f"If this is interrupted: {_resume(question.run)}")
    report, narrator = Report(), Narrator()
    began = time.monotonic()
    servers: dict[str, Any] = {}

    def observe(event: Event) -> None:
        for each in (report.observe, *observers):
            each(event)
        line = None if options["quiet"] else narrator.tell(event)
        if line is not None:
            _say(f"{event.at - began:7.3f}s {line}")

    async def orchestrate() -> None:
        async with Session(setup, _say, observe) as session:
            try:
                await question.put_to(session.orchestrator(), observe, report, options["deadline"])
            finally:
                servers.update(session.to_json())

    try:
        asyncio.run(orchestrate())
    except KeyboardInterrupt:
        _say("interrupted" + ("" if question.run is None else f"; to go on: {_resume(question.run)}"))
        return EXIT_INTERRUPTED
    except AgentError as error:
        report.error = f"{error}{_advice(error)}"
    ok = _is_ok(report, options["policy"])
    if options["as_json"]:
        value = report.to_json(ok=ok, seconds=time.monotonic() - began, servers=servers)
        click.echo(_printable_json(value))
    else:
        _print_answer(report, options["policy"])
    return 0 if ok else EXIT_FAILED


def _is_ok(report: Report, policy: str) -> bool:
    if policy == "best-effort":
        return report.answer is not None or bool(report.finished)
    return report.answer is not None and not report.failed


def _print_answer(report: Report, policy: str) -> None:
    """The answer to stdout; what is missing, and why, to stderr."""
    if report.answer is not None:
        click.echo(printable(report.answer))
    for part in report.failed:
        _say(f"failed: {part.tool}({part.arguments}): {part.result}")
    if report.error is None:
        return
    for part in report.finished:
        text = f"{part.tool}({part.arguments}):\n{part.result}"
        click.echo(printable(text), err=policy != "best-effort")
    _say(f"no answer: {report.error}")


def _printable_json(value: Any) -> str:
    """JSON in which everything that could steer a terminal is escaped; JSON itself does that only below 0x20."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _advice(error: AgentError) -> str:
    refused = isinstance(error, ModelError) and error.status in NO_ACCESS
    return " (check ANTHROPIC_API_KEY, or use --offline)" if refused else ""


def _resume(run: DurableRun) -> str:
    elsewhere = "" if run.folder == default_folder() else f" --durable-dir {shlex.quote(str(run.folder))}"
    return f"orchestrator-client resume {run.id}{elsewhere}"


def _own_env(calculator: ModelChoice, run: DurableRun | None) -> Mapping[str, str]:
    """What our own server is given: the same choice of model, the credentials and the way to the API, a run's store.

    A child inherits none of them by itself.
    """
    passed_on = {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}
    choice = {"CALCULATOR_OFFLINE": "1"} if calculator.offline else {"CALCULATOR_MODEL": calculator.model}
    return passed_on | choice | ({} if run is None else {STORE_VARIABLE: run.server_store})


def _say(text: str) -> None:
    click.echo(clip(text, 500), err=True)
