"""The command `mcp-calc-server`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from agentloop import Agent, ConfigurationError, Tool, prices
from agentloop.command_line import CommandLine, Seconds, option, print_result, say
from agentloop.events import Observer
from agentloop.imports import lazy
from agentloop.mcp.server import logs
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS
from agentloop.mcp.server.publication import ServerOptions
from agentloop.mcp.server.publish import find_agents
from agentloop.mcp.server.serving import Durable, ServerInfo, serve, work
from agentloop.observers import export
from mcp_calc_server.calculator import CALCULATOR_MODEL, agent_tool_async, calculator_assistant, math_tools_async
from mcp_calc_server.install import HOSTS, entry, plan
from offline_model.choice import ModelChoice, choose_model

if TYPE_CHECKING:
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server import access, proxies, web
else:
    # Only for HTTP.
    access, web = lazy("agentloop.mcp.server.access"), lazy("agentloop.mcp.server.web")
    proxies = lazy("agentloop.mcp.server.proxies")

TOKEN_VARIABLE = "MCP_CALC_TOKEN"  # noqa: S105 - the name of one
_PUBLISHED = ("model", "base_url", "offline", "publish", "agents", "no_calculator")
_LIMITS = ("queue_runs", "queue_runs_per_worker", "queue_runs_per_owner", "queue_starts_per_minute")
_QUEUE = (*_LIMITS, "queue_version", "queue_only")
_HTTP_ONLY = (
    "host",
    "port",
    "path",
    "allow_host",
    "trusted_proxy",
    "token_file",
    "oauth_issuer",
    "oauth_audience",
    "oauth_jwks",
)
WAITING = (
    "waiting for an MCP client on stdin; Ctrl-C ends it. Clients start this command themselves: `mcp-calc-server "
    "install claude-desktop` tells one to. To serve over HTTP: mcp-calc-server --transport streamable-http --port 8000"
)
DEFAULT_PATHS = {"streamable-http": "/mcp", "sse": "/sse"}


class _Server(CommandLine, click.Group):
    pass


_PUBLISHES, _TRANSPORT, _ACCESS = "What is published", "Transport", "Access and limits"
_RUNS, _QUEUE_GROUP = "Durable runs", "Durable runs of several processes (PostgreSQL)"

EPILOG = """\b
Examples:
  mcp-calc-server                                      over stdio, for an MCP client that starts it
  mcp-calc-server --transport streamable-http --port 8000
  mcp-calc-server --publish my_agents:writer
  mcp-calc-server --agents .claude/agents --no-calculator
  mcp-calc-server install claude-desktop
\b
Credentials: Claude is used if the anthropic SDK finds any (ANTHROPIC_API_KEY, say)
or if --base-url or ANTHROPIC_BASE_URL names a server. Without, a built-in reader
of fixed rules answers, which is not a language model.
\b
Shell completion, here for bash (also zsh, fish):
  eval "$(_MCP_CALC_SERVER_COMPLETE=bash_source mcp-calc-server)"
"""


@click.group(
    "mcp-calc-server",
    cls=_Server,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@option(
    _PUBLISHES,
    "--model",
    envvar="CALCULATOR_MODEL",
    default=CALCULATOR_MODEL,
    show_default=True,
    help="The calculator agent's model.",
)
@option(
    _PUBLISHES,
    "--base-url",
    metavar="URL",
    help="The server of the model, such as a local one; it may need no key.",
)
@option(
    _PUBLISHES, "--offline", is_flag=True, envvar="CALCULATOR_OFFLINE", help="Use the built-in reader of fixed rules."
)
@option(
    _PUBLISHES,
    "--publish",
    multiple=True,
    envvar="MCP_CALC_PUBLISH",
    metavar="MODULE:ATTRIBUTE",
    help="Publish this Agent, or list of them. May be given again.",
)
@option(
    _PUBLISHES,
    "--agents",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|FILE",
    help="Publish the agents in this Markdown file, or in all of this directory. May be given again.",
)
@option(_PUBLISHES, "--no-calculator", is_flag=True, help="Publish only what --publish and --agents name.")
@option(
    _TRANSPORT,
    "--transport",
    type=click.Choice(["stdio", "sse", "streamable-http"]),
    default="stdio",
    show_default=True,
    help="How clients reach the server: as a process they start, or over HTTP.",
)
@option(
    _TRANSPORT,
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen at. Elsewhere than on loopback a token is required.",
)
@option(
    _TRANSPORT,
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen at; 0 picks a free one.",
)
@option(_TRANSPORT, "--path", help="The path of the URL; /mcp, or /sse, if not given.")
@option(
    _TRANSPORT,
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A further host name clients use. May be given again.",
)
@option(
    _TRANSPORT,
    "--trusted-proxy",
    multiple=True,
    metavar="ADDRESS",
    help="A reverse proxy whose X-Forwarded-For is believed. May be given again.",
)
@option(
    _ACCESS,
    "--max-agents",
    type=click.IntRange(min=1),
    default=MAX_AGENTS,
    show_default=True,
    help="Agent calls that run at once; others wait.",
)
@option(
    _ACCESS,
    "--calls-per-minute",
    type=click.IntRange(min=1),
    default=CALLS_PER_MINUTE,
    show_default=True,
    help="Calls that each client may make.",
)
@option(
    _ACCESS,
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"Require the token that is in this file; ${TOKEN_VARIABLE} does too.",
)
@option(_ACCESS, "--oauth-issuer", metavar="URL", help="Require a token of this authorization server.")
@option(_ACCESS, "--oauth-audience", metavar="URL", help="This server's own URL, which tokens must be meant for.")
@option(_ACCESS, "--oauth-jwks", metavar="URL", help="The authorization server's keys.")
@option(
    _RUNS,
    "--durable",
    envvar="MCP_CALC_DURABLE",
    is_flag=False,
    flag_value="sqlite:",
    metavar="[STORE]",
    help="Keep agent runs in sqlite:PATH or postgresql://...; runs that a crash interrupts go on.",
)
@option(
    _RUNS,
    "--answer-within",
    type=Seconds(),
    metavar="SECONDS",
    help="Then hand back a run id, for which the tool get_run has the answer later. Needs --durable.",
)
@option(
    _QUEUE_GROUP,
    "--queue-runs",
    type=click.IntRange(min=1),
    help="Runs at once in all processes of a PostgreSQL store.",
)
@option(
    _QUEUE_GROUP,
    "--queue-runs-per-worker",
    type=click.IntRange(min=1),
    help="Of these, runs at once in one process.",
)
@option(_QUEUE_GROUP, "--queue-runs-per-owner", type=click.IntRange(min=1), help="Of these, runs at once of one owner.")
@option(
    _QUEUE_GROUP,
    "--queue-starts-per-minute",
    type=click.IntRange(min=1),
    help="Runs that may begin in all processes in a minute.",
)
@option(_QUEUE_GROUP, "--queue-version", help="Leave runs of another version to its processes, for rolling upgrades.")
@option(_QUEUE_GROUP, "--queue-only", is_flag=True, help="Leave the runs to workers: take calls and answer them only.")
@click.version_option(package_name="mcp-calc-server")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Publish six exact math functions and a calculator agent over MCP.

    Without --transport it speaks MCP on stdin and stdout, and waits for a client there.
    """
    if context.invoked_subcommand is not None:
        return
    _check_transport(context)
    logs.configure()
    try:
        address = _address(options)
        tools, agents, calculators = _published(**{name: options[name] for name in _PUBLISHED})
        if address is None and sys.stdin.isatty():
            _say(WAITING)
        asyncio.run(
            serve(
                tools,
                agents,
                info=_info(with_calculator=bool(calculators)),
                address=address,
                announce=lambda url: _say(f"listening at {url}"),
                options=ServerOptions(options["max_agents"], options["calls_per_minute"], _tracing()),
                durable=_durable(options, [*calculators, *agents]),
            )
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        if options["transport"] == "stdio":
            raise
        reason = error.strerror or str(error)
        raise click.ClickException(f"cannot listen on {options['host']}:{options['port']}: {reason}") from None
    finally:
        export.finish()


def _say(text: str) -> None:
    say(f"mcp-calc-server: {text}")


def _info(*, with_calculator: bool) -> ServerInfo:
    return ServerInfo(
        "mcp-calc-server", title="Calculator" if with_calculator else None, version=version("mcp-calc-server")
    )


def _check_transport(context: click.Context) -> None:
    """Refuse options that mean nothing without HTTP: who gives them expects a server that listens."""
    if context.params["transport"] != "stdio":
        return
    for name in _HTTP_ONLY:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name.replace('_', '-')} needs --transport streamable-http (or sse): over stdio nothing listens."
            )


def _tracing() -> Observer:
    return export.tracing("mcp-calc-server", _say)


def _durable(options: dict[str, Any], agents: Sequence[Agent]) -> Durable | None:
    if not options["durable"]:
        needing = [name for name in ("answer_within", *_QUEUE) if options[name]]
        if needing:
            option = "--" + needing[0].replace("_", "-")
            raise ConfigurationError(f"{option} needs --durable: the run has to be kept somewhere.")
        return None
    shares = any(options[name] for name in _QUEUE)
    return Durable(options["durable"], agents, options["answer_within"], _sharing(options) if shares else None)


def _to_work_off(options: dict[str, Any], agents: Sequence[Agent]) -> Durable:
    durable = _durable(options, agents)
    if durable is None:
        raise ConfigurationError("A worker needs --durable postgresql://...")
    return replace(durable, sharing=_sharing(options | {"queue_only": False}))


def _sharing(options: Mapping[str, Any]) -> Sharing:
    from agentloop.durable.sharing import Sharing  # noqa: PLC0415 - the room is loaded only when asked for

    at_once, per_worker = options["queue_runs"] or Sharing().at_once, options["queue_runs_per_worker"]
    if per_worker is not None and per_worker > at_once:
        raise ConfigurationError(f"--queue-runs-per-worker {per_worker} is more than --queue-runs, {at_once}.")
    return Sharing(
        at_once=at_once,
        per_worker=per_worker,
        per_owner=options["queue_runs_per_owner"],
        starts_per_minute=options["queue_starts_per_minute"],
        works=not options["queue_only"],
        version=options["queue_version"],
    )


def _published(
    *,
    model: str,
    base_url: str | None,
    offline: bool,
    publish: Sequence[str],
    agents: Sequence[Path],
    no_calculator: bool,
) -> tuple[list[Tool], list[Agent], list[Agent]]:
    """The tools, the user's agents, and those of the agents that are among the tools."""
    if no_calculator and not (publish or agents):
        raise ConfigurationError("--no-calculator without --publish or --agents leaves nothing to publish.")
    modules = [agent for name in publish for agent in find_agents(name)]
    if no_calculator and not agents:
        return [], modules, []
    choice = choose_model(model, offline=offline, base_url=base_url)
    tools, behind = _of_files(agents, choice, model=model, offline=offline) if agents else ([], [])
    if no_calculator:
        return tools, modules, behind
    if choice.offline:
        prices.register(choice.model, input=0, output=0)
    if choice.notice:
        _say(choice.notice)
    calculator = calculator_assistant(model=choice.model, client=choice.client)
    return [*math_tools_async(), agent_tool_async(calculator), *tools], modules, [calculator, *behind]


def _of_files(
    paths: Sequence[Path], choice: ModelChoice, *, model: str, offline: bool
) -> tuple[list[Tool], list[Agent]]:
    """The tools of agent files and the agents behind them."""
    from mcp_calc_server import files  # noqa: PLC0415 - with a YAML parser, only when asked for

    checked = files.check_files(paths, choice, model=model, offline=offline)
    return files.published_files(checked, _say)


def _address(options: dict[str, Any]) -> web.Address | None:
    transport: Literal["stdio", "sse", "streamable-http"] = options["transport"]
    if transport == "stdio":
        return None
    path = options["path"] or DEFAULT_PATHS[transport]
    if not path.startswith("/"):
        raise ConfigurationError(f"--path {path}: a path begins with a slash.")
    return web.Address(
        transport=transport,
        host=options["host"],
        port=options["port"],
        path=path,
        names=tuple(options["allow_host"]),
        proxies=proxies.Proxies(options["trusted_proxy"]),
        access=_access(options),
    )


def _access(options: dict[str, Any]) -> access.Access:
    token = (
        access.read_token(options["token_file"]) if options["token_file"] else os.environ.get(TOKEN_VARIABLE) or None
    )
    given = [options[name] for name in ("oauth_issuer", "oauth_audience", "oauth_jwks")]
    if any(given) and not all(given):
        raise ConfigurationError("--oauth-issuer, --oauth-audience and --oauth-jwks go together.")
    return access.access_for(options["host"], token=token, oauth=access.OAuth(*given) if all(given) else None)


@main.command(cls=CommandLine)
@click.pass_context
def worker(context: click.Context) -> None:
    """Work off the runs of a PostgreSQL store, and serve nobody.

    Takes the options of the server that say what is published and where runs are kept, before the word `worker`:

    mcp-calc-server --durable postgresql://... --max-agents 8 worker
    """
    assert context.parent is not None
    options = context.parent.params
    logs.configure()
    try:
        _, agents, calculators = _published(**{name: options[name] for name in _PUBLISHED})
        durable = _to_work_off(options, [*calculators, *agents])
        asyncio.run(
            work(
                durable,
                lambda: _say("working"),
                options=ServerOptions(options["max_agents"], trace=_tracing()),
            )
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    finally:
        export.finish()


@main.command(cls=CommandLine)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="DIR|FILE...")
@click.pass_context
def check(context: click.Context, paths: Sequence[Path]) -> None:
    """Say what --agents would publish of these agent files, and what is wrong with them.

    Python functions that files name are imported. The exit status is 1 if there are errors.
    """
    from mcp_calc_server import files  # noqa: PLC0415 - with a YAML parser, only when asked for

    assert context.parent is not None
    model, offline = context.parent.params["model"], context.parent.params["offline"]
    checked = files.check_files(paths, choose_model(model, offline=offline), model=model, offline=offline)
    print_result(files.report(checked))
    context.exit(1 if checked.errors else 0)


@main.command(cls=CommandLine)
@click.argument("host", type=click.Choice(list(HOSTS)))
@option("Options", "--offline", is_flag=True, help="Let the agent use the built-in reader of fixed rules.")
@option("Options", "--model", help="Model of the calculator agent.")
@option(
    "Options", "--env", multiple=True, metavar="NAME=VALUE", help="An environment variable for the server. Repeatable."
)
@option("Options", "--dry-run", is_flag=True, help="Show the file as it would be, and write nothing.")
def install(host: str, *, offline: bool, model: str | None, env: Sequence[str], dry_run: bool) -> None:
    """Write the server into the configuration of HOST. What was there is backed up beside it."""
    arguments = [*(["--offline"] if offline else []), *(["--model", model] if model else [])]
    pairs = [pair.partition("=") for pair in env]
    if any(not name or not equals for name, equals, _ in pairs):
        raise click.UsageError("--env takes NAME=VALUE.")
    try:
        change = plan(host, entry(arguments, {name: value for name, _, value in pairs}))
        if dry_run:
            say(f"{change.path} would be:")
            print_result(change.text.removesuffix("\n"), wrap=False)
        else:
            change.apply()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from None
    for line in change.changes if change.needed else ():
        say(f"  {line}")
    if dry_run:
        return
    if not change.needed:
        say(f"{change.path} has the entry already.")
        return
    backup = f" The old file is {change.backup}." if change.backup else ""
    say(f"Wrote {change.path}.{backup} Restart {host} to use it.")
