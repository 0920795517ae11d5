"""The command `orchestrator-client`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from agentloop import Budget, ConfigurationError
from agentloop.mcp.client.connection import MAX_CALLS
from mcp_calc_server.calculator import CALCULATOR_MODEL
from offline_model.choice import choose_model
from orchestrator_client.answer import EXIT_INTERRUPTED
from orchestrator_client.command import CommandWithOthers
from orchestrator_client.durable import DurableRun
from orchestrator_client.listing import list_tools
from orchestrator_client.observing import kept, render
from orchestrator_client.one_question import answer_one
from orchestrator_client.orchestrator import CONNECT_TIMEOUT, ORCHESTRATOR_MODEL
from orchestrator_client.progress import say
from orchestrator_client.setting_up import servers_from, setup_from

DEMO = (
    "I am ordering from three stores. "
    "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. "
    "Book Barn: 4 novels at $9.75 each, 1 atlas at $34.20, shipping $4.50. "
    "Garden Gate: 12 bulbs at $1.35 each, 2 pots at $14.99 each, shipping $7.25. "
    "What does each store cost, and what is the total?"
)

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _Usd(click.ParamType[Decimal]):
    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return Budget(usd=value).usd or Decimal(0)
        except ConfigurationError:
            self.fail(f"{value!r} is not an amount of money.", param, ctx)


def _which_servers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which servers to use."""
    options = [
        click.option(
            "--config", type=click.Path(path_type=Path), help="A file with `mcpServers`, as Claude Desktop has it."
        ),
        click.option(
            "--server",
            "servers",
            multiple=True,
            metavar="NAME|URL|COMMAND",
            help="Use this server: a name from --config, a URL, or a command to start. May be given again.",
        ),
        click.option("--connect-timeout", type=click.FloatRange(min=0.1), default=CONNECT_TIMEOUT, show_default=True),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command(cls=CommandWithOthers, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("prompt", required=False)
@_which_servers
@click.option(
    "--allow",
    multiple=True,
    metavar="PATTERN",
    help="Let tools of servers that are not trusted change things: names, server__name, or patterns like git_*. May be "
    "given again.",
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
@click.option("--durable", is_flag=True, help="Keep the run, so that `resume` can finish it after a crash.")
@click.option("--durable-dir", type=_FOLDER, envvar="ORCHESTRATOR_RUNS", help="Where --durable keeps runs.")
@click.version_option(package_name="mcp-calc-server")
def main(prompt: str | None, **options: Any) -> None:
    """Answer PROMPT (or stdin, with -) by delegating its parts to the agents and functions that MCP servers offer.

    Without PROMPT, on a terminal, it is a chat: each question knows what was said before.

    The answer goes to stdout, everything else to stderr. Exit status: 0 answered, 1 failed, 2 usage, 130 interrupted.

    With --policy all a run has failed if a part of it has; with best-effort it is answered if it has an answer, and
    without one the finished parts are printed instead, if there are any.
    """
    is_chat = prompt is None and not options["demo"] and not options["as_json"] and _is_interactive()
    question = None if is_chat else _question(prompt, demo=options["demo"])
    if is_chat and options["durable"]:
        raise click.UsageError("--durable keeps the run of one question; a chat is not kept.")
    _answer(question, options)


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
    _answer(run.question, _read_again(run.options) | options, run)


def _read_again(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an earlier command line, from how they were kept."""
    config, usd = options["config"], options["max_usd"]
    config, usd = None if config is None else Path(config), None if usd is None else Decimal(usd)
    return {**options, "config": config, "max_usd": usd}


def _answer(question: str | None, options: Mapping[str, Any], run: DurableRun | None = None) -> None:
    """Answer the question, or be a chat, and end the process."""
    _calm_logging()
    try:
        budget = Budget(options["max_usd"], options["max_tokens"], options["max_turns"])
        if question is not None and options["durable"] and run is None:
            run = DurableRun.begun(options["durable_dir"], question, options)
        setup = setup_from(options, say, run)
        with kept(options["events"], options["timeline"], say, name_it=not options["quiet"]) as observers:
            if question is None:
                from orchestrator_client.chat import chat  # noqa: PLC0415 - its libraries are for chats only

                status = chat(setup, budget, options, observers)
            else:
                status = answer_one(question, setup, budget, options, observers, run=run)
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
        render(recording, page, say)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    say(f"timeline: {page}")


@main.command("tools")
@_which_servers
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def tools(config: Path | None, servers: Sequence[str], connect_timeout: float, *, as_json: bool) -> None:
    """List the servers, how they are, and their tools. Exit status: 0 all are up, 1 not all."""
    entries = servers_from(config, servers, choose_model(CALCULATOR_MODEL, offline=False), say)
    _calm_logging()
    try:
        status = asyncio.run(list_tools(entries, connect_timeout, as_json=as_json))
    except KeyboardInterrupt:
        say("interrupted")
        status = EXIT_INTERRUPTED
    sys.exit(status)


def _calm_logging() -> None:
    """What a server does wrong is told in a line; the SDK would print a traceback for each broken frame."""
    logging.getLogger("mcp").addHandler(logging.NullHandler())


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


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
        say("interrupted")
        sys.exit(EXIT_INTERRUPTED)
