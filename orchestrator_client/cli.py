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
from click.shell_completion import CompletionItem

from agentloop import Budget, ConfigurationError
from agentloop.command_line import EXIT_INTERRUPTED, Seconds, Usd, option
from agentloop.mcp.client.connection import MAX_CALLS
from mcp_calc_server.calculator import CALCULATOR_MODEL
from offline_model.choice import choose_model
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
_SERVERS, _MODELS, _LIMITS, _OUTPUT, _DURABLE = "Servers", "Models", "Limits", "Output", "Runs that can be resumed"

EPILOG = """\b
Examples:
  orchestrator-client What is 12 percent of 250
  orchestrator-client "What is (2 + 3) ^ 2 / 5?"       quote what the shell would read
  echo '3 shirts at $12.50 each' | orchestrator-client -
  orchestrator-client --server http://127.0.0.1:8000/mcp --max-usd 0.50 "..."
  orchestrator-client --timeline run.html "..."
  orchestrator-client                                  a chat
\b
Credentials: Claude is used if the anthropic SDK finds any (ANTHROPIC_API_KEY, say)
or if --base-url or ANTHROPIC_BASE_URL names a server. Without, a built-in reader
of fixed rules answers, which is not a language model.
\b
Shell completion, here for bash (also zsh, fish):
  eval "$(_ORCHESTRATOR_CLIENT_COMPLETE=bash_source orchestrator-client)"
"""


def _options(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options as one decorator."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(options):
            function = each(function)
        return function

    return add


def _other_commands(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return main.names_of_others(ctx, parameter, incomplete)


_which_servers = _options(
    option(
        _SERVERS,
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file with `mcpServers`, as Claude Desktop has it.",
    ),
    option(
        _SERVERS,
        "--server",
        "servers",
        multiple=True,
        metavar="NAME|URL|COMMAND",
        help="Use this server: a name from --config, a URL, or a command to start. May be given again.",
    ),
    option(
        _SERVERS,
        "--connect-timeout",
        type=Seconds(least=0.1),
        default=CONNECT_TIMEOUT,
        show_default=True,
        help="How long a server may take to start, or to be connected to.",
    ),
)
_as_json = option(_OUTPUT, "--json", "as_json", is_flag=True, help="Print one JSON object instead of the answer.")
_kept_files = _options(
    option(_OUTPUT, "--quiet", is_flag=True, help="No progress on stderr."),
    option(_OUTPUT, "--events", type=_FILE, help="Record everything that happens in this file, as JSON lines."),
    option(_OUTPUT, "--timeline", type=_FILE, help="Draw who did what when in this file, as one HTML page."),
    option(
        _OUTPUT, "--force", is_flag=True, help="Let --events and --timeline overwrite any file, not only their own."
    ),
)
_durable_dir = option(
    _DURABLE, "--durable-dir", type=_FOLDER, envvar="ORCHESTRATOR_RUNS", help="The folder in which runs are kept."
)


@click.command(
    "orchestrator-client",
    cls=CommandWithOthers,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.argument(
    "words_of_prompt",
    metavar="[PROMPT]...",
    nargs=-1,
    shell_complete=_other_commands,
)
@_which_servers
@option(_SERVERS, "--local", is_flag=True, help="Use no server: local threads do the work.")
@option(
    _SERVERS,
    "--allow",
    multiple=True,
    metavar="PATTERN",
    help="Let tools of servers that are not trusted change things: names, server__name, or patterns like git_*. May be "
    "given again.",
)
@option(
    _SERVERS,
    "--max-calls",
    type=click.IntRange(min=1),
    default=MAX_CALLS,
    show_default=True,
    help="Calls under way at once on each server; others wait.",
)
@option(
    _MODELS,
    "--model",
    envvar="ORCHESTRATOR_MODEL",
    default=ORCHESTRATOR_MODEL,
    show_default=True,
    help="The model that splits the question and delegates its parts.",
)
@option(
    _MODELS,
    "--calculator-model",
    envvar="CALCULATOR_MODEL",
    default=CALCULATOR_MODEL,
    show_default=True,
    help="The model of the calculator agents.",
)
@option(
    _MODELS,
    "--base-url",
    metavar="URL",
    help="The server of the model, such as a local one; it may need no key.",
)
@option(_MODELS, "--offline", is_flag=True, help="Use the built-in reader: fixed rules, not a language model.")
@option(
    _LIMITS,
    "--max-usd",
    type=Usd(),
    help="What the run and its agents may cost, in US dollars, estimated from list prices.",
)
@option(_LIMITS, "--max-tokens", type=click.IntRange(min=0), help="Tokens of all prompts and answers, agents included.")
@option(_LIMITS, "--max-turns", type=click.IntRange(min=0), help="Model turns, agents included.")
@option(_LIMITS, "--deadline", type=Seconds(), help="Seconds the run may take; in a chat, each question.")
@option(
    _LIMITS,
    "--policy",
    type=click.Choice(["all", "best-effort"]),
    default="all",
    show_default=True,
    help="Whether a run fails if a part of it fails, or is answered with what is there.",
)
@option(_LIMITS, "--no-eager", is_flag=True, help="Start calls only when the model's message is complete.")
@_as_json
@_kept_files
@option(_OUTPUT, "--demo", is_flag=True, help="Ask about three stores.")
@option(_DURABLE, "--durable", is_flag=True, help="Keep the run, so that `resume` can finish it after a crash.")
@_durable_dir
@click.version_option(package_name="mcp-calc-server")
def main(words_of_prompt: Sequence[str], **options: Any) -> None:
    """Answer PROMPT (or stdin, with -) by delegating its parts to the agents and functions that MCP servers offer.

    PROMPT may be several words. Without one, on a terminal, it is a chat: each question knows what was said before.

    The answer goes to stdout, everything else to stderr. Exit status: 0 answered, 1 failed, 2 usage, 130 interrupted.

    With --policy all a run has failed if a part of it has; with best-effort it is answered if it has an answer, and
    without one the finished parts are printed instead, if there are any.
    """
    prompt = " ".join(words_of_prompt) if words_of_prompt else None
    is_chat = prompt is None and not options["demo"] and not options["as_json"] and _is_interactive()
    if options["offline"] and options["base_url"]:
        raise click.UsageError("--offline uses no server of a model: leave it or --base-url out.")
    question = None if is_chat else _question(prompt, demo=options["demo"])
    if is_chat and options["durable"]:
        raise click.UsageError("--durable keeps the run of one question; a chat is not kept.")
    _answer(question, options)


@main.command("resume")
@click.argument("run_id")
@_durable_dir
@_as_json
@_kept_files
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
        setup, notice = setup_from(options, say, run)
        name_it, force = not options["quiet"], options["force"]
        with kept(options["events"], options["timeline"], say, name_it=name_it, force=force) as observers:
            if notice and name_it:
                say(notice)
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
@option(_OUTPUT, "-o", "--output", type=_FILE, help="The page to write.  [default: RECORDING with the ending .html]")
@option(_OUTPUT, "--force", is_flag=True, help="Overwrite any file, not only an earlier timeline.")
def timeline(recording: Path, output: Path | None, *, force: bool) -> None:
    """Draw the timeline of a recording, made with --events, as one HTML page."""
    page = output or recording.with_suffix(".html")
    if page == recording:
        raise click.UsageError(f"{recording} is the recording; say with -o where to write the page.")
    try:
        render(recording, page, say, force=force)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    say(f"timeline: {page}")


@main.command("tools")
@_which_servers
@option(_OUTPUT, "--json", "as_json", is_flag=True, help="Print one JSON object.")
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
    """What goes wrong is said in a line of our own; libraries would log it in theirs, some with tracebacks."""
    logging.getLogger().addHandler(logging.NullHandler())


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
