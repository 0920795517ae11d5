"""The command `orchestrator-client`."""

from __future__ import annotations

import asyncio
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from agentloop import ConfigurationError, logs
from agentloop.command_line import FILE, CommandGroup, option, options_of
from agentloop.mcp.client.server_process import end_all
from agentloop.observers import export
from orchestrator_client import configuration
from orchestrator_client.configuration import add_servers, list_servers, remove_server
from orchestrator_client.durable import DurableRun
from orchestrator_client.lines import can_ask, say
from orchestrator_client.listing import list_tools
from orchestrator_client.login import TerminalBrowser, log_in, log_out
from orchestrator_client.one_question import answer_one
from orchestrator_client.options import Options, env_file
from orchestrator_client.progress import CommandState
from orchestrator_client.run_files import draw_recording, run_files
from orchestrator_client.setting_up import servers_from, session_from
from orchestrator_client.terminal import undone_on_signals

DEMO = (
    "I am ordering from three stores. "
    "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. "
    "Book Barn: 4 novels at $9.75 each, 1 atlas at $34.20, shipping $4.50. "
    "Garden Gate: 12 bulbs at $1.35 each, 2 pots at $14.99 each, shipping $7.25. "
    "What does each store cost, and what is the total?"
)

EPILOG = """\b
Examples:
  orchestrator-client What is 12 percent of 250
  orchestrator-client "What is (2 + 3) ^ 2 / 5?"       quote what the shell would interpret
  echo '3 shirts at $12.50 each' | orchestrator-client -
  orchestrator-client --server http://127.0.0.1:8000/mcp --max-usd 0.50 "..."
  orchestrator-client --timeline run.html "..."
  orchestrator-client add git -- uvx mcp-server-git    use this server from now on
  orchestrator-client                                  start a chat
\b
Credentials: Claude is used if the anthropic SDK finds credentials (for example
ANTHROPIC_API_KEY), or if --base-url or ANTHROPIC_BASE_URL names a server. Otherwise
a built-in reader of fixed rules answers, which is not a language model.
\b
Shell completion, here for bash (also zsh, fish):
  eval "$(_ORCHESTRATOR_CLIENT_COMPLETE=bash_source orchestrator-client)"
"""


class _Commands(CommandGroup):
    """A command with an argument of its own, unless the command line begins with the name of another command.

    The user's file has values for options that the command line does not give.
    """

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            name, *rest = args
            try:
                return self.commands[name].make_context(f"{info_name} {name}", list(rest), parent, **extra)
            except click.UsageError as error:
                if not rest or any(word.startswith("-") for word in rest):
                    raise
                problem = error.format_message().removesuffix(".")
                raise click.UsageError(f"{problem}. If this is a question, quote it.", error.ctx) from None
        try:
            defaults = configuration.defaults([each.name for each in fields(Options)])
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from None
        try:
            return super().make_context(info_name, [*args], parent, **{"default_map": defaults, **extra})
        except click.NoSuchOption as error:
            word = next((each for each in args if each.startswith(error.option_name)), "")
            if " " not in word and not word[1:2].isdigit():
                raise
            raise click.UsageError(
                f"{error.format_message()} If this is a question, put -- before it: {info_name} -- {shlex.quote(word)}",
                error.ctx,
            ) from None
        except click.BadParameter as error:
            name = str(error.param and error.param.name)
            if error.ctx is None or error.ctx.get_parameter_source(name) is not ParameterSource.DEFAULT_MAP:
                raise
            raise click.UsageError(
                f"{configuration.user_file()}: defaults.{name}: {error.message}", error.ctx
            ) from None

    def invoke(self, ctx: click.Context) -> Any:
        # This command reports errors itself; without a handler, Python would print what libraries log.
        logging.getLogger().addHandler(logging.NullHandler())
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


def _other_commands(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the other commands, for shell completion of the first word."""
    if ctx.params.get(str(parameter.name)):
        return []
    found = {name: command for name, command in main.commands.items() if name.startswith(incomplete)}
    return [CompletionItem(name, help=command.get_short_help_str()) for name, command in found.items()]


@click.command(
    "orchestrator-client",
    cls=_Commands,
    invoke_without_command=True,
    subcommand_metavar="",
    epilog=EPILOG,
)
@click.argument("words_of_prompt", metavar="[PROMPT]...", nargs=-1, shell_complete=_other_commands)
@options_of(Options)
@env_file
@click.version_option(package_name="mcp-calc-server")
def main(words_of_prompt: Sequence[str], **given: Any) -> int:
    """Answer PROMPT by delegating its parts to agents and functions that MCP servers offer.

    PROMPT may be several words, or - to read it from stdin. Without PROMPT, a chat starts on the terminal, in which
    each question can refer to the ones before it.

    The answer goes to stdout, everything else to stderr. Exit status: 0 answered, 1 no answer or a failed part, 2
    wrong usage, 130 interrupted.

    With --policy all, a call of an agent or function that fails, and is not repeated with success, is a failed part
    even if there is an answer. With --policy best-effort an answer is enough; if there is none, the results of the
    finished parts are printed instead.
    """
    options = Options(**given)
    prompt = " ".join(words_of_prompt) if words_of_prompt else None
    if options.prompt is not None:
        prompt = f"{options.prompt} {shlex.join(words_of_prompt)}"
    is_chat = prompt is None and not options.demo and not options.as_json and _is_interactive()
    if options.offline and options.base_url:
        raise click.UsageError("--offline does not use a model server. Leave out --offline or --base-url.")
    question = None if is_chat else _question(prompt, demo=options.demo)
    if options.prompt is not None and options.durable:
        raise click.UsageError("--durable stores the run of a question; one with --prompt cannot be stored.")
    if is_chat and options.durable:
        raise click.UsageError("--durable stores the run of one question; a chat cannot be stored.")
    return _answer(question, options)


@main.command("resume")
@click.argument("run_id")
@options_of(Options, "as_json", "quiet", "events", "timeline", "force", "log_file", "log_level", "durable_dir")
def resume(run_id: str, durable_dir: Path | None, **given: Any) -> int:
    """Finish a run that was started with --durable and interrupted. Finished steps are not repeated."""
    run = DurableRun.stored(durable_dir, run_id)
    return _answer(run.question, replace(run.options, **given), run)


def _answer(question: str | None, options: Options, run: DurableRun | None = None) -> int:
    """Answer the question, or start a chat. Returns the exit status."""
    _check_files(options)
    if question is not None and options.durable and run is None:
        run = DurableRun.started(question, options)
    make_session, notice = session_from(options, run)
    files = run_files(options.events, options.timeline, quiet=options.quiet, force=options.force)
    with _logging(options), files as observers, undone_on_signals(end_all):
        state = CommandState(options, (*observers, logs.on_event))
        if notice and not options.quiet:
            say(notice)
        try:
            if question is not None:
                return answer_one(question, make_session, state, run)
            from orchestrator_client.chat import chat  # noqa: PLC0415 - only a chat needs prompt_toolkit

            return chat(make_session, state)
        finally:
            export.finish()


@main.command("timeline")
@click.argument("recording", type=click.Path(path_type=Path, dir_okay=False))
@option("Output", "-o", "--output", type=FILE, help="The page to write.  [default: RECORDING, ending in .html]")
@option("Output", "--force", is_flag=True, help="Overwrite a file of any kind, not only an earlier timeline.")
def timeline(recording: Path, output: Path | None, *, force: bool) -> None:
    """Draw the timeline of a recording, made with --events, as one HTML page."""
    page = output or recording.with_suffix(".html")
    if page == recording:
        raise click.UsageError(f"{recording} is the recording. Name the page to write with -o.")
    draw_recording(recording, page, force=force)
    say(f"timeline: {page}")


@main.command("tools")
@options_of(Options, "config", "servers", "connect_timeout", "as_json")
@env_file
def tools(config: Path | None, servers: Sequence[str], connect_timeout: float, *, as_json: bool) -> int:
    """List the servers with their state and their tools. Exit status: 0 if all servers are up, otherwise 1."""
    with undone_on_signals(end_all):
        return asyncio.run(list_tools(servers_from(config, servers), connect_timeout, as_json=as_json))


@main.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("reached_by", metavar="[COMMAND|URL]...", nargs=-1, type=click.UNPROCESSED)
@option("Servers", "--env", multiple=True, metavar="NAME=VALUE", help="A variable for the command.")
@option("Servers", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header for the URL.")
@option("Servers", "--transport", type=click.Choice(["http", "sse"]), help="The transport of the URL.  [default: http]")
@option(
    "Servers",
    "--from",
    "source",
    metavar="PROGRAM|FILE",
    help="Take servers from claude-desktop, claude-code, cursor or vscode, or from a file in their format.",
)
@option("Servers", "--force", is_flag=True, help="Replace a server, or add a command that is not here.")
def add(name: str | None, reached_by: Sequence[str], **given: Any) -> None:
    """Add the server NAME to config.toml: a URL, or a command with its arguments, after -- if they have options.

    With --from, add the servers of another program, or only NAME of them.
    """
    add_servers(name, reached_by, **given)


@main.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the server NAME from config.toml."""
    remove_server(name)


@main.command("list")
def list_() -> None:
    """List the configured servers, without starting them. See `tools` for their state."""
    list_servers()


@main.command("login")
@click.argument("server")
@options_of(Options, "config")
@option("Servers", "--no-browser", is_flag=True, help="Only print the address of the login page, and open no browser.")
def login(server: str, config: Path | None, *, no_browser: bool) -> int:
    """Log in to SERVER, a configured name or a URL, in the browser. The token is kept for later runs."""
    from orchestrator_client.person import Person  # noqa: PLC0415 - prompt_toolkit is loaded only where it is used

    browser = TerminalBrowser(Person(nullcontext) if can_ask() else None, say, opens=not no_browser)
    return asyncio.run(log_in(servers_from(config, (server,)), browser))


@main.command("logout")
@click.argument("server")
@options_of(Options, "config")
def logout(server: str, config: Path | None) -> int:
    """Forget the token for SERVER, a configured name or a URL."""
    return asyncio.run(log_out(servers_from(config, (server,))))


@contextmanager
def _logging(options: Options) -> Iterator[None]:
    if options.log_file is None:
        if options.log_level is not None:
            raise click.UsageError("--log-level needs --log-file: stderr shows the progress.")
        yield
        return
    trace = nullcontext() if export.is_configured() else logs.one_trace()
    with logs.json_lines(options.log_file, options.log_level or "info"), trace:
        yield


def _check_files(options: Options) -> None:
    """Refuse one file for two purposes. What is not a file, such as /dev/null, can serve several."""
    given = {"--log-file": options.log_file, "--events": options.events, "--timeline": options.timeline}
    flags: dict[Path, str] = {}
    for flag, path in given.items():
        if path is None or (path.exists() and not path.is_file()) or (flag == "--log-file" and str(path) == "-"):
            continue
        other = flags.setdefault(path.resolve(), flag)
        if other != flag:
            raise click.UsageError(f"{other} and {flag} name the same file, {path}.")


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _question(prompt: str | None, *, demo: bool) -> str:
    if demo and prompt is None:
        return DEMO
    try:
        question = sys.stdin.read() if prompt == "-" else prompt
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not text: {error}") from None
    if not question or not question.strip():
        raise click.UsageError('There is no question. Example: orchestrator-client "What is 3 * 12.50 + 5.99?"')
    return question
