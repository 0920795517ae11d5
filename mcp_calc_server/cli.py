"""The command `mcp-calc-server`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from agentloop import ConfigurationError
from agentloop.command_line import CommandLine, option, print_result, say
from agentloop.mcp.server import logs
from agentloop.mcp.server.publication import ServerOptions
from agentloop.mcp.server.serving import ServerInfo, serve, work
from agentloop.observers import export
from mcp_calc_server import publishing
from mcp_calc_server.install import HOSTS, Change, entry, plan
from mcp_calc_server.options import NEED_HTTP, OFFLINE_HELP, Options, all_options, flag
from offline_model.choice import choose_model

WAITING = (
    "waiting for an MCP client on stdin; Ctrl-C ends it. MCP clients start this command themselves: "
    "`mcp-calc-server install claude-desktop` configures one. To serve over HTTP: mcp-calc-server --transport "
    "streamable-http --port 8000"
)

EPILOG = """\b
Examples:
  mcp-calc-server                                      over stdio, for an MCP client that starts it
  mcp-calc-server --transport streamable-http --port 8000
  mcp-calc-server --publish my_agents:writer
  mcp-calc-server --agents .claude/agents --no-calculator
  mcp-calc-server install claude-desktop
\b
Credentials: Claude is used if the anthropic SDK finds credentials (for example
ANTHROPIC_API_KEY), or if --base-url or ANTHROPIC_BASE_URL names a server. Otherwise
a built-in reader of fixed rules answers, which is not a language model.
\b
Shell completion, here for bash (also zsh, fish):
  eval "$(_MCP_CALC_SERVER_COMPLETE=bash_source mcp-calc-server)"
"""


class _Server(CommandLine, click.Group):
    pass


@click.group(
    "mcp-calc-server",
    cls=_Server,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog=EPILOG,
)
@all_options
@click.version_option(package_name="mcp-calc-server")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Publish six exact math functions and a calculator agent over MCP.

    Without --transport, the server speaks MCP on stdin and stdout and waits for a client there.
    """
    if context.invoked_subcommand is not None:
        return
    _check_transport(context)
    options = Options(**given)
    logs.configure()
    try:
        _serve(options)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        if options.transport == "stdio":
            raise
        reason = error.strerror or str(error)
        raise click.ClickException(f"cannot listen on {options.host}:{options.port}: {reason}") from None
    finally:
        export.finish()


def _serve(options: Options) -> None:
    address = publishing.address(options)
    tools, agents, calculators = publishing.published(options, _say)
    if address is None and sys.stdin.isatty():
        _say(WAITING)
    title = "Calculator" if calculators else None
    asyncio.run(
        serve(
            tools,
            agents,
            info=ServerInfo("mcp-calc-server", title=title, version=version("mcp-calc-server")),
            address=address,
            announce=lambda url: _say(f"listening at {url}"),
            options=_server_options(options),
            durable=publishing.durable(options, [*calculators, *agents]),
        )
    )


def _server_options(options: Options) -> ServerOptions:
    return ServerOptions(options.max_agents, options.calls_per_minute, export.tracing("mcp-calc-server", _say))


def _say(text: str) -> None:
    say(f"mcp-calc-server: {text}")


def _check_transport(context: click.Context) -> None:
    """Refuse options that have no effect without HTTP: whoever gives them expects a server that listens."""
    if context.params["transport"] != "stdio":
        return
    for name in NEED_HTTP:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{flag(name)} needs --transport streamable-http (or sse): stdio does not listen.")


@main.command(cls=CommandLine)
@click.pass_context
def worker(context: click.Context) -> None:
    """Execute the runs of a PostgreSQL store, without serving clients.

    The options that say what is published and where runs are stored stand before the word `worker`:

    mcp-calc-server --durable postgresql://... --max-agents 8 worker
    """
    assert context.parent is not None
    options = replace(Options(**context.parent.params), queue_only=False)
    logs.configure()
    try:
        _work(options)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    finally:
        export.finish()


def _work(options: Options) -> None:
    _, agents, calculators = publishing.published(options, _say)
    durable = publishing.durable(options, [*calculators, *agents])
    if durable is None:
        raise ConfigurationError("A worker needs --durable postgresql://...")
    asyncio.run(
        work(
            replace(durable, sharing=publishing.sharing(options)),
            lambda: _say("working"),
            options=_server_options(options),
        )
    )


@main.command(cls=CommandLine)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="DIR|FILE...")
@click.pass_context
def check(context: click.Context, paths: Sequence[Path]) -> None:
    """Show what --agents would publish of these agent files, and report problems in them.

    Python functions that the files name are imported. The exit status is 1 if there are errors.
    """
    from mcp_calc_server import files  # noqa: PLC0415 - needs a YAML parser

    assert context.parent is not None
    given = context.parent.params
    model, offline = given["model"], given["offline"]
    choice = choose_model(model, offline=offline, base_url=given["base_url"])
    checked = files.check_files(paths, choice, model=model, offline=offline)
    print_result(files.report(checked))
    context.exit(1 if checked.errors else 0)


@main.command(cls=CommandLine)
@click.argument("host", type=click.Choice(list(HOSTS)))
@option("Options", "--offline", is_flag=True, help=OFFLINE_HELP)
@option("Options", "--model", help="The calculator agent's model.")
@option("Options", "--env", multiple=True, metavar="NAME=VALUE", help="A variable for the server. Can be repeated.")
@option("Options", "--dry-run", is_flag=True, help="Show the file as it would be, and write nothing.")
def install(host: str, *, offline: bool, model: str | None, env: Sequence[str], dry_run: bool) -> None:
    """Add the server to the configuration of HOST. The old file is kept as a backup beside it."""
    arguments = [*(["--offline"] if offline else []), *(["--model", model] if model else [])]
    pairs = [pair.partition("=") for pair in env]
    if any(not name or not equals for name, equals, _ in pairs):
        raise click.UsageError("--env takes NAME=VALUE.")
    try:
        change = plan(host, entry(arguments, {name: value for name, _, value in pairs}))
        if not dry_run:
            change.apply()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from None
    _report(change, host, dry_run=dry_run)


def _report(change: Change, host: str, *, dry_run: bool) -> None:
    if dry_run:
        say(f"{change.path} would be:")
        print_result(change.text.removesuffix("\n"), wrap=False)
    for line in change.changes if change.needed else ():
        say(f"  {line}")
    if dry_run:
        return
    if not change.needed:
        say(f"{change.path} already has this entry.")
        return
    backup = f" The old file is {change.backup}." if change.backup else ""
    say(f"Wrote {change.path}.{backup} Restart {host} to use it.")
