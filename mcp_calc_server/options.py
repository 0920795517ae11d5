"""The options of `mcp-calc-server`: as click declares them, and as the rest of the program reads them."""

from __future__ import annotations

from dataclasses import dataclass
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


_PUBLISHES, _TRANSPORT, _ACCESS = "What is published", "Transport", "Access and limits"
_IDENTITY = "What clients see of the server"
_RUNS, _QUEUE = "Durable runs", "Durable runs of several processes (PostgreSQL)"
_COUNT = click.IntRange(min=1)

_PUBLISHED_NAMES = (
    *("model", "base_url", "provider", "offline", "prices", "no_cache", "publish", "agents", "mcp_config"),
    *("calculator", "name", "title", "instructions", "version_label"),
)
OFFLINE_HELP = "Use the built-in reader of fixed rules, not a language model."
IDENTITY = (
    option(_IDENTITY, "--name", help="The server's name.  [default: that of what is published]"),
    option(_IDENTITY, "--title", help="The server's name for people."),
    option(_IDENTITY, "--instructions", help="What clients may tell their model about the server."),
    option(_IDENTITY, "--version-label", metavar="VERSION", help="The server's version."),
)

PUBLISHED = (
    option(
        _PUBLISHES,
        "--model",
        envvar="CALCULATOR_MODEL",
        default=CALCULATOR_MODEL,
        help="The calculator agent's model, and that of agent files that name none; given on the command line, that of "
        "--publish agents too.",
    ),
    option(
        _PUBLISHES,
        "--base-url",
        type=Url(),
        metavar="URL",
        help="The server of the model, for example a local one without a key.",
    ),
    option(
        _PUBLISHES,
        "--provider",
        type=click.Choice(PROVIDERS),
        envvar="CALCULATOR_PROVIDER",
        default="anthropic",
        help=PROVIDER_HELP,
    ),
    option(_PUBLISHES, "--offline", is_flag=True, envvar="CALCULATOR_OFFLINE", help=OFFLINE_HELP),
    *cost_options(_PUBLISHES),
    option(
        _PUBLISHES,
        "--publish",
        multiple=True,
        envvar="MCP_CALC_PUBLISH",
        metavar="MODULE:ATTRIBUTE",
        help="Publish this Agent, Tool or list of them. Can be repeated.",
    ),
    option(
        _PUBLISHES,
        "--agents",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="DIR|FILE",
        help="Publish the agents in this Markdown file, or in all files of this directory. Can be repeated.",
    ),
    option(
        _PUBLISHES,
        "--mcp-config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="A file that defines, in `mcpServers`, the servers that agent files name.",
    ),
    option(
        _PUBLISHES,
        "--calculator",
        is_flag=True,
        help="Publish the calculator in addition to what --publish and --agents name.",
    ),
)

_DECLARED = (
    *PUBLISHED,
    *IDENTITY,
    option(
        _TRANSPORT,
        "--transport",
        type=click.Choice(["stdio", "sse", "streamable-http"]),
        default="stdio",
        help="How clients reach the server: as a process they start, or over HTTP.",
    ),
    option(
        _TRANSPORT,
        "--host",
        default="127.0.0.1",
        help="The address to listen on. Any address other than loopback requires a token.",
    ),
    option(
        _TRANSPORT,
        "--port",
        type=click.IntRange(0, 65535),
        default=8000,
        help="The port to listen on; 0 picks a free one.",
    ),
    option(_TRANSPORT, "--path", help="The path of the URL.  [default: /mcp, or /sse for the transport sse]"),
    option(
        _TRANSPORT,
        "--allow-host",
        multiple=True,
        metavar="NAME",
        help="Another host name of this server. Can be repeated.",
    ),
    option(
        _TRANSPORT,
        "--trusted-proxy",
        multiple=True,
        metavar="ADDRESS",
        help="A reverse proxy whose X-Forwarded-For header is trusted. Can be repeated.",
    ),
    option(
        _ACCESS, "--max-agents", type=_COUNT, default=MAX_AGENTS, help="Concurrent agent calls; further calls wait."
    ),
    option(_ACCESS, "--calls-per-minute", type=_COUNT, default=CALLS_PER_MINUTE, help="Calls each client may make."),
    option(
        _ACCESS,
        "--token-file",
        type=click.Path(path_type=Path),
        help=f"Require the token in this file. ${TOKEN_VARIABLE} can hold it instead.",
    ),
    option(_ACCESS, "--oauth-issuer", metavar="URL", help="Require a token of this authorization server."),
    option(
        _ACCESS, "--oauth-audience", metavar="URL", help="This server's own URL, which tokens must name as audience."
    ),
    option(_ACCESS, "--oauth-jwks", metavar="URL", help="The authorization server's keys."),
    option(
        _ACCESS,
        "--oauth-scope",
        multiple=True,
        metavar="[TOOL=]SCOPE",
        help="A scope that tokens need: for every request, or for calls of this tool (a name or pattern). Can be "
        "repeated.",
    ),
    option(
        _RUNS,
        "--durable",
        envvar="MCP_CALC_DURABLE",
        is_flag=False,
        flag_value="sqlite:",
        metavar="[STORE]",
        help="Store agent runs in sqlite:PATH or postgresql://..., so that they continue after a crash.",
    ),
    option(
        _RUNS,
        "--respond-within",
        type=Seconds(),
        metavar="SECONDS",
        help="Respond to a longer call with a run id, for which the tool get_run returns the result later. Needs "
        "--durable.",
    ),
    option(_QUEUE, "--queue-runs", type=_COUNT, help="Concurrent runs in all processes of a PostgreSQL store."),
    option(_QUEUE, "--queue-runs-per-worker", type=_COUNT, help="Of these, concurrent runs in one process."),
    option(_QUEUE, "--queue-runs-per-owner", type=_COUNT, help="Of these, concurrent runs of one owner."),
    option(_QUEUE, "--queue-starts-per-minute", type=_COUNT, help="Runs that all processes together may start."),
    option(_QUEUE, "--queue-version", help="Take only runs of this version, for rolling upgrades."),
    option(_QUEUE, "--queue-only", is_flag=True, help="Only take calls and return results; workers execute the runs."),
    *log_options(),
)


all_options = together(*_DECLARED)
"""A decorator for a click command that takes all of them."""
published_options = together(*PUBLISHED, *IDENTITY)
"""A decorator for a click command that takes those which say what is published, and what clients see of it."""


def as_arguments(context: click.Context) -> list[str]:
    """The command line of the server that publishes what was given to a command with `published_options`."""
    arguments: list[str] = []
    for name in (each.name for each in context.command.params if each.name in _PUBLISHED_NAMES):
        value = context.params[name]
        if context.get_parameter_source(name) not in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
            continue
        for each in value if isinstance(value, tuple) else [value]:
            text = [str(each.resolve() if isinstance(each, Path) else each)]
            arguments += [flag(name), *(text if each is not True else [])] if each is not False else []
    return arguments
