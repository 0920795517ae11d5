"""The command `mcp-calc-server`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from agentloop import ConfigurationError, logs
from agentloop.command_line import (
    FILE,
    CommandGroup,
    flag,
    is_without_folder,
    json_for_stdout,
    option,
    options_of,
    print_result,
    say,
)
from agentloop.events import fan_out
from agentloop.mcp.server.program import default_name
from agentloop.mcp.server.publication import ServerOptions
from agentloop.mcp.server.serving import serve, work
from agentloop.observers import export
from mcp_calc_server import publishing
from mcp_calc_server.install import HOSTS, entry, plan
from mcp_calc_server.options import NEED_HTTP, Options, PublishedOptions, as_arguments

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
  mcp-calc-server --agents .claude/agents
  mcp-calc-server install claude-desktop
\b
Credentials: Claude is used if the anthropic SDK finds credentials (for example
ANTHROPIC_API_KEY), or if --base-url or ANTHROPIC_BASE_URL names a server. Otherwise
a built-in reader of fixed rules answers, which is not a language model.
\b
Shell completion, here for bash (also zsh, fish):
  eval "$(_MCP_CALC_SERVER_COMPLETE=bash_source mcp-calc-server)"
"""


@click.group(
    "mcp-calc-server",
    cls=CommandGroup,
    invoke_without_command=True,
    epilog=EPILOG,
)
@options_of(Options)
@click.version_option(package_name="mcp-calc-server")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Publish agents over MCP: six exact math functions and a calculator agent, and your own.

    Without --transport, the server speaks MCP on stdin and stdout and waits for a client there.
    """
    if context.invoked_subcommand is not None:
        return
    _check_transport(context)
    options = Options(**given)
    try:
        with _logging(options):
            _serve(context, options)
    except OSError as error:
        if options.transport == "stdio" or is_without_folder(error):
            raise
        reason = error.strerror or str(error)
        raise click.ClickException(f"cannot listen on {options.host}:{options.port}: {reason}") from None


def _serve(context: click.Context, options: Options) -> None:
    address = publishing.address(options)
    published = _published(context, options)
    asyncio.run(
        serve(
            published.items,
            info=published.info(options),
            address=address,
            announce=lambda url: _say(WAITING if address is None else f"listening at {url}"),
            options=_server_options(options),
            durable=publishing.durable(options, published.agents),
            lifespan=published.lifespan,
            prompts=published.prompts,
            resources=published.resources,
        )
    )


def _published(context: click.Context, options: Options) -> publishing.Published:
    own_model, durable = _is_given(context, "model"), bool(options.durable)
    published = publishing.published(options, _say, own_model=own_model, durable=durable)
    if published.notice:
        _say(published.notice)
    return published


def _is_given(context: click.Context, name: str) -> bool:
    """Whether the option is on the command line."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


@contextmanager
def _logging(options: Options) -> Iterator[None]:
    """The log of the process, and its spans, the last of which are exported at the end."""
    try:
        if options.log_file is None:
            logs.configure(options.log_level or "warning")
            yield
        else:
            with logs.json_lines(options.log_file, options.log_level or "info"):
                yield
    finally:
        export.finish()


def _server_options(options: Options) -> ServerOptions:
    trace = fan_out(export.tracing("mcp-calc-server", _say), logs.on_event)
    return ServerOptions(options.max_agents, options.calls_per_minute, trace)


def _say(text: str) -> None:
    say(f"mcp-calc-server: {text}")


def _check_transport(context: click.Context) -> None:
    """Refuse options that have no effect without HTTP: whoever gives them expects a server that listens."""
    if context.params["transport"] != "stdio":
        return
    for name in NEED_HTTP:
        if _is_given(context, name):
            raise click.UsageError(f"{flag(name)} needs --transport streamable-http (or sse): stdio does not listen.")


@main.command
@click.pass_context
def worker(context: click.Context) -> None:
    """Execute the runs of a PostgreSQL store, without serving clients.

    The options that say what is published and where runs are stored stand before the word `worker`:

    mcp-calc-server --durable postgresql://... --max-agents 8 worker
    """
    assert context.parent is not None
    options = replace(Options(**context.parent.params), queue_only=False)
    with _logging(options):
        published = _published(context.parent, options)
        durable = publishing.durable(options, published.agents)
        if durable is None:
            raise ConfigurationError("A worker needs --durable postgresql://...")
        asyncio.run(
            work(
                replace(durable, sharing=publishing.sharing(options)),
                lambda: _say("working"),
                options=_server_options(options),
                lifespan=published.lifespan,
            )
        )


@main.command
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="DIR|FILE...")
@click.pass_context
def check(context: click.Context, paths: Sequence[Path]) -> int:
    """Show what --agents would publish of these agent files, and report problems in them.

    Python functions that the files name are imported. The exit status is 1 if there are errors.
    """
    from mcp_calc_server import files  # noqa: PLC0415 - needs a YAML parser

    assert context.parent is not None
    checked = files.check_files(paths, Options(**context.parent.params))
    print_result(files.report(checked))
    return 1 if checked.errors else 0


@main.command
@click.argument("host", type=click.Choice(HOSTS))
@options_of(PublishedOptions)
@option("Options", "--env", multiple=True, metavar="NAME=VALUE", help="A variable for the server. Can be repeated.")
@option("Options", "--dry-run", is_flag=True, help="Show the entry as it would be, and write nothing.")
@click.pass_context
def install(context: click.Context, /, host: str, *, env: Sequence[str], dry_run: bool, **given: Any) -> None:
    """Add the server to the configuration of HOST. The old file is kept as a backup beside it.

    Without --agents and --publish, it is the calculator. The agents are checked first, and paths are made absolute,
    because hosts start servers in a folder of their own.
    """
    pairs = dict(_pair(each) for each in env)
    options = PublishedOptions(**given)
    try:
        published = _looked_at(context, options)
        if published.notice and not any(each.startswith("ANTHROPIC_") for each in pairs):
            _say(published.notice)
        name = options.name or ("calculator" if published.has_calculator else default_name(published.names))
        new = entry(as_arguments(context), published.environment(pairs))
        change = plan(host, new, name=name)
        done = "" if dry_run else change.apply(host, name)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        if is_without_folder(error):
            raise
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from None
    if dry_run:
        say(f"{change.path} would get this entry; all else in it stays.")
        for line in change.changes:
            say(f"  {line}")
        print_result(json_for_stdout(change.entry), wrap=False)
    else:
        print_result(done)


@main.command
@options_of(PublishedOptions, "agents", "name", "title", "instructions", "version_label")
@option("Options", "-o", "--output", type=FILE, help="The file to write.  [default: the name, ending in .mcpb]")
@option("Options", "--description", default="", help="What it is for.  [default: the descriptions of the agents]")
@click.pass_context
def bundle(context: click.Context, /, output: Path | None, description: str, **given: Any) -> None:
    """Build a bundle (.mcpb) of the agents in these directories, for hosts that install such files.

    It holds the agents, their prompts and resources, the Python modules of the current folder that they import, and
    this program. The host starts it with uv and asks its user for an API key. The version is 0.1.0 if none is given.
    """
    from mcp_calc_server.bundle import Bundle  # noqa: PLC0415 - needs a YAML parser

    options = PublishedOptions(**given)
    if not options.agents:
        raise click.UsageError("Missing option '--agents': a directory of agents.")
    made = Bundle(options, _looked_at(context, options), description)
    path = output or Path(f"{made.name}.mcpb")
    try:
        made.write(path)
    except OSError as error:
        if is_without_folder(error):
            raise
        raise click.ClickException(f"Cannot read or write {error.filename}: {error.strerror}.") from None
    print_result(f"Wrote {path}: {', '.join(tool['name'] for tool in made.tools)}.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError("--env takes NAME=VALUE.")
    return name, value


def _looked_at(context: click.Context, options: PublishedOptions) -> publishing.Published:
    """What a server with these options would publish.

    Raises:
        ConfigurationError: it would not start.
    """
    assert context.parent is not None
    for name in context.parent.params:
        if _is_given(context.parent, name):
            raise click.UsageError(f"{flag(name)} stands after the word `{context.info_name}`.")
    published = publishing.published(options, _say)
    published.info(options)  # checks the name and the texts
    return published
