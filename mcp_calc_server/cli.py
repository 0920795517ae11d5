"""The command `mcp-calc-server`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from agentloop import ConfigurationError, logs
from agentloop.command_line import CommandGroup, flag, option, options_of, print_result, say
from agentloop.events import fan_out
from agentloop.mcp.server.program import default_name
from agentloop.mcp.server.publication import ServerOptions
from agentloop.mcp.server.serving import serve, work
from agentloop.observers import export
from mcp_calc_server import publishing
from mcp_calc_server.install import HOSTS, entry, plan
from mcp_calc_server.options import NEED_HTTP, Options, PublishedOptions, as_arguments
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
            _serve(options, own_model=_is_given(context, "model"))
    except OSError as error:
        if options.transport == "stdio":
            raise
        reason = error.strerror or str(error)
        raise click.ClickException(f"cannot listen on {options.host}:{options.port}: {reason}") from None
    finally:
        export.finish()


def _serve(options: Options, *, own_model: bool) -> None:
    address = publishing.address(options)
    published = _published(options, own_model=own_model)
    asyncio.run(
        serve(
            [*published.tools, *published.agents],
            info=published.info(options),
            address=address,
            announce=lambda url: _say(WAITING if address is None else f"listening at {url}"),
            options=_server_options(options),
            durable=publishing.durable(options, [*published.behind, *published.agents]),
            lifespan=published.lifespan,
            prompts=published.prompts,
            resources=published.resources,
        )
    )


def _published(options: Options, *, own_model: bool) -> publishing.Published:
    published = publishing.published(options, _say, own_model=own_model)
    if published.notice:
        _say(published.notice)
    return published


def _is_given(context: click.Context, name: str) -> bool:
    """Whether the option is on the command line."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _logging(options: Options) -> AbstractContextManager[None]:
    if options.log_file is not None:
        return logs.json_lines(options.log_file, options.log_level or "info")
    logs.configure(options.log_level or "warning")
    return nullcontext()


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
    try:
        with _logging(options):
            _work(options, own_model=_is_given(context.parent, "model"))
    finally:
        export.finish()


def _work(options: Options, *, own_model: bool) -> None:
    published = _published(options, own_model=own_model)
    durable = publishing.durable(options, [*published.behind, *published.agents])
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
def check(context: click.Context, paths: Sequence[Path]) -> None:
    """Show what --agents would publish of these agent files, and report problems in them.

    Python functions that the files name are imported. The exit status is 1 if there are errors.
    """
    from mcp_calc_server import files  # noqa: PLC0415 - needs a YAML parser

    assert context.parent is not None
    given = context.parent.params
    model, offline = given["model"], given["offline"]
    choice = choose_model(model, offline=offline, base_url=given["base_url"], provider=given["provider"])
    checked = files.check_files(paths, choice, model=model, offline=offline, mcp_config=given["mcp_config"])
    print_result(files.report(checked))
    context.exit(1 if checked.errors else 0)


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
    try:
        published = _looked_at(context, given)
        if published.notice and not any(each.startswith("ANTHROPIC_") for each in pairs):
            _say(published.notice)
        name = given["name"] or ("calculator" if published.has_calculator else default_name(published.names))
        new = entry(as_arguments(context), published.environment(pairs))
        change = plan(host, new, name=name)
        if not dry_run:
            change.apply()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from None
    if dry_run:
        say(f"{change.path} would get this entry; all else in it stays.")
        for line in change.changes:
            say(f"  {line}")
        print_result(json.dumps(change.entry, indent=2, ensure_ascii=False), wrap=False)
    else:
        print_result(change.report(host, name))


@main.command
@option(
    "Options",
    "--agents",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR",
    help="A directory of agents. Can be repeated.",
)
@option("Options", "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@option("Options", "--name", help="The name of the bundle.  [default: that of what is published]")
@option("Options", "--title", help="Its name for people.  [default: the name]")
@option("Options", "--description", help="What it is for.  [default: the descriptions of the agents]")
@option("Options", "--instructions", help="What hosts may tell their model about it.")
@option("Options", "--version-label", default="0.1.0", metavar="VERSION", help="Its version, such as 1.2.0.")
@click.pass_context
def bundle(context: click.Context, /, folders: Sequence[Path], output: Path | None, **given: Any) -> None:
    """Build a bundle (.mcpb) of the agents in these directories, for hosts that install such files.

    It holds the agents, their prompts and resources, the Python modules of the current folder that they name, and this
    program. The host starts it with uv and asks its user for an API key.
    """
    from mcp_calc_server import bundle as bundles  # noqa: PLC0415 - needs a YAML parser

    options = {"agents": tuple(folders), "calculator": False}
    try:
        made = bundles.bundle_of(folders, _looked_at(context, options), **given)
        path = output or Path(f"{made.name}.mcpb")
        made.write(path)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot read or write {error.filename}: {error.strerror}.") from None
    print_result(f"Wrote {path}: {', '.join(tool['name'] for tool in made.tools)}.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError("--env takes NAME=VALUE.")
    return name, value


def _looked_at(context: click.Context, given: Mapping[str, Any]) -> publishing.Published:
    """What a server with these options would publish.

    Raises:
        ConfigurationError: it would not start.
    """
    assert context.parent is not None
    for name in context.parent.params:
        if _is_given(context.parent, name):
            raise click.UsageError(f"{flag(name)} stands after the word `{context.info_name}`.")
    return publishing.published(Options(**{**context.parent.params, **given}), _say)
