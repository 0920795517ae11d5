"""The options of `mcp-calc-server`: as click declares them, and as the rest of the program reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from agentloop.command_line import PROVIDER_HELP, Seconds, Url, cost_options, log_options, option, together
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS
from agentloop.wire import PROVIDERS, Provider
from mcp_calc_server.calculator import CALCULATOR_MODEL

TOKEN_VARIABLE = "MCP_CALC_TOKEN"  # noqa: S105 - the name of one
NEED_HTTP = (
    *("host", "port", "path", "allow_host", "trusted_proxy"),
    *("token_file", "oauth_issuer", "oauth_audience", "oauth_jwks", "oauth_scope"),
)
NEED_DURABLE = (
    *("respond_within", "queue_runs", "queue_runs_per_worker", "queue_runs_per_owner", "queue_starts_per_minute"),
    *("queue_version", "queue_only"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One command line. Each field has the value of the option of that name, with the option's default."""

    model: str
    base_url: str | None
    provider: Provider
    offline: bool
    no_cache: bool
    prices: Path | None
    publish: tuple[str, ...]
    agents: tuple[Path, ...]
    mcp_config: Path | None
    calculator: bool
    name: str | None
    title: str | None
    instructions: str | None
    version_label: str | None
    transport: Literal["stdio", "sse", "streamable-http"]
    host: str
    port: int
    path: str | None
    allow_host: tuple[str, ...]
    trusted_proxy: tuple[str, ...]
    max_agents: int
    calls_per_minute: int
    token_file: Path | None
    oauth_issuer: str | None
    oauth_audience: str | None
    oauth_jwks: str | None
    oauth_scope: tuple[str, ...]
    durable: str | None
    respond_within: float | None
    queue_runs: int | None
    queue_runs_per_worker: int | None
    queue_runs_per_owner: int | None
    queue_starts_per_minute: int | None
    queue_version: str | None
    queue_only: bool
    log_file: Path | None
    log_level: str | None


def flag(name: str) -> str:
    """`--queue-runs` for `queue_runs`."""
    return "--" + name.replace("_", "-")


_PUBLISHES, _IDENTITY = "What is published", "What clients see of the server"
_publishes, _identity = partial(option, _PUBLISHES), partial(option, _IDENTITY)
_transport, _access = partial(option, "Transport"), partial(option, "Access and limits")
_runs = partial(option, "Durable runs")
_queue = partial(option, "Durable runs of several processes (PostgreSQL)")
_COUNT = click.IntRange(min=1)

IDENTITY = (
    _identity("--name", help="The server's name.  [default: that of what is published]"),
    _identity("--title", help="The server's name for people."),
    _identity("--instructions", help="What clients may tell their model about the server."),
    _identity("--version-label", metavar="VERSION", help="The server's version."),
)

PUBLISHED = (
    _publishes(
        "--model",
        envvar="CALCULATOR_MODEL",
        default=CALCULATOR_MODEL,
        help="The calculator agent's model, and that of agent files that name none; given on the command line, that of "
        "--publish agents too.",
    ),
    _publishes(
        "--base-url",
        type=Url(),
        metavar="URL",
        help="The server of the model, for example a local one without a key.",
    ),
    _publishes(
        "--provider",
        type=click.Choice(PROVIDERS),
        envvar="CALCULATOR_PROVIDER",
        default="anthropic",
        help=PROVIDER_HELP,
    ),
    _publishes(
        "--offline",
        is_flag=True,
        envvar="CALCULATOR_OFFLINE",
        help="Use the built-in reader of fixed rules, not a language model.",
    ),
    *cost_options(_PUBLISHES),
    _publishes(
        "--publish",
        multiple=True,
        envvar="MCP_CALC_PUBLISH",
        metavar="MODULE:ATTRIBUTE",
        help="Publish this Agent, Tool or list of them. Can be repeated.",
    ),
    _publishes(
        "--agents",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="DIR|FILE",
        help="Publish the agents in this Markdown file, or in all files of this directory. Can be repeated.",
    ),
    _publishes(
        "--mcp-config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="A file that defines, in `mcpServers`, the servers that agent files name.",
    ),
    _publishes(
        "--calculator",
        is_flag=True,
        help="Publish the calculator in addition to what --publish and --agents name.",
    ),
)

_DECLARED = (
    *PUBLISHED,
    *IDENTITY,
    _transport(
        "--transport",
        type=click.Choice(["stdio", "sse", "streamable-http"]),
        default="stdio",
        help="How clients reach the server: as a process they start, or over HTTP.",
    ),
    _transport(
        "--host",
        default="127.0.0.1",
        help="The address to listen on. Any address other than loopback requires a token.",
    ),
    _transport(
        "--port",
        type=click.IntRange(0, 65535),
        default=8000,
        help="The port to listen on; 0 picks a free one.",
    ),
    _transport("--path", help="The path of the URL.  [default: /mcp, or /sse for the transport sse]"),
    _transport(
        "--allow-host",
        multiple=True,
        metavar="NAME",
        help="Another host name of this server. Can be repeated.",
    ),
    _transport(
        "--trusted-proxy",
        multiple=True,
        metavar="ADDRESS",
        help="A reverse proxy whose X-Forwarded-For header is trusted. Can be repeated.",
    ),
    _access("--max-agents", type=_COUNT, default=MAX_AGENTS, help="Concurrent agent calls; further calls wait."),
    _access("--calls-per-minute", type=_COUNT, default=CALLS_PER_MINUTE, help="Calls each client may make."),
    _access(
        "--token-file",
        type=click.Path(path_type=Path),
        help=f"Require the token in this file. ${TOKEN_VARIABLE} can hold it instead.",
    ),
    _access("--oauth-issuer", metavar="URL", help="Require a token of this authorization server."),
    _access("--oauth-audience", metavar="URL", help="This server's own URL, which tokens must name as audience."),
    _access("--oauth-jwks", metavar="URL", help="The authorization server's keys."),
    _access(
        "--oauth-scope",
        multiple=True,
        metavar="[TOOL=]SCOPE",
        help="A scope that tokens need: for every request, or for calls of this tool (a name or pattern). Can be "
        "repeated.",
    ),
    _runs(
        "--durable",
        envvar="MCP_CALC_DURABLE",
        is_flag=False,
        flag_value="sqlite:",
        metavar="[STORE]",
        help="Store agent runs in sqlite:PATH or postgresql://..., so that they continue after a crash.",
    ),
    _runs(
        "--respond-within",
        type=Seconds(),
        metavar="SECONDS",
        help="Respond to a longer call with a run id, for which the tool get_run returns the result later. Needs "
        "--durable.",
    ),
    _queue("--queue-runs", type=_COUNT, help="Concurrent runs in all processes of a PostgreSQL store."),
    _queue("--queue-runs-per-worker", type=_COUNT, help="Of these, concurrent runs in one process."),
    _queue("--queue-runs-per-owner", type=_COUNT, help="Of these, concurrent runs of one owner."),
    _queue("--queue-starts-per-minute", type=_COUNT, help="Runs that all processes together may start."),
    _queue("--queue-version", help="Take only runs of this version, for rolling upgrades."),
    _queue("--queue-only", is_flag=True, help="Only take calls and return results; workers execute the runs."),
    *log_options(),
)


all_options = together(*_DECLARED)
"""A decorator for a click command that takes all of them."""
published_options = together(*PUBLISHED, *IDENTITY)
"""A decorator for a click command that takes those which say what is published, and what clients see of it."""


def as_arguments(context: click.Context) -> list[str]:
    """The command line of the server that publishes what was given to a command with `published_options`."""
    arguments: list[str] = []
    groups = {_PUBLISHES, _IDENTITY}
    for name in (each.name for each in context.command.params if getattr(each, "group", None) in groups):
        value = context.params[name]
        if context.get_parameter_source(name) not in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
            continue
        for each in value if isinstance(value, tuple) else [value]:
            text = [str(each.resolve() if isinstance(each, Path) else each)]
            arguments += [flag(name), *(text if each is not True else [])] if each is not False else []
    return arguments
